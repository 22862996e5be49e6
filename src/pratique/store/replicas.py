"""Replicas: one row for each process that should answer for a revision of a deployment.

    Starting ──ready──► Ready ──fails its readiness probe──► Unready ──answers──► Ready
        ▲                 └──ends──► Down
        └──started again──────────────┘

Written by the deployer while it brings a revision up, and by the watcher from
then on; see `engine.deployments` and `engine.watcher`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from pratique.store.rows import values_of
from pratique.store.schema import replicas

State = Literal["Starting", "Ready", "Unready", "Down"]


@dataclass(frozen=True)
class Replica:
    """One replica."""

    deployment_id: str
    revision: int
    slot: int
    start: int
    state: State
    falls: int
    restarts: int
    error: Mapping[str, Any] | None
    changed_at: datetime


def add(tx: Connection, replica: Replica) -> None:
    """Write a new replica."""
    tx.execute(insert(replicas).values(**vars(replica)))


def of_deployment(tx: Connection, deployment_id: str) -> list[Replica]:
    """Every replica of a deployment, by revision and slot."""
    wanted = select(replicas).where(replicas.c.deployment_id == deployment_id)
    return values_of(Replica, tx.execute(wanted.order_by(replicas.c.revision, replicas.c.slot)))


def by_deployment(tx: Connection) -> dict[str, list[Replica]]:
    """Every replica of every deployment, by revision and slot."""
    found: dict[str, list[Replica]] = {}
    rows = tx.execute(select(replicas).order_by(replicas.c.deployment_id, replicas.c.revision, replicas.c.slot))
    for replica in values_of(Replica, rows):
        found.setdefault(replica.deployment_id, []).append(replica)
    return found


def change(tx: Connection, replica: Replica, *, now: datetime, among: Collection[State] = (), **values: Any) -> bool:
    """Write `values`; False when the replica is gone or another start of it counts by now.

    With `among`, also when its state is none of them.
    """
    same = _is(replica) & (replicas.c.start == replica.start)
    if among:
        same = same & replicas.c.state.in_(among)
    return bool(tx.execute(update(replicas).where(same).values(changed_at=now, **values)).rowcount)


def remove(tx: Connection, replica: Replica) -> None:
    """Remove one replica."""
    tx.execute(delete(replicas).where(_is(replica)))


def remove_revision(tx: Connection, deployment_id: str, revision: int) -> None:
    """Remove the replicas of one revision."""
    same = and_(replicas.c.deployment_id == deployment_id, replicas.c.revision == revision)
    tx.execute(delete(replicas).where(same))


def _is(replica: Replica) -> ColumnElement[bool]:
    return and_(
        replicas.c.deployment_id == replica.deployment_id,
        replicas.c.revision == replica.revision,
        replicas.c.slot == replica.slot,
    )
