"""One child process: its output line by line, its end, and how it is made to end.

The child leads a session of its own, so that a signal reaches all of it and
nothing else. Whoever asks it to end does as the agent does: SIGINT, after 7.5 s
SIGTERM, after 2.5 s more SIGKILL. What a child leaves behind may go on until the job
ends, since one step may start what the next one uses; `end_orphans` ends it then.
"""

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO, Final, TypeAlias

OnLine: TypeAlias = Callable[[str, bool], None]
"""Called with each line, without its break, and whether it came from stderr."""

_TERM_AFTER: Final = 7.5
_KILL_AFTER: Final = 2.5
_STREAMS_LINGER: Final = 5.0
"""Seconds in which the streams of a child that has ended are waited for: something else may hold them."""
_CHUNK: Final = 1 << 16
_LONGEST_LINE: Final = 1 << 20
"""Bytes: what is longer is cut into lines."""
_PR_SET_DUMPABLE: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36


class Stop(Enum):
    """Why a child was made to end."""

    TIMED_OUT = "timed out"
    CANCELED = "canceled"


@dataclass(frozen=True)
class Ended:
    """How a child ended."""

    code: int
    """As shells have it: 128 + the number of a signal."""
    stopped: Stop | None
    wrote_errors: bool
    """Whether anything came from stderr; known only when it was kept apart."""
    is_held: bool
    """Whether something that the child left behind still holds its output."""


class Cancellation:
    """Says once that the job is to end; whoever waits for something waits for this as well."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.reason = ""

    def ask(self, reason: str) -> None:
        """Ask the job to end; the first reason counts."""
        if not self._event.is_set():
            self.reason = reason
            self._event.set()
            os.eventfd_write(self.descriptor, 1)

    @property
    def is_asked(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until it is asked; whether it is."""
        return self._event.wait(seconds)


def hear_interrupts() -> None:
    """Let children trap SIGINT, which is lost to them where this process was started to ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def guard_this_process() -> None:
    """Hide the memory and the environment of this process from its children, and adopt what they orphan."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    on_line: OnLine,
    keeps_errors_apart: bool = False,
    deadline: float | None = None,
    cancellation: Cancellation | None = None,
) -> Ended:
    """Run `argv` to its end; `deadline` is a time of `time.monotonic`.

    Raises `OSError` when it cannot be started.
    """
    child = subprocess.Popen(
        argv,
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if keeps_errors_apart else subprocess.STDOUT,
        start_new_session=True,
    )
    return _Watch(child, on_line, deadline, cancellation).ended()


