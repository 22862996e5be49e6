"""Variable groups: values under names for the runs of a project, their own or secrets of a vault."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from pratique.store.rows import insert_over, value_of, values_of
from pratique.store.schema import group_variables, variable_groups

VALUE: Final = "variable-groups/{group_id}/{key}"
"""What the value of a secret variable is bound to."""


@dataclass(frozen=True)
class VariableGroup:
    """One group."""

    id: int
    project: str
    name: str
    description: str
    vault: str | None
    """The vault that its variables are secrets of; None: it has values of its own."""
    is_for_all: bool
    """Whether every delivery of the project may read it."""
    created_at: datetime
    updated_at: datetime
    created_by: Mapping[str, Any]


@dataclass(frozen=True)
class GroupVariable:
    """One variable of a group; one of a vault has its name only."""

    group_id: int
    key: str
    """Its name in lower case."""
    name: str
    is_secret: bool
    value: str
    """Of one that is no secret."""
    sealed: str
    """Of a secret; empty for one of a vault."""

    @property
    def context(self) -> str:
        """What its value is bound to."""
        return VALUE.format(group_id=self.group_id, key=self.key)


def add(tx: Connection, group: VariableGroup) -> None:
    """Write a new group."""
    tx.execute(insert(variable_groups).values(**vars(group)))


def change(tx: Connection, group: VariableGroup) -> None:
    """Write a group over the one of its id."""
    tx.execute(update(variable_groups).where(variable_groups.c.id == group.id).values(**vars(group)))


def get(tx: Connection, id: int) -> VariableGroup | None:  # noqa: A002 - the column's name.
    """The group with that id."""
    row = tx.execute(select(variable_groups).where(variable_groups.c.id == id)).first()
    return value_of(VariableGroup, row) if row else None


def named(tx: Connection, project: str, name: str) -> VariableGroup | None:
    """The group called `name`, in any case."""
    table = variable_groups.c
    wanted = select(variable_groups).where(table.project == project, func.lower(table.name) == name.lower())
    row = tx.execute(wanted).first()
    return value_of(VariableGroup, row) if row else None


def every(tx: Connection, project: str | None = None) -> list[VariableGroup]:
    """The groups of a project, or all, by project and name."""
    wanted = select(variable_groups).order_by(variable_groups.c.project, variable_groups.c.name)
    if project is not None:
        wanted = wanted.where(variable_groups.c.project == project)
    return values_of(VariableGroup, tx.execute(wanted))


def remove(tx: Connection, id: int) -> None:  # noqa: A002 - the column's name.
    """Remove a group with its variables."""
    tx.execute(delete(variable_groups).where(variable_groups.c.id == id))


def put_variable(tx: Connection, variable: GroupVariable) -> None:
    """Write a variable, over the one of its name."""
    insert_over(tx, group_variables, [vars(variable)], ["group_id", "key"])


def variables(tx: Connection, group_id: int) -> list[GroupVariable]:
    """The variables of a group, by name."""
    wanted = select(group_variables).where(group_variables.c.group_id == group_id).order_by(group_variables.c.key)
    return values_of(GroupVariable, tx.execute(wanted))


def remove_variable(tx: Connection, group_id: int, key: str) -> None:
    """Remove a variable."""
    table = group_variables.c
    tx.execute(delete(group_variables).where(table.group_id == group_id, table.key == key))
