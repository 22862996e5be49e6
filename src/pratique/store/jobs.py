"""Jobs: what was asked for, how far it is, and what came out.

NotStarted → Queued → Preparing → Starting → Running → Finalizing → Completed
               └────────┴──────────┴─────────┴──────────┴──► Failed | Canceled

A pipeline is a job, and so is each of its steps: it names its pipeline as
`parent` and the outermost one as `root`. A step is NotStarted until all that
it needs is there; a step whose results are those of an earlier one goes from
there to Completed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy import or_ as either

from pratique.base.ids import new_secret
from pratique.store import leases
from pratique.store.leases import Lease
from pratique.store.rows import batches, value_of, values_of
from pratique.store.schema import UtcDateTime, jobs

TOPIC: Final = "jobs"
"""What a commit that touches jobs alone is about."""
WALKED: Final = "walked jobs"
"""What the commit of a worker is about, which itself rings for those that it leaves work to."""
TERMINAL: Final = ("Completed", "Failed", "Canceled")
WAITING: Final = ("NotStarted", "Queued")
_NOW: Final = bindparam("now", type_=UtcDateTime)
# Statements of every step are made once: to make one anew costs more than to execute it.
_BY_ID: Final = select(jobs).where(jobs.c.id == bindparam("wanted"))
_NAME: Final = select(jobs.c.name).where(jobs.c.id == bindparam("wanted"))
_CHANGE: Final = update(jobs).where(jobs.c.id == bindparam("wanted"))
_CLAIM: Final = (
    update(jobs)
    .where(jobs.c.id == bindparam("wanted"), jobs.c.status.not_in(TERMINAL), leases.is_free(jobs, _NOW))
    .values(lease_token=bindparam("token"), lease_until=bindparam("until"))
    .returning(*jobs.c)
)


@dataclass(frozen=True)
class Job:
    """One job."""

    id: str
    workspace: str
    name: str
    spec: Mapping[str, Any]
    resolved: Mapping[str, Any]
    git: Mapping[str, str]
    status: str
    attempt: int
    run_id: str
    experiment_id: str
    cancel_requested: bool
    is_archived: bool
    error: Mapping[str, Any] | None
    outputs: Mapping[str, Any]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    created_by: Mapping[str, Any]
    type: str = "command"
    """command or pipeline."""
    parent: str | None = None
    """The pipeline of which it is a step, by id."""
    root: str | None = None
    """The outermost of its pipelines, by id; None for a job of its own."""
    step: str = ""
    """Its name in its pipeline."""
    fingerprint: str = ""
    """What a step does to what; empty when that cannot be told or must not be reused."""
    reused_from: str | None = None
    """The step whose results these are, by id; it has not run itself then."""
    cores: float = 1.0
    """What it takes of the machine while it runs."""
    memory: int = 0
    """Bytes that it takes of the machine while it runs."""

    @property
    def is_pipeline(self) -> bool:
        """Whether it consists of steps."""
        return self.type == "pipeline"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing will move it again."""
        return self.status in TERMINAL


def add(tx: Connection, job: Job) -> None:
    """Write a new job."""
    tx.execute(insert(jobs).values(**vars(job)))


def add_all(tx: Connection, rows: Sequence[Job]) -> None:
    """Write several new jobs."""
    tx.execute(insert(jobs), [vars(job) for job in rows])


def get(tx: Connection, workspace: str, name: str) -> Job | None:
    """The job called `name`."""
    row = tx.execute(select(jobs).where(jobs.c.workspace == workspace, jobs.c.name == name)).first()
    return value_of(Job, row) if row else None


def of_mlflow_run(tx: Connection, workspace: str, run_id: str) -> Job | None:
    """The job whose run of MLflow that is; a step that was run, before those that have its results."""
    wanted = select(jobs).where(jobs.c.workspace == workspace, jobs.c.run_id == run_id)
    row = tx.execute(wanted.order_by(jobs.c.reused_from.is_not(None), jobs.c.created_at).limit(1)).first()
    return value_of(Job, row) if row else None


def by_id(tx: Connection, id: str) -> Job | None:  # noqa: A002 - the column's name.
    """The job with that id."""
    row = tx.execute(_BY_ID, {"wanted": id}).first()
    return value_of(Job, row) if row else None


