"""SQLite's connections, which stay open from one transaction to the next.

SQLAlchemy's pool prepares a connection each time that it hands it out, and rolls
it back each time that it takes it: for a short transaction that is most of the
work (docs/decisions/0004). Here a connection is kept as its last transaction
left it, and closed when that left anything.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Semaphore

from sqlalchemy import Connection, Engine

from pratique.store.turns import busy


class Connections:
    """Up to `most` connections of `engine` at once, of which some stay open when nobody needs them."""

    def __init__(self, engine: Engine, *, most: int, kept: int, patience: float) -> None:
        """`engine` has no pool of its own; `patience` are seconds."""
        self._engine = engine
        self._kept = kept
        self._patience = patience
        self._places = Semaphore(most)
        self._idle: deque[Connection] = deque()  # The last used first: its pages are in its cache.

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction, committed in the end; raises `Unavailable` when no connection gets free in time."""
        if not self._places.acquire(timeout=self._patience):
            raise busy(self._patience)
        try:
            connection = self._taken()
            try:
                with connection.begin():
                    yield connection
            finally:
                self._leave(connection)
        finally:
            self._places.release()

    def dispose(self) -> None:
        """Close those that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def _taken(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._engine.connect()

    def _leave(self, connection: Connection) -> None:
        if len(self._idle) < self._kept and _is_as_new(connection):
            self._idle.append(connection)
        else:
            connection.close()


def _is_as_new(connection: Connection) -> bool:
    """Whether nothing is open in it; a commit that failed leaves its transaction, which SQLAlchemy overlooks."""
    if connection.closed or connection.invalidated or connection.in_transaction():
        return False
    raw = connection.connection.dbapi_connection
    return raw is not None and not raw.in_transaction
