"""Rows as they are stored: JSON and moments stay text until somebody looks.

Who lists ten thousand rows, or looks at all of them after every commit, finds
most of them as they were at the last look, and reading their JSON is what a
look costs. Two rows that are equal here read the same, so a row as it is
stored is what to remember by: what it reads as, or what it looks like.
"""

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Generic, NamedTuple, TypeVar

from sqlalchemy import JSON, ColumnElement, FromClause, Result, Table, Text, cast
from sqlalchemy.types import TypeEngine

from pratique.store.json_text import from_text
from pratique.store.schema import UtcDateTime

T = TypeVar("T")
_REMEMBERED: Final = 10_000
"""Rows whose values are kept for the next look, of all shapes together."""


class Shape(Generic[T]):
    """The columns of `table` that a `kind`, a dataclass of less than all of them, is made of."""

    def __init__(self, kind: type[T], table: Table) -> None:
        self._kind = kind
        self._names = [field.name for field in fields(kind)]  # type: ignore[arg-type] # always a dataclass
        readers = [(place, _reader(table.c[name].type)) for place, name in enumerate(self._names)]
        self._readers = {place: reader for place, reader in readers if reader is not None}

    def columns(self, table: FromClause) -> list[ColumnElement[Any]]:
        """What to select of the table, or of an alias of it."""
        columns = [table.c[name] for name in self._names]
        return [cast(column, Text) if place in self._readers else column for place, column in enumerate(columns)]

    def rows(self, found: Result[Any]) -> "list[Stored[T]]":
        """The rows that a selection of `columns` found."""
        return [Stored(self, tuple(row)) for row in found]

    def read(self, row: tuple[Any, ...]) -> T:
        """What a row means."""
        values = list(row)
        for place, reader in self._readers.items():
            values[place] = None if row[place] is None else reader(row[place])
        return self._kind(*values)


class Stored(NamedTuple, Generic[T]):
    """One row as it is stored."""

    shape: Shape[T]
    row: tuple[Any, ...]

    @property
    def value(self) -> T:
        """What it means; read anew by everybody who asks."""
        return self.shape.read(self.row)


def remembered(found: Stored[T]) -> T:
    """What `found` means, read once: the same row gives the same value, so nobody may change what is in one."""
    value: T = _remembered(found)
    return value


@lru_cache(_REMEMBERED)
def _remembered(found: Stored[Any]) -> Any:
    return found.value


def _reader(kind: TypeEngine[Any]) -> Callable[[str], Any] | None:
    """What reads a text of a column of this type; None for one whose values come as they are."""
    if isinstance(kind, UtcDateTime):
        return _moment
    return from_text if isinstance(kind, JSON) else None


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)  # SQLite drops time zones.
    return found if found.tzinfo else found.replace(tzinfo=UTC)
