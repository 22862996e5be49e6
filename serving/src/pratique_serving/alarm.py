"""A call that is interrupted when it takes too long: by an alarm, which can only reach the main thread.

It reaches what Python does and what waits for the system. A library that does
neither goes on: for that the server has `PRATIQUE_LONGEST_CALL_MS`.
"""

import signal
import threading
from types import FrameType
from typing import Any, Callable, Optional, TypeVar

from pratique_serving.errors import Refused

Result = TypeVar("Result")


class Overrun(BaseException):
    """The call took too long. Not an Exception, so that a script's `except` lets it pass."""


def within(seconds: float, call: Callable[..., Result], /, **arguments: Any) -> Result:
    """What `call` returns. Raises Overrun after so many seconds; 0 is never, and so is every other thread."""
    if not seconds or threading.current_thread() is not threading.main_thread():
        return call(**arguments)
    before = signal.signal(signal.SIGALRM, _overrun)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        return call(**arguments)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def refused(seconds: float) -> Refused:
    """What the caller is told; the wording is that of Azure's inference server."""
    return Refused(500, f"Scoring timeout after {int(seconds * 1000)} ms", run_failed=True)


def why(seconds: float) -> str:
    """For the log, after what was interrupted."""
    return f" after {seconds:g} s (SCORING_TIMEOUT_MS)"


def _overrun(number: int, frame: Optional[FrameType]) -> None:  # noqa: ARG001 - the signature of a handler.
    raise Overrun
