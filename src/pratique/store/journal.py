"""The journal with its seals, line by line, as `content.journal_verifier` reads it.

Rows are shown as they are written, also where somebody has damaged them: a
text that is no UTF-8, a moment that is none, a document with one more blank.
Whoever verifies finds them by their hash; whoever exports must not stumble.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import JSON, Column, Connection, Table, Text, cast, func, literal_column, select
from sqlalchemy.exc import OperationalError

from pratique.base.clock import iso
from pratique.content.journal_verifier import canonical
from pratique.store.database import Database
from pratique.store.schema import UtcDateTime, events, journal_seals
from pratique.store.seals import FORMAT

_PAGE: Final = 2_000
_WRITABLE: Final = frozenset({str, int})
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{6})", re.ASCII)
"""As SQLite keeps it."""


def lines(database: Database) -> Iterator[str]:
    """Every event and every seal that there are now, each seal after what it covers.

    No transaction stays open between two pages: the journal only grows.
    """
    with database.read() as tx:
        last_seal = int(tx.execute(select(func.coalesce(func.max(journal_seals.c.number), 0))).scalar_one())
        last_event = int(tx.execute(select(func.coalesce(func.max(events.c.sequence), 0))).scalar_one())
    seals = _rows(database, journal_seals, "number", last_seal)
    seal = next(seals, None)
    for event in _rows(database, events, "sequence", last_event):
        while seal is not None and _comes_before(seal, event):
            yield _line("seal", {"format": FORMAT, **seal}, "signature")
            seal = next(seals, None)
        yield _line("event", event, "hash")
    while seal is not None:
        yield _line("seal", {"format": FORMAT, **seal}, "signature")
        seal = next(seals, None)


def _comes_before(seal: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """A seal whose place cannot be read comes at once, and is found there."""
    return not isinstance(seal["last"], int) or bool(seal["last"] < event["sequence"])


def _line(kind: str, row: dict[str, Any], proof: str) -> str:
    said = row.pop(proof)
    return f'{{"{kind}":{canonical(row)},"{proof}":"{said}"}}'


def _rows(database: Database, table: Table, key: str, end: int) -> Iterator[dict[str, Any]]:
    """The rows of a table up to the number `end`, in order."""
    readers = {column.name: _reader(column) for column in table.c}
    shown = [_unread(column) for column in table.c]
    number, place = table.c[key], list(readers).index(key)
    wanted = select(*shown).select_from(table).where(number <= end).order_by(number).limit(_PAGE)
    page = wanted
    while True:
        rows = _page(database, page)
        for row in rows:
            yield {name: read(value) for (name, read), value in zip(readers.items(), row, strict=True)}
        if len(rows) < _PAGE:
            return
        page = wanted.where(number > rows[-1][place])


def _page(database: Database, page: Any) -> Sequence[Any]:
    """Some rows; with damaged texts shown as something that they are not, where there are some."""
    try:
        with database.read() as tx:
            return tx.execute(page).all()
    except OperationalError:  # SQLite's word for a text that is no UTF-8; anything else is raised again below.
        with database.read() as tx, _lenient(tx):
            return tx.execute(page).all()


def _unread(column: Column[Any]) -> Any:
    """A column as it is written: of no type, so that nobody reads it as what it should be."""
    as_it_is: Any = literal_column(column.name)
    return cast(as_it_is, Text).label(column.name) if isinstance(column.type, JSON) else as_it_is


def _reader(column: Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, JSON):
        return _document
    return _moment if isinstance(column.type, UtcDateTime) else _plain


@lru_cache(1024)  # Actors and targets are mostly the same ones; nobody changes what is read.
def _document(text: Any) -> Any:
    """The document of a text; the text itself unless it is spelt as we write it."""
    try:
        document = json.loads(text)
        return document if json.dumps(document) == text else _plain(text)
    except (ValueError, TypeError, RecursionError):
        return _plain(text)


def _moment(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    return f"{found[1]}T{found[2]}Z" if found else _plain(value)


def _plain(value: Any) -> Any:
    return value if value.__class__ in _WRITABLE else repr(value)


@contextmanager
def _lenient(tx: Connection) -> Iterator[None]:
    """Read texts of SQLite that are no UTF-8; PostgreSQL has none."""
    driver: Any = tx.connection.driver_connection  # The driver's own type, which differs by database.
    if tx.dialect.name != "sqlite":
        yield
        return
    driver.text_factory = _text
    try:
        yield
    finally:
        driver.text_factory = str


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
