"""Starting, observing and stopping real processes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import Conflict
from pratique.compute import shim
from pratique.compute.local import LocalCompute
from pratique.compute.task import Absent, Exited, Lost, Running, Task

Until = Callable[[Callable[[], object]], None]
IsAlive = Callable[[int], bool]
LIMIT = timedelta(seconds=300)
SHORT = timedelta(seconds=0.3)
FORGETTING_TERM = "import _signal, time; _signal.signal(15, _signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def ids(task: Task) -> tuple[int, int]:
    """The processes of a running task: its shim's and its own."""
    facts = json.loads((task.folder / shim.RUNNING_FILE).read_text())
    return facts["shim"], facts["child"]


def log(task: Task) -> str:
    return task.log.read_text()


def starting(task: Task) -> str:
    """A program that starts `task` as a server would."""
    return f"""
from pathlib import Path
from pratique.compute.local import LocalCompute
from pratique.compute.task import Task
LocalCompute().start(Task(
    Path({str(task.folder)!r}), {task.argv!r}, {dict(task.environment)!r},
    Path({str(task.working_folder)!r}), Path({str(task.log)!r})))
"""


# How a process ends.


def test_a_folder_in_which_nothing_ran_is_absent(attempts: Any) -> None:
    assert attempts.compute.observe(attempts.root / "never") == Absent()


def test_a_process_runs_and_its_exit_code_is_kept(attempts: Any) -> None:
    before = datetime.now(UTC)
    ended = attempts.run(attempts.task("sh", "-c", "exit 3"))
    assert isinstance(ended, Exited)
    assert (ended.code, ended.signal, ended.timed_out) == (3, None, False)
    assert before <= ended.at <= datetime.now(UTC)


def test_a_running_process_is_named_by_its_own_id(attempts: Any, is_alive: IsAlive) -> None:
    seen = attempts.compute.start(attempts.task("sleep", "60"))
    assert isinstance(seen, Running)
    assert is_alive(seen.pid)
    assert Path(f"/proc/{seen.pid}/cmdline").read_bytes() == b"sleep\x0060\x00"
    assert datetime.now(UTC) - seen.started < LIMIT


def test_a_process_that_is_killed_is_reported_with_its_signal(attempts: Any) -> None:
    task = attempts.task("sleep", "60")
    attempts.compute.start(task)
    os.kill(ids(task)[1], signal.SIGKILL)
    ended = attempts.compute.wait(task.folder, LIMIT)
    assert isinstance(ended, Exited)
    assert (ended.code, ended.signal) == (None, signal.SIGKILL)


@pytest.mark.parametrize("program", ["no-such-program", "/no/such/program"])
def test_a_program_that_is_not_there_exits_127_and_the_log_says_why(attempts: Any, program: str) -> None:
    task = attempts.task(program)
    assert attempts.run(task).code == shim.CANNOT_RUN
    assert f"cannot run {program}: no such" in log(task).lower()


def test_a_file_that_cannot_be_executed_exits_127_and_the_log_says_why(attempts: Any) -> None:
    (attempts.root / "notes.txt").write_text("not a program")
    task = attempts.task(str(attempts.root / "notes.txt"))
    assert attempts.run(task).code == shim.CANNOT_RUN
    assert "Permission denied" in log(task)


def test_a_working_folder_that_is_not_there_exits_127_and_is_named(attempts: Any) -> None:
    task = attempts.task("true", working_folder=attempts.root / "gone")
    assert attempts.run(task).code == shim.CANNOT_RUN
    assert str(attempts.root / "gone") in log(task)


def test_a_timeout_ends_the_process_and_is_reported(attempts: Any) -> None:
    ended = attempts.run(attempts.task("sleep", "60", timeout=SHORT))
    assert ended == Exited(None, signal.SIGTERM, True, ended.at)


def test_a_process_deaf_to_its_timeout_is_killed_after_the_grace(attempts: Any) -> None:
    ended = attempts.run(attempts.python(FORGETTING_TERM, timeout=SHORT, grace=SHORT))
    assert ended == Exited(None, signal.SIGKILL, True, ended.at)


# What a process is given.


