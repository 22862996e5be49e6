"""This machine as compute: starts, observes and stops processes, each under its own shim.

Nothing is remembered here. The truth is in the attempt's folder: the lock says
whether a shim watches, ``exit.json`` how it ended, ``running.json`` which
process it was. So any server, or two at once, may ask about an attempt that
another one started.

The lock is a POSIX record lock, because one can ask who holds it without
taking it: with `flock` an observer's moment of holding looked to a starting
shim like another shim.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import struct
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import Conflict, StorageFailed, Unavailable
from pratique.compute import shim
from pratique.compute.cgroups import UNBOUNDED, Cgroups
from pratique.compute.launching import START_LIMIT, Launch, launch_alone
from pratique.compute.sandbox import UNCONFINED, Sandbox
from pratique.compute.task import Absent, Exited, Lost, Observation, Running, Task

_KILL_LIMIT: Final = timedelta(seconds=5)
_LOOK_AGAIN: Final = 0.02
_MOST_FACTS: Final = 1 << 16
"""Bytes of a shim's own file, many times as many as it writes."""
_FLOCK: Final = "hhqqi4x"
"""The kernel's `struct flock` on 64-bit Linux: type, whence, start, length, pid."""


@dataclass(frozen=True)
class _Record:
    """What ``running.json`` says."""

    shim: int
    shim_started: int
    child: int
    child_started: int
    boot: str
    started: float
    falls: int = 0
    fell: dict[str, Any] | None = None


class LocalCompute:
    """Processes of this machine; holds no state, so every instance knows the same."""

    def __init__(
        self, sandbox: Sandbox = UNCONFINED, launch: Launch = launch_alone, cgroups: Cgroups = UNBOUNDED
    ) -> None:
        """`sandbox` keeps what is started to its view; the default lets everything see what the user sees.

        `launch` starts a shim: `Nursery().launch` for a process that starts many. `cgroups` bound what a task takes.
        """
        self.sandbox = sandbox
        self.cgroups = cgroups
        self._launch = launch

    def start(self, task: Task) -> Observation:
        """Run `task`, unless its folder has run or runs already: then say how that goes.

        Any number of concurrent starts of one folder run it exactly once.
        Raises `StorageFailed` when the folder, log or socket cannot be written, and `ComputeFailed` when
        processes must be kept to their views here and cannot; then nothing has run.
        """
        if isinstance(self.observe(task.folder), Absent):
            confinement = self.sandbox.arguments(task.view) if task.view else ()
            _make_folder(task.folder)
            groups = self.cgroups.make(task.folder, task.limits)
            self._launch(task.folder, task.to_records(confinement, groups))
        return self._once_named(task.folder)

    def observe(self, folder: Path) -> Observation:
        """How the attempt in `folder` goes. `Lost` is said only after what it left running has been ended."""
        # The order matters: whoever wrote a record that was read before the lock was found free is gone,
        # and its exit status, if it left one, is there by now.
        is_spent = _is_spent(folder)
        record = _read_running(folder)
        if (holder := _holder(folder)) is not None:
            return _running(record or _read_running(folder), holder)
        if (ended := _read_exit(folder)) is not None:
            return ended
        if record is None:
            return Lost("what its shim wrote is damaged") if is_spent else Absent()
        if _end_orphans(record):
            return Running(record.child, _moment(record.started))
        return Lost(_why_lost(record))

    def wait(self, folder: Path, timeout: timedelta) -> Observation:
        """Wait until the attempt has ended, at most `timeout`; `Running` when it has not."""
        deadline = time.monotonic() + timeout.total_seconds()
        while isinstance(seen := self.observe(folder), Running) and (left := deadline - time.monotonic()) > 0:
            _await_end(_holder(folder), left)
        return seen

    def stop(self, folder: Path, *, grace: timedelta) -> Observation:
        """End the attempt: SIGTERM to its group, SIGKILL after `grace` or the task's own, the shorter.

        Blocks for `grace` and a few seconds at most; what has already ended is only observed.
        """
        for number, patience in (
            (signal.SIGTERM, grace), (signal.SIGQUIT, _KILL_LIMIT), (signal.SIGKILL, _KILL_LIMIT),
        ):  # fmt: skip
            holder = _holder(folder)
            if holder is None:
                break
            _signal_process(holder, number)
            if not isinstance(seen := self.wait(folder, patience), Running):
                return seen
        return self.observe(folder)

    def hold(self, folder: Path) -> None:
        """From now on callers of the task's socket wait when its process ends by itself, and it is started again.

        Once in a minute: when it falls again sooner, the attempt has ended. `Running` says how often it fell.
        """
        self._tell(folder, signal.SIGUSR1)

    def let_go(self, folder: Path) -> None:
        """Take `hold` back: the socket ends with the process, and callers who wait there are told."""
        self._tell(folder, signal.SIGUSR2)

    def _tell(self, folder: Path, number: int) -> None:
        if (holder := _holder(folder)) is not None:
            _signal_process(holder, number)

    def clear(self, folder: Path) -> None:
        """Forget an ended attempt, so that `folder` can be started again; its log stays.

        Raises `Conflict` while it runs. Not for two callers at once.
        """
        if isinstance(self.observe(folder), Running):
            raise Conflict(f"the process of {folder} still runs", hint="stop it first")
        for name in (shim.RUNNING_FILE, shim.EXIT_FILE):  # In this order: between them it is still spent.
            (folder / name).unlink(missing_ok=True)

    def _once_named(self, folder: Path) -> Observation:
        """Wait the moment which another starter's shim needs to name its child."""
        deadline = time.monotonic() + START_LIMIT.total_seconds()
        while _holder(folder) is not None and _read_running(folder) is None:
            if time.monotonic() > deadline:
                raise Unavailable(f"the shim of {folder} does not get on")
            time.sleep(_LOOK_AGAIN)
        seen = self.observe(folder)
        if isinstance(seen, Absent):
            raise Unavailable("another start of the same process failed", hint="try again")
        return seen


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(f"{folder} cannot be made: {error.strerror}") from error


