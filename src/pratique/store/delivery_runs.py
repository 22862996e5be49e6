"""Delivery runs, with their stages, jobs and artifacts: how far each is. Below are `delivery_units`.

    run ─ stage ─ job ─ unit ─ step

A run is notStarted until its first stage begins, then inProgress, and
completed when every stage is; `cancelling` is what the time between a wish to
cancel and its end is called. All that happens to a run raises its `revision`;
whoever settles what follows writes down up to which one it looked. So a run
that waits for a person is a row that nobody reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select, update

from pratique.base.ids import new_secret
from pratique.store import leases
from pratique.store.leases import Lease
from pratique.store.rows import insert_over, value_of, values_of
from pratique.store.schema import (
    UtcDateTime,
    asked_checks,
    delivery_artifacts,
    delivery_jobs,
    delivery_runs,
    delivery_stages,
)

TOPIC: Final = "delivery logs"
"""What a commit that changes nothing anybody acts on is about."""
MOVED: Final = "delivery runs"
"""What a commit that only those who bring runs forward act on is about; the end of a run is something to others."""
COMPLETED: Final = "completed"


@dataclass(frozen=True)
class Run:
    """One run of a delivery."""

    id: int
    delivery: int
    project: str
    number: str
    """Its name; Build.BuildNumber."""
    reason: str
    path: str
    branch: str
    version: str
    sources: Sequence[Mapping[str, Any]]
    parameters: Mapping[str, str]
    variables: Mapping[str, str]
    left_out: Sequence[str]
    text: str
    system: Mapping[str, str]
    counted: Mapping[str, int]
    status: str
    result: str | None
    cancel_requested: bool
    canceled_by: Mapping[str, Any] | None
    tags: Sequence[str]
    warnings: Sequence[str]
    appends_message: bool
    """Whether its name is shown with the first line of the commit's message."""
    error: Mapping[str, Any] | None
    revision: int
    settled: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    created_by: Mapping[str, Any]

    @property
    def is_completed(self) -> bool:
        """Whether nothing will move it again."""
        return self.status == COMPLETED


@dataclass(frozen=True)
class StageRow:
    """How far a stage is."""

    run: int
    name: str
    position: int
    display_name: str
    state: str = "pending"
    result: str | None = None
    decided: str | None = None
    """Set when it ended without any job."""
    admission: str | None = None
    is_triggered: bool = False
    outlives_cancel: bool = False
    reason: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True)
class JobRow:
    """How far a job is."""

    run: int
    stage: str
    name: str
    position: int
    display_name: str
    environment: str = ""
    state: str = "pending"
    result: str | None = None
    decided: str | None = None
    """Set when it ended without any unit."""
    expected: Sequence[str] = ()
    continues_on_error: bool = False
    reason: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True)
class Artifact:
    """Files that a run published under a name."""

    run: int
    name: str
    type: str
    manifest: str
    unit: str
    created_at: datetime


# --- runs -----------------------------------------------------------------------------------------------------------


def add(tx: Connection, run: Run, stages: Sequence[StageRow], jobs: Sequence[JobRow]) -> None:
    """Write a new run with everything that it may come to."""
    tx.execute(insert(delivery_runs).values(**vars(run)))
    tx.execute(insert(delivery_stages), [vars(stage) for stage in stages])
    tx.execute(insert(delivery_jobs), [vars(job) for job in jobs])


def get(tx: Connection, id: int) -> Run | None:  # noqa: A002 - the column's name.
    """The run with that id."""
    row = tx.execute(_BY_ID, {"wanted": id}).first()
    return value_of(Run, row) if row else None


_BY_ID: Final = select(delivery_runs).where(delivery_runs.c.id == bindparam("wanted"))


@dataclass(frozen=True)
class Wanted:
    """Which runs a list shows; what is empty chooses nothing."""

    project: str
    deliveries: Sequence[int] = ()
    statuses: Sequence[str] = ()
    results: Sequence[str] = ()
    branch: str = ""
    reason: str = ""


