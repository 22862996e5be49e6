"""Manifests, and which workspace holds which bytes.

Bytes are stored once for the whole home, yet a digest is no ticket: a
workspace may only name what was uploaded to it or made in it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Connection, bindparam, select

from pratique.content.manifest import Manifest
from pratique.store.rows import batches, insert_new
from pratique.store.schema import holdings, manifests

Kind = Literal["blob", "manifest"]
_MANIFEST: Final = (
    select(manifests.c.document)
    .join(holdings, holdings.c.digest == manifests.c.digest)
    .where(
        holdings.c.workspace == bindparam("workspace"),
        holdings.c.kind == "manifest",
        holdings.c.digest == bindparam("digest"),
    )
)


def add_manifest(tx: Connection, workspace: str, manifest: Manifest, *, now: datetime) -> None:
    """Write `manifest` once and let `workspace` hold it."""
    row = {
        "digest": manifest.digest,
        "document": manifest.to_document(),
        "size": manifest.size,
        "created_at": now,
    }
    insert_new(tx, manifests, [row], ["digest"])
    hold(tx, workspace, "manifest", [(manifest.digest, manifest.size)], now=now)


def manifest(tx: Connection, workspace: str, digest: str) -> Manifest | None:
    """The manifest of that digest, if `workspace` holds it."""
    row = tx.execute(_MANIFEST, {"workspace": workspace, "digest": digest}).first()
    return Manifest.from_document(row.document) if row else None


def hold(tx: Connection, workspace: str, kind: Kind, things: Iterable[tuple[str, int]], *, now: datetime) -> None:
    """Let `workspace` hold each (digest, size in bytes); what it holds already stays as it is."""
    rows = [
        {"workspace": workspace, "digest": digest, "kind": kind, "size": size, "created_at": now}
        for digest, size in things
    ]
    insert_new(tx, holdings, rows, ["workspace", "digest", "kind"])


def held(tx: Connection, workspace: str, kind: Kind, digests: Sequence[str]) -> set[str]:
    """Which of `digests` the workspace holds."""
    return set(sizes(tx, workspace, kind, digests))


def sizes(tx: Connection, workspace: str, kind: Kind, digests: Sequence[str]) -> dict[str, int]:
    """Digest → size in bytes, of those of `digests` that the workspace holds."""
    found: dict[str, int] = {}
    for batch in batches(digests):
        wanted = select(holdings.c.digest, holdings.c.size).where(
            holdings.c.workspace == workspace, holdings.c.kind == kind, holdings.c.digest.in_(batch)
        )
        found.update((row.digest, row.size) for row in tx.execute(wanted))
    return found
