"""Jobs: what was asked for, how far it is, and what came out.

NotStarted → Queued → Preparing → Starting → Running → Finalizing → Completed
               └────────┴──────────┴─────────┴──────────┴──► Failed | Canceled
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, insert, select, update

from pratique.store import leases
from pratique.store.leases import Lease
from pratique.store.rows import value_of, values_of
from pratique.store.schema import jobs

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

    @property
    def is_terminal(self) -> bool:
        """Whether nothing will move it again."""
        return self.status in TERMINAL


def add(tx: Connection, job: Job) -> None:
    """Write a new job."""
    tx.execute(insert(jobs).values(**vars(job)))


def get(tx: Connection, workspace: str, name: str) -> Job | None:
    """The job called `name`."""
    row = tx.execute(select(jobs).where(jobs.c.workspace == workspace, jobs.c.name == name)).first()
    return value_of(Job, row) if row else None


def by_id(tx: Connection, id: str) -> Job | None:  # noqa: A002 - the column's name.
    """The job with that id."""
    row = tx.execute(select(jobs).where(jobs.c.id == id)).first()
    return value_of(Job, row) if row else None


def newest(tx: Connection, workspace: str, *, limit: int, archived: bool = False) -> list[Job]:
    """Up to `limit` jobs of a workspace, newest first; archived ones only when asked for."""
    wanted = select(jobs).where(jobs.c.workspace == workspace)
    if not archived:
        wanted = wanted.where(jobs.c.is_archived.is_(False))
    return values_of(Job, tx.execute(wanted.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)))


def unfinished(tx: Connection) -> list[Job]:
    """Every job of every workspace that is not terminal, oldest first."""
    return values_of(Job, tx.execute(select(jobs).where(jobs.c.status.not_in(TERMINAL)).order_by(jobs.c.created_at)))


def any_free(tx: Connection, statuses: Sequence[str], *, now: datetime) -> bool:
    """Whether `claim` would find a job."""
    return leases.any_free(tx, jobs, jobs.c.status.in_(statuses), now=now)


def claim(tx: Connection, statuses: Sequence[str], *, now: datetime, lasting: timedelta) -> tuple[Job, Lease] | None:
    """Claim the oldest free job in one of `statuses`."""
    return _claim(tx, jobs.c.status.in_(statuses), now=now, lasting=lasting)


def any_canceled(tx: Connection, *, now: datetime) -> bool:
    """Whether `claim_canceled` would find a job."""
    return leases.any_free(tx, jobs, _is_canceled_in_queue(), now=now)


def claim_canceled(tx: Connection, *, now: datetime, lasting: timedelta) -> tuple[Job, Lease] | None:
    """Claim a job that still waits and is no longer wanted."""
    return _claim(tx, _is_canceled_in_queue(), now=now, lasting=lasting)


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


def free_all(tx: Connection) -> None:
    """Drop every lease, at the start of the server."""
    leases.free_all(tx, jobs)


def _claim(
    tx: Connection, wanted: ColumnElement[bool], *, now: datetime, lasting: timedelta
) -> tuple[Job, Lease] | None:
    lease = leases.claim(tx, jobs, wanted, now=now, lasting=lasting)
    job = by_id(tx, lease.id) if lease else None
    return (job, lease) if job and lease else None


def _is_canceled_in_queue() -> ColumnElement[bool]:
    return jobs.c.status.in_(WAITING) & jobs.c.cancel_requested.is_(True)
