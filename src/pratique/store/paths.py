"""What lies below a folder, where a table keeps paths as texts.

It is found by comparing bytes, never by LIKE, which SQLite reads without
regard to case: ``Model/`` is not ``model/``.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_

_AFTER_SLASH = "0"  # The character after "/": every path below "a/" lies between "a/" and "a0".


def at_or_below(tx: Connection, column: Any, prefix: str) -> ColumnElement[bool]:
    """Whether the path in `column` is `prefix` or below it; an empty prefix takes every path."""
    if not prefix:
        everything: ColumnElement[bool] = column.is_not(None)
        return everything
    return or_(column == prefix, is_below(tx, column, prefix))


def is_below(tx: Connection, column: Any, prefix: str) -> ColumnElement[bool]:
    """Whether the path in `column` is below the folder `prefix`."""
    # SQLite compares bytes; PostgreSQL has to be told, or it would sort by a language.
    path: Any = column.collate("C") if tx.dialect.name == "postgresql" else column
    return and_(path > f"{prefix}/", path < f"{prefix}{_AFTER_SLASH}")
