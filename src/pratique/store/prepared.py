"""Statements that are run so often that the way to the driver costs more than the database does.

    SQLAlchemy   build, find, bind, context, run, result    30 to 150 µs
    Prepared           bind,          run                    3 to 10 µs

The statement is one of SQLAlchemy's, compiled once for each kind of database;
values go in and come out as its columns' types say. What it cannot do is in
`Prepared`; everything else is better off with `Connection.execute`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Select
from sqlalchemy import exc as sql
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import TypeEngine

_Reader = Callable[[Any], Any]


class Prepared:
    """A statement whose text never changes: its values are all bound, and no list is one of them."""

    def __init__(self, statement: Select[Any] | UpdateBase) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, tx: Connection, **values: Any) -> list[tuple[Any, ...]]:
        """What it finds."""
        compiled = self._of(tx)
        with _cursor(tx, compiled.text) as cursor:
            cursor.execute(compiled.text, compiled.bound(values))
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return [compiled.read(row) for row in rows] if any(compiled.readers) else rows

    def first(self, tx: Connection, **values: Any) -> tuple[Any, ...] | None:
        """The first row that it finds; write ``limit(1)`` where there are more."""
        return next(iter(self.rows(tx, **values)), None)

    def run_each(self, tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it for the values of each row, in order."""
        compiled = self._of(tx)
        bound = [compiled.bound(row) for row in rows]
        with _cursor(tx, compiled.text) as cursor:
            if len(bound) == 1:
                cursor.execute(compiled.text, bound[0])
            elif bound:
                cursor.executemany(compiled.text, bound)

    def _of(self, tx: Connection) -> "_Compiled":
        try:
            return self._compiled[tx.dialect.name]
        except KeyError:
            return self._compiled.setdefault(tx.dialect.name, _Compiled(self._statement, tx.dialect))


class _Compiled:
    """A statement as one kind of database takes it."""

    def __init__(self, statement: Select[Any] | UpdateBase, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        if "POSTCOMPILE" in compiled.string:
            raise TypeError(f"its text is not the same for all values: {compiled}")
        self.text: Final = compiled.string
        names = compiled.positiontup or list(compiled.bind_names.values())
        self._is_positional = compiled.positiontup is not None
        self._fixed = {name: compiled.binds[name].value for name in names if not compiled.binds[name].required}
        self._binders = [(name, _binder(compiled.binds[name].type, dialect)) for name in names]
        columns = statement.selected_columns if isinstance(statement, Select) else ()
        self.readers = [_reader(column.type, dialect) for column in columns]

    def bound(self, values: Mapping[str, Any]) -> Any:
        """`values` as the driver takes them."""
        if self._fixed:
            values = {**self._fixed, **values}
        if self._is_positional:
            return [values[name] if bind is None else bind(values[name]) for name, bind in self._binders]
        return {name: values[name] if bind is None else bind(values[name]) for name, bind in self._binders}

    def read(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """A row of the driver's as values of the columns' types."""
        return tuple(
            value if reader is None else reader(value) for value, reader in zip(row, self.readers, strict=True)
        )


def _binder(kind: TypeEngine[Any], dialect: Dialect) -> _Reader | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _reader(kind: TypeEngine[Any], dialect: Dialect) -> _Reader | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)


@contextmanager
def _cursor(tx: Connection, text: str) -> Iterator[Any]:
    """One of the driver's; what it raises is raised as SQLAlchemy does."""
    cursor = tx.connection.cursor()
    try:
        yield cursor
    except tx.dialect.loaded_dbapi.Error as error:
        root = tx.dialect.loaded_dbapi.Error
        raise sql.DBAPIError.instance(text, None, error, root, hide_parameters=True, dialect=tx.dialect) from error
    finally:
        cursor.close()
