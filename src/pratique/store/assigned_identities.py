"""Managed identities that somebody made in a resource group; what they may do is written of their principals."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from pratique.store.rows import value_of, values_of
from pratique.store.schema import assigned_identities


@dataclass(frozen=True)
class AssignedIdentity:
    """One of them; `id` is that of its principal, and goes with it."""

    id: str
    resource_group: str
    name: str
    location: str
    tags: Mapping[str, str]
    created_at: datetime
    created_by: Mapping[str, Any]


def add(tx: Connection, identity: AssignedIdentity) -> None:
    """Write a new identity, whose principal is there."""
    tx.execute(insert(assigned_identities).values(**vars(identity)))


def change(tx: Connection, identity: AssignedIdentity) -> None:
    """Write an identity over the one of its id."""
    tx.execute(update(assigned_identities).where(assigned_identities.c.id == identity.id).values(**vars(identity)))


def get(tx: Connection, group: str, name: str) -> AssignedIdentity | None:
    """The identity called `name` in a resource group."""
    table = assigned_identities.c
    row = tx.execute(select(assigned_identities).where(table.resource_group == group, table.name == name)).first()
    return value_of(AssignedIdentity, row) if row else None


def by_id(tx: Connection, id: str) -> AssignedIdentity | None:  # noqa: A002 - the column's name.
    """The identity with that id."""
    row = tx.execute(select(assigned_identities).where(assigned_identities.c.id == id)).first()
    return value_of(AssignedIdentity, row) if row else None


def every(tx: Connection, *, group: str | None = None) -> list[AssignedIdentity]:
    """All identities, or those of one resource group, by group and name."""
    table = assigned_identities.c
    wanted = select(assigned_identities).order_by(table.resource_group, table.name)
    if group is not None:
        wanted = wanted.where(table.resource_group == group)
    return values_of(AssignedIdentity, tx.execute(wanted))
