"""Users, service principals, what they may do where, and their browser sessions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, or_, select, update

from pratique.store.rows import insert_new, value_of, values_of
from pratique.store.schema import browser_tokens, principal_members, principals, role_assignments

KINDS: Final = ("user", "service_principal", "group", "managed_identity")


@dataclass(frozen=True)
class Principal:
    """Somebody, or something that acts like somebody."""

    id: str
    kind: str
    name: str
    display_name: str
    secret_hash: str | None
    secret_expires_at: datetime | None
    created_at: datetime
    token_generation: int = 0
    """Raised to end every token that there is."""


@dataclass(frozen=True)
class RoleAssignment:
    """One principal has one role at one scope (``/``, ``/workspaces/dev``)."""

    id: str
    principal: str
    role: str
    scope: str
    created_at: datetime
    created_by: Mapping[str, Any]


@dataclass(frozen=True)
class BrowserToken:
    """A one-time link or a session of a browser, known by the hash of its token only."""

    token_hash: str
    purpose: str
    principal: str
    expires_at: datetime


def add(tx: Connection, principal: Principal) -> None:
    """Write a new principal."""
    tx.execute(insert(principals).values(**vars(principal)))


def get(tx: Connection, id: str) -> Principal | None:  # noqa: A002 - the column's name.
    """The principal with that id."""
    row = tx.execute(select(principals).where(principals.c.id == id)).first()
    return value_of(Principal, row) if row else None


def named(tx: Connection, name: str) -> Principal | None:
    """The principal called `name`."""
    row = tx.execute(select(principals).where(principals.c.name == name)).first()
    return value_of(Principal, row) if row else None


def every(tx: Connection, kind: str) -> list[Principal]:
    """All principals of a kind, by name."""
    wanted = select(principals).where(principals.c.kind == kind).order_by(principals.c.name)
    return values_of(Principal, tx.execute(wanted))


def change(tx: Connection, id: str, **values: Any) -> None:  # noqa: A002 - the column's name.
    """Write `values` on one principal."""
    tx.execute(update(principals).where(principals.c.id == id).values(**values))


def remove(tx: Connection, id: str) -> None:  # noqa: A002 - the column's name.
    """Remove a principal with its role assignments and sessions."""
    tx.execute(delete(principals).where(principals.c.id == id))


def assign(tx: Connection, assignment: RoleAssignment) -> None:
    """Write a role assignment."""
    tx.execute(insert(role_assignments).values(**vars(assignment)))


def assignments(tx: Connection, *, principal: str | None = None) -> list[RoleAssignment]:
    """All role assignments, or those of one principal, oldest first."""
    wanted = select(role_assignments).order_by(role_assignments.c.id)
    if principal is not None:
        wanted = wanted.where(role_assignments.c.principal == principal)
    return values_of(RoleAssignment, tx.execute(wanted))


def assignment(tx: Connection, id: str) -> RoleAssignment | None:  # noqa: A002 - the column's name.
    """The role assignment with that id."""
    row = tx.execute(select(role_assignments).where(role_assignments.c.id == id)).first()
    return value_of(RoleAssignment, row) if row else None


def unassign(tx: Connection, id: str) -> None:  # noqa: A002 - the column's name.
    """Remove a role assignment."""
    tx.execute(delete(role_assignments).where(role_assignments.c.id == id))


def unassign_from(tx: Connection, scope: str) -> None:
    """Remove every role assignment at that scope and below it."""
    here = role_assignments.c.scope
    tx.execute(delete(role_assignments).where(or_(here == scope, here.startswith(f"{scope}/", autoescape=True))))


def add_member(tx: Connection, group: str, member: str, *, now: datetime) -> None:
    """Put a principal into a group; nothing happens when it is in it."""
    insert_new(tx, principal_members, [{"group": group, "member": member, "created_at": now}], keys=("group", "member"))


def remove_member(tx: Connection, group: str, member: str) -> None:
    """Take a principal out of a group."""
    table = principal_members.c
    tx.execute(delete(principal_members).where(table.group == group, table.member == member))


def members(tx: Connection, group: str) -> list[Principal]:
    """Who is in a group, by name."""
    inside = select(principal_members.c.member).where(principal_members.c.group == group)
    wanted = select(principals).where(principals.c.id.in_(inside)).order_by(principals.c.name)
    return values_of(Principal, tx.execute(wanted))


def groups_of(tx: Connection, member: str) -> list[Principal]:
    """The groups that a principal is in, by name."""
    around = select(principal_members.c.group).where(principal_members.c.member == member)
    wanted = select(principals).where(principals.c.id.in_(around)).order_by(principals.c.name)
    return values_of(Principal, tx.execute(wanted))


def reaching(tx: Connection, principal: str) -> list[RoleAssignment]:
    """The role assignments of a principal and of the groups that it is in, oldest first."""
    around = select(principal_members.c.group).where(principal_members.c.member == principal)
    holder = role_assignments.c.principal
    wanted = (
        select(role_assignments).where(or_(holder == principal, holder.in_(around))).order_by(role_assignments.c.id)
    )
    return values_of(RoleAssignment, tx.execute(wanted))


def add_browser_token(tx: Connection, token: BrowserToken) -> None:
    """Write a link or a session."""
    tx.execute(insert(browser_tokens).values(**vars(token)))


def browser_token(tx: Connection, token_hash: str, *, purpose: str, now: datetime) -> BrowserToken | None:
    """The link or session with that hash, unless it has expired."""
    table = browser_tokens.c
    wanted = select(browser_tokens).where(
        table.token_hash == token_hash, table.purpose == purpose, table.expires_at > now
    )
    row = tx.execute(wanted).first()
    return value_of(BrowserToken, row) if row else None


def take_browser_token(tx: Connection, token_hash: str, *, purpose: str, now: datetime) -> BrowserToken | None:
    """The same, and removed: who takes a one-time link first has it."""
    found = browser_token(tx, token_hash, purpose=purpose, now=now)
    if found:
        tx.execute(delete(browser_tokens).where(browser_tokens.c.token_hash == token_hash))
    return found


def remove_browser_tokens(tx: Connection, principal: str) -> None:
    """Forget every link and session of one principal."""
    tx.execute(delete(browser_tokens).where(browser_tokens.c.principal == principal))


def remove_expired_browser_tokens(tx: Connection, *, now: datetime) -> None:
    """Forget links and sessions that have expired."""
    tx.execute(delete(browser_tokens).where(browser_tokens.c.expires_at <= now))
