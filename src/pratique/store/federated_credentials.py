"""Whom somebody else's issuer calls by a subject, and who that is here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from pratique.store.rows import values_of
from pratique.store.schema import federated_credentials


@dataclass(frozen=True)
class FederatedCredential:
    """A token of `issuer` for `audience` about `subject` proves that its bearer is `principal`."""

    id: str
    principal: str
    name: str
    issuer: str
    subject: str
    audience: str
    description: str
    created_at: datetime
    created_by: Mapping[str, Any]


def add(tx: Connection, credential: FederatedCredential) -> None:
    """Write a new one."""
    tx.execute(insert(federated_credentials).values(**vars(credential)))


def of_principal(tx: Connection, principal: str) -> list[FederatedCredential]:
    """Those of one principal, by name."""
    table = federated_credentials
    wanted = select(table).where(table.c.principal == principal).order_by(table.c.name)
    return values_of(FederatedCredential, tx.execute(wanted))


def remove(tx: Connection, id: str) -> None:  # noqa: A002 - the column's name.
    """Forget one."""
    tx.execute(delete(federated_credentials).where(federated_credentials.c.id == id))
