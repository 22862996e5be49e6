"""Projects: what repositories, deliveries and all that they use belong to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from pratique.store.rows import value_of, values_of
from pratique.store.schema import holdings, projects


@dataclass(frozen=True)
class Project:
    """One project."""

    id: str
    name: str
    description: str
    created_at: datetime
    created_by: Mapping[str, Any]


def holder_of(project: str) -> str:
    """The name under which a project holds content (`store.holdings`); no workspace can have it."""
    return f"delivery:{project}"


def add(tx: Connection, project: Project) -> None:
    """Write a new project."""
    tx.execute(insert(projects).values(**vars(project)))


def get(tx: Connection, name: str) -> Project | None:
    """The project called `name`."""
    row = tx.execute(select(projects).where(projects.c.name == name)).first()
    return value_of(Project, row) if row else None


def every(tx: Connection) -> list[Project]:
    """All projects, by name."""
    return values_of(Project, tx.execute(select(projects).order_by(projects.c.name)))


def remove(tx: Connection, name: str) -> None:
    """Remove a project with everything that its rows own."""
    tx.execute(delete(holdings).where(holdings.c.workspace == holder_of(name)))
    tx.execute(delete(projects).where(projects.c.name == name))
