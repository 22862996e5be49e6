"""From a row to its value: every noun's dataclass has the names of its table's columns."""

from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import Row

T = TypeVar("T")


def value_of(kind: type[T], row: Row[Any]) -> T:
    """`row` as a `kind`, a dataclass; columns that it does not name (leases) are left out."""
    facts = row._mapping
    return kind(**{field.name: facts[field.name] for field in fields(kind)})  # type: ignore[arg-type] # always a dataclass


def values_of(kind: type[T], rows: Any) -> list[T]:
    """Every row as a `kind`."""
    return [value_of(kind, row) for row in rows]
