"""A thread that works while there is work, sleeps while there is none, and is woken by every commit."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from pratique.base.logging import get_logger
from pratique.store.wake import Wake

_log = get_logger(__name__)
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 15.0
"""Seconds after which a step that failed is tried again: doubled from the first with each failure in a row."""
_FAILING_AFTER: Final = 3
"""Failed steps in a row after which the platform says that it is not well."""


class Stop:
    """The wish that every loop ends, and the bell that wakes them.

    A `Stop` made `beside` another has a bell of its own and shares the wish.
    """

    def __init__(self, beside: "Stop | None" = None) -> None:
        self._wake = Wake()
        self._bells: list[Wake] = beside._bells if beside else []
        self._bells.append(self._wake)
        self._wished: threading.Event = beside._wished if beside else threading.Event()

    @property
    def is_wished(self) -> bool:
        """Whether the loops should end."""
        return self._wished.is_set()

    def wish(self) -> None:
        """Ask every loop to end."""
        self._wished.set()
        for bell in self._bells:
            bell.notify()

    def ring(self) -> None:
        """Wake everybody who sleeps: something was committed."""
        self._wake.notify()

    @property
    def rung(self) -> int:
        """How often the bell has rung; to be read before looking for work."""
        return self._wake.count

    def sleep(self, longest: timedelta, *, since: int) -> None:
        """Return when the bell has rung after `since` was read, when the end is wished, or after `longest`."""
        if not self.is_wished:
            self._wake.wait(since, longest)

    def rest(self, seconds: float) -> None:
        """Return after `seconds`, whatever rings, or when the end is wished."""
        self._wished.wait(seconds)


class Loop:
    """One named thread that calls `step` until it finds nothing to do, then sleeps."""

    def __init__(self, name: str, step: Callable[[], bool], stop: Stop, *, idle: timedelta) -> None:
        self._step = step
        self._stop = stop
        self._idle = idle
        self._failed_in_a_row = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def name(self) -> str:
        """What the log calls it."""
        return self._thread.name

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self, timeout: timedelta) -> bool:
        """Wait for the end; False when it did not come in time. One that never began has ended."""
        if self._thread.ident is not None:
            self._thread.join(max(0.0, timeout.total_seconds()))
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def gets_on(self) -> bool:
        """Whether the thread runs and its steps do not fail again and again."""
        return self.is_alive and self._failed_in_a_row < _FAILING_AFTER

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stop.is_wished:
            seen = self._stop.rung
            try:
                busy = self._step()
            except Exception as error:  # noqa: BLE001 - one bad row must not end the loop that serves all others.
                _log.error("engine.step_failed", loop=self.name, exc_info=error)
                self._failed_in_a_row += 1
                self._stop.rest(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            pause, self._failed_in_a_row = _FIRST_PAUSE, 0
            if not busy:
                self._stop.sleep(self._idle, since=seen)


def join_all(loops: Sequence[Loop], timeout: timedelta) -> list[str]:
    """Wait for the end of every loop, at most `timeout` in all; the names of those that did not end."""
    deadline = time.monotonic() + timeout.total_seconds()
    return [loop.name for loop in loops if not loop.join(timedelta(seconds=deadline - time.monotonic()))]
