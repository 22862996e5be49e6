"""Waiting for the next commit instead of asking again and again.

    this process     Database.on_commit ──► Wake.notify ──► whoever waits
    another process  PostgreSQL NOTIFY ──► CommitListener ──► the same

A wake-up says only "look again". It may come for nothing, and one may be lost
with a connection; so whoever waits also looks when its time is over.
"""

from collections.abc import Callable
from datetime import timedelta
from threading import Condition, Event, Thread
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from pratique.base.errors import PratiqueError
from pratique.base.logging import get_logger
from pratique.store.database import Database

log = get_logger(__name__)

_LOOK: Final = 0.25  # Seconds between two looks at whether to stop; a notification is heard at once.
_PAUSE: Final = 1.0  # Seconds before a lost connection is tried again.


class Wake:
    """A number that rises, and the means to wait until it has."""

    def __init__(self) -> None:
        self._risen = Condition()
        self._count = 0

    @property
    def count(self) -> int:
        """How often it was notified. Read it, look at the database, then wait with it: nothing slips between."""
        with self._risen:
            return self._count

    def notify(self) -> None:
        """Wake everybody who waits."""
        with self._risen:
            self._count += 1
            self._risen.notify_all()

    def wait(self, seen: int, timeout: timedelta) -> int:
        """Return the count as soon as it is no longer `seen`, or when `timeout` is over."""
        with self._risen:
            self._risen.wait_for(lambda: self._count != seen, timeout.total_seconds())
            return self._count


class CommitListener:
    """A thread that hears the commits of every process on one PostgreSQL database.

    `hear` is called after each of them, and whenever the connection is made
    (anew), for what was not heard meanwhile. It must not block and not raise.
    """

    def __init__(self, database: Database, hear: Callable[[], None]) -> None:
        self._database = database
        self._hear = hear
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="commit-listener", daemon=True)

    def start(self) -> None:
        """Listen from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening; returns when the thread has ended and its connection is closed."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except (self._database.driver_error, SQLAlchemyError, PratiqueError) as error:
                log.warning("commit-listener.lost", error=str(error))
                self._stopping.wait(_PAUSE)

    def _listen(self) -> None:
        connection = self._database.listening_connection()
        try:
            self._hear()
            while not self._stopping.is_set():
                for _ in connection.notifies(timeout=_LOOK):
                    self._hear()
        finally:
            connection.close()
