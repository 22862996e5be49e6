"""Resource groups: made by name, removed when empty."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from pratique.base.errors import Conflict, NotFound
from pratique.base.names import check_name
from pratique.control.actor import Actor
from pratique.control.permissions import permit
from pratique.store import events, groups, workspaces
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.groups import ResourceGroup

DEFAULT_LOCATION = "local"


def create(
    tx: Transaction, actor: Actor, name: str, *, location: str, tags: Mapping[str, str], now: datetime
) -> ResourceGroup:
    """Make the group called `name`, or change its location and tags."""
    permit(actor, "groups/write", "/")
    check_name("resource group", name)
    known = groups.get(tx, name)
    group = ResourceGroup(name, location or DEFAULT_LOCATION, dict(tags), known.created_at if known else now)
    if known == group:
        return group
    if known:
        group = replace(group, location=location or known.location)
        groups.change(tx, group)
    else:
        groups.add(tx, group)
    _tell(tx, actor, "Pratique.ResourceGroupWritten", name, now=now)
    return group


def get(tx: Transaction, actor: Actor, name: str) -> ResourceGroup:
    """The group called `name`; raises `NotFound`."""
    permit(actor, "groups/read", "/")
    if group := groups.get(tx, name):
        return group
    raise NotFound(f"there is no resource group {name!r}", hint="pratique group list")


def every(tx: Transaction, actor: Actor) -> list[ResourceGroup]:
    """All groups, by name."""
    permit(actor, "groups/read", "/")
    return groups.every(tx)


def delete(tx: Transaction, actor: Actor, name: str, *, now: datetime) -> None:
    """Remove the group called `name`; raises `Conflict` while workspaces belong to it."""
    permit(actor, "groups/delete", "/")
    get(tx, actor, name)
    if inside := workspaces.in_group(tx, name):
        names = ", ".join(workspace.name for workspace in inside)
        raise Conflict(
            f"resource group {name!r} still has workspaces: {names}",
            hint=f"delete them first: pratique ml workspace delete --name {inside[0].name} --yes",
        )
    groups.remove(tx, name)
    _tell(tx, actor, "Pratique.ResourceGroupDeleted", name, now=now)


def _tell(tx: Transaction, actor: Actor, kind: str, name: str, *, now: datetime) -> None:
    events.append(tx, Event(kind, f"groups/{name}", "/", actor.to_document()), now=now)
