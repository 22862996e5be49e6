"""What will start deliveries: pushes that wait for a run to end, schedules, and how far the journal was read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, insert, select, update

from pratique.store.rows import insert_over, values_of
from pratique.store.schema import delivery_runs, delivery_schedules, delivery_waits, trigger_positions


@dataclass(frozen=True)
class Waiting:
    """Pushes to one branch that start one run together, when the present one has ended."""

    delivery: int
    branch: str
    version: str
    created_at: datetime
    created_by: Mapping[str, Any]


@dataclass(frozen=True)
class Scheduled:
    """One schedule of one branch."""

    delivery: int
    branch: str
    position: int
    cron: str
    is_always: bool
    is_batched: bool
    due_at: datetime | None


def wait(tx: Connection, one: Waiting) -> None:
    """Write that a push waits; an earlier one of the same branch waits no more, because this one holds it."""
    insert_over(tx, delivery_waits, [dict(vars(one))], ("delivery", "branch"))


def ready_waits(tx: Connection) -> list[Waiting]:
    """Those of whose delivery no run of that branch goes on, oldest first."""
    running = exists().where(
        delivery_runs.c.delivery == delivery_waits.c.delivery,
        delivery_runs.c.branch == delivery_waits.c.branch,
        delivery_runs.c.status != "completed",
    )
    return values_of(Waiting, tx.execute(select(delivery_waits).where(~running).order_by(delivery_waits.c.created_at)))


def remove_wait(tx: Connection, one: Waiting) -> bool:
    """Remove one that has been served; False when a later push has taken its place."""
    table = delivery_waits.c
    gone = delete(delivery_waits).where(
        table.delivery == one.delivery, table.branch == one.branch, table.version == one.version
    )
    return bool(tx.execute(gone).rowcount)


def is_running(tx: Connection, delivery: int, branch: str) -> bool:
    """Whether a run of that branch goes on."""
    table = delivery_runs.c
    wanted = select(table.id).where(table.delivery == delivery, table.branch == branch, table.status != "completed")
    return tx.execute(wanted.limit(1)).first() is not None


def write_schedules(tx: Connection, delivery_id: int, branch: str, found: Sequence[Scheduled]) -> None:
    """Let these be the schedules of a branch; one that has not changed stays due when it was."""
    table = delivery_schedules.c
    own = (table.delivery == delivery_id) & (table.branch == branch)
    known = {
        (one.position, one.cron): one for one in values_of(Scheduled, tx.execute(select(delivery_schedules).where(own)))
    }
    tx.execute(delete(delivery_schedules).where(own))
    for one in found:
        before = known.get((one.position, one.cron))
        due = before.due_at if before else one.due_at
        tx.execute(insert(delivery_schedules).values(**{**vars(one), "due_at": due}))


def due(tx: Connection, *, now: datetime) -> list[Scheduled]:
    """The schedules whose time has come, the longest due first."""
    wanted = select(delivery_schedules).where(delivery_schedules.c.due_at <= now).order_by(delivery_schedules.c.due_at)
    return values_of(Scheduled, tx.execute(wanted.limit(100)))


def schedules_of(tx: Connection, delivery_id: int) -> list[Scheduled]:
    """The schedules of one delivery, by branch."""
    table = delivery_schedules.c
    wanted = select(delivery_schedules).where(table.delivery == delivery_id).order_by(table.branch, table.position)
    return values_of(Scheduled, tx.execute(wanted))


def postpone(tx: Connection, one: Scheduled, *, until: datetime | None) -> bool:
    """Write when a schedule is due next; False when somebody else was faster."""
    table = delivery_schedules.c
    changed = update(delivery_schedules).where(
        table.delivery == one.delivery,
        table.branch == one.branch,
        table.position == one.position,
        table.due_at == one.due_at,
    )
    return bool(tx.execute(changed.values(due_at=until)).rowcount)


def last_version(tx: Connection, delivery_id: int, branch: str, *, reason: str) -> str:
    """The commit of the last run with that reason which succeeded; empty when there is none."""
    table = delivery_runs.c
    wanted = select(table.version).where(
        table.delivery == delivery_id, table.branch == branch, table.reason == reason,
        table.result.in_(("succeeded", "partiallySucceeded")),
    )  # fmt: skip
    return str(tx.execute(wanted.order_by(table.id.desc()).limit(1)).scalar() or "")


def position(tx: Connection, name: str) -> int | None:
    """The number of the last event that was read under that name; None before the first."""
    row = tx.execute(select(trigger_positions.c.sequence).where(trigger_positions.c.name == name)).first()
    return int(row.sequence) if row else None


def write_position(tx: Connection, name: str, sequence: int) -> None:
    """Remember how far the journal was read."""
    insert_over(tx, trigger_positions, [{"name": name, "sequence": sequence}], ("name",))
