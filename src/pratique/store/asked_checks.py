"""Checks that stages of runs asked, and steps that ask somebody, as they were then, and what was answered.

pending ──its turn──► waiting ──► passed | failed | expired
   └────────────────────┴──the run was cancelled──► withdrawn
passed ──something else was deployed than was approved──► voided
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from pratique.store.rows import value_of, values_of
from pratique.store.schema import asked_checks

OPEN: Final = ("pending", "waiting")


@dataclass(frozen=True)
class AskedCheck:
    """One check that a stage of a run asked."""

    id: str
    run: int
    stage: str
    environment_id: int
    environment: str
    project: str
    check_id: int
    """Of the check as the environment has it; 0 for what every stage is asked."""
    kind: str
    settings: Mapping[str, Any]
    requested_by: Mapping[str, Any]
    """Who queued the run."""
    bound: Mapping[str, Any]
    """What an approval is given for."""
    state: str
    reason: str
    answers: Sequence[Mapping[str, Any]]
    asked_at: datetime
    expires_at: datetime | None
    look_at: datetime | None
    ended_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether something can still come of it."""
        return self.state in OPEN


def add_all(tx: Connection, rows: Sequence[AskedCheck]) -> None:
    """Write new rows."""
    if rows:
        tx.execute(insert(asked_checks), [vars(row) for row in rows])


def change(tx: Connection, row: AskedCheck) -> None:
    """Write a row over the one of its id."""
    tx.execute(update(asked_checks).where(asked_checks.c.id == row.id).values(**vars(row)))


def get(tx: Connection, id: str) -> AskedCheck | None:  # noqa: A002 - the column's name.
    """The row with that id."""
    row = tx.execute(select(asked_checks).where(asked_checks.c.id == id)).first()
    return value_of(AskedCheck, row) if row else None


def of_run(tx: Connection, run: int, stage: str | None = None) -> list[AskedCheck]:
    """What the stages of a run asked, or one of them, in the order of asking."""
    wanted = select(asked_checks).where(asked_checks.c.run == run)
    if stage is not None:
        wanted = wanted.where(asked_checks.c.stage == stage)
    return values_of(AskedCheck, tx.execute(wanted.order_by(asked_checks.c.id)))


def in_project(
    tx: Connection, project: str, *, kinds: Sequence[str], states: Sequence[str] = (), run: int | None = None
) -> list[AskedCheck]:
    """Those of some kinds in a project, in these states and of this run only when they are named, newest first."""
    table = asked_checks.c
    wanted = select(asked_checks).where(table.project == project, table.kind.in_(kinds))
    if states:
        wanted = wanted.where(table.state.in_(list(states)))
    if run is not None:
        wanted = wanted.where(table.run == run)
    return values_of(AskedCheck, tx.execute(wanted.order_by(table.id.desc())))


def waiting_for(tx: Connection, environment_id: int, *, kind: str) -> list[AskedCheck]:
    """Those of a kind that wait at an environment."""
    table = asked_checks.c
    here = (table.environment_id == environment_id, table.kind == kind, table.state == "waiting")
    return values_of(AskedCheck, tx.execute(select(asked_checks).where(*here).order_by(table.run)))


def about_to_ask(tx: Connection, environment_id: int, *, kind: str) -> list[int]:
    """The runs that passed everything else of their stage and ask a check of this kind next, at an environment."""
    own, other = asked_checks.c, asked_checks.alias("other")
    same = (other.c.run == own.run, other.c.stage == own.stage, other.c.kind != kind, other.c.state != "passed")
    here = (own.environment_id == environment_id, own.kind == kind, own.state == "pending")
    wanted = select(own.run).where(*here, ~select(other.c.id).where(*same).exists())
    return [int(row.run) for row in tx.execute(wanted)]


def due(tx: Connection, *, now: datetime) -> list[int]:
    """The runs of which a check has to be judged again by now."""
    table = asked_checks.c
    wanted = select(table.run).where(table.look_at <= now, table.state.in_(("waiting", "passed"))).distinct()
    return [int(row.run) for row in tx.execute(wanted)]


def look_no_more(tx: Connection, run: int, stage: str) -> None:
    """Nothing of this stage has to be judged again."""
    table = asked_checks.c
    tx.execute(update(asked_checks).where(table.run == run, table.stage == stage).values(look_at=None))


def withdraw(tx: Connection, run: int, *, reason: str, now: datetime) -> list[AskedCheck]:
    """End everything of a run that is still open; what it was."""
    still = [row for row in of_run(tx, run) if row.is_open]
    table = asked_checks.c
    values = {"state": "withdrawn", "reason": reason, "ended_at": now, "look_at": None}
    tx.execute(update(asked_checks).where(table.run == run, table.state.in_(OPEN)).values(**values))
    return still