def newest(tx: Connection, wanted: Wanted, *, limit: int) -> list[Run]:
    """Up to `limit` runs of a project, newest first."""
    chosen = [delivery_runs.c.project == wanted.project]
    if wanted.deliveries:
        chosen.append(delivery_runs.c.delivery.in_(wanted.deliveries))
    if wanted.statuses:
        chosen.append(delivery_runs.c.status.in_(wanted.statuses))
    if wanted.results:
        chosen.append(delivery_runs.c.result.in_(wanted.results))
    if wanted.branch:
        chosen.append(delivery_runs.c.branch == wanted.branch)
    if wanted.reason:
        chosen.append(delivery_runs.c.reason == wanted.reason)
    found = select(delivery_runs).where(and_(*chosen)).order_by(delivery_runs.c.id.desc()).limit(limit)
    return values_of(Run, tx.execute(found))


def unfinished_of(tx: Connection, delivery: int) -> list[int]:
    """The ids of the runs of a delivery that have not ended, oldest first."""
    wanted = select(delivery_runs.c.id).where(delivery_runs.c.delivery == delivery, delivery_runs.c.status != COMPLETED)
    return list(tx.execute(wanted.order_by(delivery_runs.c.id)).scalars())


def ended_before(tx: Connection, moment: datetime, *, besides_newest: int) -> list[Run]:
    """Runs that had ended by then, oldest first, but for the newest of each delivery and those that people answered.

    An approval that somebody gave or refused, also one that was voided, keeps what it was given for, and the newest
    run of each delivery that succeeded is what others read.
    """
    table, asked = delivery_runs.c, asked_checks.c
    place = func.row_number().over(partition_by=table.delivery, order_by=table.id.desc())
    ranked = select(table.id, place.label("place")).subquery()
    answered = select(asked.run).where(asked.kind == "approval", asked.state.in_(("passed", "failed", "voided")))
    good = select(func.max(table.id)).where(table.result.in_(("succeeded", "partiallySucceeded")))
    wanted = (
        select(delivery_runs)
        .join(ranked, ranked.c.id == table.id)
        .where(table.status == COMPLETED, table.ended_at < moment, ranked.c.place > besides_newest)
        .where(table.id.not_in(answered), table.id.not_in(good.group_by(table.delivery)))
    )
    return values_of(Run, tx.execute(wanted.order_by(table.id)))


def forget_files(tx: Connection, id: int) -> None:  # noqa: A002 - the column's name.
    """Remove what a run that has ended names of content: its artifacts, and working trees that were sent for it."""
    tx.execute(delete(delivery_artifacts).where(delivery_artifacts.c.run == id))
    sources = tx.execute(select(delivery_runs.c.sources).where(delivery_runs.c.id == id)).scalar_one()
    change(tx, id, sources=[{key: value for key, value in one.items() if key != "manifest"} for one in sources])


def unfinished(tx: Connection) -> list[Run]:
    """Every run that has not ended, oldest first."""
    wanted = select(delivery_runs).where(delivery_runs.c.status != COMPLETED)
    return values_of(Run, tx.execute(wanted.order_by(delivery_runs.c.id)))


def newest_of_each(tx: Connection) -> list[Run]:
    """The newest run of each delivery, oldest first."""
    newest = select(func.max(delivery_runs.c.id)).group_by(delivery_runs.c.delivery)
    return values_of(Run, tx.execute(select(delivery_runs).where(delivery_runs.c.id.in_(newest)).order_by("id")))


def change(tx: Connection, id: int, **values: Any) -> None:  # noqa: A002 - the column's name.
    """Write what a verb may change on any run."""
    tx.execute(update(delivery_runs).where(delivery_runs.c.id == id).values(**values))


def touch(tx: Connection, id: int, **values: Any) -> None:  # noqa: A002 - the column's name.
    """Write `values`, and have somebody look at what follows."""
    wanted = update(delivery_runs).where(delivery_runs.c.id == id)
    tx.execute(wanted.values(revision=delivery_runs.c.revision + 1, **values))


def remember_count(tx: Connection, id: int, prefix: str, number: int) -> None:  # noqa: A002 - the column's name.
    """Write what `counter` gave a run, so that it gives the same when it is asked again."""
    known = tx.execute(select(delivery_runs.c.counted).where(delivery_runs.c.id == id)).scalar_one()
    change(tx, id, counted={**known, prefix: number})


