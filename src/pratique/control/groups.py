"""Resource groups: made by name, removed when empty."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from pratique.base.errors import Conflict, NotFound
from pratique.base.names import check_name
from pratique.control.actor import Actor
from pratique.control.permissions import group_scope, is_permitted, permit
from pratique.store import apim, assigned_identities, events, groups, principals, vaults, workspaces
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.groups import ResourceGroup

DEFAULT_LOCATION = "local"


def create(
    tx: Transaction, actor: Actor, name: str, *, location: str, tags: Mapping[str, str], now: datetime
) -> ResourceGroup:
    """Make the group called `name`, or change its tags and, unless `location` is empty, its location."""
    permit(actor, "groups/write", group_scope(name))
    check_name("resource group", name)
    known = groups.get(tx, name)
    if known is None:
        group = ResourceGroup(name, location or DEFAULT_LOCATION, dict(tags), now)
        groups.add(tx, group)
    else:
        group = replace(known, location=location or known.location, tags=dict(tags))
        if group == known:
            return known
        groups.change(tx, group)
    _tell(tx, actor, "Pratique.ResourceGroupWritten", name, now=now)
    return group


def get(tx: Transaction, actor: Actor, name: str) -> ResourceGroup:
    """The group called `name`; raises `NotFound`."""
    permit(actor, "groups/read", group_scope(name))
    if group := groups.get(tx, name):
        return group
    raise NotFound(f"there is no resource group {name!r}", hint="pratique group list")


def every(tx: Transaction, actor: Actor) -> list[ResourceGroup]:
    """The groups that the caller may see, by name."""
    return [group for group in groups.every(tx) if is_permitted(actor, "groups/read", group_scope(group.name))]


def delete(tx: Transaction, actor: Actor, name: str, *, now: datetime) -> None:
    """Remove the group called `name` with the roles given at it; `Conflict` while something belongs to it."""
    permit(actor, "groups/delete", group_scope(name))
    get(tx, actor, name)
    if inside := workspaces.in_group(tx, name):
        names = ", ".join(workspace.name for workspace in inside)
        raise Conflict(
            f"resource group {name!r} still has workspaces: {names}",
            hint=f"delete them first: pratique ml workspace delete --name {inside[0].name} --yes",
        )
    if kept := vaults.in_group(tx, name):
        known = ", ".join(f"{vault.name}{' (deleted)' if vault.deleted_at else ''}" for vault in kept)
        raise Conflict(
            f"resource group {name!r} still has vaults: {known}",
            hint=f"pratique keyvault delete --name {kept[0].name}, and purge it: pratique keyvault purge "
            f"--name {kept[0].name}",
        )
    if made := assigned_identities.every(tx, group=name):
        raise Conflict(
            f"resource group {name!r} still has identities: {', '.join(one.name for one in made)}",
            hint=f"delete them first: pratique identity delete --name {made[0].name} --resource-group {name}",
        )
    if published := apim.services_in_group(tx, name):
        raise Conflict(
            f"resource group {name!r} still has API services: {', '.join(service.name for service in published)}",
            hint=f"delete them first: pratique apim delete --name {published[0].name} --yes",
        )
    groups.remove(tx, name)
    # A role must not wait for a group that somebody makes later under the same name.
    principals.unassign_from(tx, group_scope(name))
    _tell(tx, actor, "Pratique.ResourceGroupDeleted", name, now=now)


def _tell(tx: Transaction, actor: Actor, kind: str, name: str, *, now: datetime) -> None:
    events.append(tx, Event(kind, f"groups/{name}", "/", actor.to_document()), now=now)
