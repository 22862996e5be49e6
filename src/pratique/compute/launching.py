"""How a shim is started: as a Python of its own, or forked from one that has loaded it.

The first is for whoever starts one process and leaves. Whoever starts many, the
server, keeps a *nursery*: a process that does nothing but fork shims, which is
ten times quicker. It ends by itself when the server does, and its shims do not.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeAlias

from pratique.base.errors import StorageFailed, Unavailable
from pratique.compute import nursing, shim

Launch: TypeAlias = Callable[[Path, bytes], None]
"""Start the shim of a folder, with the records of its task."""

START_LIMIT: Final = timedelta(seconds=60)
_INTERPRETER_NEEDS: Final = ("LD_LIBRARY_PATH",)
"""What some Pythons cannot start without; the child does not get it."""
_PACKAGES: Final = ("PYTHONPATH",)
"""By which a nurse that loads a module finds it where this process does."""


def launch_alone(folder: Path, records: bytes) -> None:
    """Start a shim in a process of its own; returns when its child runs, or when another shim has been there.

    Raises `StorageFailed` when the folder cannot be written; then nothing has run.
    """
    try:
        done = subprocess.run(
            [*_python(), os.fspath(folder)],
            input=records,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=_environment(),
            cwd="/",
            timeout=START_LIMIT.total_seconds(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"the shim of {folder} did not answer") from error
    _check(done.returncode, done.stderr.decode(errors="replace"))


class Nursery:
    """The process that shims are forked from; begun with the first of them, and anew when it was killed."""

    def __init__(self, home: str = "", *, loads: str = "") -> None:
        """`home` is what its shims are known by, in their variables; each shows its folder besides.

        With `loads`, a module, a task ``PYTHON -m MODULE`` begins in a fork that has it: see `nursing`.
        """
        self._home = home
        self._loads = loads
        self._turn = threading.Lock()
        self._channel: socket.socket | None = None

    def launch(self, folder: Path, records: bytes) -> None:
        """Do as `launch_alone` does, quicker."""
        # A nursery that is killed in this moment takes the request with it. Asking again is safe: a folder that
        # has a shim, or had one, gets no second.
        said = self._ask(folder, records) or self._ask(folder, records)
        if not said:
            raise Unavailable(f"the shim of {folder} died while it started", hint="try again")
        _check(said[0], said[1:].decode(errors="replace"))

    def _ask(self, folder: Path, records: bytes) -> bytes:
        """What the shim says; nothing when it, or the nursery, died before it could."""
        with self._asked(folder) as answers:
            try:
                answers.sendall(os.fsencode(folder) + b"\0" + records)
                answers.shutdown(socket.SHUT_WR)
                return answers.recv(4096)
            except TimeoutError as error:
                raise Unavailable(f"the shim of {folder} did not answer") from error
            except OSError:
                return b""

    def close(self) -> None:
        """Let the process end; the next launch begins another. What it has started goes on."""
        with self._turn:
            if self._channel is not None:
                self._channel.close()
                self._channel = None

    @contextlib.contextmanager
    def _asked(self, folder: Path) -> Iterator[socket.socket]:
        """A connection to a shim in the making."""
        mine, theirs = socket.socketpair()
        mine.settimeout(START_LIMIT.total_seconds())
        with mine, theirs:
            self._hand_over(theirs, folder)
            theirs.close()
            yield mine

    def _hand_over(self, connection: socket.socket, folder: Path) -> None:
        with self._turn:
            for _ in range(2):  # It may have been killed since the last start.
                if self._channel is None:
                    self._channel = _begun(self._home, self._loads)
                try:
                    socket.send_fds(self._channel, [b"!"], [connection.fileno()])
                except OSError:
                    self._channel.close()
                    self._channel = None
                else:
                    return
        raise Unavailable(f"the process that starts others cannot be reached for {folder}", hint="try again")


def _begun(home: str, loads: str) -> socket.socket:
    """A new nursery; the returned socket is its life line."""
    mine, theirs = socket.socketpair()
    with theirs:
        theirs.set_inheritable(True)
        program = [sys.executable, "-m", nursing.__name__, loads] if loads else _python()
        command = [*program, shim.NURSE, str(theirs.fileno()), shim.ROOM]
        # Nobody waits for it: it ends when the life line does, and then its parent is gone as well.
        os.posix_spawn(
            command[0],
            command,
            {**_environment(*_PACKAGES[: bool(loads)]), "PRATIQUE_HOME": home},
            file_actions=_SILENT,
            setsid=True,
        )
    return mine


_SILENT: Final = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
"""Nothing to read and nowhere to write."""


def _check(code: int, said: str) -> None:
    if code not in (shim.STARTED, shim.LOCKED, shim.SPENT):
        raise StorageFailed(
            f"the process could not be started: {said.strip()}",
            hint="free space on the disk, or set the permissions of the home",
        )


def _python() -> list[str]:
    """The interpreter beneath a virtual environment, which the shim has no use for, and the shim."""
    base = getattr(sys, "_base_executable", None)
    interpreter = base if isinstance(base, str) and base else sys.executable
    # Its compiled file where there is one: compiling its text anew costs each start a few ms.
    compiled = shim.__spec__.cached
    program = compiled if compiled and os.path.isfile(compiled) else os.path.abspath(shim.__file__)
    return [interpreter, "-I", "-S", "-X", "utf8", program]


def _environment(*more: str) -> dict[str, str]:
    return {name: os.environ[name] for name in (*_INTERPRETER_NEEDS, *more) if name in os.environ}