def remove(tx: Connection, id: int) -> None:  # noqa: A002 - the column's name.
    """Remove a run with everything of it."""
    tx.execute(delete(delivery_runs).where(delivery_runs.c.id == id))


# --- who settles a run ----------------------------------------------------------------------------------------------

_UNSETTLED: Final = (delivery_runs.c.status != COMPLETED) & (delivery_runs.c.revision > delivery_runs.c.settled)
_NOW: Final = bindparam("now", type_=UtcDateTime)
_NEXT: Final = (
    select(delivery_runs.c.id)
    .where(_UNSETTLED, leases.is_free(delivery_runs, _NOW))
    .order_by(delivery_runs.c.created_at, delivery_runs.c.id)
    .limit(1)
)
_CLAIM: Final = (
    update(delivery_runs)
    .where(delivery_runs.c.id == bindparam("wanted"), _UNSETTLED, leases.is_free(delivery_runs, _NOW))
    .values(lease_token=bindparam("token"), lease_until=bindparam("until"))
    .returning(*delivery_runs.c)
)


def unsettled(tx: Connection, *, now: datetime) -> int | None:
    """The oldest run to which something happened that nobody has looked at, by id."""
    found: int | None = tx.execute(_NEXT, {"now": now}).scalar()
    return found


def claim(tx: Connection, id: int, *, now: datetime, lasting: timedelta) -> tuple[Run, Lease] | None:  # noqa: A002
    """Claim a run that has to be settled; None when somebody was faster."""
    token, until = new_secret(), now + lasting
    row = tx.execute(_CLAIM, {"wanted": id, "now": now, "token": token, "until": until}).first()
    return (value_of(Run, row), Lease(str(id), token, until)) if row else None


def release(tx: Connection, lease: Lease, **values: Any) -> bool:
    """Write `values` and give the run back; False when the lease was lost and the result must be dropped."""
    held = (delivery_runs.c.id == int(lease.id)) & (delivery_runs.c.lease_token == lease.token)
    given = update(delivery_runs).where(held).values(lease_token=None, lease_until=None, **values)
    return bool(tx.execute(given).rowcount)


def free_all(tx: Connection) -> None:
    """Drop every lease, at the start of the server."""
    leases.free_all(tx, delivery_runs)


# --- stages and jobs ------------------------------------------------------------------------------------------------


def stages_of(tx: Connection, run: int) -> list[StageRow]:
    """The stages of a run in the order of its file."""
    wanted = select(delivery_stages).where(delivery_stages.c.run == run).order_by(delivery_stages.c.position)
    return values_of(StageRow, tx.execute(wanted))


def jobs_of(tx: Connection, run: int) -> list[JobRow]:
    """The jobs of a run, those of each stage in the order of its file."""
    wanted = select(delivery_jobs).where(delivery_jobs.c.run == run)
    return values_of(JobRow, tx.execute(wanted.order_by(delivery_jobs.c.stage, delivery_jobs.c.position)))


def change_stage(tx: Connection, run: int, name: str, **values: Any) -> None:
    """Write `values` on a stage."""
    here = (delivery_stages.c.run == run) & (delivery_stages.c.name == name)
    tx.execute(update(delivery_stages).where(here).values(**values))


def change_job(tx: Connection, run: int, stage: str, name: str, **values: Any) -> None:
    """Write `values` on a job."""
    here = (delivery_jobs.c.run == run) & (delivery_jobs.c.stage == stage) & (delivery_jobs.c.name == name)
    tx.execute(update(delivery_jobs).where(here).values(**values))


# --- artifacts ------------------------------------------------------------------------------------------------------


def put_artifact(tx: Connection, artifact: Artifact) -> None:
    """Write an artifact over the one of its name."""
    insert_over(tx, delivery_artifacts, [dict(vars(artifact))], ["run", "name"])


def artifacts_of(tx: Connection, run: int) -> list[Artifact]:
    """The artifacts of a run, by name."""
    wanted = select(delivery_artifacts).where(delivery_artifacts.c.run == run)
    return values_of(Artifact, tx.execute(wanted.order_by(delivery_artifacts.c.name)))