class _Watch:
    """Reads what one child writes, and sees to its end."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        on_line: OnLine,
        deadline: float | None,
        cancellation: Cancellation | None,
    ) -> None:
        self._child = child
        self._on_line = on_line
        self._deadline = deadline
        self._cancellation = cancellation
        self._selector = selectors.DefaultSelector()
        self._pidfd = os.pidfd_open(child.pid)
        self._buffers: dict[int, bytearray] = {}
        self._streams: dict[int, IO[bytes]] = {}
        self._errors: int | None = None
        self._wrote_errors = False
        self._stopped: Stop | None = None
        self._signals: list[tuple[float, int]] = []
        """When to send what, the next one last."""
        self._linger: float | None = None

    def ended(self) -> Ended:
        self._watch()
        while self._streams or self._linger is None:
            for key, _ in self._selector.select(self._patience()):
                self._react(key.fd)
            self._press()
            if self._linger is not None and time.monotonic() >= self._linger:
                break
        is_held = bool(self._streams)
        self._leave()
        code = self._child.wait()
        return Ended(128 - code if code < 0 else code, self._stopped, self._wrote_errors, is_held)

    def _watch(self) -> None:
        for stream in (self._child.stdout, self._child.stderr):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                self._streams[stream.fileno()] = stream
                self._buffers[stream.fileno()] = bytearray()
                self._selector.register(stream, selectors.EVENT_READ)
        if self._child.stderr is not None:
            self._errors = self._child.stderr.fileno()
        self._selector.register(self._pidfd, selectors.EVENT_READ)
        if self._cancellation is not None:
            self._selector.register(self._cancellation.descriptor, selectors.EVENT_READ)

    def _patience(self) -> float | None:
        """Seconds until something has to happen by itself."""
        times = [self._linger, self._deadline if self._stopped is None else None]
        times += [self._signals[-1][0]] if self._signals else []
        known = [one for one in times if one is not None]
        return max(0.0, min(known) - time.monotonic()) if known else None

    def _react(self, descriptor: int) -> None:
        if descriptor == self._pidfd:
            self._selector.unregister(self._pidfd)
            self._linger = time.monotonic() + _STREAMS_LINGER
            self._signals.clear()
            if self._stopped is not None:
                # What it started ends with it, whatever it does with signals.
                signal_group(self._child.pid, signal.SIGKILL)
        elif descriptor in self._streams:
            self._read(descriptor)
        else:
            self._selector.unregister(descriptor)
            self._stop(Stop.CANCELED)

    def _press(self) -> None:
        """Send the signal whose time has come."""
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline and self._linger is None:
            self._stop(Stop.TIMED_OUT)
        while self._signals and now >= self._signals[-1][0]:
            signal_group(self._child.pid, self._signals.pop()[1])

    def _stop(self, why: Stop) -> None:
        if self._stopped is None and self._linger is None:
            self._stopped = why
            now = time.monotonic()
            self._signals = [
                (now + _TERM_AFTER + _KILL_AFTER, signal.SIGKILL),
                (now + _TERM_AFTER, signal.SIGTERM),
                (now, signal.SIGINT),
            ]

    def _read(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return
        buffer = self._buffers[descriptor]
        if data and descriptor == self._errors:
            self._wrote_errors = True
        buffer += data
        *lines, rest = buffer.split(b"\n")
        for line in lines:
            self._say(line, descriptor)
        buffer[:] = rest
        if buffer and (not data or len(buffer) > _LONGEST_LINE):
            self._say(buffer, descriptor)
            buffer.clear()
        if not data:
            self._selector.unregister(descriptor)
            self._streams.pop(descriptor).close()

    def _say(self, line: bytearray, descriptor: int) -> None:
        text = line.decode("utf-8", "replace").removesuffix("\r")
        self._on_line(text, descriptor == self._errors)

    def _leave(self) -> None:
        """Let go of the child; what holds its output may go on writing, and nobody reads it."""
        for descriptor, stream in self._streams.items():
            if self._buffers[descriptor]:
                self._say(self._buffers[descriptor], descriptor)
            os.set_blocking(descriptor, True)
            threading.Thread(target=_drain, args=(stream,), daemon=True).start()
        self._selector.close()
        os.close(self._pidfd)


def _drain(stream: IO[bytes]) -> None:
    with contextlib.suppress(OSError, ValueError), stream:
        while stream.read(_CHUNK):
            pass


def signal_group(leader: int, number: int) -> None:
    """Send a signal to a child and everything in its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def end_orphans(*, rounds: int = 20) -> int:
    """End every process that descends from this one; returns how many there were."""
    ended: set[int] = set()
    for _ in range(rounds):
        _reap()
        living = _descendants(os.getpid())
        if not living:
            break
        for pid in living:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        ended |= living
        time.sleep(0.01)
    return len(ended)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _descendants(root: int) -> set[int]:
    """Every process below `root` that has not ended."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (fact := _parent_of(int(name))) is not None:
            parents.setdefault(fact, []).append(int(name))
    found: set[int] = set()
    wanted = [root]
    while wanted:
        below = parents.get(wanted.pop(), [])
        found.update(below)
        wanted += below
    return found


def _parent_of(pid: int) -> int | None:
    """The parent of a living process; None for one that has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, parent, *_ = text.rpartition(")")[2].split()
    return None if state == "Z" else int(parent)
