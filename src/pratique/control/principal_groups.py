"""Groups of principals: a role that a group has counts for whoever is in it, from the next request on.

To put somebody into a group can give them every role that it has, now and
later, so it is as strong as writing principals and only an Owner of the home
may. A group is in no group: who has what is read at one glance.
"""

from datetime import datetime
from typing import Final

from pratique.base.errors import InvalidInput, NotFound
from pratique.control import principals as principal_rules
from pratique.control import roles
from pratique.control.actor import Actor
from pratique.control.permissions import permit
from pratique.control.scopes import HOME
from pratique.store import events, principals
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.principals import Principal

GROUP: Final = "group"


def create(tx: Transaction, actor: Actor, name: str, *, description: str = "", now: datetime) -> Principal:
    """Make a group that nobody is in yet; one of that name is answered as it is, as Azure does it."""
    permit(actor, "principals/write", HOME)
    known = principals.named(tx, name) if name.isprintable() else None
    if known and known.kind == GROUP:
        return known
    return principal_rules.add_group(tx, actor, name, description=description, now=now)


def get(tx: Transaction, actor: Actor, who: str) -> Principal:
    """The group whose id or name is `who`; raises `NotFound`."""
    permit(actor, "principals/read", HOME)
    found = (principals.get(tx, who) or principals.named(tx, who)) if who.isprintable() else None
    if found is None or found.kind != GROUP:
        raise NotFound(f"there is no group {who[:128]!r}", hint="pratique ad group list")
    return found


def every(tx: Transaction, actor: Actor) -> list[Principal]:
    """All groups, by name."""
    permit(actor, "principals/read", HOME)
    return principals.every(tx, GROUP)


def delete(tx: Transaction, actor: Actor, who: str, *, now: datetime) -> None:
    """Remove a group with the roles that it has; those who were in it stay."""
    permit(actor, "principals/delete", HOME)
    found = get(tx, actor, who)
    principals.remove(tx, found.id)
    _tell(tx, actor, "Pratique.PrincipalDeleted", found, None, now=now)


def add_member(tx: Transaction, actor: Actor, who: str, member: str, *, now: datetime) -> None:
    """Put a user, a service principal or a managed identity into a group; nothing happens when it is in it."""
    permit(actor, "principals/write", HOME)
    group, wanted = get(tx, actor, who), roles.find_assignee(tx, member)
    if wanted.kind == GROUP:
        raise InvalidInput(f"{wanted.name!r} is a group, and a group is in no group", hint="add its members")
    if all(one.id != wanted.id for one in principals.members(tx, group.id)):
        principals.add_member(tx, group.id, wanted.id, now=now)
        _tell(tx, actor, "Pratique.GroupMemberAdded", group, wanted, now=now)


def remove_member(tx: Transaction, actor: Actor, who: str, member: str, *, now: datetime) -> None:
    """Take somebody out of a group; its roles count for them no more. `NotFound` when they are not in it."""
    permit(actor, "principals/write", HOME)
    group, wanted = get(tx, actor, who), roles.find_assignee(tx, member)
    if all(one.id != wanted.id for one in principals.members(tx, group.id)):
        raise NotFound(
            f"{wanted.name!r} is not in the group {group.name!r}",
            hint=f"pratique ad group member list --group {group.name}",
        )
    principals.remove_member(tx, group.id, wanted.id)
    _tell(tx, actor, "Pratique.GroupMemberRemoved", group, wanted, now=now)


def members(tx: Transaction, actor: Actor, who: str) -> list[Principal]:
    """Who is in a group, by name."""
    return principals.members(tx, get(tx, actor, who).id)


def is_member(tx: Transaction, actor: Actor, who: str, member: str) -> bool:
    """Whether somebody is in a group."""
    inside = members(tx, actor, who)
    wanted = roles.find_assignee(tx, member)
    return any(one.id == wanted.id for one in inside)


def _tell(
    tx: Transaction, actor: Actor, kind: str, group: Principal, member: Principal | None, *, now: datetime
) -> None:
    data = {"name": group.name, "kind": group.kind}
    targets = []
    if member:
        data |= {"member": member.name, "member_kind": member.kind}
        targets = [f"principals/{member.id}"]
    events.append(tx, Event(kind, f"principals/{group.id}", HOME, actor.to_document(), data, targets), now=now)
