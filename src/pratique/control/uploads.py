"""What clients upload: blobs first, then the manifest that names them."""

from datetime import datetime

from pratique.base.errors import NotFound
from pratique.content.manifest import Manifest
from pratique.control import workspaces
from pratique.control.actor import Actor
from pratique.control.permissions import permit, workspace_scope
from pratique.store import holdings
from pratique.store.database import Transaction


def missing(tx: Transaction, actor: Actor, workspace: str, manifest: Manifest) -> list[str]:
    """The digests that `workspace` does not hold yet, each once, in the order of the manifest."""
    workspaces.get(tx, actor, workspace)
    permit(actor, "content/write", workspace_scope(workspace))
    wanted = list(dict.fromkeys(entry.digest for entry in manifest.entries))
    held = holdings.held(tx, workspace, "blob", wanted)
    return [digest for digest in wanted if digest not in held]


def add_manifest(tx: Transaction, actor: Actor, workspace: str, manifest: Manifest, *, now: datetime) -> list[str]:
    """Store `manifest` when `workspace` holds all its blobs; otherwise store nothing and return those missing."""
    lacking = missing(tx, actor, workspace, manifest)
    if not lacking:
        holdings.add_manifest(tx, workspace, manifest, now=now)
    return lacking


def add_blob(tx: Transaction, actor: Actor, workspace: str, digest: str, size: int, *, now: datetime) -> None:
    """Let `workspace` hold a blob whose bytes were just received and hashed."""
    permit(actor, "content/write", workspace_scope(workspace))
    holdings.hold(tx, workspace, "blob", [(digest, size)], now=now)


def manifest(tx: Transaction, actor: Actor, workspace: str, digest: str) -> Manifest:
    """The manifest of that digest; raises `NotFound` when the workspace does not hold it."""
    workspaces.get(tx, actor, workspace)
    permit(actor, "content/read", workspace_scope(workspace))
    if found := holdings.manifest(tx, workspace, digest):
        return found
    raise NotFound(f"workspace {workspace!r} holds no manifest {digest}", hint="upload the files again")


def check_blob(tx: Transaction, actor: Actor, workspace: str, digest: str) -> None:
    """Raise `NotFound` unless the workspace holds that blob."""
    workspaces.get(tx, actor, workspace)
    permit(actor, "content/read", workspace_scope(workspace))
    if not holdings.held(tx, workspace, "blob", [digest]):
        raise NotFound(f"workspace {workspace!r} holds no content {digest}")