def test_the_environment_is_exactly_the_one_given(attempts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("SECRET_OF_THE_SERVER", "1")
    task = attempts.task("/usr/bin/env", environment={"A": "x y", "B": "", "UMLAUT": "ä", "LINES": "1\n2"})
    attempts.run(task)
    assert log(task) == "A=x y\nB=\nUMLAUT=ä\nLINES=1\n2\n"


def test_arguments_arrive_as_they_are(attempts: Any) -> None:
    arguments = ["", " ", "a=b", "*", "$HOME", "ä", "\udcff", "line\nline", "-x"]
    task = attempts.python("import sys; print(ascii(sys.argv[1:]))")
    task = Task(task.folder, (*task.argv, *arguments), {}, task.working_folder, task.log)
    attempts.run(task)
    assert log(task).strip() == ascii(arguments)


def test_stdout_and_stderr_are_appended_to_the_log(attempts: Any) -> None:
    task = attempts.task("sh", "-c", "echo out; echo err >&2; pwd; cat")
    task.log.write_text("before\n")
    attempts.run(task)
    assert log(task) == f"before\nout\nerr\n{attempts.root}\n"


def test_what_the_platform_writes_is_for_its_user_alone(attempts: Any) -> None:
    task = attempts.task("true")
    attempts.run(task)
    for path in (task.log, task.folder / shim.LOCK_FILE, task.folder / shim.RUNNING_FILE, task.folder / shim.EXIT_FILE):
        assert path.stat().st_mode & 0o777 == 0o600
    assert task.folder.stat().st_mode & 0o777 == 0o700


def test_a_process_gets_no_open_file_but_the_three(attempts: Any) -> None:
    task = attempts.task("sh", "-c", "ls /proc/$$/fd")
    attempts.run(task)
    assert log(task).split() == ["0", "1", "2"]


def test_a_process_starts_with_no_signal_blocked_or_ignored(attempts: Any) -> None:
    task = attempts.task("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status")
    attempts.run(task)
    found = dict(line.split() for line in log(task).splitlines())
    of_the_c_library = 0b11 << 31  # Signals 32 and 33, which no program can block or unblock itself.
    assert {name: int(mask, 16) & ~of_the_c_library for name, mask in found.items()} == {"SigBlk:": 0, "SigIgn:": 0}


def test_a_process_leads_its_own_group_and_the_server_is_not_its_ancestor(attempts: Any) -> None:
    task = attempts.task("sleep", "60")
    attempts.compute.start(task)
    watcher, child = ids(task)
    assert os.getpgid(child) == child
    assert os.getsid(child) == watcher
    assert shim.parent_and_session(child)[0] == watcher
    assert shim.parent_and_session(watcher)[0] != os.getpid()


# Once, and only once.


def test_a_second_start_finds_the_lock_and_adopts(attempts: Any) -> None:
    task = attempts.task("sh", "-c", "echo ran; sleep 60")
    first = attempts.compute.start(task)
    assert LocalCompute().start(task) == first


def test_a_shim_started_twice_says_so_by_its_exit_code(attempts: Any) -> None:
    task = attempts.task("sleep", "60")
    command = [sys.executable, "-I", "-S", shim.__file__, str(task.folder)]

    def code() -> int:
        return subprocess.run(command, input=task.to_records(), stderr=subprocess.DEVNULL, check=False).returncode

    task.folder.mkdir()
    assert [code(), code()] == [shim.STARTED, shim.LOCKED]
    attempts.compute.stop(task.folder, grace=LIMIT)
    assert code() == shim.SPENT


@pytest.mark.parametrize("then", ["sleep 60", "true"])
def test_of_twenty_starts_at_once_exactly_one_runs(attempts: Any, then: str) -> None:
    task = attempts.task("sh", "-c", f"echo ran; {then}")
    with ThreadPoolExecutor(20) as pool:
        seen = list(pool.map(lambda _: LocalCompute().start(task), range(20)))
    assert not any(isinstance(one, Absent | Lost) for one in seen)
    assert len({one.pid for one in seen if isinstance(one, Running)}) <= 1
    attempts.compute.stop(task.folder, grace=LIMIT)
    assert log(task) == "ran\n"


def test_what_has_ended_is_not_started_again(attempts: Any) -> None:
    task = attempts.task("sh", "-c", "echo ran")
    ended = attempts.run(task)
    assert attempts.compute.start(task) == ended
    assert log(task) == "ran\n"


def test_a_cleared_folder_can_be_started_again_and_its_log_goes_on(attempts: Any) -> None:
    task = attempts.task("sh", "-c", "echo ran")
    attempts.run(task)
    attempts.compute.clear(task.folder)
    assert attempts.compute.observe(task.folder) == Absent()
    assert attempts.run(task).code == 0
    assert log(task) == "ran\nran\n"


def test_what_runs_cannot_be_cleared(attempts: Any) -> None:
    task = attempts.task("sleep", "60")
    attempts.compute.start(task)
    with pytest.raises(Conflict):
        attempts.compute.clear(task.folder)


def test_a_process_outlives_a_killed_server_and_the_next_one_adopts_it(attempts: Any, is_alive: IsAlive) -> None:
    task = attempts.task("sh", "-c", "echo ran; sleep 60; exit 4")
    server = starting(task) + "import os; os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", server], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    seen = attempts.compute.start(task)
    assert seen == Running(ids(task)[1], seen.started)
    assert is_alive(seen.pid)
    assert isinstance(attempts.compute.stop(task.folder, grace=LIMIT), Exited)
    assert log(task) == "ran\n"


