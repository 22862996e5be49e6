"""Which delivery may use which variable group, service connection, environment or repository."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, select

from pratique.store.rows import insert_new, values_of
from pratique.store.schema import delivery_permissions

GROUP: Final = "variable_group"
CONNECTION: Final = "service_connection"
ENVIRONMENT: Final = "environment"
REPOSITORY: Final = "repository"
"""A repository of another project, to be read."""
PUSH: Final = "repository_push"
"""A repository to push to."""
KINDS: Final = (GROUP, CONNECTION, ENVIRONMENT, REPOSITORY, PUSH)


@dataclass(frozen=True)
class DeliveryPermission:
    """One delivery may use one thing."""

    kind: str
    resource: str
    """The id of the thing, as text."""
    delivery: int
    created_at: datetime
    created_by: Mapping[str, Any]


def put(tx: Connection, permission: DeliveryPermission) -> None:
    """Write a permission; one which is there stays."""
    insert_new(tx, delivery_permissions, [vars(permission)], ["kind", "resource", "delivery"])


def of(tx: Connection, kind: str, resource: str) -> list[DeliveryPermission]:
    """Every permission of one thing, by delivery."""
    table = delivery_permissions.c
    wanted = select(delivery_permissions).where(table.kind == kind, table.resource == resource)
    return values_of(DeliveryPermission, tx.execute(wanted.order_by(table.delivery)))


def is_given(tx: Connection, kind: str, resource: str, delivery: int) -> bool:
    """Whether the delivery may use the thing."""
    table = delivery_permissions.c
    here = (table.kind == kind, table.resource == resource, table.delivery == delivery)
    return tx.execute(select(table.delivery).where(*here)).first() is not None


def remove(tx: Connection, kind: str, resource: str, delivery: int) -> None:
    """Take a permission away."""
    table = delivery_permissions.c
    here = (table.kind == kind, table.resource == resource, table.delivery == delivery)
    tx.execute(delete(delivery_permissions).where(*here))


def forget(tx: Connection, kind: str, resource: str) -> None:
    """Take every permission of a thing away, because it is gone."""
    table = delivery_permissions.c
    tx.execute(delete(delivery_permissions).where(table.kind == kind, table.resource == resource))
