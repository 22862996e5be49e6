"""Units of delivery runs, each what one worker process runs or the engine itself, and their steps.

unit     queued ─► running ─► completed
step     what was said about it last, and no row before that
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, update

from pratique.store.delivery_runs import COMPLETED
from pratique.store.rows import insert_over, value_of, values_of
from pratique.store.schema import delivery_steps, delivery_units


@dataclass(frozen=True)
class UnitRow:
    """What one worker process runs, or the engine itself, and how far it is."""

    id: str
    run: int
    stage: str
    job: str
    name: str
    attempt: int
    state: str
    result: str | None
    reason: str
    sequence: int
    """Of the last record that was taken."""
    message: str | None
    """Sealed; gone as soon as its worker has begun, or its last step has ended on the server."""
    outputs: Mapping[str, str]
    secret_outputs: str | None
    """Sealed."""
    timeout: int
    cancel_timeout: int
    cancel_requested_at: datetime | None
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    runs_on_server: bool = False
    """Whether the engine walks it, without a worker."""
    look_at: datetime | None = None
    """When the engine has to look at a unit that it walks itself."""

    @property
    def key(self) -> str:
        """How people and messages name it."""
        return f"{self.stage}/{self.job}/{self.name}"


@dataclass(frozen=True)
class StepRow:
    """What a worker said last about one step."""

    unit: str
    number: int
    name: str
    state: str
    result: str | None
    record: Mapping[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    ended_at: datetime | None = None


def add(tx: Connection, units: Sequence[UnitRow]) -> None:
    """Write units that are to be started."""
    if units:
        tx.execute(insert(delivery_units), [vars(unit) for unit in units])


def of_run(tx: Connection, run: int) -> list[UnitRow]:
    """The units of a run, oldest first."""
    wanted = select(delivery_units).where(delivery_units.c.run == run)
    return values_of(UnitRow, tx.execute(wanted.order_by(delivery_units.c.created_at, delivery_units.c.id)))


def get(tx: Connection, id: str) -> UnitRow | None:  # noqa: A002 - the column's name.
    """The unit with that id."""
    row = tx.execute(_BY_ID, {"wanted": id}).first()
    return value_of(UnitRow, row) if row else None


_BY_ID: Final = select(delivery_units).where(delivery_units.c.id == bindparam("wanted"))


def unfinished(tx: Connection) -> list[UnitRow]:
    """Every unit with a worker that has not ended, oldest first."""
    wanted = select(delivery_units).where(
        delivery_units.c.state.in_(("queued", "running")), delivery_units.c.runs_on_server.is_(False)
    )
    return values_of(UnitRow, tx.execute(wanted.order_by(delivery_units.c.created_at, delivery_units.c.id)))


def due_on_server(tx: Connection, *, now: datetime) -> str | None:
    """The unit that the engine walks itself and has waited longest to be looked at, by id; None when none is due."""
    here = (delivery_units.c.look_at <= now, delivery_units.c.state != COMPLETED)
    wanted = select(delivery_units.c.id).where(*here).order_by(delivery_units.c.look_at, delivery_units.c.id).limit(1)
    found: str | None = tx.execute(wanted).scalar()
    return found


def look_at(tx: Connection, id: str, *, now: datetime) -> None:  # noqa: A002 - the column's name.
    """Have the engine look at a unit that it walks itself."""
    here = (delivery_units.c.id == id) & delivery_units.c.runs_on_server & (delivery_units.c.state != COMPLETED)
    tx.execute(update(delivery_units).where(here).values(look_at=now))


def change(tx: Connection, id: str, **values: Any) -> None:  # noqa: A002 - the column's name.
    """Write `values` on a unit."""
    tx.execute(update(delivery_units).where(delivery_units.c.id == id).values(**values))


def start(tx: Connection, id: str, *, now: datetime) -> bool:  # noqa: A002 - the column's name.
    """Say that a queued unit runs; False when it is not queued any more."""
    here = (delivery_units.c.id == id) & (delivery_units.c.state == "queued")
    return bool(tx.execute(update(delivery_units).where(here).values(state="running", started_at=now)).rowcount)


def cancel(tx: Connection, run: int, *, now: datetime) -> None:
    """Wish the end of every unit of a run that runs or is to be started."""
    here = (
        (delivery_units.c.run == run)
        & delivery_units.c.state.in_(("queued", "running"))
        & delivery_units.c.cancel_requested_at.is_(None)
    )
    tx.execute(update(delivery_units).where(here).values(cancel_requested_at=now))
    walked_here = delivery_units.c.runs_on_server & (delivery_units.c.state != COMPLETED)
    tx.execute(update(delivery_units).where((delivery_units.c.run == run) & walked_here).values(look_at=now))


def put_steps(tx: Connection, steps: Sequence[StepRow]) -> None:
    """Write what was said about steps over what was said before."""
    insert_over(tx, delivery_steps, [dict(vars(step)) for step in steps], ["unit", "number"])


def steps_of(tx: Connection, units: Sequence[str]) -> list[StepRow]:
    """The steps of units, those of each in their order."""
    wanted = select(delivery_steps).where(delivery_steps.c.unit.in_(units))
    return values_of(StepRow, tx.execute(wanted.order_by(delivery_steps.c.unit, delivery_steps.c.number)))
