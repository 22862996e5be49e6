"""Real processes for the tests of compute, each ended with its test."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from pratique.compute import shim
from pratique.compute.local import LocalCompute
from pratique.compute.task import Observation, Running, Task

LIMIT = timedelta(seconds=300)
"""What no wait of these tests reaches unless something is broken, however busy the machine is.

A Python that imports the platform takes half a second alone and half a minute beside twenty others.
"""


class Attempts:
    """Makes tasks below one folder and remembers them, so that all can be ended."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.compute = LocalCompute()
        self._folders: list[Path] = []

    def task(
        self,
        *argv: str,
        name: str = "attempt",
        environment: Mapping[str, str] | None = None,
        working_folder: Path | None = None,
        socket: Path | None = None,
        timeout: timedelta | None = None,
        grace: timedelta = timedelta(seconds=10),
    ) -> Task:
        """A task in the folder `name`; the interpreter's folder and the system's are on its PATH."""
        folder = self.root / name
        self._folders.append(folder)
        given = {"PATH": "/usr/bin:/bin"} if environment is None else environment
        log = self.root / f"{name}.log"
        return Task(folder, argv, given, working_folder or self.root, log, socket, timeout=timeout, grace=grace)

    def python(self, code: str, **options: object) -> Task:
        """A task that runs `code` in a Python which starts quickly."""
        return self.task(sys.executable, "-I", "-S", "-c", code, **options)  # type: ignore[arg-type]

    def run(self, task: Task) -> Observation:
        """Start `task` and wait until it has ended."""
        self.compute.start(task)
        return self.compute.wait(task.folder, LIMIT)

    def end_all(self) -> None:
        """End what still runs."""
        for folder in self._folders:
            if folder.is_dir() and isinstance(self.compute.observe(folder), Running):
                self.compute.stop(folder, grace=timedelta(0))


@pytest.fixture
def attempts(tmp_path: Path) -> Iterator[Attempts]:
    """A maker of tasks whose processes end with the test."""
    made = Attempts(tmp_path)
    yield made
    made.end_all()


@pytest.fixture
def strangers() -> Iterator[Callable[..., int]]:
    """Starts processes that compute knows nothing of, in a session of their own; gives their ids."""
    started: list[int] = []

    def start(*argv: str) -> int:
        pid = os.posix_spawnp(argv[0], argv, os.environ, setsid=True)
        started.append(pid)
        return pid

    yield start
    for pid in started:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def is_alive(pid: int) -> bool:
    """Whether a process of that number lives, zombies not counted."""
    return shim.parent_and_session(pid) != (0, 0)


def until(holds: Callable[[], object]) -> None:
    """Wait until `holds` does; fails when it never does."""
    deadline = time.monotonic() + LIMIT.total_seconds()
    while not holds():
        assert time.monotonic() < deadline, "this never came"
        time.sleep(0.01)


@pytest.fixture(name="until")
def _until() -> Callable[[Callable[[], object]], None]:
    return until


@pytest.fixture(name="is_alive")
def _is_alive() -> Callable[[int], bool]:
    return is_alive
