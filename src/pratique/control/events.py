"""The journal, to read: what happened where the caller may look.

The chain is one for the whole home. A caller sees of it the events of the
scopes where a role grants ``events/read``: those of a workspace, a project or
a vault with a role there, those of the home itself (people, groups, roles given above a workspace)
only with one at ``/``.
Whoever does not see all of it sees gaps in the numbers, and cannot check the
chain; they learn how much happens elsewhere, and nothing of what.
"""

from pratique.control.actor import Actor
from pratique.control.permissions import (
    is_permitted,
    permit_somewhere,
    project_scope,
    vault_scope,
    workspace_scope,
)
from pratique.control.scopes import HOME
from pratique.store import events, projects, vaults, workspaces
from pratique.store.database import Transaction
from pratique.store.events import StoredEvent


def after(tx: Transaction, actor: Actor, sequence: int, *, limit: int) -> list[StoredEvent]:
    """Up to `limit` events with a higher number than `sequence`, in order."""
    return events.after(tx, sequence, limit=limit, sources=_sources(tx, actor))


def newest(tx: Transaction, actor: Actor, *, limit: int) -> list[StoredEvent]:
    """The last `limit` events, in order."""
    return events.newest(tx, limit=limit, sources=_sources(tx, actor))


def _sources(tx: Transaction, actor: Actor) -> list[str] | None:
    """The sources of events that `actor` may see; None for all."""
    permit_somewhere(actor, "events/read")
    if is_permitted(actor, "events/read", HOME):
        return None
    scopes = [workspace_scope(workspace.name) for workspace in workspaces.every(tx)]
    scopes += [project_scope(project.name) for project in projects.every(tx)]
    scopes += [vault_scope(vault.name) for vault in vaults.every(tx)]
    return [scope for scope in scopes if is_permitted(actor, "events/read", scope)]
