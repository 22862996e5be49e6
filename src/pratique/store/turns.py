"""Turns in the order of asking.

A plain lock, and SQLAlchemy's pool as well, go to whoever asks at the right
moment, which is mostly the thread that has just given them back: under load
the others starved for 10 s (docs/decisions/0004). Here the one that leaves
hands its turn to the one that has waited longest.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from pratique.base.errors import Unavailable


def busy(patience: float) -> Unavailable:
    """What is said to who has waited `patience` seconds for nothing."""
    said = f"the database was busy for {patience:g} seconds"
    return Unavailable(said, hint="try again; see whether its disk is overloaded")


class Turns:
    """One thread at a time, first come, first served."""

    def __init__(self) -> None:
        self._lock = Lock()  # Held for moments only.
        self._is_taken = False
        self._waiting: deque[Lock] = deque()  # One closed lock for each who waits; opening it is the hand-over.

    @contextmanager
    def turn(self, patience: float) -> Iterator[None]:
        """Wait for the turn and keep it; raises `Unavailable` when it does not come within `patience` seconds."""
        if mine := self._queue():
            self._wait(mine, patience)
        try:
            yield
        finally:
            self._hand_over()

    def _queue(self) -> "Lock | None":
        """None when the turn is free and now taken; else the lock that opens when it comes."""
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return None
            mine = Lock()
            mine.acquire()
            self._waiting.append(mine)
            return mine

    def _wait(self, mine: Lock, patience: float) -> None:
        try:
            if not mine.acquire(timeout=patience):
                raise busy(patience)
        except BaseException:  # Control-C is one as well.
            self._leave(mine)
            raise

    def _leave(self, mine: Lock) -> None:
        """Leave the queue, or hand on the turn that came in the very last moment."""
        with self._lock:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return
        self._hand_over()

    def _hand_over(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False
