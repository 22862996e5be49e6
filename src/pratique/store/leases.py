"""Claims on rows: who works on a thing now, and until when.

    free ──claim──► held by a token ──apply (token still ours)──► free
                          └── expired: anybody may claim it again

A claim is one statement, so two workers can never both get it. Whoever lost
its lease, because it slept or was cut off, finds that its writes touch no row.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Table, Update, bindparam, select, update
from sqlalchemy import or_ as either

from pratique.base.ids import new_secret


@dataclass(frozen=True)
class Lease:
    """The right to change one row until `until`."""

    id: str
    token: str
    until: datetime


def claim(
    tx: Connection, table: Table, wanted: ColumnElement[bool], *, now: datetime, lasting: timedelta
) -> Lease | None:
    """Claim the oldest free row of `table` that is `wanted`; None when there is none."""
    candidate = (
        select(table.c.id)
        .where(wanted, is_free(table, now))
        .order_by(table.c.created_at, table.c.id)
        .limit(1)
        # Claims wait for their turn as writers. Even if they did not, nobody would look at a row that
        # another is just claiming; SQLite, where a writer is always alone, leaves this out.
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    token, until = new_secret(), now + lasting
    statement = (
        update(table).where(table.c.id == candidate).values(lease_token=token, lease_until=until).returning(table.c.id)
    )
    row = tx.execute(statement).first()
    return Lease(row.id, token, until) if row else None


def any_free(tx: Connection, table: Table, wanted: ColumnElement[bool], *, now: datetime) -> bool:
    """Whether `claim` would find a row; asked in a reading transaction, because every write wakes all who wait."""
    return tx.execute(select(table.c.id).where(wanted, is_free(table, now)).limit(1)).first() is not None


def renew(tx: Connection, table: Table, lease: Lease, *, now: datetime, lasting: timedelta) -> Lease | None:
    """The same lease, lasting from `now`; None when it was lost."""
    until = now + lasting
    changed = tx.execute(update(table).where(held(table, lease)).values(lease_until=until)).rowcount
    return Lease(lease.id, lease.token, until) if changed else None


def apply(tx: Connection, table: Table, lease: Lease, **values: Any) -> bool:
    """Write `values`; False when the lease was lost and the result must be dropped."""
    facts = {"held_id": lease.id, "held_token": lease.token, **values}
    return bool(tx.execute(_updating_held(table), facts).rowcount)


def release(tx: Connection, table: Table, lease: Lease, **values: Any) -> bool:
    """Write `values` and give the row back; False when the lease was lost."""
    return apply(tx, table, lease, lease_token=None, lease_until=None, **values)


def postpone(tx: Connection, table: Table, lease: Lease, *, until: datetime) -> bool:
    """Give the row back, and let nobody claim it before `until`; False when the lease was lost."""
    return apply(tx, table, lease, lease_token=None, lease_until=until)


def is_held(tx: Connection, table: Table, lease: Lease) -> bool:
    """Whether `lease` still holds its row."""
    return tx.execute(select(table.c.id).where(held(table, lease))).first() is not None


def held(table: Table, lease: Lease) -> ColumnElement[bool]:
    """The condition that `lease` still holds its row."""
    return (table.c.id == lease.id) & (table.c.lease_token == lease.token)


@cache
def _updating_held(table: Table) -> Update:
    """Made once: to make a statement anew costs more than to execute it."""
    return update(table).where(table.c.id == bindparam("held_id"), table.c.lease_token == bindparam("held_token"))


def free_all(tx: Connection, table: Table) -> None:
    """Drop every lease; only for the start of the one server of a home, when nobody can hold one."""
    tx.execute(update(table).values(lease_token=None, lease_until=None))


def is_free(table: Table, now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """The condition that nobody holds a row."""
    return either(table.c.lease_until.is_(None), table.c.lease_until < now)
