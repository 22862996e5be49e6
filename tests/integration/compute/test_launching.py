"""Shims that are forked live as those that were started: alone, and beyond whoever asked for them."""

import os
import signal
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pratique.compute import shim
from pratique.compute.launching import Nursery
from pratique.compute.local import LocalCompute
from pratique.compute.task import Exited, Running, Task

LIMIT = timedelta(seconds=60)


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


def task(folder: Path, command: str) -> Task:
    attempt = folder / "attempt"
    return Task(attempt, ("/bin/sh", "-c", command), {"PATH": os.defpath}, Path("/"), attempt / "log")


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_forked_shim_runs_its_task_once_and_says_how_it_ended(nursery: Nursery, tmp_path: Path) -> None:
    compute, wanted = LocalCompute(launch=nursery.launch), task(tmp_path, "echo ran; exit 3")
    compute.start(wanted)
    seen = compute.wait(wanted.folder, LIMIT)
    assert isinstance(seen, Exited)
    assert seen.code == 3
    compute.start(wanted)
    assert (wanted.folder / "log").read_text() == "ran\n"


def test_a_forked_shim_shows_its_folder_and_no_longer_that_of_the_nursery(nursery: Nursery, tmp_path: Path) -> None:
    compute, wanted = LocalCompute(launch=nursery.launch), task(tmp_path, "sleep 60")
    seen = compute.start(wanted)
    assert isinstance(seen, Running)
    try:
        shown = Path(f"/proc/{parent_of(seen.pid)}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        assert shown[-1] == os.fsencode(wanted.folder)
        assert shim.NURSE.encode() not in shown
        nurse = Path(f"/proc/{parent_of(parent_of(seen.pid))}/cmdline").read_bytes()
        assert shim.NURSE.encode() in nurse.split(b"\0")
    finally:
        assert isinstance(compute.stop(wanted.folder, grace=LIMIT), Exited)


def test_what_it_started_outlives_the_nursery_and_the_next_start_begins_another(
    nursery: Nursery, tmp_path: Path
) -> None:
    compute, wanted = LocalCompute(launch=nursery.launch), task(tmp_path / "one", "sleep 60")
    seen = compute.start(wanted)
    assert isinstance(seen, Running)
    try:
        os.kill(parent_of(parent_of(seen.pid)), signal.SIGKILL)  # Child, shim, nursery.
        other = task(tmp_path / "two", "true")
        compute.start(other)
        assert isinstance(compute.wait(other.folder, LIMIT), Exited)
        assert isinstance(compute.observe(wanted.folder), Running)
    finally:
        assert isinstance(compute.stop(wanted.folder, grace=LIMIT), Exited)


@pytest.fixture
def loaded() -> Iterator[Nursery]:
    nursery = Nursery(loads="pratique")
    yield nursery
    nursery.close()


def platform_task(folder: Path, *words: str) -> Task:
    """A verb of the command line, whose module a nurse can have loaded."""
    attempt = folder / "attempt"
    variables = {"PATH": os.defpath, "PRATIQUE_HOME": str(folder / "home"), "PRATIQUE_CONFIG_DIR": str(folder)}
    return Task(attempt, (sys.executable, "-m", "pratique", *words), variables, folder, attempt / "log")


@pytest.mark.parametrize(("words", "code"), [(("version",), 0), (("no-such-verb",), 2)])
def test_a_module_that_the_nurse_has_loaded_does_as_a_python_of_its_own(
    loaded: Nursery, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    said = []
    for name, compute in (("alone", LocalCompute()), ("forked", LocalCompute(launch=loaded.launch))):
        (tmp_path / name).mkdir()
        wanted = platform_task(tmp_path / name, *words)
        compute.start(wanted)
        seen = compute.wait(wanted.folder, LIMIT)
        assert isinstance(seen, Exited)
        assert seen.code == code
        said.append((wanted.folder / "log").read_text())
    assert said[0] == said[1] != ""


def test_a_program_that_the_nurse_has_not_loaded_is_executed(loaded: Nursery, tmp_path: Path) -> None:
    compute, wanted = LocalCompute(launch=loaded.launch), task(tmp_path, "echo $0 ran; exit 4")
    compute.start(wanted)
    seen = compute.wait(wanted.folder, LIMIT)
    assert isinstance(seen, Exited)
    assert seen.code == 4
    assert (wanted.folder / "log").read_text() == "/bin/sh ran\n"
