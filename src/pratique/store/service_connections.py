"""Service connections: as which principal, or to which address, the tasks of a project's runs speak."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from pratique.store.rows import value_of, values_of
from pratique.store.schema import service_connections


@dataclass(frozen=True)
class ServiceConnection:
    """One connection."""

    id: str
    project: str
    name: str
    description: str
    principal: str | None
    """The id of the service principal; None for one that is an address alone."""
    resource_group: str
    workspace: str
    """Empty: the whole group."""
    is_for_all: bool
    """Whether every delivery of the project may use it."""
    created_at: datetime
    updated_at: datetime
    created_by: Mapping[str, Any]
    url: str = ""
    """Of one that is an address alone."""


def add(tx: Connection, connection: ServiceConnection) -> None:
    """Write a new connection."""
    tx.execute(insert(service_connections).values(**vars(connection)))


def change(tx: Connection, connection: ServiceConnection) -> None:
    """Write a connection over the one of its id."""
    tx.execute(update(service_connections).where(service_connections.c.id == connection.id).values(**vars(connection)))


def get(tx: Connection, id: str) -> ServiceConnection | None:  # noqa: A002 - the column's name.
    """The connection with that id."""
    row = tx.execute(select(service_connections).where(service_connections.c.id == id)).first()
    return value_of(ServiceConnection, row) if row else None


def named(tx: Connection, project: str, name: str) -> ServiceConnection | None:
    """The connection called `name`, in any case."""
    table = service_connections.c
    wanted = select(service_connections).where(table.project == project, func.lower(table.name) == name.lower())
    row = tx.execute(wanted).first()
    return value_of(ServiceConnection, row) if row else None


def every(tx: Connection, project: str) -> list[ServiceConnection]:
    """The connections of a project, by name."""
    table = service_connections.c
    wanted = select(service_connections).where(table.project == project).order_by(table.name)
    return values_of(ServiceConnection, tx.execute(wanted))


def remove(tx: Connection, id: str) -> None:  # noqa: A002 - the column's name.
    """Remove a connection."""
    tx.execute(delete(service_connections).where(service_connections.c.id == id))