@pytest.mark.parametrize("end", ["", "import os; os.kill(os.getpid(), 9)", "import time; time.sleep(60)"])
def test_what_a_server_under_a_shim_has_started_outlives_it(attempts: Any, until: Until, end: str) -> None:
    """Whether it ends by itself, is killed, or is stopped; and though its own shim ends what it leaves behind."""
    job = attempts.task("sleep", "60", name="job")
    server = attempts.task(sys.executable, "-c", starting(job) + end, name="server")
    attempts.compute.start(server)
    until(lambda: (job.folder / shim.RUNNING_FILE).exists())
    if "sleep" in end:
        attempts.compute.stop(server.folder, grace=LIMIT)
    assert isinstance(attempts.compute.wait(server.folder, LIMIT), Exited)
    assert isinstance(attempts.compute.observe(job.folder), Running)
    assert isinstance(attempts.compute.stop(job.folder, grace=LIMIT), Exited)


def test_a_job_outlives_the_killed_shim_of_its_server(attempts: Any, until: Until) -> None:
    job = attempts.task("sleep", "60", name="job")
    server = attempts.task(sys.executable, "-c", starting(job) + "import time; time.sleep(60)", name="server")
    attempts.compute.start(server)
    until(lambda: (job.folder / shim.RUNNING_FILE).exists())
    os.kill(ids(server)[0], signal.SIGKILL)
    assert isinstance(attempts.compute.wait(server.folder, LIMIT), Lost)
    assert isinstance(attempts.compute.observe(job.folder), Running)


def test_a_task_starts_though_who_asked_for_it_died_before_the_answer(attempts: Any, until: Until) -> None:
    def launch_and_die(folder: Path, records: bytes) -> None:
        command = [sys.executable, "-I", "-S", shim.__file__, os.fspath(folder)]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as asking:
            until(lambda: Path(f"/proc/{asking.pid}/task/{asking.pid}/children").read_text())
            asking.kill()
            asking.communicate(records)
        until(lambda: (folder / shim.RUNNING_FILE).exists())

    task = attempts.task("sh", "-c", "echo ran; exit 3")
    LocalCompute(launch=launch_and_die).start(task)
    ended = attempts.compute.wait(task.folder, LIMIT)
    assert isinstance(ended, Exited)
    assert (ended.code, log(task)) == (3, "ran\n")


def test_a_shim_that_sleeps_as_on_a_laptop_is_still_running(attempts: Any) -> None:
    task = attempts.task("sh", "-c", "echo ran; sleep 60")
    first = attempts.compute.start(task)
    watcher, child = ids(task)
    for pid in (watcher, child):
        os.kill(pid, signal.SIGSTOP)
    assert attempts.compute.observe(task.folder) == first
    assert attempts.compute.start(task) == first
    for pid in (watcher, child):
        os.kill(pid, signal.SIGCONT)
    assert attempts.compute.observe(task.folder) == first


# A killed shim.


def test_a_killed_shim_takes_its_process_along_and_the_attempt_is_lost(attempts: Any, is_alive: IsAlive) -> None:
    task = attempts.task("sh", "-c", "echo ran; exec sleep 60")
    attempts.compute.start(task)
    watcher, child = ids(task)
    os.kill(watcher, signal.SIGKILL)
    assert attempts.compute.wait(task.folder, LIMIT) == Lost("its shim was killed while it ran")
    assert not is_alive(child)


def test_what_a_killed_shim_leaves_behind_is_ended_before_lost_is_said(
    attempts: Any, is_alive: IsAlive, until: Until
) -> None:
    task = attempts.task("sh", "-c", "(trap '' TERM HUP; sleep 60) & echo $!; sleep 60 & echo $!; wait")
    attempts.compute.start(task)
    until(lambda: len(log(task).split()) == 2)
    left = [int(text) for text in log(task).split()]
    watcher, child = ids(task)
    os.kill(watcher, signal.SIGKILL)
    until(lambda: not is_alive(child))
    assert all(is_alive(pid) for pid in left)
    assert isinstance(attempts.compute.observe(task.folder), Lost)
    assert not any(is_alive(pid) for pid in left)


