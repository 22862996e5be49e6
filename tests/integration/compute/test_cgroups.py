"""Bounds by control groups: what is written for the kernel, and a kernel that keeps a process to them."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import ComputeFailed
from pratique.compute.cgroups import Cgroups, Limits, folders_of
from pratique.compute.local import LocalCompute

GIB = 1 << 30
CPU = Path("/sys/fs/cgroup/cpu")


def v2(folder: Path, enabled: str = "") -> Path:
    """A folder that looks like a group of version 2 that was handed over."""
    folder.mkdir()
    (folder / "cgroup.controllers").write_text("cpu io memory pids\n")
    (folder / "cgroup.subtree_control").write_text(enabled)
    return folder


def v1(folder: Path, file: str) -> Path:
    folder.mkdir()
    (folder / file).write_text("-1")
    return folder


def filled(folder: Path, name: str, *files: str) -> None:
    """The kernel makes these files in a new group."""
    (folder / name).mkdir(exist_ok=True)
    for file in files:
        (folder / name / file).write_text("max")


def name_of(groups: Cgroups, attempt: Path) -> str:
    """What the group of an attempt is called; nothing else of it can be made in a folder that is no kernel's."""
    with pytest.raises(ComputeFailed):
        groups.make(attempt, Limits(1.0, GIB))
    return next(path.name for path in groups.folders[0].glob("pratique-*"))


def test_what_is_written_for_version_2(tmp_path: Path) -> None:
    groups = Cgroups((v2(tmp_path / "handed", "cpu memory"),))
    assert groups.why_not() == ""
    name = name_of(groups, tmp_path / "attempt")
    filled(tmp_path / "handed", name, "memory.max", "cpu.max")
    (group,) = groups.make(tmp_path / "attempt", Limits(1.5, 2 * GIB))
    assert (group / "memory.max").read_text().startswith(str(2 * GIB))
    assert (group / "cpu.max").read_text() == "150000 100000"


def test_what_is_written_for_version_1(tmp_path: Path) -> None:
    memory, processors = v1(tmp_path / "m", "memory.limit_in_bytes"), v1(tmp_path / "c", "cpu.cfs_quota_us")
    groups = Cgroups((memory, processors))
    assert groups.why_not() == ""
    name = name_of(groups, tmp_path / "attempt")
    filled(memory, name, "memory.limit_in_bytes")
    filled(processors, name, "cpu.cfs_quota_us", "cpu.cfs_period_us")
    made = groups.make(tmp_path / "attempt", Limits(0.5, GIB))
    assert [one.parent for one in made] == [memory, processors]
    assert (made[0] / "memory.limit_in_bytes").read_text().startswith(str(GIB))
    assert (made[1] / "cpu.cfs_quota_us").read_text() == "50000"


def test_what_names_no_size_is_not_bounded(tmp_path: Path) -> None:
    assert Cgroups((v2(tmp_path / "handed"),)).make(tmp_path, Limits()) == ()
    assert Cgroups().make(tmp_path, Limits(1.0, GIB)) == ()


def test_why_nothing_can_be_bounded_is_said(tmp_path: Path) -> None:
    assert "handed to the platform" in Cgroups().why_not()
    assert "is no control group" in Cgroups((tmp_path,)).why_not()
    alone = Cgroups((v1(tmp_path / "c", "cpu.cfs_quota_us"),))
    assert alone.why_not() == "nothing in them bounds memory"
    assert folders_of("/a:/b:") == (Path("/a"), Path("/b"))


def test_a_bound_that_cannot_be_set_starts_nothing(attempts: Any, tmp_path: Path) -> None:
    attempts.compute = LocalCompute(cgroups=Cgroups((v2(tmp_path / "handed"),)))
    task = replace(attempts.task("touch", str(tmp_path / "ran")), limits=Limits(1.0, GIB))
    with pytest.raises(ComputeFailed, match="cannot be set"):
        attempts.compute.start(task)
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def kernels() -> Iterator[Path]:
    """A group of processors that this test may use: version 1, where who runs the tests may make one."""
    folder = CPU / f"pratique-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no group can be made below {CPU}: {error.strerror}")
    yield folder
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            folder.rmdir()
            break
        except OSError:
            time.sleep(0.05)


def test_the_kernel_keeps_a_process_to_its_share_and_the_shim_removes_the_group(attempts: Any, kernels: Path) -> None:
    attempts.compute = LocalCompute(cgroups=Cgroups((kernels,)))
    script = (
        "grep ':cpu:' /proc/self/cgroup; i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; cat {}/pratique-*/cpu.stat"
    )
    task = replace(attempts.task("bash", "-c", script.format(kernels)), limits=Limits(cores=0.05))
    ended = attempts.run(task)
    said = task.log.read_text()
    assert ended.code == 0, said
    assert f"{kernels.name}/pratique-" in said
    assert int(said.partition("nr_throttled ")[2].split()[0]) > 0, said
    assert not [*kernels.glob("pratique-*")]
