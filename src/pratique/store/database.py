"""The one way into the database, the same on SQLite and PostgreSQL.

A reader sees one snapshot and cannot write. A writer is alone: on SQLite its
transaction begins immediate, because a transaction that reads first and writes
later fails at once with "database is locked", whatever the timeout; on
PostgreSQL it takes an advisory lock first. So a writing transaction may read,
decide and write without a retry, and the hash chain of the events has one
order.

Writers of one process take turns before they ask the database, because
SQLite's own way of waiting is to sleep and look again, which is slow and not
fair (docs/decisions/0004). Writers of several processes, which only
PostgreSQL should have, queue at the lock.

A commit wakes whoever asked to be woken; polling is only the net.
"""

import os
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy import exc as sql

from pratique.base.errors import Conflict, InvalidInput, PratiqueError, StorageFailed, Unavailable
from pratique.store.connections import Connections
from pratique.store.json_text import from_text, to_text
from pratique.store.turns import Turns, busy

Transaction = Connection
"""What `Database.read` and `Database.write` hand out; other layers pass it on and never look inside."""

CHANNEL: Final = "pratique"
"""What PostgreSQL notifies at every commit of a write; `store.wake` listens to it."""

_WRITER_LOCK: Final = 7_070_001  # Any constant will do, as long as nobody else in the database uses it.
_PATIENCE: Final = 30  # Seconds that a transaction waits for its turn; none of ours lasts one.
# The web's threads and the engine's; SQLAlchemy's own limit of 15 would make forty of them wait.
_MOST: Final = 64
_KEPT: Final = 8  # Of them, those that stay open when nobody reads.


class Database:
    """Transactions on one database, given by its SQLAlchemy URL: a SQLite file or PostgreSQL."""

    def __init__(self, url: str | URL) -> None:
        self.url = _checked(url)
        """Without the password when printed."""
        self._listeners: list[tuple[Callable[[], None], frozenset[str]]] = []
        self._turns = Turns()
        if self.url.get_backend_name() == "sqlite":
            self._engine = _sqlite(self.url, "BEGIN IMMEDIATE")
            readers = _sqlite(self.url, "BEGIN", "query_only=ON")
            self._writers: Engine | Connections = Connections(self._engine, most=1, kept=1, patience=_PATIENCE)
            self._readers: Engine | Connections = Connections(readers, most=_MOST, kept=_KEPT, patience=_PATIENCE)
        else:
            self._engine = self._writers = _postgresql(self.url)
            # One snapshot for all statements of a reader. A writer must not have one: its first statement
            # waits for the lock, and a snapshot taken there would not show what the writer before it did.
            self._readers = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @classmethod
    def at(cls, path: Path) -> "Database":
        """The SQLite database in the file `path`."""
        return cls(URL.create("sqlite", database=str(path)))

    def on_commit(self, listener: Callable[[], None], *, besides: Collection[str] = ()) -> None:
        """Call `listener` after every committed write of this process; it must not block and not raise.

        It is not called for writes that are about one of the topics `besides`, because they are nothing to it.
        """
        self._listeners.append((listener, frozenset(besides)))

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, and sees the database at one moment."""
        with _storage_errors(), self._readers.begin() as connection:
            yield connection

    @contextmanager
    def write(self, topic: str = "") -> Iterator[Connection]:
        """A transaction that may write; no network, no waiting and no other write inside.

        A `topic` says that nobody has to look again who does not care for it.
        Raises `Unavailable` when its turn does not come within 30 s, and
        `StorageFailed` when the disk does not take it; nothing is written then.
        """
        with _storage_errors(), self._turns.turn(_PATIENCE), self._writers.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:key), pg_notify(:channel, '')"),
                    {"key": _WRITER_LOCK, "channel": CHANNEL},
                )
            yield connection
        for listener, besides in self._listeners:
            if topic not in besides:
                listener()

    @contextmanager
    def change_schema(self) -> Iterator[Connection]:
        """A writing transaction for migrations, while nobody else uses the database.

        SQLite changes a table by making another and dropping the first, and
        that would take along every row which points to it. So foreign keys are
        looked at only at the end; raises `Conflict` when one then leads nowhere.
        """
        if self.url.get_backend_name() != "sqlite":
            with self.write() as connection:
                yield connection
            return
        engine = _sqlite(self.url, "BEGIN IMMEDIATE", "foreign_keys=OFF")
        with _storage_errors(), engine.begin() as connection:
            yield connection
            if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise Conflict(
                    f"the migration would leave rows of {broken[0]} that point to nothing in {broken[2]}",
                    hint="nothing was changed; please report it",
                )

    def listening_connection(self) -> Any:
        """A connection of PostgreSQL's driver that belongs to no pool and listens for commits; the caller closes it."""
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection  # psycopg's, which is installed only where it is used.
        pooled.detach()
        connection.autocommit = True
        connection.execute(f"LISTEN {CHANNEL}")
        return connection

    @property
    def driver_error(self) -> type[Exception]:
        """The root of what the driver itself raises, for those who hold a connection of its own."""
        return self._engine.dialect.loaded_dbapi.Error

    def close(self) -> None:
        """Give every connection back."""
        self._readers.dispose()
        self._writers.dispose()


