"""Workspaces: what keeps dev, qa and production apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from pratique.store.rows import value_of, values_of
from pratique.store.schema import holdings, workspaces

_TRACKING: Final = select(workspaces.c.tracking).where(workspaces.c.name == bindparam("wanted"))
_BY_NAME: Final = select(workspaces).where(workspaces.c.name == bindparam("wanted"))


@dataclass(frozen=True)
class Workspace:
    """One workspace."""

    name: str
    resource_group: str
    location: str
    display_name: str
    description: str
    tags: Mapping[str, str]
    created_at: datetime
    created_by: Mapping[str, Any]
    tracking: str = ""
    """What MLflow knows it by; given when it is written, and never to another workspace, also of the same name."""


def new_tracking(name: str) -> str:
    """What MLflow shall know a new workspace called `name` by."""
    return f"{name}-{token_hex(8)}"


PROMOTION: Final = "pratique.promotion"
"""The tag that says what a workspace takes."""
APPROVED_ONLY: Final = "approved-only"


def is_approved_only(tags: Mapping[str, str]) -> bool:
    """Whether a workspace with these tags takes only what was approved."""
    return str(tags.get(PROMOTION, "")).strip().lower() == APPROVED_ONLY


REQUIRE_REASON: Final = "pratique.require-reason"
"""The tag that says whether whoever changes something in a workspace says why."""


def asks_for_reasons(tags: Mapping[str, str]) -> bool:
    """Whether a workspace with these tags asks for reasons."""
    return str(tags.get(REQUIRE_REASON, "")).strip().lower() == "true"


def add(tx: Connection, workspace: Workspace) -> None:
    """Write a new workspace; one without a `tracking` gets it here."""
    tracking = workspace.tracking or new_tracking(workspace.name)
    tx.execute(insert(workspaces).values(**{**vars(workspace), "tracking": tracking}))


def change(tx: Connection, workspace: Workspace) -> None:
    """Write a workspace over the one of its name; its `tracking` stays."""
    values = {column: value for column, value in vars(workspace).items() if column != "tracking"}
    tx.execute(update(workspaces).where(workspaces.c.name == workspace.name).values(**values))


def tracking_of(tx: Connection, name: str) -> str | None:
    """What MLflow knows the workspace called `name` by."""
    tracking: str | None = tx.execute(_TRACKING, {"wanted": name}).scalar()
    return tracking


def get(tx: Connection, name: str) -> Workspace | None:
    """The workspace called `name`."""
    row = tx.execute(_BY_NAME, {"wanted": name}).first()
    return value_of(Workspace, row) if row else None


def every(tx: Connection) -> list[Workspace]:
    """All workspaces, by name."""
    return values_of(Workspace, tx.execute(select(workspaces).order_by(workspaces.c.name)))


def in_group(tx: Connection, group: str) -> list[Workspace]:
    """The workspaces of one resource group, by name."""
    wanted = select(workspaces).where(workspaces.c.resource_group == group).order_by(workspaces.c.name)
    return values_of(Workspace, tx.execute(wanted))


def remove(tx: Connection, name: str) -> None:
    """Remove a workspace with everything that its rows own."""
    tx.execute(delete(holdings).where(holdings.c.workspace == name))
    tx.execute(delete(workspaces).where(workspaces.c.name == name))
