"""Disks that are full or read-only: real ones, small and in memory."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import StorageFailed
from pratique.compute import shim
from pratique.compute.task import Absent, Exited, Lost

LIMIT = timedelta(seconds=60)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 kB; skips where mounting is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "pratique-test", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> None:
    """Leave no room on `disk`."""
    with (disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def test_a_full_disk_is_reported_and_nothing_runs(attempts: Any, disk: Path) -> None:
    task = replace(attempts.task("touch", str(attempts.root / "ran")), folder=disk / "attempt")
    fill(disk)
    with pytest.raises(StorageFailed, match="No space left on device") as caught:
        attempts.compute.start(task)
    assert "free space" in caught.value.hint
    assert not (attempts.root / "ran").exists()
    assert attempts.compute.observe(task.folder) == Absent()
    (disk / "filler").unlink()
    attempts.compute.start(task)
    assert attempts.compute.wait(task.folder, LIMIT).code == 0
    assert (attempts.root / "ran").exists()


def test_a_disk_that_fills_up_meanwhile_does_not_lose_the_exit_status(
    attempts: Any, disk: Path, until: Callable[[Callable[[], object]], None]
) -> None:
    task = attempts.task("sh", "-c", "echo up; until [ -e go ]; do sleep 0.02; done; exit 7")
    task = replace(task, folder=disk / "attempt")
    attempts.compute.start(task)
    until(lambda: task.log.read_text())
    fill(disk)
    (attempts.root / "go").touch()
    ended = attempts.compute.wait(task.folder, LIMIT)
    assert ended == Exited(7, None, False, ended.at)


def test_a_read_only_disk_is_reported_and_nothing_runs(attempts: Any, disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    task = replace(attempts.task("touch", str(attempts.root / "ran")), folder=disk / "attempt")
    with pytest.raises(StorageFailed, match="Read-only file system"):
        attempts.compute.start(task)
    assert attempts.compute.observe(task.folder) == Absent()
    assert not (attempts.root / "ran").exists()


def test_a_folder_that_cannot_be_is_reported(attempts: Any) -> None:
    (attempts.root / "file").touch()
    with pytest.raises(StorageFailed, match="cannot be"):
        attempts.compute.start(attempts.task("true", name="file"))


def test_a_log_that_is_a_link_is_refused_and_nothing_runs(attempts: Any) -> None:
    task = attempts.task("echo", "ran")
    task.log.symlink_to(attempts.root / "elsewhere")
    with pytest.raises(StorageFailed):
        attempts.compute.start(task)
    assert not (attempts.root / "elsewhere").exists()
    assert os.listdir(task.folder) == [shim.LOCK_FILE]


def test_an_attempt_with_damaged_files_is_lost_and_not_run_again(attempts: Any) -> None:
    task = attempts.task("sh", "-c", "echo ran")
    attempts.run(task)
    for name in (shim.EXIT_FILE, shim.RUNNING_FILE):
        (task.folder / name).write_bytes(b"\0" * 100)
    assert attempts.compute.start(task) == Lost("what its shim wrote is damaged")
    assert task.log.read_text() == "ran\n"
