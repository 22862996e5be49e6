"""What the platform was asked to find out about versions of models: whether they convert, bear much, run code.

Queued ──► Running ──► Completed, with a report
              └──────► Failed, with the reason
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, insert, select, update

from pratique.store import leases
from pratique.store.leases import Lease
from pratique.store.rows import value_of
from pratique.store.schema import examinations

Kind = Literal["conversion", "profile", "scan"]
ENDED: Final = ("Completed", "Failed")


@dataclass(frozen=True)
class Examination:
    """One question about one version, and its answer."""

    id: str
    workspace: str
    version_id: str
    kind: Kind
    settings: Mapping[str, Any]
    status: str
    progress: str
    """What it is at, in words."""
    report: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    created_by: Mapping[str, Any]

    @property
    def is_terminal(self) -> bool:
        """Whether there is an answer."""
        return self.status in ENDED


def add(tx: Connection, examination: Examination) -> None:
    """Write a new one."""
    tx.execute(insert(examinations).values(**vars(examination)))


def by_id(tx: Connection, id: str) -> Examination | None:  # noqa: A002 - the column's name.
    """The examination with that id."""
    row = tx.execute(select(examinations).where(examinations.c.id == id)).first()
    return value_of(Examination, row) if row else None


def newest(tx: Connection, version_id: str, kind: Kind) -> Examination | None:
    """The last one of that kind that was asked for."""
    table = examinations.c
    wanted = select(examinations).where(table.version_id == version_id, table.kind == kind)
    row = tx.execute(wanted.order_by(table.created_at.desc(), table.id.desc()).limit(1)).first()
    return value_of(Examination, row) if row else None


def any_waiting(tx: Connection, *, now: datetime) -> bool:
    """Whether `claim` would find one."""
    return leases.any_free(tx, examinations, _is_open(), now=now)


def claim(tx: Connection, *, now: datetime, lasting: timedelta) -> tuple[Examination, Lease] | None:
    """Claim the oldest that nobody works on; one that was begun and left is begun again."""
    lease = leases.claim(tx, examinations, _is_open(), now=now, lasting=lasting)
    if lease is None:
        return None
    tx.execute(update(examinations).where(examinations.c.id == lease.id).values(status="Running", started_at=now))
    found = by_id(tx, lease.id)
    return (found, lease) if found else None


def renew(tx: Connection, lease: Lease, *, now: datetime, lasting: timedelta) -> bool:
    """Let the lease last from `now`; False when it was lost."""
    return leases.renew(tx, examinations, lease, now=now, lasting=lasting) is not None


def tell(tx: Connection, lease: Lease, progress: str) -> bool:
    """Write what it is at; False when the lease was lost."""
    return leases.apply(tx, examinations, lease, progress=progress[:1000])


def finish(tx: Connection, lease: Lease, **values: Any) -> bool:
    """Write the outcome; False when the lease was lost and the result must be dropped."""
    return leases.release(tx, examinations, lease, **values)


def free_all(tx: Connection) -> None:
    """Drop every lease, at the start of the server."""
    leases.free_all(tx, examinations)


def _is_open() -> ColumnElement[bool]:
    return examinations.c.status.not_in(ENDED)