def _holder(folder: Path) -> int | None:
    """The shim that holds the folder's lock; asking does not take it."""
    try:
        file = os.open(f"{folder}/{shim.LOCK_FILE}", os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageFailed(f"{folder}/{shim.LOCK_FILE} cannot be read: {error.strerror}") from error
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    finally:
        os.close(file)
    return None if kind == fcntl.F_UNLCK else int(pid)


def _await_end(holder: int | None, seconds: float) -> None:
    """Return when the shim `holder` has ended or `seconds` have passed; costs nothing meanwhile."""
    try:
        process = os.pidfd_open(holder or 0)
    except OSError:  # It has just ended, or this kernel is older than 5.3.
        time.sleep(min(seconds, _LOOK_AGAIN))
        return
    try:
        poll = select.poll()
        poll.register(process, select.POLLIN)
        poll.poll(1000 * seconds)
    finally:
        os.close(process)


def _running(record: _Record | None, holder: int) -> Running:
    """A shim that has not named its child yet is itself what runs."""
    if record is None:
        return Running(holder, datetime.now(UTC))
    return Running(record.child, _moment(record.started), record.falls, _exited(record.fell or {}))


def _is_spent(folder: Path) -> bool:
    return any(os.path.lexists(f"{folder}/{name}") for name in (shim.RUNNING_FILE, shim.EXIT_FILE))


def _read_running(folder: Path) -> _Record | None:
    try:
        return _Record(**(_read(f"{folder}/{shim.RUNNING_FILE}") or {}))
    except TypeError:
        return None


def _read_exit(folder: Path) -> Exited | None:
    return _exited(_read(f"{folder}/{shim.EXIT_FILE}") or {})


def _exited(facts: dict[str, Any]) -> Exited | None:
    try:
        return Exited(facts["code"], facts["signal"], facts["timed_out"], _moment(facts["at"]))
    except (KeyError, TypeError):
        return None


def _read(path: str) -> dict[str, Any] | None:
    """One of the shim's own files; they appear by rename, so only a failing disk leaves one that means nothing."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageFailed(f"{path} cannot be read: {error.strerror}") from error
    try:
        facts = json.loads(os.read(file, _MOST_FACTS))
    except ValueError:
        return None
    finally:
        os.close(file)
    return facts if isinstance(facts, dict) else None


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _why_lost(record: _Record) -> str:
    if record.boot != shim.boot_id():
        return "the machine was restarted while it ran"
    return "its shim was killed while it ran"


def _end_orphans(record: _Record) -> bool:
    """Kill what a killed shim left behind; True when something of it lives all the same."""
    if record.boot != shim.boot_id():
        return False
    deadline = time.monotonic() + _KILL_LIMIT.total_seconds()
    while left := _orphans(record):
        for pid in left:
            _signal_process(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return True
        time.sleep(_LOOK_AGAIN)
    return False


def _orphans(record: _Record) -> list[int]:
    """The live processes of the shim's session, and the shim itself while it dies.

    The kernel gives a number out again only when no process, group or session
    bears it: a stranger with the shim's number means that its session is gone.
    """
    found = {pid for pid in (record.child,) if _is_alive(pid, record.child_started)}
    if _is_alive(record.shim, record.shim_started):
        found.add(record.shim)
    if shim.parent_and_session(record.shim) == (0, 0) or record.shim in found:
        found |= {pid for pid in shim.processes() if shim.parent_and_session(pid)[1] == record.shim}
    return sorted(found)


def _is_alive(pid: int, started: int) -> bool:
    """Whether the process of that number and start time lives; one that waits to be reaped does not."""
    try:
        return shim.started_at(pid) == started and shim.parent_and_session(pid) != (0, 0)
    except OSError:
        return False


def _signal_process(pid: int, number: int) -> None:
    """Signal `pid`; that it has ended meanwhile, or is not ours to signal, shows in the next look."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