def test_a_lost_attempt_is_not_run_again(attempts: Any) -> None:
    task = attempts.task("sh", "-c", "echo ran; exec sleep 60")
    attempts.compute.start(task)
    for pid in ids(task):
        os.kill(pid, signal.SIGKILL)
    lost = attempts.compute.wait(task.folder, LIMIT)
    assert isinstance(lost, Lost)
    assert attempts.compute.start(task) == lost
    assert attempts.compute.stop(task.folder, grace=SHORT) == lost
    assert log(task).count("ran") <= 1


def test_a_stranger_with_the_number_of_our_process_is_left_alone(
    attempts: Any, strangers: Callable[..., int], is_alive: IsAlive
) -> None:
    stranger = strangers("sleep", "60")
    task = attempts.task("true")
    task.folder.mkdir()
    record = {"shim": stranger, "shim_started": 1, "child": stranger, "child_started": 1}
    document = json.dumps(record | {"boot": shim.boot_id(), "started": 0.0})
    (task.folder / shim.RUNNING_FILE).write_text(document)
    assert isinstance(attempts.compute.observe(task.folder), Lost)
    assert is_alive(stranger)


def test_after_a_restart_of_the_machine_the_attempt_is_lost_and_nothing_is_killed(
    attempts: Any, strangers: Callable[..., int], is_alive: IsAlive
) -> None:
    stranger = strangers("sleep", "60")
    begun = shim.started_at(stranger)
    task = attempts.task("true")
    task.folder.mkdir()
    record = {"shim": stranger, "shim_started": begun, "child": stranger, "child_started": begun}
    (task.folder / shim.RUNNING_FILE).write_text(json.dumps(record | {"boot": "another", "started": 0.0}))
    assert attempts.compute.observe(task.folder) == Lost("the machine was restarted while it ran")
    assert is_alive(stranger)


# Stopping.


def test_stopping_what_never_ran_does_nothing(attempts: Any) -> None:
    assert attempts.compute.stop(attempts.root / "never", grace=SHORT) == Absent()


def test_a_stopped_process_may_end_in_its_own_way(attempts: Any, until: Until) -> None:
    task = attempts.task("sh", "-c", "trap 'echo saved; exit 5' TERM; echo up; while :; do sleep 0.05; done")
    attempts.compute.start(task)
    until(lambda: "up" in log(task))
    assert attempts.compute.stop(task.folder, grace=LIMIT).code == 5
    assert "saved" in log(task)


def test_a_process_deaf_to_stop_is_killed_after_the_grace(attempts: Any, until: Until) -> None:
    task = attempts.python(FORGETTING_TERM)
    attempts.compute.start(task)
    until(lambda: "up" in log(task))
    assert attempts.compute.stop(task.folder, grace=SHORT).signal == signal.SIGKILL


def test_a_shim_deaf_to_everything_is_killed_with_its_process(attempts: Any, is_alive: IsAlive) -> None:
    task = attempts.task("sleep", "60")
    attempts.compute.start(task)
    watcher, child = ids(task)
    os.kill(watcher, signal.SIGSTOP)
    assert isinstance(attempts.compute.stop(task.folder, grace=timedelta(0)), Lost)
    assert not is_alive(watcher)
    assert not is_alive(child)


def test_stopping_reaches_the_whole_group(attempts: Any, until: Until, is_alive: IsAlive) -> None:
    task = attempts.task("sh", "-c", "sleep 60 & echo $!; wait")
    attempts.compute.start(task)
    until(lambda: log(task))
    attempts.compute.stop(task.folder, grace=LIMIT)
    assert not is_alive(int(log(task)))


def test_what_a_process_leaves_behind_ends_with_it(attempts: Any, is_alive: IsAlive) -> None:
    task = attempts.task("sh", "-c", "sleep 60 & echo $!; exit 6")
    assert attempts.run(task).code == 6
    assert not is_alive(int(log(task)))


def test_a_daemon_in_a_session_of_its_own_ends_with_the_process(attempts: Any, is_alive: IsAlive) -> None:
    task = attempts.task(
        "sh", "-c",
        "setsid sh -c 'trap \"\" TERM; echo $$; touch up; sleep 60' & until [ -e up ]; do sleep 0.02; done; exit 6",
        grace=SHORT,
    )  # fmt: skip
    assert attempts.run(task).code == 6
    assert not is_alive(int(log(task)))
