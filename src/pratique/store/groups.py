"""Resource groups: where workspaces belong."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from pratique.store.rows import value_of, values_of
from pratique.store.schema import resource_groups


@dataclass(frozen=True)
class ResourceGroup:
    """One resource group."""

    name: str
    location: str
    tags: Mapping[str, str]
    created_at: datetime


def add(tx: Connection, group: ResourceGroup) -> None:
    """Write a new group."""
    tx.execute(insert(resource_groups).values(**vars(group)))


def change(tx: Connection, group: ResourceGroup) -> None:
    """Write a group over the one of its name."""
    tx.execute(update(resource_groups).where(resource_groups.c.name == group.name).values(**vars(group)))


def get(tx: Connection, name: str) -> ResourceGroup | None:
    """The group called `name`."""
    row = tx.execute(select(resource_groups).where(resource_groups.c.name == name)).first()
    return value_of(ResourceGroup, row) if row else None


def every(tx: Connection) -> list[ResourceGroup]:
    """All groups, by name."""
    return values_of(ResourceGroup, tx.execute(select(resource_groups).order_by(resource_groups.c.name)))


def remove(tx: Connection, name: str) -> None:
    """Remove the group called `name`."""
    tx.execute(delete(resource_groups).where(resource_groups.c.name == name))
