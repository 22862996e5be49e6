"""From rows to values and back: every noun's dataclass has the names of its table's columns."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from operator import itemgetter
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Result, Row
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")
_BATCH: Final = 500  # SQLite takes 32,766 parameters in one statement; the widest of these rows has six.


def value_of(kind: type[T], row: Row[Any]) -> T:
    """`row` as a `kind`, a dataclass; columns that it does not name (leases) are left out."""
    facts = row._mapping
    return kind(**{field.name: facts[field.name] for field in fields(kind)})  # type: ignore[arg-type] # always a dataclass


def values_of(kind: type[T], rows: Result[Any]) -> list[T]:
    """Every row as a `kind`; where the columns stand is found once, because a list may have 10,000 rows."""
    keys = list(rows.keys())
    chosen = itemgetter(*(keys.index(field.name) for field in fields(kind)))  # type: ignore[arg-type] # as above
    return [kind(*chosen(row)) for row in rows]


def insert_new(tx: Connection, table: Any, rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> None:
    """Write `rows`; one whose `keys` are there already stays as it is."""
    for batch in batches(rows):
        tx.execute(_insert(tx)(table).values(list(batch)).on_conflict_do_nothing(index_elements=keys))


def insert_over(tx: Connection, table: Any, rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> None:
    """Write `rows` over those of the same `keys`; of two with the same keys the last counts."""
    last = {tuple(row[key] for key in keys): row for row in rows}
    for batch in batches([*last.values()]):
        new = _insert(tx)(table).values(list(batch))
        others = {name: new.excluded[name] for name in batch[0] if name not in keys}
        tx.execute(new.on_conflict_do_update(index_elements=keys, set_=others))


def batches(things: Sequence[T]) -> Iterable[Sequence[T]]:
    """`things` in pieces that one statement can take."""
    return (things[start : start + _BATCH] for start in range(0, len(things), _BATCH))


def _insert(tx: Connection) -> Any:
    return postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
