"""What compute is asked to run, and what it can say about it later.

    Absent ──start──► Running ──► Exited        how it ended is known
                         └──────► Lost          its shim was killed or the power went: it is not known

`Exited` and `Lost` are final, and then nothing of the attempt lives any more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from os import fsencode
from pathlib import Path
from typing import Final, TypeAlias

from pratique.base.errors import InvalidInput
from pratique.compute.cgroups import UNLIMITED, Limits
from pratique.compute.view import View

LONGEST_SOCKET_PATH: Final = 107
"""Bytes that a unix socket's path may have on Linux."""


@dataclass(frozen=True)
class Task:
    """One attempt at running one process; all paths are absolute."""

    folder: Path
    """Belongs to this attempt alone: its lock, and the files that say how it goes."""
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    """The whole environment: nothing is inherited."""
    working_folder: Path
    log: Path
    """Takes stdout and stderr, appended to."""
    socket: Path | None = None
    """Listened on before the process lives, and handed to it as fd 3 (``LISTEN_FDS``, as systemd does)."""
    keeps_socket: bool = False
    """Whether its shim keeps a copy of the socket, for `LocalCompute.hold`; it then lives as long as the process."""
    timeout: timedelta | None = None
    """How long it may run; the time in which the machine sleeps is not counted."""
    grace: timedelta = timedelta(seconds=10)
    """How long after SIGTERM it is killed."""
    view: View | None = None
    """What it may see of the machine; None for the platform's own services, which see what the user sees."""
    seen: Mapping[Path, bytes] = field(default_factory=dict)
    """Files that were read through, with the `shim.fingerprint` that each had before: its shim starts nothing again
    over one that is another since."""
    limits: Limits = UNLIMITED
    """What it may take of the machine with all that it starts, where control groups were handed to the platform."""

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for what no process can be given."""
        if not self.argv or not self.argv[0]:
            raise InvalidInput("there is no command to run")
        if any("\0" in text for text in (*self.argv, *self.environment, *self.environment.values())):
            raise InvalidInput("a command and its environment variables cannot contain NUL characters")
        for name in self.environment:
            if not name or "=" in name:
                raise InvalidInput(f"{name!r} cannot be the name of an environment variable")
        if self.socket is not None and len(fsencode(self.socket)) > LONGEST_SOCKET_PATH:
            raise InvalidInput(
                f"the socket path {self.socket} is longer than {LONGEST_SOCKET_PATH} bytes",
                hint="set PRATIQUE_RUNTIME_DIR to a folder with a shorter path",
            )

    def to_records(self, confinement: Sequence[str] = (), groups: Sequence[Path] = ()) -> bytes:
        """The task as the shim reads it from stdin: ``name=value`` records, each ended by NUL.

        `confinement` is the program that makes the task's view, with its options; `groups` bound it.
        """
        return fsencode("".join([f"{record}\0" for record in self._records(confinement, groups)]))

    def _records(self, confinement: Sequence[str], groups: Sequence[Path]) -> Iterator[str]:
        yield f"working_folder={self.working_folder}"
        yield f"log={self.log}"
        yield f"grace={self.grace.total_seconds()!r}"
        if self.socket is not None:
            yield f"socket={self.socket}"
            if self.keeps_socket:
                yield "keeps_socket=1"
        if self.timeout is not None:
            yield f"timeout={self.timeout.total_seconds()!r}"
        yield from (f"seen={said.decode()} {path}" for path, said in self.seen.items())
        yield from (f"group={group}" for group in groups)
        yield from (f"confinement={text}" for text in confinement)
        yield from (f"argument={argument}" for argument in self.argv)
        yield from (f"variable={name}={value}" for name, value in self.environment.items())


@dataclass(frozen=True)
class Absent:
    """Nothing has run in this folder."""


@dataclass(frozen=True)
class Running:
    """It runs; `pid` is the process itself, not its shim."""

    pid: int
    started: datetime
    falls: int = 0
    """How often it has ended and been started again by its shim, which held its socket meanwhile."""
    fell: "Exited | None" = None
    """How it ended the last time."""


@dataclass(frozen=True)
class Exited:
    """It ended: with `code`, or killed by `signal`; exactly one of them is set."""

    code: int | None
    signal: int | None
    timed_out: bool
    at: datetime


@dataclass(frozen=True)
class Lost:
    """It ran and runs no more, and nobody was there to see how it ended."""

    reason: str


Observation: TypeAlias = Absent | Running | Exited | Lost
