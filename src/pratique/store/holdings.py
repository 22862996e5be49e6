"""Manifests, and which workspace holds which bytes.

Bytes are stored once for the whole home, yet a digest is no ticket: a
workspace may only name what was uploaded to it or made in it.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Connection, bindparam, select

from pratique.base.errors import InvalidInput, StorageFailed
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
    """The manifest of that digest, if `workspace` holds it; raises `StorageFailed` when its row was changed."""
    row = tx.execute(_MANIFEST, {"workspace": workspace, "digest": digest}).first()
    return _sound(row.document, digest) if row else None


def _sound(document: object, digest: str) -> Manifest:
    with suppress(InvalidInput):
        found = Manifest.from_document(document)
        if found.digest == digest:
            return found
    raise StorageFailed(
        f"the list of files {digest[:12]} was changed in the database, and is not used",
        hint="restore the home from a backup: pratique backup restore; or upload the same files as a new version",
    )


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
