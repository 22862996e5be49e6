"""The journal with its seals, line by line, as `content.journal_verifier` reads it.

Rows are shown as they are written, also where somebody has damaged them: a
text that is no UTF-8, a moment that is none, a document with one more blank.
Whoever verifies finds them by their hash; whoever exports must not stumble.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, Text, cast, func, literal_column, select
from sqlalchemy.exc import OperationalError

from pratique.base.clock import iso
from pratique.content.journal_verifier import canonical
from pratique.store.database import Database
from pratique.store.events import COVERED, DOCUMENTS, is_document, spelling
from pratique.store.json_text import plain_to_canonical
from pratique.store.schema import events, journal_seals
from pratique.store.seals import FORMAT

_PAGE: Final = 2_000
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{6})", re.ASCII)
"""As SQLite keeps it."""


def lines(database: Database) -> Iterator[str]:
    """Every event and every seal that there are now, each seal after what it covers.

    No transaction stays open between two pages: the journal only grows.
    """
    with database.read() as tx:
        last_seal = int(tx.execute(select(func.coalesce(func.max(journal_seals.c.number), 0))).scalar_one())
        last_event = int(tx.execute(select(func.coalesce(func.max(events.c.sequence), 0))).scalar_one())
    seals = _rows(database, journal_seals, journal_seals.c.keys(), "number", last_seal)
    seal = next(seals, None)
    for event in _rows(database, events, (*COVERED, "hash"), "sequence", last_event):
        while seal is not None and _comes_before(seal.last, event.sequence):
            yield _seal_line(seal)
            seal = next(seals, None)
        yield _event_line(event)
    while seal is not None:
        yield _seal_line(seal)
        seal = next(seals, None)


def _comes_before(last: Any, sequence: int) -> bool:
    """Whether a seal of this last event comes here; one whose place cannot be read comes at once, and is found."""
    return not isinstance(last, int) or last < sequence


def _event_line(row: Any) -> str:
    parts = [spell(value) for spell, value in zip(_SPELLERS, row, strict=False)]  # Without the hash, its last column.
    return f'{{"event":{spelling(parts)},"hash":"{row.hash}"}}'


def _seal_line(row: Any) -> str:
    said = {name: _moment(value) if name == "time" else _plain(value) for name, value in row._mapping.items()}
    signature = said.pop("signature")
    return f'{{"seal":{canonical({"format": FORMAT, **said})},"signature":"{signature}"}}'


def _rows(database: Database, table: Table, columns: Sequence[str], key: str, end: int) -> Iterator[Any]:
    """These columns of a table up to the number `end`, in order."""
    shown, number = [_unread(table.c[name]) for name in columns], table.c[key]
    wanted = select(*shown).select_from(table).where(number <= end).order_by(number).limit(_PAGE)
    page = wanted
    while True:
        rows = _page(database, page)
        yield from rows
        if len(rows) < _PAGE:
            return
        page = wanted.where(number > rows[-1]._mapping[key])


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
    return cast(as_it_is, Text).label(column.name) if column.name in DOCUMENTS else as_it_is


def _moment(value: Any) -> str | int:
    if isinstance(value, datetime):
        return iso(value)
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    return f"{found[1]}T{found[2]}Z" if found else _plain(value)


def _plain(value: Any) -> str | int:
    return value if isinstance(value, str | int) else repr(value)


def _spelt(value: Any) -> str:
    return plain_to_canonical(value if value.__class__ is str else _plain(value))


def _spelt_moment(value: Any) -> str:
    return plain_to_canonical(_moment(value))


def _spelt_document(text: Any) -> str:
    """The text of a document; as a text in quotes where somebody has made something else of it."""
    return text if text.__class__ is str and is_document(text) else _spelt(text)


_SPELLERS: Final = [
    _spelt_document if name in DOCUMENTS else _spelt_moment if name == "time" else _spelt for name in COVERED
]


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