@contextmanager
def savepoint(tx: Connection) -> Iterator[None]:
    """A part of a writing transaction that is undone alone when it raises."""
    with tx.begin_nested():
        yield


def _checked(url: str | URL) -> URL:
    """`url` with the driver that we use; raises `InvalidInput` for a database that we do not know."""
    try:
        given = make_url(url)
    except sql.ArgumentError as error:
        raise InvalidInput("database_url is not the URL of a database", hint=_EXPECTED) from error
    if given.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return given.set(drivername="postgresql+psycopg")
    if given.drivername == "sqlite" and given.database not in (None, "", ":memory:"):
        return given
    raise InvalidInput(f"database_url names {given.drivername}, which is not supported", hint=_EXPECTED)


_EXPECTED: Final = "expected postgresql://user:password@host/name, or nothing for SQLite inside the home"


def _sqlite(url: URL, begin: str, *pragmas: str) -> Engine:
    """An engine whose transactions begin with `begin`, on connections prepared with `pragmas`; it keeps none open."""
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": _PATIENCE},
        json_serializer=to_text,
        json_deserializer=from_text,
        hide_parameters=True,  # What users wrote belongs in no log.
        poolclass=NullPool,
    )

    @event.listens_for(engine, "do_connect")
    def _make_private(_dialect: Any, _record: Any, arguments: Any, options: Any) -> None:
        # SQLite would let others read it, and gives the two files beside it the mode of this one. A file that is
        # there must not even be opened: closing it again would drop the locks of this process's other connections,
        # and the next process that ends would take the log away under them.
        if not options.get("uri"):
            with suppress(OSError):  # It is there, or what is wrong is said by the connection itself.
                os.close(os.open(arguments[0], os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # The driver must not begin transactions of its own.
        # FULL, so that a power cut cannot take back what a caller was told; 0.5 ms a commit.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", *pragmas):
            connection.execute(f"PRAGMA {pragma}")

    def do_begin(connection: Any) -> None:
        connection.dbapi_connection.execute(begin)

    # The dialect's own leaves it to the driver. A listener to "begin" would have every statement ask for listeners.
    engine.dialect.do_begin = do_begin  # type: ignore[assignment,method-assign]
    return engine


def _postgresql(url: URL) -> Engine:
    try:
        engine = create_engine(
            url,
            pool_pre_ping=True,
            json_serializer=to_text,
            json_deserializer=from_text,
            hide_parameters=True,
            pool_size=_KEPT,
            max_overflow=_MOST - _KEPT,
            pool_timeout=_PATIENCE,
        )
    except ModuleNotFoundError as error:
        raise InvalidInput(
            "PostgreSQL needs its driver, which is not installed",
            hint="pip install 'pratique[postgresql]'",
        ) from error

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{_PATIENCE}s'")
        connection.commit()

    return engine


@contextmanager
def _storage_errors() -> Iterator[None]:
    """Say what a full disk, a read-only home or a missing server is, instead of the driver's words."""
    try:
        yield
    except sql.TimeoutError as error:
        raise busy(_PATIENCE) from error
    except sql.DBAPIError as error:
        meaning = _of_sqlite(error.orig) if isinstance(error.orig, sqlite3.Error) else _of_postgresql(error)
        if meaning is None:
            raise
        raise meaning from error


def _unwritable(said: object) -> PratiqueError:
    return StorageFailed(
        f"the database cannot be written: {said}",
        hint="free space on the disk of PRATIQUE_HOME, or make it writable, and try again",
    )


def _of_sqlite(error: sqlite3.Error) -> PratiqueError | None:
    name = getattr(error, "sqlite_errorname", "")  # Only errors of SQLite itself have one.
    if name.startswith("SQLITE_BUSY"):
        return busy(_PATIENCE)
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return _unwritable(error)
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return StorageFailed(f"the database is damaged: {error}", hint="restore the home from its backup")
    return None


def _of_postgresql(error: sql.DBAPIError) -> PratiqueError | None:
    state = getattr(error.orig, "sqlstate", None) or ""
    if state == "55P03":  # lock_not_available: `lock_timeout` is over.
        return busy(_PATIENCE)
    if state in ("53100", "25006"):  # disk_full, read_only_sql_transaction
        return _unwritable(error.orig)
    # Without a state the server was not reached; 08, 57P and 53300 are a connection lost, shut down, refused.
    unreached = isinstance(error, sql.OperationalError) and not state
    if unreached or state.startswith(("08", "57P")) or state == "53300":
        return Unavailable(
            f"the database does not answer: {str(error.orig).strip()}", hint="see whether PostgreSQL runs"
        )
    return None