def name_of(tx: Connection, id: str) -> str | None:  # noqa: A002 - the column's name.
    """What the job with that id is called."""
    name: str | None = tx.execute(_NAME, {"wanted": id}).scalar()
    return name


def tree(tx: Connection, root: str) -> list[Job]:
    """The job `root` and everything below it, in no order."""
    return values_of(Job, tx.execute(select(jobs).where(either(jobs.c.id == root, jobs.c.root == root))))


@dataclass(frozen=True)
class Stage:
    """How far a step is, without all that it consists of."""

    id: str
    parent: str
    step: str
    type: str
    status: str
    cancel_requested: bool

    @property
    def is_terminal(self) -> bool:
        """Whether nothing will move it again."""
        return self.status in TERMINAL


def stages(tx: Connection, root: str) -> list[Stage]:
    """How far everything below the pipeline `root` is, in no order."""
    return values_of(Stage, tx.execute(_STAGES, {"wanted": root}))


_STAGES: Final = select(
    jobs.c.id, jobs.c.parent, jobs.c.step, jobs.c.type, jobs.c.status, jobs.c.cancel_requested
).where(jobs.c.root == bindparam("wanted"))


def children(tx: Connection, parent: Job) -> list[Job]:
    """The steps of a pipeline, in no order; those of its nested pipelines are theirs."""
    root = parent.root or parent.id
    return values_of(Job, tx.execute(select(jobs).where(jobs.c.root == root, jobs.c.parent == parent.id)))


def taken_names(tx: Connection, workspace: str, names: Sequence[str]) -> set[str]:
    """Which of `names` jobs have already."""
    found: set[str] = set()
    for batch in batches(names):
        wanted = select(jobs.c.name).where(jobs.c.workspace == workspace, jobs.c.name.in_(batch))
        found.update(row.name for row in tx.execute(wanted))
    return found


def reusable(tx: Connection, workspace: str, fingerprint: str) -> Job | None:
    """The newest completed step of that fingerprint which has run itself."""
    wanted = select(jobs).where(
        jobs.c.workspace == workspace,
        jobs.c.fingerprint == fingerprint,
        jobs.c.status == "Completed",
        jobs.c.reused_from.is_(None),
    )
    row = tx.execute(wanted.order_by(jobs.c.ended_at.desc(), jobs.c.id.desc()).limit(1)).first()
    return value_of(Job, row) if row else None


def newest(tx: Connection, workspace: str, *, limit: int, archived: bool = False) -> list[Job]:
    """Up to `limit` jobs of a workspace, newest first, steps left out; archived ones only when asked for."""
    wanted = select(jobs).where(jobs.c.workspace == workspace, jobs.c.parent.is_(None))
    if not archived:
        wanted = wanted.where(jobs.c.is_archived.is_(False))
    return values_of(Job, tx.execute(wanted.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)))


def unfinished(tx: Connection) -> list[Job]:
    """Every job of every workspace that is not terminal, oldest first."""
    return values_of(Job, tx.execute(select(jobs).where(jobs.c.status.not_in(TERMINAL)).order_by(jobs.c.created_at)))


def pipelines_begun(tx: Connection) -> list[Job]:
    """The outermost pipelines whose steps run, oldest first."""
    wanted = jobs.c.parent.is_(None) & (jobs.c.type == "pipeline") & (jobs.c.status == "Running")
    return values_of(Job, tx.execute(select(jobs).where(wanted).order_by(jobs.c.created_at)))


def free_pipeline(tx: Connection, statuses: Sequence[str], *, now: datetime) -> str | None:
    """The oldest outermost pipeline in one of `statuses` that nobody works on, by id."""
    found: str | None = tx.execute(_FREE_PIPELINE, {"statuses": statuses, "now": now}).scalar()
    return found


_FREE_PIPELINE: Final = (
    select(jobs.c.id)
    .where(
        jobs.c.parent.is_(None),
        jobs.c.type == "pipeline",
        jobs.c.status.in_(bindparam("statuses", expanding=True)),
        leases.is_free(jobs, _NOW),
    )
    .order_by(jobs.c.created_at, jobs.c.id)
    .limit(1)
)


def canceled_in_queue(tx: Connection, *, now: datetime) -> str | None:
    """The oldest command that still waits and is no longer wanted, by id."""
    found: str | None = tx.execute(_CANCELED_IN_QUEUE, {"now": now}).scalar()
    return found


