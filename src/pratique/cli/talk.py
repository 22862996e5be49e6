"""What is said on stderr; stdout belongs to data.

`--only-show-errors` silences everything here but errors.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from pratique.base.errors import PratiqueError

quiet: ContextVar[bool] = ContextVar("quiet", default=False)
"""True under --only-show-errors."""

_DOT_EVERY: Final = 1.0
"""Seconds between two dots of a wait."""

_REDRAW_EVERY: Final = 0.1
"""Seconds between two drawings of a progress line."""


def say(words: str) -> None:
    """One line for the person at the terminal."""
    if not quiet.get():
        print(words, file=sys.stderr, flush=True)


def warn(words: str) -> None:
    """One line about something that may surprise."""
    say(f"warning: {words}")


def complain(error: PratiqueError) -> None:
    """``error: …`` with every problem, a blank line, ``hint: …``; never silenced."""
    print(f"error: {error}", file=sys.stderr)
    for line in error.log_tail:
        print(f"  | {line}", file=sys.stderr)
    if error.hint and error.hint not in [problem.hint for problem in error.problems]:
        print(f"\nhint: {error.hint}", file=sys.stderr)


@contextmanager
def goes_on(words: str) -> Iterator[None]:
    """Around a wait: Ctrl-C ends the waiting, not the work, and `words` says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"\nstopped waiting; the platform goes on\n\nhint: {words}", file=sys.stderr)
        raise


class Progress:
    """A wait as lines of states: each new state on its own line, dots while it lasts.

    blue: Creating ....
    blue: Succeeded
    """

    def __init__(self) -> None:
        self._state = ""
        self._mark = ""
        self._line_open = False
        self._dotted = time.monotonic()

    def show(self, state: str) -> None:
        """The state at this moment."""
        if quiet.get():
            return
        if state != self._state:
            self.end()
            print(state, end="", file=sys.stderr, flush=True)
            self._mark = " ."
            self._state, self._line_open = state, True
        elif time.monotonic() - self._dotted >= _DOT_EVERY:
            print(self._mark, end="", file=sys.stderr, flush=True)
            self._mark = "."
            self._dotted = time.monotonic()

    def end(self) -> None:
        """Close the line."""
        if self._line_open:
            print(file=sys.stderr, flush=True)
            self._line_open = False


class Transfer:
    """A line for bytes on their way; only on a terminal, because a log file wants no rewritten lines."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._drawn = 0.0
        self._visible = sys.stderr.isatty() and not quiet.get()

    def report(self, done: int, total: int) -> None:
        """`done` of `total` bytes are through."""
        is_end = done >= total
        if not self._visible or (not is_end and time.monotonic() - self._drawn < _REDRAW_EVERY):
            return
        self._drawn = time.monotonic()
        share = 100 * done // max(total, 1)
        line = f"\r{self._verb} {share:3d} % of {total / 1e6:.1f} MB"
        print(line, end="\n" if is_end else "", file=sys.stderr, flush=True)
