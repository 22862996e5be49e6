"""What clients upload: blobs first, then the manifest that names them.

Only what is made of them, an asset, a job or a deployment, is an event: bytes
that nobody names are nothing yet.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from pratique.base.errors import NotFound
from pratique.content.manifest import Manifest
from pratique.control import held_content, workspaces
from pratique.control.actor import Actor
from pratique.control.permissions import permit, workspace_scope
from pratique.store import holdings, reach
from pratique.store.database import Transaction


def add_manifest(tx: Transaction, actor: Actor, workspace: str, manifest: Manifest, *, now: datetime) -> list[str]:
    """Store `manifest` when `workspace` holds all its blobs; otherwise store nothing and return those missing."""
    check_writable(tx, actor, workspace)
    return held_content.add_manifest(tx, workspace, manifest, now=now)


def check_writable(tx: Transaction, actor: Actor, workspace: str) -> None:
    """Raise unless `actor` may bring bytes into `workspace`: ask before they are taken."""
    workspaces.get(tx, actor, workspace)
    permit(actor, "content/write", workspace_scope(workspace))


def held_manifests(tx: Transaction, actor: Actor, workspace: str, digests: Sequence[str]) -> set[str]:
    """Which of `digests` are manifests that the workspace holds, with all of their blobs."""
    _check_readable(tx, actor, workspace)
    return holdings.held(tx, workspace, "manifest", digests)


def any_stale(tx: Transaction, workspace: str, digests: Collection[str], *, now: datetime) -> bool:
    """Whether manifests that are held have to be kept for the client, because they came long ago."""
    return reach.any_stale(tx, workspace, "manifest", digests, now=now)


def keep_manifests(tx: Transaction, actor: Actor, workspace: str, digests: Sequence[str], *, now: datetime) -> set[str]:
    """`held_manifests`, and these stay for a day although nothing may name them yet."""
    _check_readable(tx, actor, workspace)
    return held_content.held_manifests(tx, workspace, digests, now=now)


def add_blobs(
    tx: Transaction, actor: Actor, workspace: str, blobs: Sequence[tuple[str, int]], *, now: datetime
) -> None:
    """Let `workspace` hold blobs, (digest, size in bytes) each, that were just received and hashed."""
    check_writable(tx, actor, workspace)
    holdings.hold(tx, workspace, "blob", blobs, now=now)


def add_blob(tx: Transaction, actor: Actor, workspace: str, digest: str, size: int, *, now: datetime) -> None:
    """Let `workspace` hold a blob whose bytes were just received and hashed."""
    add_blobs(tx, actor, workspace, [(digest, size)], now=now)


def manifest(tx: Transaction, actor: Actor, workspace: str, digest: str) -> Manifest:
    """The manifest of that digest; raises `NotFound` when the workspace does not hold it."""
    _check_readable(tx, actor, workspace)
    if found := holdings.manifest(tx, workspace, digest):
        return found
    raise NotFound(f"workspace {workspace!r} holds no manifest {digest}", hint="upload the files again")


def check_blob(tx: Transaction, actor: Actor, workspace: str, digest: str) -> None:
    """Raise `NotFound` unless the workspace holds that blob."""
    _check_readable(tx, actor, workspace)
    if not holdings.held(tx, workspace, "blob", [digest]):
        raise NotFound(f"workspace {workspace!r} holds no content {digest}")


def _check_readable(tx: Transaction, actor: Actor, workspace: str) -> None:
    workspaces.get(tx, actor, workspace)
    permit(actor, "content/read", workspace_scope(workspace))
