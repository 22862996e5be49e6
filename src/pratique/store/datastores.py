"""Datastores: those that users describe, and the files of those that every workspace has.

A file is (workspace, datastore, path) → blob. Paths are texts, compared byte by byte.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, insert, select, update

from pratique.store.paths import at_or_below, is_below
from pratique.store.rows import insert_over, value_of, values_of
from pratique.store.schema import datastore_files, datastores


@dataclass(frozen=True)
class Datastore:
    """A place outside of the platform, as a user described it."""

    id: str
    workspace: str
    name: str
    spec: Mapping[str, Any]
    """Without credentials."""
    credentials: str
    """Sealed; empty for none."""
    created_at: datetime
    updated_at: datetime
    created_by: Mapping[str, Any]


@dataclass(frozen=True)
class DatastoreFile:
    """One file of a datastore whose content the platform keeps."""

    workspace: str
    datastore: str
    path: str
    blob: str
    size: int
    created_at: datetime


def get(tx: Connection, workspace: str, name: str) -> Datastore | None:
    """The datastore called `name`."""
    row = tx.execute(select(datastores).where(_named(workspace, name))).first()
    return value_of(Datastore, row) if row else None


def every(tx: Connection, workspace: str) -> list[Datastore]:
    """The datastores that users described, by name."""
    wanted = select(datastores).where(datastores.c.workspace == workspace).order_by(datastores.c.name)
    return values_of(Datastore, tx.execute(wanted))


def add(tx: Connection, datastore: Datastore) -> None:
    """Write a new datastore."""
    tx.execute(insert(datastores).values(**vars(datastore)))


def change(tx: Connection, datastore: Datastore) -> None:
    """Write a datastore over the one of its id."""
    tx.execute(update(datastores).where(datastores.c.id == datastore.id).values(**vars(datastore)))


def remove(tx: Connection, workspace: str, name: str) -> None:
    """Remove the datastore called `name`."""
    tx.execute(delete(datastores).where(_named(workspace, name)))


def put(tx: Connection, files: Iterable[DatastoreFile]) -> None:
    """Write `files` over those of the same paths."""
    insert_over(tx, datastore_files, [vars(file) for file in files], ["workspace", "datastore", "path"])


def below(tx: Connection, workspace: str, datastore: str, prefix: str) -> list[DatastoreFile]:
    """Every file at or below `prefix`, by path; an empty prefix means all of the datastore."""
    wanted = select(datastore_files).where(_in(workspace, datastore), at_or_below(tx, datastore_files.c.path, prefix))
    return values_of(DatastoreFile, tx.execute(wanted.order_by(datastore_files.c.path)))


def any_of(tx: Connection, workspace: str, datastore: str, paths: Iterable[str]) -> str | None:
    """The first of `paths` that is a file; None when none is."""
    table = datastore_files.c
    wanted = select(table.path).where(_in(workspace, datastore), table.path.in_(list(paths)))
    return tx.execute(wanted.order_by(table.path).limit(1)).scalar()


def is_folder(tx: Connection, workspace: str, datastore: str, path: str) -> bool:
    """Whether a file lies below `path`."""
    found = exists().where(_in(workspace, datastore), is_below(tx, datastore_files.c.path, path))
    return bool(tx.execute(select(found)).scalar())


def _named(workspace: str, name: str) -> Any:
    return (datastores.c.workspace == workspace) & (datastores.c.name == name)


def _in(workspace: str, datastore: str) -> Any:
    return (datastore_files.c.workspace == workspace) & (datastore_files.c.datastore == datastore)
