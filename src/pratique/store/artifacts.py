"""The files of MLflow runs: (workspace, path) → blob, where the path is the one inside MLflow's artifact root.

MLflow lays a run's files at ``<experiment id>/<run id>/artifacts/…`` and those
of a model of MLflow 3 at ``<experiment id>/models/<model id>/artifacts/…``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, exists, func, select

from pratique.store.paths import at_or_below, is_below
from pratique.store.rows import batches, insert_over, value_of, values_of
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
    insert_over(tx, artifacts, [vars(file) for file in files], ["workspace", "path"])


def get(tx: Connection, workspace: str, path: str) -> Artifact | None:
    """The file at `path`."""
    wanted = select(artifacts).where(artifacts.c.workspace == workspace, artifacts.c.path == path)
    row = tx.execute(wanted).first()
    return value_of(Artifact, row) if row else None


def any_of(tx: Connection, workspace: str, paths: Iterable[str]) -> str | None:
    """The first of `paths` that is a file; None when none is."""
    wanted = select(artifacts.c.path).where(artifacts.c.workspace == workspace, artifacts.c.path.in_(list(paths)))
    return tx.execute(wanted.order_by(artifacts.c.path).limit(1)).scalar()


def written_at(tx: Connection, workspace: str, paths: Sequence[str]) -> dict[str, datetime]:
    """When the file at each of `paths` was last written; those that are not there are left out."""
    found: dict[str, datetime] = {}
    for batch in batches(paths):
        wanted = select(artifacts.c.path, artifacts.c.created_at).where(
            artifacts.c.workspace == workspace, artifacts.c.path.in_(batch)
        )
        found.update((row.path, row.created_at) for row in tx.execute(wanted))
    return found


def below(tx: Connection, workspace: str, prefix: str) -> list[Artifact]:
    """Every file at or below `prefix`, by path; an empty prefix means all of the workspace."""
    wanted = select(artifacts).where(artifacts.c.workspace == workspace, at_or_below(tx, artifacts.c.path, prefix))
    return values_of(Artifact, tx.execute(wanted.order_by(artifacts.c.path)))


def is_folder(tx: Connection, workspace: str, path: str) -> bool:
    """Whether a file lies below `path`."""
    found = exists().where(artifacts.c.workspace == workspace, is_below(tx, artifacts.c.path, path))
    return bool(tx.execute(select(found)).scalar())


def of_run(tx: Connection, workspace: str, run_id: str) -> list[Artifact]:
    """Every file below a folder ``<anything>/<run_id>/artifacts``, by path."""
    return _in_folder(tx, workspace, f"/{run_id}")


def of_model(tx: Connection, workspace: str, model_id: str) -> list[Artifact]:
    """Every file below a folder ``<anything>/models/<model_id>/artifacts``, by path."""
    return _in_folder(tx, workspace, f"/models/{model_id}")


def remove(tx: Connection, workspace: str, prefix: str) -> int:
    """Remove what is at or below `prefix`; returns how many files that were."""
    gone = delete(artifacts).where(artifacts.c.workspace == workspace, at_or_below(tx, artifacts.c.path, prefix))
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
