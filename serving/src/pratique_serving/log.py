"""Lines on stderr, which is the deployment's log. Never a payload.

`logging` is not used: importing it costs more than the rest of the start, and
the user's script may configure it as it likes.
"""

import contextlib
import sys
import time
import traceback
from typing import Optional, TextIO


def say(message: str) -> None:
    """One line with the time (UTC) in front."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    write(f"{now} pratique-serving: {message}\n")


def say_traceback(message: str, error: BaseException, depth: int = 1) -> None:
    """`message`, then the traceback of `error` without its outermost `depth` frames, which are ours."""
    frames = error.__traceback__
    for _ in range(depth):
        if frames is not None and frames.tb_next is not None:
            frames = frames.tb_next
    said = "".join(traceback.format_exception(type(error), error, frames))
    say(f"{message}\n{said.rstrip()}")


def write(text: str, stream: Optional[TextIO] = None) -> None:
    """Write and flush; a log that has gone (disk full, closed pipe) must not take the server with it."""
    target = stream or sys.stderr
    with contextlib.suppress(OSError, ValueError):
        target.write(text)
        target.flush()
