"""Lines on stderr, which is the deployment's log. Never a payload.

`logging` is not used: importing it costs more than the rest of the start, and
the user's script may configure it as it likes.

With `PRATIQUE_LOG_FORMAT=json` every line of ours is an object: `time`, `message`,
and where they are known `request` (x-request-id), `traceparent` (W3C) and
`traceback`. What a script prints stays as it is.
"""

import contextlib
import json
import os
import sys
import threading
import time
from traceback import StackSummary, TracebackException, extract_stack, extract_tb, format_list
from types import TracebackType
from typing import Any, Dict, Optional, TextIO, Tuple

WITHHELD = "(not shown, because the words of a library may quote what was sent)"

OURS = (os.path.dirname(os.path.abspath(__file__)) + os.sep, "<frozen importlib")


_form: Dict[str, Any] = {"json": False, "stream": None}
_present = threading.local()


def speak_json() -> None:
    """Write objects from now on."""
    _form["json"] = True


def begin(traceparent: str, request: str = "") -> None:
    """What this thread says from now on is about this request, of that trace."""
    _present.trace, _present.request = traceparent, request


def present() -> Tuple[str, str]:
    """The trace and the id of the request that this thread is about; empty where it is about none."""
    return getattr(_present, "trace", ""), getattr(_present, "request", "")


def say(message: str, traceback: str = "") -> None:
    """One line with the time (UTC) in front; a traceback follows it."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if not _form["json"]:
        write(f"{now} pratique-serving: {message}\n" + (f"{traceback}\n" if traceback else ""))
        return
    text, _, request = message.partition(", request ")
    said = {"time": now, "message": text, "request": request, "traceback": traceback}
    said["traceparent"] = present()[0] if request else ""
    write(json.dumps({name: value for name, value in said.items() if value}) + "\n")


def say_traceback(message: str, error: BaseException) -> None:
    """`message`, then the traceback of `error`, without our frames at either end."""
    frames = _users_part(error.__traceback__)
    if isinstance(error, SyntaxError) and error.filename and frames is error.__traceback__:
        # Nothing of the script has run: its file and line are in the words, and no frame is the user's.
        frames = None
    told = TracebackException(type(error), error, frames)
    _drop_our_end(told.stack)
    say(message, "".join(told.format()).rstrip())


def say_place(message: str, error: BaseException) -> None:
    """As `say_traceback`, without the words of `error`: those of a library may quote what was sent."""
    say(message, f"{place_of(error)}\n{type(error).__name__}: {WITHHELD}")


def place_of(error: BaseException) -> str:
    """Where the user's code was when `error` came to it: no words of it, and none of our frames at either end."""
    frames = extract_tb(_users_part(error.__traceback__))
    _drop_our_end(frames)
    return "Traceback (most recent call last):\n" + "".join(format_list(frames)).rstrip()


def _drop_our_end(frames: StackSummary) -> None:
    while len(frames) > 1 and frames[-1].filename.startswith(OURS):
        del frames[-1]


def stack_of(thread: int) -> str:
    """Where this thread is now, beginning with the first frame that is the user's; empty when it has ended."""
    frame = sys._current_frames().get(thread)
    frames = extract_stack(frame) if frame is not None else []
    while len(frames) > 1 and frames[0].filename.startswith(OURS):
        del frames[0]
    return "Stack (most recent call last):\n" + "".join(format_list(frames)).rstrip() if frames else ""


def _users_part(frames: Optional[TracebackType]) -> Optional[TracebackType]:
    """Without our frames, and the importer's, at the outer end; all of them when there are no others."""
    inner = frames
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith(OURS):
        inner = inner.tb_next
    return inner or frames


def keep(stream: TextIO) -> None:
    """Write there, also when a script puts something else in the place of `sys.stderr`."""
    _form["stream"] = stream


def write(text: str, stream: Optional[TextIO] = None) -> None:
    """Write and flush; a log that has gone (disk full, closed pipe) must not take the server with it."""
    target: Any = stream or _form["stream"] or sys.stderr
    with contextlib.suppress(Exception):
        target.write(text)
        target.flush()
