"""Stage environments: what stages deploy to, and what their approvals and checks belong to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from pratique.store.rows import value_of, values_of
from pratique.store.schema import environment_checks, stage_environments


@dataclass(frozen=True)
class StageEnvironment:
    """One environment."""

    id: int
    project: str
    name: str
    description: str
    lock_run: int | None
    """The run that holds its exclusive lock."""
    lock_stage: str | None
    created_at: datetime
    created_by: Mapping[str, Any]


@dataclass(frozen=True)
class EnvironmentCheck:
    """One approval or check of an environment."""

    id: int
    environment_id: int
    kind: str
    settings: Mapping[str, Any]
    timeout_minutes: int
    created_at: datetime
    created_by: Mapping[str, Any]


def add(tx: Connection, environment: StageEnvironment) -> None:
    """Write a new environment."""
    tx.execute(insert(stage_environments).values(**vars(environment)))


def get(tx: Connection, id: int) -> StageEnvironment | None:  # noqa: A002 - the column's name.
    """The environment with that id."""
    row = tx.execute(select(stage_environments).where(stage_environments.c.id == id)).first()
    return value_of(StageEnvironment, row) if row else None


def named(tx: Connection, project: str, name: str) -> StageEnvironment | None:
    """The environment called `name`, in any case."""
    table = stage_environments.c
    wanted = select(stage_environments).where(table.project == project, func.lower(table.name) == name.lower())
    row = tx.execute(wanted).first()
    return value_of(StageEnvironment, row) if row else None


def every(tx: Connection, project: str) -> list[StageEnvironment]:
    """The environments of a project, by name."""
    table = stage_environments.c
    wanted = select(stage_environments).where(table.project == project).order_by(table.name)
    return values_of(StageEnvironment, tx.execute(wanted))


def remove(tx: Connection, id: int) -> None:  # noqa: A002 - the column's name.
    """Remove an environment with its checks."""
    tx.execute(delete(stage_environments).where(stage_environments.c.id == id))


def lock(tx: Connection, id: int, run: int, stage: str) -> bool:  # noqa: A002 - the column's name.
    """Take the exclusive lock for a stage of a run, or find that it has it; False when another has it."""
    table = stage_environments.c
    is_free = table.lock_run.is_(None) | ((table.lock_run == run) & (table.lock_stage == stage))
    taken = update(stage_environments).where(table.id == id, is_free).values(lock_run=run, lock_stage=stage)
    return tx.execute(taken).rowcount == 1


def unlock(tx: Connection, run: int, stage: str | None = None) -> list[int]:
    """Give back the locks of a run, or of one stage of it; of which environments they were."""
    table = stage_environments.c
    held = table.lock_run == run
    if stage is not None:
        held &= table.lock_stage == stage
    free = update(stage_environments).where(held).values(lock_run=None, lock_stage=None).returning(table.id)
    return [int(row.id) for row in tx.execute(free)]


def add_check(tx: Connection, check: EnvironmentCheck) -> None:
    """Write a new check."""
    tx.execute(insert(environment_checks).values(**vars(check)))


def checks(tx: Connection, environment_id: int) -> list[EnvironmentCheck]:
    """The checks of an environment, in the order of their making."""
    table = environment_checks.c
    wanted = select(environment_checks).where(table.environment_id == environment_id).order_by(table.id)
    return values_of(EnvironmentCheck, tx.execute(wanted))


def remove_check(tx: Connection, id: int) -> None:  # noqa: A002 - the column's name.
    """Remove a check; what was asked of it before goes on as it was asked."""
    tx.execute(delete(environment_checks).where(environment_checks.c.id == id))
