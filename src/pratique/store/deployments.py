"""Online deployments: a model behind an endpoint, and the replica that answers for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from pratique.store.rows import value_of, values_of
from pratique.store.schema import online_deployments


@dataclass(frozen=True)
class OnlineDeployment:
    """One deployment."""

    id: str
    endpoint_id: str
    workspace: str
    endpoint: str
    name: str
    spec: Mapping[str, Any]
    resolved: Mapping[str, Any]
    all_traffic: bool
    provisioning_state: str
    error: Mapping[str, Any] | None
    generation: int
    applied: int
    restarts: int
    timings: Mapping[str, float]
    created_at: datetime
    updated_at: datetime
    created_by: Mapping[str, Any]


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
    return values_of(
        OnlineDeployment, tx.execute(select(online_deployments).order_by(online_deployments.c.id))
    )


def change(tx: Connection, id: str, **values: Any) -> None:  # noqa: A002 - the column's name.
    """Write `values` on one deployment."""
    tx.execute(update(online_deployments).where(online_deployments.c.id == id).values(**values))


def apply(tx: Connection, deployment: OnlineDeployment, **values: Any) -> bool:
    """Write `values` if the wish is still the one that was worked on; False when somebody changed it since."""
    same = (online_deployments.c.id == deployment.id) & (
        online_deployments.c.generation == deployment.generation
    )
    return bool(tx.execute(update(online_deployments).where(same).values(**values)).rowcount)


def remove(tx: Connection, id: str) -> None:  # noqa: A002 - the column's name.
    """Remove one deployment."""
    tx.execute(delete(online_deployments).where(online_deployments.c.id == id))
