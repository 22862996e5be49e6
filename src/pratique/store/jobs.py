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

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy import or_ as either

from pratique.store import leases
from pratique.store.leases import Lease
from pratique.store.rows import batches, value_of, values_of
from pratique.store.schema import jobs

TOPIC: Final = "jobs"
"""What a commit that touches jobs alone is about."""
TERMINAL: Final = ("Completed", "Failed", "Canceled")
WAITING: Final = ("NotStarted", "Queued")
UNFINISHED: Final = (*WAITING, "Preparing", "Starting", "Running", "Finalizing")


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


def by_id(tx: Connection, id: str) -> Job | None:  # noqa: A002 - the column's name.
    """The job with that id."""
    row = tx.execute(select(jobs).where(jobs.c.id == id)).first()
    return value_of(Job, row) if row else None


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
    columns = (jobs.c.id, jobs.c.parent, jobs.c.step, jobs.c.type, jobs.c.status, jobs.c.cancel_requested)
    return values_of(Stage, tx.execute(select(*columns).where(jobs.c.root == root)))


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
    wanted = jobs.c.parent.is_(None) & (jobs.c.type == "pipeline") & jobs.c.status.in_(statuses)
    return leases.oldest_free(tx, jobs, wanted, now=now)


def begun_and_free(tx: Connection, *, now: datetime) -> str | None:
    """The oldest command that an earlier engine has begun and nobody goes on with, by id."""
    wanted = (jobs.c.type == "command") & jobs.c.status.not_in((*WAITING, *TERMINAL))
    return leases.oldest_free(tx, jobs, wanted, now=now)


def canceled_in_queue(tx: Connection, *, now: datetime) -> str | None:
    """The oldest command that still waits and is no longer wanted, by id."""
    wanted = (jobs.c.type == "command") & (jobs.c.status == "Queued") & jobs.c.cancel_requested.is_(True)
    return leases.oldest_free(tx, jobs, wanted, now=now)


@dataclass(frozen=True)
class Waiting:
    """A command in the queue, with what it would take of the machine."""

    id: str
    cores: float
    memory: int
    created_at: datetime


def queue(tx: Connection, *, limit: int, now: datetime) -> list[Waiting]:
    """Up to `limit` commands that wait for their turn, oldest first."""
    wanted = (jobs.c.type == "command") & (jobs.c.status == "Queued") & leases.is_free(jobs, now)
    rows = select(jobs.c.id, jobs.c.cores, jobs.c.memory, jobs.c.created_at).where(wanted)
    return values_of(Waiting, tx.execute(rows.order_by(jobs.c.created_at, jobs.c.id).limit(limit)))


def taken(tx: Connection, *, now: datetime) -> tuple[float, int, int]:
    """Cores, bytes and number of the commands that have begun and not come to storing what they made."""
    runs = jobs.c.status.in_(("Preparing", "Starting", "Running"))
    begins = (jobs.c.status == "Queued") & ~leases.is_free(jobs, now)
    wanted = (jobs.c.type == "command") & either(runs, begins)
    row = tx.execute(
        select(
            func.coalesce(func.sum(jobs.c.cores), 0.0), func.coalesce(func.sum(jobs.c.memory), 0), func.count()
        ).where(wanted)
    ).one()
    return float(row[0]), int(row[1]), int(row[2])


def claim(tx: Connection, id: str, *, now: datetime, lasting: timedelta) -> tuple[Job, Lease] | None:  # noqa: A002
    """Claim one job that is free and has not ended; None when somebody was faster."""
    wanted = (jobs.c.id == id) & jobs.c.status.not_in(TERMINAL)
    lease = leases.claim(tx, jobs, wanted, now=now, lasting=lasting)
    job = by_id(tx, lease.id) if lease else None
    return (job, lease) if job and lease else None


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
    tx.execute(update(jobs).where(jobs.c.id == id).values(**values))


def change_tree(tx: Connection, root: str, **values: Any) -> None:
    """Write `values` on everything below `root` that has not ended."""
    tx.execute(update(jobs).where(jobs.c.root == root, jobs.c.status.not_in(TERMINAL)).values(**values))


def free_all(tx: Connection) -> None:
    """Drop every lease, at the start of the server."""
    leases.free_all(tx, jobs)


def change_unclaimed(tx: Connection, id: str, **values: Any) -> bool:  # noqa: A002 - the column's name.
    """Write `values` unless somebody works on the job; False when somebody does."""
    changed = update(jobs).where(jobs.c.id == id, jobs.c.lease_token.is_(None)).values(**values)
    return bool(tx.execute(changed).rowcount)
