"""The listening socket that a shim hands to its process."""

import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import InvalidInput, StorageFailed
from pratique.compute.task import Exited, Running

LIMIT = timedelta(seconds=60)
SLOW_SERVER = """
import _socket, os, time
assert (os.environ["LISTEN_FDS"], os.environ["LISTEN_PID"]) == ("1", str(os.getpid())), os.environ
listener = _socket.socket(fileno=3)
while not os.path.exists("go"):
    time.sleep(0.01)
fd, _ = listener._accept()
os.write(fd, b"hello")
"""


def connect(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(LIMIT.total_seconds())
    try:
        client.connect(str(path))
    except OSError:
        client.close()
        raise
    return client


def test_a_caller_who_comes_before_the_process_accepts_is_answered(attempts: Any) -> None:
    path = attempts.root / "s"
    task = attempts.python(SLOW_SERVER, socket=path)
    assert isinstance(attempts.compute.start(task), Running)
    with connect(path) as client:
        (attempts.root / "go").touch()
        assert client.recv(10) == b"hello"
    assert attempts.compute.wait(task.folder, LIMIT) == Exited(0, None, False, attempts.compute.observe(task.folder).at)


def test_the_socket_is_for_its_user_alone_and_goes_with_the_process(attempts: Any) -> None:
    path = attempts.root / "s"
    task = attempts.task("sleep", "60", socket=path)
    attempts.compute.start(task)
    assert path.stat().st_mode & 0o777 == 0o600
    attempts.compute.stop(task.folder, grace=LIMIT)
    assert not path.exists()


def test_a_stale_socket_is_replaced(attempts: Any) -> None:
    path = attempts.root / "s"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    attempts.compute.start(attempts.task("sleep", "60", socket=path))
    connect(path).close()


def test_a_second_start_leaves_the_socket_alone(attempts: Any) -> None:
    path = attempts.root / "s"
    task = attempts.task("sleep", "60", socket=path)
    attempts.compute.start(task)
    before = path.stat().st_ino
    attempts.compute.start(task)
    assert path.stat().st_ino == before
    connect(path).close()


def test_an_ended_attempt_leaves_a_later_ones_socket_alone(attempts: Any) -> None:
    path = attempts.root / "s"
    first = attempts.task("sleep", "60", name="first", socket=path)
    attempts.compute.start(first)
    attempts.compute.start(attempts.task("sleep", "60", name="second", socket=path))
    attempts.compute.stop(first.folder, grace=LIMIT)
    connect(path).close()


def test_nobody_else_holds_the_socket_open(attempts: Any) -> None:
    """So that callers are refused, and do not hang, once the process itself has closed it."""
    path = attempts.root / "s"
    task = attempts.python("import os; os.close(3); print('closed', flush=True); os.read(os.pipe()[0], 1)", socket=path)
    attempts.compute.start(task)
    while not task.log.read_text():
        os.sched_yield()
    with pytest.raises(ConnectionRefusedError):
        connect(path)


def test_a_socket_that_cannot_be_bound_is_reported_and_nothing_runs(attempts: Any) -> None:
    task = attempts.task("sh", "-c", "echo ran", socket=attempts.root / "no" / "s")
    with pytest.raises(StorageFailed, match="No such file or directory"):
        attempts.compute.start(task)
    assert task.log.read_text() == ""


def test_a_socket_path_that_the_kernel_does_not_take_is_refused(attempts: Any) -> None:
    with pytest.raises(InvalidInput, match="107 bytes"):
        attempts.task("true", socket=Path("/" + "s" * 107))


PATIENT_SERVER = """
import _socket, os, time
listener = _socket.socket(fileno=3)
while True:
    fd, _ = listener._accept()
    asked = os.read(fd, 10)
    if asked == b"die":
        os._exit(3)
    os.write(fd, str(os.getpid()).encode())
    os.close(fd)
"""


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT.total_seconds()
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def freeze(pid: int) -> None:
    """Stop a process; returns when it stands still and takes no connection any more."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")


def held(attempts: Any) -> Any:
    """A server whose shim holds its socket."""
    task = replace(attempts.python(PATIENT_SERVER, socket=attempts.root / "s"), keeps_socket=True)
    attempts.compute.start(task)
    attempts.compute.hold(task.folder)
    return task


def test_who_waits_while_a_held_process_is_replaced_is_answered_by_the_next_one(attempts: Any) -> None:
    task = held(attempts)
    first = attempts.compute.observe(task.folder)
    freeze(first.pid)
    with connect(task.socket) as waiting:
        waiting.sendall(b"who")
        os.kill(first.pid, signal.SIGKILL)
        answered_by = int(waiting.recv(20))
    seen = attempts.compute.observe(task.folder)
    assert isinstance(seen, Running)
    assert answered_by == seen.pid != first.pid
    assert seen.fell is not None
    assert (seen.falls, seen.fell.signal) == (1, signal.SIGKILL)


def test_a_held_process_that_falls_again_at_once_has_ended(attempts: Any) -> None:
    task = held(attempts)
    for _ in range(2):
        with connect(task.socket) as client:
            client.sendall(b"die")
            client.recv(1)
    ended = attempts.compute.wait(task.folder, LIMIT)
    assert isinstance(ended, Exited)
    assert ended.code == 3
    with pytest.raises(OSError, match=r"No such file|refused"):
        connect(task.socket)


def test_who_waits_for_a_process_that_nobody_holds_is_told_when_it_dies(attempts: Any) -> None:
    task = held(attempts)
    attempts.compute.let_go(task.folder)
    seen = attempts.compute.observe(task.folder)
    freeze(seen.pid)
    with connect(task.socket) as waiting:
        os.kill(seen.pid, signal.SIGKILL)
        with pytest.raises(ConnectionResetError):
            waiting.recv(1)
    assert isinstance(attempts.compute.wait(task.folder, LIMIT), Exited)


def test_a_held_process_that_is_stopped_is_not_started_again(attempts: Any) -> None:
    task = held(attempts)
    assert isinstance(attempts.compute.stop(task.folder, grace=LIMIT), Exited)
    assert not task.socket.exists()


def test_what_a_held_process_left_running_is_ended_before_the_next_one(attempts: Any) -> None:
    code = "import os, time\nif os.fork() == 0:\n    time.sleep(600)\nopen('child', 'a').write('x')\ntime.sleep(600)"
    task = replace(attempts.python(code, socket=attempts.root / "s"), keeps_socket=True)
    attempts.compute.start(task)
    attempts.compute.hold(task.folder)
    said = attempts.root / "child"
    until(lambda: said.exists() and said.read_text() == "x")
    os.kill(attempts.compute.observe(task.folder).pid, signal.SIGKILL)
    until(lambda: attempts.compute.observe(task.folder).falls == 1)
    until(lambda: said.read_text() == "xx")
    assert attempts.compute.stop(task.folder, grace=timedelta(0)).signal is not None
