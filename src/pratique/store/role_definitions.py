"""Roles that somebody defined, beside those of the permission table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from pratique.store.rows import value_of, values_of
from pratique.store.schema import role_definitions


@dataclass(frozen=True)
class RoleDefinition:
    """A role by its patterns of actions, and the scopes at which it may be given."""

    id: str
    name: str
    key: str
    """`key_of` its name: names that differ only by case are one role."""
    description: str
    actions: Sequence[str]
    not_actions: Sequence[str]
    data_actions: Sequence[str]
    not_data_actions: Sequence[str]
    assignable_scopes: Sequence[str]
    created_at: datetime
    updated_at: datetime
    created_by: Any
    """The actor as a document."""


def key_of(name: str) -> str:
    """`name` as names of roles are compared."""
    return name.casefold()


def add(tx: Connection, definition: RoleDefinition) -> None:
    """Write a new definition."""
    tx.execute(insert(role_definitions).values(**vars(definition)))


def change(tx: Connection, definition: RoleDefinition) -> None:
    """Write a definition over the one of its id."""
    tx.execute(update(role_definitions).where(role_definitions.c.id == definition.id).values(**vars(definition)))


def named(tx: Connection, name: str) -> RoleDefinition | None:
    """The role called `name`, however it is capitalised."""
    if not name.isprintable():
        return None
    row = tx.execute(select(role_definitions).where(role_definitions.c.key == key_of(name))).first()
    return value_of(RoleDefinition, row) if row else None


def every(tx: Connection) -> list[RoleDefinition]:
    """All definitions, by name."""
    return values_of(RoleDefinition, tx.execute(select(role_definitions).order_by(role_definitions.c.key)))


def remove(tx: Connection, id: str) -> None:  # noqa: A002 - the column's name.
    """Forget a definition."""
    tx.execute(delete(role_definitions).where(role_definitions.c.id == id))
