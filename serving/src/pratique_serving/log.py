"""Lines on stderr, which is the deployment's log. Never a payload.

`logging` is not used: importing it costs more than the rest of the start, and
the user's script may configure it as it likes.
"""

import contextlib
import os
import sys
import time
import traceback
from types import TracebackType
from typing import Optional, TextIO

OURS = (os.path.dirname(os.path.abspath(__file__)) + os.sep, "<frozen importlib")


def say(message: str) -> None:
    """One line with the time (UTC) in front."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    write(f"{now} pratique-serving: {message}\n")


def say_traceback(message: str, error: BaseException) -> None:
    """`message`, then the traceback of `error`, beginning with the first frame that is the user's."""
    said = "".join(traceback.format_exception(type(error), error, _users_part(error.__traceback__)))
    say(f"{message}\n{said.rstrip()}")


def _users_part(frames: Optional[TracebackType]) -> Optional[TracebackType]:
    """Without our frames, and the importer's, at the outer end; all of them when there are no others."""
    inner = frames
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith(OURS):
        inner = inner.tb_next
    return inner or frames


def write(text: str, stream: Optional[TextIO] = None) -> None:
    """Write and flush; a log that has gone (disk full, closed pipe) must not take the server with it."""
    target = stream or sys.stderr
    with contextlib.suppress(OSError, ValueError):
        target.write(text)
        target.flush()
