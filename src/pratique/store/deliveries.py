"""Deliveries: YAML files of repositories, registered under a name in a project."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update

from pratique.store.rows import value_of, values_of
from pratique.store.schema import deliveries

GIT: Final = "git"
FOLDER: Final = "folder"
"""A folder of somebody's machine: its files come with each run."""


@dataclass(frozen=True)
class Delivery:
    """One delivery."""

    id: int
    project: str
    name: str
    description: str
    folder: str
    """Where lists show it, such as \\ or \\team."""
    repository: str
    """Its name in the project; of a folder, its path on the machine of whoever registered it."""
    repository_type: str
    branch: str
    """refs/heads/NAME, for runs that say nothing else."""
    path: str
    """Of the YAML file in the repository."""
    variables: Mapping[str, Any]
    queue_status: str
    created_at: datetime
    updated_at: datetime
    created_by: Mapping[str, Any]


def add(tx: Connection, delivery: Delivery) -> None:
    """Write a new delivery."""
    tx.execute(insert(deliveries).values(**vars(delivery)))


def get(tx: Connection, project: str, name: str) -> Delivery | None:
    """The delivery called `name`."""
    row = tx.execute(select(deliveries).where(deliveries.c.project == project, deliveries.c.name == name)).first()
    return value_of(Delivery, row) if row else None


def by_id(tx: Connection, id: int) -> Delivery | None:  # noqa: A002 - the column's name.
    """The delivery with that id."""
    row = tx.execute(select(deliveries).where(deliveries.c.id == id)).first()
    return value_of(Delivery, row) if row else None


def in_project(tx: Connection, project: str) -> list[Delivery]:
    """The deliveries of a project, by name."""
    return values_of(
        Delivery, tx.execute(select(deliveries).where(deliveries.c.project == project).order_by(deliveries.c.name))
    )


def of_repository(tx: Connection, project: str, repository: str) -> list[Delivery]:
    """The deliveries whose file lies in that hosted repository, by name."""
    wanted = select(deliveries).where(
        deliveries.c.project == project, deliveries.c.repository == repository, deliveries.c.repository_type == GIT
    )
    return values_of(Delivery, tx.execute(wanted.order_by(deliveries.c.name)))


def change(tx: Connection, id: int, **values: Any) -> None:  # noqa: A002 - the column's name.
    """Write what a verb may change."""
    tx.execute(update(deliveries).where(deliveries.c.id == id).values(**values))


def remove(tx: Connection, id: int) -> None:  # noqa: A002 - the column's name.
    """Remove a delivery with its runs."""
    tx.execute(delete(deliveries).where(deliveries.c.id == id))
