"""The files of MLflow runs: (workspace, path) → blob, where the path is the one inside MLflow's artifact root.

MLflow lays a run's files at ``<experiment id>/<run id>/artifacts/…`` and those
of a model of MLflow 3 at ``<experiment id>/models/<model id>/artifacts/…``.

What lies below a folder is found by comparing bytes, never by LIKE, which
SQLite reads without regard to case: ``Model/`` is not ``model/``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, or_, select

from pratique.store.rows import value_of, values_of
from pratique.store.schema import artifacts

_AFTER_SLASH = "0"  # The character after "/": every path below "a/" lies between "a/" and "a0".


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
        here = artifacts.c.path == file.path
        tx.execute(delete(artifacts).where(artifacts.c.workspace == file.workspace, here))
        tx.execute(insert(artifacts).values(**vars(file)))


def get(tx: Connection, workspace: str, path: str) -> Artifact | None:
    """The file at `path`."""
    wanted = select(artifacts).where(artifacts.c.workspace == workspace, artifacts.c.path == path)
    row = tx.execute(wanted).first()
    return value_of(Artifact, row) if row else None


def any_of(tx: Connection, workspace: str, paths: Iterable[str]) -> str | None:
    """The first of `paths` that is a file; None when none is."""
    wanted = select(artifacts.c.path).where(artifacts.c.workspace == workspace, artifacts.c.path.in_(list(paths)))
    return tx.execute(wanted.order_by(artifacts.c.path).limit(1)).scalar()


def below(tx: Connection, workspace: str, prefix: str) -> list[Artifact]:
    """Every file at or below `prefix`, by path; an empty prefix means all of the workspace."""
    wanted = select(artifacts).where(artifacts.c.workspace == workspace, _at_or_below(tx, prefix))
    return values_of(Artifact, tx.execute(wanted.order_by(artifacts.c.path)))


def is_folder(tx: Connection, workspace: str, path: str) -> bool:
    """Whether a file lies below `path`."""
    found = exists().where(artifacts.c.workspace == workspace, _below(tx, path))
    return bool(tx.execute(select(found)).scalar())


def of_run(tx: Connection, workspace: str, run_id: str) -> list[Artifact]:
    """Every file below a folder ``<anything>/<run_id>/artifacts``, by path."""
    return _in_folder(tx, workspace, f"/{run_id}")


def of_model(tx: Connection, workspace: str, model_id: str) -> list[Artifact]:
    """Every file below a folder ``<anything>/models/<model_id>/artifacts``, by path."""
    return _in_folder(tx, workspace, f"/models/{model_id}")


def remove(tx: Connection, workspace: str, prefix: str) -> int:
    """Remove what is at or below `prefix`; returns how many files that were."""
    gone = delete(artifacts).where(artifacts.c.workspace == workspace, _at_or_below(tx, prefix))
    return int(tx.execute(gone).rowcount)


def _in_folder(tx: Connection, workspace: str, folder: str) -> list[Artifact]:
    """What lies below ``<anything><folder>/artifacts/``, where that is the first ``artifacts`` of the path.

    What comes after it was named by whoever wrote the file: a run that writes
    ``<another run>/artifacts/model.pkl`` has not written into the other one.
    """
    position = func.strpos if tx.dialect.name == "postgresql" else func.instr
    marked = position(artifacts.c.path, f"{folder}/artifacts/") > 0
    wanted = select(artifacts).where(artifacts.c.workspace == workspace, marked).order_by(artifacts.c.path)
    found = values_of(Artifact, tx.execute(wanted))
    return [file for file in found if file.path.partition("/artifacts/")[0].endswith(folder)]


def _at_or_below(tx: Connection, prefix: str) -> ColumnElement[bool]:
    if not prefix:
        return artifacts.c.path.is_not(None)
    return or_(artifacts.c.path == prefix, _below(tx, prefix))


def _below(tx: Connection, prefix: str) -> ColumnElement[bool]:
    # SQLite compares bytes; PostgreSQL has to be told, or it would sort by a language.
    path: Any = artifacts.c.path.collate("C") if tx.dialect.name == "postgresql" else artifacts.c.path
    return and_(path > f"{prefix}/", path < f"{prefix}{_AFTER_SLASH}")
