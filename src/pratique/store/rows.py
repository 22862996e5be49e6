"""From rows to values and back: every noun's dataclass has the names of its table's columns."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import fields
from functools import cache
from operator import itemgetter
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Result, Row
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")
_INSERTS: Final[Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
_BATCH: Final = 500  # SQLite takes 32,766 parameters in one statement; the widest of these rows has six.


def value_of(kind: type[T], row: Row[Any]) -> T:
    """`row` as a `kind`, a dataclass; columns that it does not name (leases) are left out."""
    return kind(*_chosen(kind, row._fields)(row))  # type: ignore[arg-type] # Every class is hashable.


def values_of(kind: type[T], rows: Result[Any]) -> list[T]:
    """Every row as a `kind`."""
    chosen = _chosen(kind, tuple(rows.keys()))  # type: ignore[arg-type] # Every class is hashable.
    return [kind(*chosen(row)) for row in rows]


@cache
def _chosen(kind: Hashable, columns: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """What takes the fields of `kind`, in their order, from a row of these columns."""
    return itemgetter(*(columns.index(field.name) for field in fields(kind)))  # type: ignore[arg-type] # always a dataclass


def insert_new(tx: Connection, table: Any, rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> None:
    """Write `rows`; one whose `keys` are there already stays as it is."""
    if rows:
        tx.execute(_inserting_new(tx.dialect.name, table, tuple(keys)), list(rows))


def insert_over(tx: Connection, table: Any, rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> None:
    """Write `rows` over those of the same `keys`; of two with the same keys the last counts."""
    last = {tuple(row[key] for key in keys): row for row in rows}
    if last:
        tx.execute(_inserting_over(tx.dialect.name, table, tuple(keys), tuple(rows[0])), list(last.values()))


@cache
def _inserting_new(dialect: str, table: Any, keys: tuple[str, ...]) -> Any:
    return _INSERTS[dialect](table).on_conflict_do_nothing(index_elements=keys)


@cache
def _inserting_over(dialect: str, table: Any, keys: tuple[str, ...], columns: tuple[str, ...]) -> Any:
    new = _INSERTS[dialect](table)
    others = {name: new.excluded[name] for name in columns if name not in keys}
    return new.on_conflict_do_update(index_elements=keys, set_=others)


def batches(things: Sequence[T]) -> Iterable[Sequence[T]]:
    """`things` in pieces that one statement can take."""
    return (things[start : start + _BATCH] for start in range(0, len(things), _BATCH))
