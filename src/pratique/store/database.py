"""The one way into the database, the same on SQLite and PostgreSQL.

A reader sees one snapshot. A writer is alone: on SQLite its transaction
begins immediate, because a transaction that reads first and writes later fails
at once with "database is locked", whatever the timeout; on PostgreSQL it takes
an advisory lock first. So a writing transaction may read, decide and write
without a retry, and the hash chain of the events has one order.

A commit wakes whoever asked to be woken; polling is only the net.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError

from pratique.base.errors import StorageFailed

Transaction = Connection
"""What `Database.read` and `Database.write` hand out; other layers pass it on and never look inside."""

_WRITER_LOCK = 7_070_001  # Any constant will do, as long as nobody else in the database uses it.


class Database:
    """Transactions on one database, given by its SQLAlchemy URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)
        self._listeners: list[Callable[[], None]] = []

    @classmethod
    def at(cls, path: Path) -> "Database":
        """The SQLite database in the file `path`."""
        return cls(f"sqlite:///{path}")

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every committed write of this process; it must not block."""
        self._listeners.append(listener)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with _storage_errors(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write; no network and no waiting inside."""
        with _storage_errors(), self.engine.connect().execution_options(pratique_writes=True) as connection:
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITER_LOCK})
                yield connection
        for listener in self._listeners:
            listener()

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": 30})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # The driver must not begin transactions of its own.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("pratique_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextmanager
def _storage_errors() -> Iterator[None]:
    """Say what a full disk or a read-only home is, instead of the driver's words."""
    try:
        yield
    except OperationalError as error:
        said = str(error.orig)
        if "disk is full" in said or "readonly" in said or "disk I/O" in said or "unable to open" in said:
            raise StorageFailed(
                f"the database cannot be written: {said}",
                hint="free space on the disk of PRATIQUE_HOME, or make it writable, and try again",
            ) from error
        raise
