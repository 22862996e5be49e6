"""Online deployments: a model behind an endpoint.

`spec` is what is wished and `applied_spec` what is served; `generation` counts
the wishes. `revision` is the generation that last changed what runs, so a wish
for more replicas or another limit keeps it; `applied` is the revision that the
doors lead to, 0 for none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from pratique.store import leases
from pratique.store.leases import Lease
from pratique.store.rows import value_of, values_of
from pratique.store.schema import online_deployments, replicas
from pratique.store.stored import Shape, remembered


@dataclass(frozen=True)
class ServedDeployment:
    """What is served of one deployment, for those who look at all of them, again and again."""

    id: str
    endpoint_id: str
    workspace: str
    endpoint: str
    name: str
    provisioning_state: str
    error: Mapping[str, Any] | None
    revision: int
    applied: int
    applied_spec: Mapping[str, Any]
    retire_at: datetime | None

    @property
    def is_going(self) -> bool:
        """Whether it is being deleted."""
        return self.provisioning_state == "Deleting"

    @property
    def is_in_work(self) -> bool:
        """Whether something else is wished of it than what is served."""
        return self.provisioning_state in ("Creating", "Updating")

    @property
    def applied_instances(self) -> int:
        """How many replicas should serve now."""
        return int(self.applied_spec.get("instance_count") or 1)

    def serves(self, revision: int, slot: int) -> bool:
        """Whether the replica in that slot of that revision should serve now."""
        return revision == self.applied and slot < self.applied_instances


@dataclass(frozen=True)
class OnlineDeployment(ServedDeployment):
    """One deployment."""

    spec: Mapping[str, Any]
    resolved: Mapping[str, Any]
    all_traffic: bool
    generation: int
    timings: Mapping[str, float]
    created_at: datetime
    updated_at: datetime
    created_by: Mapping[str, Any]

    @property
    def is_settled(self) -> bool:
        """Whether nobody works on it: what is wished is served, or could not be."""
        return self.provisioning_state in ("Succeeded", "Failed")

    @property
    def instances(self) -> int:
        """How many replicas are wished."""
        return int(self.spec.get("instance_count") or 1)


_SERVED: Final = Shape(ServedDeployment, online_deployments)


def add(tx: Connection, deployment: OnlineDeployment) -> None:
    """Write a new deployment."""
    tx.execute(insert(online_deployments).values(**vars(deployment)))


def get(tx: Connection, endpoint_id: str, name: str) -> OnlineDeployment | None:
    """The deployment called `name` of one endpoint."""
    wanted = select(online_deployments).where(
        online_deployments.c.endpoint_id == endpoint_id, online_deployments.c.name == name
    )
    row = tx.execute(wanted).first()
    return value_of(OnlineDeployment, row) if row else None


def by_id(tx: Connection, id: str) -> OnlineDeployment | None:  # noqa: A002 - the column's name.
    """The deployment with that id."""
    row = tx.execute(select(online_deployments).where(online_deployments.c.id == id)).first()
    return value_of(OnlineDeployment, row) if row else None


def of_endpoint(tx: Connection, endpoint_id: str) -> list[OnlineDeployment]:
    """The deployments of one endpoint, by name."""
    wanted = select(online_deployments).where(online_deployments.c.endpoint_id == endpoint_id)
    return values_of(OnlineDeployment, tx.execute(wanted.order_by(online_deployments.c.name)))


def in_workspace(tx: Connection, workspace: str) -> list[OnlineDeployment]:
    """The deployments of a workspace."""
    wanted = select(online_deployments).where(online_deployments.c.workspace == workspace)
    order = (online_deployments.c.endpoint, online_deployments.c.name)
    return values_of(OnlineDeployment, tx.execute(wanted.order_by(*order)))


def every(tx: Connection) -> list[OnlineDeployment]:
    """The deployments of all workspaces, oldest first."""
    return values_of(OnlineDeployment, tx.execute(select(online_deployments).order_by(online_deployments.c.id)))


def served(tx: Connection) -> list[ServedDeployment]:
    """What is served of every deployment, oldest first."""
    wanted = select(*_SERVED.columns(online_deployments)).order_by(online_deployments.c.id)
    return [*map(remembered, _SERVED.rows(tx.execute(wanted)))]


def change(tx: Connection, id: str, **values: Any) -> None:  # noqa: A002 - the column's name.
    """Write `values` on one deployment."""
    tx.execute(update(online_deployments).where(online_deployments.c.id == id).values(**values))


def any_wished(tx: Connection, *, now: datetime) -> bool:
    """Whether `claim` would find a deployment."""
    return leases.any_free(tx, online_deployments, _is_wished(), now=now)


def claim(tx: Connection, *, now: datetime, lasting: timedelta) -> tuple[OnlineDeployment, Lease] | None:
    """Claim the oldest free deployment that is not yet as it is wished."""
    lease = leases.claim(tx, online_deployments, _is_wished(), now=now, lasting=lasting)
    deployment = by_id(tx, lease.id) if lease else None
    return (deployment, lease) if deployment and lease else None


def renew(tx: Connection, lease: Lease, *, now: datetime, lasting: timedelta) -> bool:
    """Let the lease last from `now`; False when it was lost."""
    return leases.renew(tx, online_deployments, lease, now=now, lasting=lasting) is not None


def release(tx: Connection, lease: Lease) -> None:
    """Give a deployment back."""
    leases.release(tx, online_deployments, lease)


def postpone(tx: Connection, lease: Lease, *, until: datetime) -> None:
    """Give a deployment back, to be tried again at `until`."""
    leases.postpone(tx, online_deployments, lease, until=until)


def is_held(tx: Connection, lease: Lease, deployment: OnlineDeployment) -> bool:
    """Whether `lease` still holds, and the wish is still the one that was claimed."""
    same = leases.held(online_deployments, lease) & (online_deployments.c.generation == deployment.generation)
    return tx.execute(select(online_deployments.c.id).where(same)).first() is not None


def free_all(tx: Connection) -> None:
    """Drop every lease, at the start of the server."""
    leases.free_all(tx, online_deployments)


def apply(tx: Connection, lease: Lease, deployment: OnlineDeployment, **values: Any) -> bool:
    """Write `values`; False when the lease was lost or the wish has changed since `deployment` was claimed."""
    same = leases.held(online_deployments, lease) & (online_deployments.c.generation == deployment.generation)
    values = values or {"generation": deployment.generation}
    return bool(tx.execute(update(online_deployments).where(same).values(**values)).rowcount)


def _is_wished() -> ColumnElement[bool]:
    return online_deployments.c.provisioning_state.in_(("Creating", "Updating", "Deleting"))


def wish_anew(tx: Connection) -> None:
    """Wish every deployment that was served or wished, as if its files and replicas had never been; for a restore."""
    tx.execute(delete(replicas))
    wanted = online_deployments.c.provisioning_state.not_in(("Deleting", "Failed")) | (online_deployments.c.applied > 0)
    tx.execute(
        update(online_deployments)
        .where(wanted & (online_deployments.c.provisioning_state != "Deleting"))
        .values(
            provisioning_state="Updating",
            error=None,
            generation=online_deployments.c.generation + 1,
            revision=online_deployments.c.generation + 1,
            applied=0,
            applied_spec={},
        )
    )


def remove(tx: Connection, id: str) -> None:  # noqa: A002 - the column's name.
    """Remove one deployment."""
    tx.execute(delete(online_deployments).where(online_deployments.c.id == id))
