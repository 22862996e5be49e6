"""Workspaces: what keeps dev, qa and production apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from pratique.store.rows import value_of, values_of
from pratique.store.schema import holdings, workspaces

_BY_NAME: Final = select(workspaces).where(workspaces.c.name == bindparam("wanted"))


@dataclass(frozen=True)
class Workspace:
    """One workspace."""

    name: str
    resource_group: str
    location: str
    display_name: str
    description: str
    tags: Mapping[str, str]
    created_at: datetime
    created_by: Mapping[str, Any]


def add(tx: Connection, workspace: Workspace) -> None:
    """Write a new workspace."""
    tx.execute(insert(workspaces).values(**vars(workspace)))


def change(tx: Connection, workspace: Workspace) -> None:
    """Write a workspace over the one of its name."""
    tx.execute(update(workspaces).where(workspaces.c.name == workspace.name).values(**vars(workspace)))


def get(tx: Connection, name: str) -> Workspace | None:
    """The workspace called `name`."""
    row = tx.execute(_BY_NAME, {"wanted": name}).first()
    return value_of(Workspace, row) if row else None


def every(tx: Connection) -> list[Workspace]:
    """All workspaces, by name."""
    return values_of(Workspace, tx.execute(select(workspaces).order_by(workspaces.c.name)))


def in_group(tx: Connection, group: str) -> list[Workspace]:
    """The workspaces of one resource group, by name."""
    wanted = select(workspaces).where(workspaces.c.resource_group == group).order_by(workspaces.c.name)
    return values_of(Workspace, tx.execute(wanted))


def remove(tx: Connection, name: str) -> None:
    """Remove a workspace with everything that its rows own."""
    tx.execute(delete(holdings).where(holdings.c.workspace == name))
    tx.execute(delete(workspaces).where(workspaces.c.name == name))
