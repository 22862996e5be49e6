"""Online endpoints: a name, its keys, and how its traffic is split."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update

from pratique.store.rows import value_of, values_of
from pratique.store.schema import online_endpoints
from pratique.store.stored import Shape, remembered


@dataclass(frozen=True)
class OnlineEndpoint:
    """One endpoint; its keys are sealed."""

    id: str
    workspace: str
    name: str
    spec: Mapping[str, Any]
    traffic: Mapping[str, int]
    mirror_traffic: Mapping[str, int]
    primary_key: str
    secondary_key: str
    provisioning_state: str
    error: Mapping[str, Any] | None
    generation: int
    applied: int
    created_at: datetime
    updated_at: datetime
    created_by: Mapping[str, Any]


_STORED: Final = Shape(OnlineEndpoint, online_endpoints)


def add(tx: Connection, endpoint: OnlineEndpoint) -> None:
    """Write a new endpoint."""
    tx.execute(insert(online_endpoints).values(**vars(endpoint)))


def get(tx: Connection, workspace: str, name: str) -> OnlineEndpoint | None:
    """The endpoint called `name`."""
    wanted = select(online_endpoints).where(online_endpoints.c.workspace == workspace, online_endpoints.c.name == name)
    row = tx.execute(wanted).first()
    return value_of(OnlineEndpoint, row) if row else None


def by_id(tx: Connection, id: str) -> OnlineEndpoint | None:  # noqa: A002 - the column's name.
    """The endpoint with that id."""
    row = tx.execute(select(online_endpoints).where(online_endpoints.c.id == id)).first()
    return value_of(OnlineEndpoint, row) if row else None


def in_workspace(tx: Connection, workspace: str) -> list[OnlineEndpoint]:
    """The endpoints of a workspace, by name."""
    wanted = select(online_endpoints).where(online_endpoints.c.workspace == workspace)
    return values_of(OnlineEndpoint, tx.execute(wanted.order_by(online_endpoints.c.name)))


def every(tx: Connection) -> list[OnlineEndpoint]:
    """The endpoints of all workspaces; one that is as it was at the last look is the same value."""
    wanted = select(*_STORED.columns(online_endpoints))
    rows = tx.execute(wanted.order_by(online_endpoints.c.workspace, online_endpoints.c.name))
    return [*map(remembered, _STORED.rows(rows))]


def change(tx: Connection, id: str, **values: Any) -> None:  # noqa: A002 - the column's name.
    """Write `values` on one endpoint."""
    tx.execute(update(online_endpoints).where(online_endpoints.c.id == id).values(**values))


def wish(tx: Connection, id: str, *, now: datetime, **values: Any) -> None:  # noqa: A002 - the column's name.
    """Write `values` that the gateway has to follow: the generation rises with them."""
    change(tx, id, generation=online_endpoints.c.generation + 1, updated_at=now, **values)


def remove(tx: Connection, id: str) -> None:  # noqa: A002 - the column's name.
    """Remove an endpoint with its deployments."""
    tx.execute(delete(online_endpoints).where(online_endpoints.c.id == id))
