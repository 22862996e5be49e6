"""What a task may be, and how it reaches the shim."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pratique.base.errors import InvalidInput
from pratique.compute import shim
from pratique.compute.task import Task

TASK = Task(
    folder=Path("/home/attempt"),
    argv=("python", "-c", "a=b\nc", "", "ä\udcff"),
    environment={"A": "1=2", "EMPTY": "", "LINES": "x\ny"},
    working_folder=Path("/home/work folder"),
    log=Path("/home/log"),
    socket=Path("/run/s.sock"),
    timeout=timedelta(minutes=2),
    grace=timedelta(milliseconds=1500),
)


def test_the_shim_reads_what_was_written() -> None:
    read = shim.Task(TASK.to_records())
    assert [one.decode("utf-8", "surrogateescape") for one in read.argv] == list(TASK.argv)
    assert read.environment == {b"A": b"1=2", b"EMPTY": b"", b"LINES": b"x\ny"}
    assert (read.working_folder, read.log, read.socket) == (b"/home/work folder", b"/home/log", b"/run/s.sock")
    assert (read.timeout, read.grace) == (120.0, 1.5)


def test_what_a_task_does_not_have_the_shim_does_not_get() -> None:
    read = shim.Task(replace(TASK, socket=None, timeout=None, environment={}).to_records())
    assert (read.socket, read.timeout, read.environment) == (b"", None, {})


@pytest.mark.parametrize(
    "change",
    [
        {"argv": ()},
        {"argv": ("",)},
        {"argv": ("echo", "a\0b")},
        {"environment": {"A": "a\0argument=evil"}},
        {"environment": {"A\0B": ""}},
        {"environment": {"A=B": ""}},
        {"environment": {"": "x"}},
        {"socket": Path("/" + "ä" * 54)},
    ],
)
def test_what_no_process_can_be_given_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        replace(TASK, **change)  # type: ignore[arg-type]


def test_the_longest_socket_path_is_taken() -> None:
    assert replace(TASK, socket=Path("/" + "s" * 106)).socket is not None
