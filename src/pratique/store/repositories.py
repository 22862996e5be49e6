"""Rows of Git repositories, their refs as they were last seen, and the pushes to them.

    Receiving ──the refs have moved──► Received ──what follows was decided──► Decided
        └── nothing came of it ──► Void

A push is written before git is let loose and again when it is done. One that
stays `Receiving` was cut off with the server; its refs are compared then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection, delete, insert, select, update

from pratique.store import leases
from pratique.store.git import NOTHING
from pratique.store.leases import Lease
from pratique.store.rows import insert_over, value_of, values_of
from pratique.store.schema import pushes, repositories, repository_refs

State = Literal["Receiving", "Received", "Decided", "Void"]
TOPIC: Final = "pushing"
"""Of writes that say only that a push begins: nothing follows from that."""


@dataclass(frozen=True)
class Repository:
    """One repository."""

    id: str
    project: str
    name: str
    default_branch: str
    denies_force: bool
    denies_deletes: bool
    created_at: datetime
    updated_at: datetime
    created_by: Mapping[str, Any]
    source: str = ""
    """What it follows, a path or a URL; empty: people push to it."""
    source_login: str = ""
    """Sealed USER:SECRET for the source; empty: it needs none."""
    look_at: datetime | None = None
    """When the source is looked at again."""
    problem: str = ""
    """Why the last look at the source brought nothing; empty when it did."""

    @property
    def login_context(self) -> str:
        """What its login is sealed for."""
        return f"repositories/{self.id}/login"


@dataclass(frozen=True)
class RefUpdate:
    """One ref that moves; 40 zeros are no object."""

    name: str
    old: str
    new: str

    @property
    def is_deletion(self) -> bool:
        return not self.new.strip("0")

    @property
    def is_creation(self) -> bool:
        return not self.old.strip("0")


@dataclass(frozen=True)
class Push:
    """One push."""

    id: str
    repository: str
    state: State
    wished: Sequence[Mapping[str, str]]
    updates: Sequence[Mapping[str, str]]
    decisions: Sequence[Mapping[str, Any]]
    created_at: datetime
    received_at: datetime | None
    created_by: Mapping[str, Any]

    @property
    def moved(self) -> tuple[RefUpdate, ...]:
        """What came of it."""
        return tuple(RefUpdate(**one) for one in self.updates)

    @property
    def wanted(self) -> tuple[RefUpdate, ...]:
        """What was asked for."""
        return tuple(RefUpdate(**one) for one in self.wished)


def add(tx: Connection, repository: Repository) -> None:
    """Write a new repository."""
    tx.execute(insert(repositories).values(**vars(repository)))


def change(tx: Connection, repository: Repository) -> None:
    """Write a repository over the one of its id."""
    tx.execute(update(repositories).where(repositories.c.id == repository.id).values(**vars(repository)))


def get(tx: Connection, project: str, name: str) -> Repository | None:
    """The repository called `name` in a project."""
    wanted = select(repositories).where(repositories.c.project == project, repositories.c.name == name)
    row = tx.execute(wanted).first()
    return value_of(Repository, row) if row else None


def by_id(tx: Connection, id: str) -> Repository | None:  # noqa: A002 - the column's name.
    """The repository with that id."""
    row = tx.execute(select(repositories).where(repositories.c.id == id)).first()
    return value_of(Repository, row) if row else None


def every(tx: Connection, project: str | None = None) -> list[Repository]:
    """The repositories of a project, or all, by name."""
    wanted = select(repositories).order_by(repositories.c.project, repositories.c.name)
    if project is not None:
        wanted = wanted.where(repositories.c.project == project)
    return values_of(Repository, tx.execute(wanted))


def due(tx: Connection, *, now: datetime) -> Repository | None:
    """The repository whose source has waited longest to be looked at; None when none is due."""
    wanted = select(repositories).where(repositories.c.look_at <= now).order_by(repositories.c.look_at).limit(1)
    row = tx.execute(wanted).first()
    return value_of(Repository, row) if row else None


def choose_default(tx: Connection, id: str, branch: str) -> None:  # noqa: A002 - the column's name.
    """Make `branch`, a full ref, the default."""
    tx.execute(update(repositories).where(repositories.c.id == id).values(default_branch=branch))


def looked(tx: Connection, id: str, *, look_at: datetime, problem: str) -> None:  # noqa: A002 - the column's name.
    """Write what came of a look at the source, and when the next one is."""
    tx.execute(update(repositories).where(repositories.c.id == id).values(look_at=look_at, problem=problem))


def remove(tx: Connection, id: str) -> None:  # noqa: A002 - the column's name.
    """Remove a repository with its refs and pushes."""
    tx.execute(delete(repositories).where(repositories.c.id == id))


def refs(tx: Connection, repository: str) -> dict[str, str]:
    """Ref → object, as last seen."""
    table = repository_refs.c
    wanted = select(table.name, table.object).where(table.repository == repository)
    return {row.name: row.object for row in tx.execute(wanted)}


def write_refs(tx: Connection, repository: str, found: Mapping[str, str]) -> None:
    """Write that these refs are there now, with their objects; `NOTHING` for one that is not."""
    rows = [{"repository": repository, "name": name, "object": one} for name, one in found.items() if one != NOTHING]
    insert_over(tx, repository_refs, rows, ("repository", "name"))
    for name in (name for name, one in found.items() if one == NOTHING):
        table = repository_refs.c
        tx.execute(delete(repository_refs).where(table.repository == repository, table.name == name))


def add_push(tx: Connection, push: Push) -> None:
    """Write a new push."""
    tx.execute(insert(pushes).values(**vars(push)))


def change_push(tx: Connection, id: str, **values: Any) -> None:  # noqa: A002 - the column's name.
    """Write `values` on one push."""
    tx.execute(update(pushes).where(pushes.c.id == id).values(**values))


def push(tx: Connection, id: str) -> Push | None:  # noqa: A002 - the column's name.
    """The push with that id."""
    row = tx.execute(select(pushes).where(pushes.c.id == id)).first()
    return value_of(Push, row) if row else None


def pushes_of(tx: Connection, repository: str, *, limit: int = 100) -> list[Push]:
    """The newest pushes to a repository, newest first."""
    wanted = select(pushes).where(pushes.c.repository == repository).order_by(pushes.c.id.desc()).limit(limit)
    return values_of(Push, tx.execute(wanted))


def unfinished(tx: Connection, repository: str) -> list[Push]:
    """The pushes to a repository of which nobody has written the end, oldest first."""
    wanted = select(pushes).where(pushes.c.repository == repository, pushes.c.state == "Receiving")
    return values_of(Push, tx.execute(wanted.order_by(pushes.c.id)))


_UNDECIDED: Final = pushes.c.state == "Received"


def any_undecided(tx: Connection, *, now: datetime) -> bool:
    """Whether a push waits for somebody to decide what follows."""
    return leases.any_free(tx, pushes, _UNDECIDED, now=now)


def claim_undecided(tx: Connection, *, now: datetime, lasting: timedelta) -> tuple[Push, Lease] | None:
    """Claim the oldest push of which nobody has decided what follows."""
    lease = leases.claim(tx, pushes, _UNDECIDED, now=now, lasting=lasting)
    found = push(tx, lease.id) if lease else None
    return (found, lease) if found and lease else None


def decide(tx: Connection, lease: Lease, decisions: Sequence[Mapping[str, Any]]) -> bool:
    """Write what follows from a push; False when the lease was lost."""
    return leases.release(tx, pushes, lease, state="Decided", decisions=list(decisions))


def postpone(tx: Connection, lease: Lease, *, until: datetime) -> bool:
    """Give a push back for later; False when the lease was lost."""
    return leases.postpone(tx, pushes, lease, until=until)


def free_all(tx: Connection) -> None:
    """Drop every lease; only for the start of the one server of a home."""
    leases.free_all(tx, pushes)
