"""One child process, and how it is made to end."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pratique.worker import processes
from pratique.worker.processes import Cancellation, Ended, Stop, hear_interrupts, run

ENVIRONMENT = {"PATH": os.environ["PATH"]}


class Heard(list[tuple[str, bool]]):
    """The lines that a process wrote."""

    def __call__(self, line: str, is_error: bool) -> None:
        self.append((line, is_error))


def _bash(script: str, folder: Path, heard: Heard, **more: object) -> Ended:
    return run(["bash", "-c", script], environment=ENVIRONMENT, folder=folder, on_line=heard, **more)  # type: ignore[arg-type]


def test_every_line_is_heard_and_the_last_one_needs_no_end(tmp_path: Path) -> None:
    heard = Heard()
    ended = _bash(r"printf 'one\r\ntwo\n\xff\n'; printf three >&2; exit 4", tmp_path, heard)
    assert heard == [("one", False), ("two", False), ("�", False), ("three", False)]
    assert (ended.code, ended.stopped) == (4, None)


def test_errors_can_be_kept_apart(tmp_path: Path) -> None:
    heard = Heard()
    ended = _bash("echo out; echo err >&2", tmp_path, heard, keeps_errors_apart=True)
    assert sorted(heard) == [("err", True), ("out", False)]
    assert ended.wrote_errors


@pytest.fixture
def _interrupts() -> Iterator[None]:
    """SIGINT is ignored at first by whatever a script has put behind itself, such as these tests."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    hear_interrupts()
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interrupts")
def test_a_child_that_outlives_its_deadline_is_asked_to_end(tmp_path: Path) -> None:
    heard = Heard()
    script = "trap 'echo asked; exit 7' INT; echo begun; while :; do sleep 0.05; done"
    ended = _bash(script, tmp_path, heard, deadline=time.monotonic() + 2)
    assert ended.stopped is Stop.TIMED_OUT
    assert ("asked", False) in heard


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_TERM_AFTER", 0.2)
    monkeypatch.setattr(processes, "_KILL_AFTER", 0.2)
    cancellation = Cancellation()
    ended = run(
        ["bash", "-c", "trap '' INT TERM; echo begun; while :; do sleep 1; done"],
        environment=ENVIRONMENT,
        folder=tmp_path,
        on_line=lambda *_: cancellation.ask("enough"),
        cancellation=cancellation,
    )
    assert ended.stopped is Stop.CANCELED
    assert ended.code == 128 + signal.SIGKILL


def test_output_that_something_else_holds_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_STREAMS_LINGER", 0.2)
    heard = Heard()
    ended = _bash("sleep 60 & echo $!; exit 0", tmp_path, heard)
    os.kill(int(heard[0][0]), signal.SIGKILL)
    assert (ended.code, ended.is_held) == (0, True)


def test_a_line_without_an_end_is_cut(tmp_path: Path) -> None:
    heard = Heard()
    _bash("head -c 3000000 /dev/zero | tr '\\0' x", tmp_path, heard)
    assert sum(len(line) for line, _ in heard) == 3_000_000
    assert len(heard) > 1


def test_what_cannot_be_started_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no-such-program"):
        run(["no-such-program"], environment=ENVIRONMENT, folder=tmp_path, on_line=Heard())


def test_a_step_cannot_read_the_workers_environment(tmp_path: Path) -> None:
    if os.getuid() == 0:
        pytest.skip("root reads everything")
    script = (
        "import os, pathlib, subprocess, sys; from pratique.worker.processes import guard_this_process as g; g();"
        "sys.exit(subprocess.call(['cat', f'/proc/{os.getpid()}/environ']))"
    )
    ended = run([sys.executable, "-c", script], environment=dict(os.environ), folder=tmp_path, on_line=Heard())
    assert ended.code == 1