_CANCELED_IN_QUEUE: Final = (
    select(jobs.c.id)
    .where(
        jobs.c.type == "command",
        jobs.c.status == "Queued",
        jobs.c.cancel_requested.is_(True),
        leases.is_free(jobs, _NOW),
    )
    .order_by(jobs.c.created_at, jobs.c.id)
    .limit(1)
)


@dataclass(frozen=True)
class Waiting:
    """A command in the queue, with what it would take of the machine."""

    id: str
    cores: float
    memory: int
    created_at: datetime


def queue(tx: Connection, *, limit: int, now: datetime) -> list[Waiting]:
    """Up to `limit` commands that wait for their turn, oldest first."""
    return values_of(Waiting, tx.execute(_QUEUE, {"now": now, "most": limit}))


_QUEUE: Final = (
    select(jobs.c.id, jobs.c.cores, jobs.c.memory, jobs.c.created_at)
    .where(jobs.c.type == "command", jobs.c.status == "Queued", leases.is_free(jobs, _NOW))
    .order_by(jobs.c.created_at, jobs.c.id)
    .limit(bindparam("most"))
)


@dataclass(frozen=True)
class Begun:
    """A command that somebody has claimed or begun, with what it takes of the machine."""

    id: str
    status: str
    cores: float
    memory: int
    lease_until: datetime | None

    def is_left(self, now: datetime) -> bool:
        """Whether whoever began it does not go on with it."""
        return self.status != "Queued" and (self.lease_until is None or self.lease_until < now)

    def takes_part(self, now: datetime) -> bool:
        """Whether it takes of the machine: it does until it comes to storing what it made."""
        if self.status == "Queued":
            return self.lease_until is not None and self.lease_until >= now
        return self.status != "Finalizing"


def begun(tx: Connection) -> list[Begun]:
    """The commands that have been claimed or begun and have not ended, oldest first."""
    return values_of(Begun, tx.execute(_BEGUN))


_BEGUN: Final = (
    select(jobs.c.id, jobs.c.status, jobs.c.cores, jobs.c.memory, jobs.c.lease_until)
    .where(
        jobs.c.type == "command",
        either(
            jobs.c.status.in_(("Preparing", "Starting", "Running", "Finalizing")),
            (jobs.c.status == "Queued") & jobs.c.lease_until.is_not(None),
        ),
    )
    .order_by(jobs.c.created_at, jobs.c.id)
)


def claim(tx: Connection, id: str, *, now: datetime, lasting: timedelta) -> tuple[Job, Lease] | None:  # noqa: A002
    """Claim one job that is free and has not ended; None when somebody was faster."""
    token, until = new_secret(), now + lasting
    row = tx.execute(_CLAIM, {"wanted": id, "now": now, "token": token, "until": until}).first()
    return (value_of(Job, row), Lease(id, token, until)) if row else None


def is_held(tx: Connection, lease: Lease) -> bool:
    """Whether `lease` still holds its job."""
    return leases.is_held(tx, jobs, lease)


def apply(tx: Connection, lease: Lease, **values: Any) -> bool:
    """Write `values`; False when the lease was lost and the result must be dropped."""
    return leases.apply(tx, jobs, lease, **values)


def renew(tx: Connection, lease: Lease, *, now: datetime, lasting: timedelta) -> Lease | None:
    """The same lease, lasting from `now`; None when it was lost."""
    return leases.renew(tx, jobs, lease, now=now, lasting=lasting)


def release(tx: Connection, lease: Lease, **values: Any) -> bool:
    """Write `values` and give the job back; False when the lease was lost."""
    return leases.release(tx, jobs, lease, **values)


def change(tx: Connection, id: str, **values: Any) -> None:  # noqa: A002 - the column's name.
    """Write what a verb may change on any job: a wish to cancel, the archive flag."""
    tx.execute(_CHANGE, {"wanted": id, **values})


def change_tree(tx: Connection, root: str, **values: Any) -> None:
    """Write `values` on everything below `root` that has not ended."""
    tx.execute(update(jobs).where(jobs.c.root == root, jobs.c.status.not_in(TERMINAL)).values(**values))


def free_all(tx: Connection) -> None:
    """Drop every lease, at the start of the server."""
    leases.free_all(tx, jobs)
