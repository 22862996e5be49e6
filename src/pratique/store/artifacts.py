"""The files of MLflow runs: (workspace, path) → blob, where the path is the one inside MLflow's artifact root.

MLflow lays a run's files at ``<experiment id>/<run id>/artifacts/…`` below that
root, possibly behind a prefix of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select

from pratique.store.rows import value_of, values_of
from pratique.store.schema import artifacts


@dataclass(frozen=True)
class Artifact:
    """One file of a run."""

    workspace: str
    path: str
    blob: str
    size: int
    created_at: datetime


def put(tx: Connection, files: Iterable[Artifact]) -> None:
    """Write `files` over those of the same paths."""
    for file in files:
        remove(tx, file.workspace, file.path)
        tx.execute(insert(artifacts).values(**vars(file)))


def get(tx: Connection, workspace: str, path: str) -> Artifact | None:
    """The file at `path`."""
    row = tx.execute(select(artifacts).where(artifacts.c.workspace == workspace, artifacts.c.path == path)).first()
    return value_of(Artifact, row) if row else None


def below(tx: Connection, workspace: str, prefix: str) -> list[Artifact]:
    """Every file at or below `prefix`, by path; an empty prefix means all of the workspace."""
    wanted = select(artifacts).where(artifacts.c.workspace == workspace, _at_or_below(prefix))
    return values_of(Artifact, tx.execute(wanted.order_by(artifacts.c.path)))


def of_run(tx: Connection, workspace: str, run_id: str) -> list[Artifact]:
    """Every file of a run, by path, wherever MLflow laid the run."""
    marker = f"{_escaped(run_id)}/artifacts/%"
    is_run = or_(artifacts.c.path.like(marker, escape="\\"), artifacts.c.path.like(f"%/{marker}", escape="\\"))
    wanted = select(artifacts).where(artifacts.c.workspace == workspace, is_run).order_by(artifacts.c.path)
    return values_of(Artifact, tx.execute(wanted))


def remove(tx: Connection, workspace: str, prefix: str) -> None:
    """Remove what is at or below `prefix`."""
    tx.execute(delete(artifacts).where(artifacts.c.workspace == workspace, _at_or_below(prefix)))


def _at_or_below(prefix: str) -> ColumnElement[bool]:
    if not prefix:
        return artifacts.c.path.is_not(None)
    return or_(artifacts.c.path == prefix, artifacts.c.path.like(f"{_escaped(prefix)}/%", escape="\\"))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
