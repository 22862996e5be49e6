"""Real processes that are kept to their view of the machine, by the real bubblewrap."""

import os
import signal
import socket
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import ComputeFailed
from pratique.compute.interpreters import places_of
from pratique.compute.local import LocalCompute
from pratique.compute.sandbox import Sandbox, why_not
from pratique.compute.task import Exited, Task
from pratique.compute.view import View

LIMIT = timedelta(seconds=60)
needs_bubblewrap = pytest.mark.skipif(
    bool(why_not()), reason=f"processes cannot be kept apart on this machine: {why_not()}"
)


@pytest.fixture
def confined(attempts: Any) -> Any:
    """The maker of tasks, on a compute that keeps them to their views."""
    attempts.compute = LocalCompute(Sandbox("require"))
    return attempts


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Folders to be seen and folders not to be."""
    for name in ("read", "write", "scratch", "secret"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    return tmp_path


def view(place: Path, **options: Any) -> View:
    return View((place / "read",), (place / "write",), place / "scratch", **options)


def bash(confined: Any, place: Path, script: str, **options: Any) -> Task:
    task: Task = confined.task("bash", "-c", script, working_folder=place / "write", **options)
    return replace(task, view=view(place))


def said(confined: Any, task: Task) -> str:
    """What `task` printed, which ended well."""
    ended = confined.run(task)
    text = str(task.log.read_text())
    assert isinstance(ended, Exited), ended
    assert ended.code == 0, text
    return text


@needs_bubblewrap
def test_a_process_changes_what_is_writable_and_nothing_else(confined: Any, place: Path) -> None:
    script = f"""
        echo changed > file; echo new > more
        rm -rf {place}/read {place}/secret ~/.bashrc /usr/bin/env
        echo spoiled > {place}/read/file; chmod u+w {place}/read/file; rm -f {place}/read/file
        true
    """
    said(confined, bash(confined, place, script))
    assert (place / "write" / "file").read_text() == "changed\n"
    assert (place / "write" / "more").read_text() == "new\n"
    assert (place / "read" / "file").read_text() == "read"
    assert (place / "secret" / "file").read_text() == "secret"
    assert Path("/usr/bin/env").exists()


@needs_bubblewrap
def test_what_is_not_in_the_view_is_not_there(confined: Any, place: Path) -> None:
    script = f"ls {place}; cat {place}/read/file; ! cat {place}/secret/file; ! ls {Path.home()}/.ssh"
    text = said(confined, bash(confined, place, script))
    assert text.split()[:3] == ["read", "write", "read" + "cat:"] or text.startswith("read\nwrite\nread")
    assert "No such file or directory" in text


@needs_bubblewrap
def test_its_tmp_is_its_own(confined: Any, place: Path) -> None:
    mine = Path("/tmp/pratique-sandbox-test")
    said(confined, bash(confined, place, f"echo hello > {mine}; ls /var/tmp"))
    assert not mine.exists()
    assert (place / "scratch" / mine.name).read_text() == "hello\n"


@needs_bubblewrap
def test_it_sees_and_signals_no_process_but_its_own(confined: Any, place: Path) -> None:
    script = f"ls /proc | grep -c '^[0-9]*$'; ! kill -9 {os.getpid()}"
    text = said(confined, bash(confined, place, script))
    assert int(text.split()[0]) < 10


@needs_bubblewrap
def test_it_has_no_capability_even_as_root(confined: Any, place: Path) -> None:
    text = said(confined, bash(confined, place, f"grep CapEff /proc/self/status; ! mount -o remount,rw {place}/read"))
    assert "CapEff:\t0000000000000000" in text


@needs_bubblewrap
def test_variables_reach_it_and_stand_on_no_command_line(confined: Any, place: Path, tmp_path: Path) -> None:
    given = {"PATH": "/usr/bin:/bin", "SECRET": "spaces and\nlines"}
    task = bash(confined, place, 'echo "$SECRET"; env | grep -c .; exec sleep 60', environment=given)
    seen = confined.compute.start(task)
    confined_by = Path(f"/proc/{seen.pid}/cmdline").read_bytes()
    assert b"spaces and" not in confined_by
    confined.compute.stop(task.folder, grace=timedelta(0))


@needs_bubblewrap
def test_a_library_that_a_variable_names_is_not_loaded_outside_of_the_view(confined: Any, place: Path) -> None:
    given = {"PATH": "/usr/bin:/bin", "LD_PRELOAD": str(place / "secret" / "file")}
    text = said(confined, bash(confined, place, "true", environment=given))
    # The loader names the program whose library it misses: those inside, not the one that makes the view.
    assert "bwrap" not in text


@needs_bubblewrap
def test_the_network_is_the_machines_or_none(confined: Any, place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        script = f"(echo > /dev/tcp/127.0.0.1/{port}) 2> /dev/null && echo reached || echo away"
        assert said(confined, bash(confined, place, script)) == "reached\n"
        alone = replace(bash(confined, place, script, name="alone"), view=view(place, has_network=False))
        assert said(confined, alone) == "away\n"


@needs_bubblewrap
def test_its_exit_code_is_kept_and_a_signal_is_told_as_shells_tell_it(confined: Any, place: Path) -> None:
    ended = confined.run(bash(confined, place, "exit 3"))
    assert (ended.code, ended.signal) == (3, None)
    killed = confined.run(bash(confined, place, "kill -9 $$", name="killed"))
    assert (killed.code, killed.signal) == (128 + signal.SIGKILL, None)


@needs_bubblewrap
def test_a_stop_asks_what_runs_inside_and_leaves_it_its_grace(confined: Any, place: Path, until: Any) -> None:
    task = bash(confined, place, "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.01; done")
    confined.compute.start(task)
    until(lambda: "up" in task.log.read_text())
    ended = confined.compute.stop(task.folder, grace=timedelta(seconds=10))
    assert (ended.code, ended.signal) == (5, None)
    lines = task.log.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("up", "bye")  # Between them bash may say that its `sleep` was asked as well.


@needs_bubblewrap
def test_what_does_not_heed_is_killed_after_the_grace(confined: Any, place: Path, until: Any) -> None:
    task = bash(confined, place, "trap '' TERM; echo up; while :; do sleep 0.01; done")
    seen = confined.compute.start(task)
    until(lambda: "up" in task.log.read_text())
    ended = confined.compute.stop(task.folder, grace=timedelta(seconds=0.2))
    assert isinstance(ended, Exited)
    assert not Path(f"/proc/{seen.pid}").exists()


@needs_bubblewrap
def test_nothing_lives_on_when_its_shim_is_killed(confined: Any, place: Path, until: Any) -> None:
    known = f"61.{os.getpid()}"  # Whoever else sleeps on this machine.
    task = bash(confined, place, f"setsid sleep {known} & echo up; sleep {known}")
    confined.compute.start(task)
    until(lambda: "up" in task.log.read_text())
    record = (task.folder / "running.json").read_text()
    os.kill(int(record.split('"shim": ')[1].split(",")[0]), signal.SIGKILL)
    until(lambda: not any(known.encode() in _command(pid) for pid in os.listdir("/proc") if pid.isdigit()))


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@needs_bubblewrap
def test_a_socket_is_handed_in_and_meant_for_the_process_inside(confined: Any, place: Path, until: Any) -> None:
    path = place / "s"
    script = (
        "import os, socket; assert os.environ['LISTEN_PID'] == str(os.getpid()), os.environ\n"
        "one, _ = socket.socket(fileno=3).accept(); one.sendall(b'hello')"
    )
    python = Path(sys.executable)
    task = confined.task(str(python), "-I", "-c", script, working_folder=place / "write", socket=path)
    task = replace(task, view=replace(view(place), readable=(place / "read", *places_of(python))))
    confined.compute.start(task)
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(path))
        assert caller.recv(5) == b"hello", task.log.read_text()
    assert confined.compute.wait(task.folder, LIMIT).code == 0, task.log.read_text()


@needs_bubblewrap
def test_folders_of_the_platform_are_hidden_within_the_systems(confined: Any, place: Path) -> None:
    confined.compute = LocalCompute(Sandbox("require", hidden=(Path("/etc/ssl"),)))
    assert said(confined, bash(confined, place, "ls /etc/ssl | wc -l")) == "0\n"


def test_without_a_sandbox_a_process_sees_what_the_user_sees(attempts: Any, place: Path) -> None:
    assert said(attempts, bash(attempts, place, f"cat {place}/secret/file")) == "secret"


def test_where_it_is_required_and_does_not_work_nothing_runs(
    attempts: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(place))
    why_not.cache_clear()
    try:
        attempts.compute = LocalCompute(Sandbox("require"))
        task = bash(attempts, place, "touch ran")
        with pytest.raises(ComputeFailed, match="no bwrap on the PATH"):
            attempts.compute.start(task)
        assert not (place / "write" / "ran").exists()
        attempts.compute = LocalCompute(Sandbox("auto"))
        assert said(attempts, task) == ""
    finally:
        why_not.cache_clear()
