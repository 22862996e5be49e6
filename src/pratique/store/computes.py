"""Computes: names that files give to the machine which everything runs on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from pratique.store.rows import value_of, values_of
from pratique.store.schema import computes


@dataclass(frozen=True)
class Compute:
    """One compute, as a user described it."""

    workspace: str
    name: str
    spec: Mapping[str, Any]
    state: str
    """Running or Stopped, as somebody last said of a workstation; nothing depends on it."""
    created_at: datetime
    updated_at: datetime
    created_by: Mapping[str, Any]


def get(tx: Connection, workspace: str, name: str) -> Compute | None:
    """The compute called `name`."""
    row = tx.execute(select(computes).where(_named(workspace, name))).first()
    return value_of(Compute, row) if row else None


def every(tx: Connection, workspace: str) -> list[Compute]:
    """The computes of a workspace, by name."""
    wanted = select(computes).where(computes.c.workspace == workspace).order_by(computes.c.name)
    return values_of(Compute, tx.execute(wanted))


def add(tx: Connection, compute: Compute) -> None:
    """Write a new compute."""
    tx.execute(insert(computes).values(**vars(compute)))


def change(tx: Connection, compute: Compute) -> None:
    """Write a compute over the one of its name."""
    tx.execute(update(computes).where(_named(compute.workspace, compute.name)).values(**vars(compute)))


def remove(tx: Connection, workspace: str, name: str) -> None:
    """Remove the compute called `name`."""
    tx.execute(delete(computes).where(_named(workspace, name)))


def _named(workspace: str, name: str) -> Any:
    return (computes.c.workspace == workspace) & (computes.c.name == name)
