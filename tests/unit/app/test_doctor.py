"""The doctor names what stops the platform, says what to do about it, and touches nothing."""

import os
import platform
from pathlib import Path

import pytest

from pratique.app import doctor
from pratique.base.errors import ComputeFailed, InvalidInput
from pratique.base.home import Home
from pratique.compute.sandbox import why_not


def test_a_taken_port_is_a_problem_with_the_setting_that_changes_it(
    home: Home, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRATIQUE_DOOR_PORT", str(taken_port))
    finding = doctor.ports(home)
    assert finding.state == "problem"
    assert str(taken_port) in finding.detail
    assert "PRATIQUE_DOOR_PORT" in finding.remedy


def test_free_ports_are_ok(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRATIQUE_DOOR_PORT", "0")
    monkeypatch.setenv("PRATIQUE_ENDPOINTS_PORT", "0")
    assert doctor.ports(home).state == "ok"


def test_socket_paths_that_the_kernel_cannot_take_are_a_problem(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.sockets(home).state == "ok"
    monkeypatch.setenv("PRATIQUE_RUNTIME_DIR", "/tmp/" + 80 * "x")
    finding = doctor.sockets(home)
    assert finding.state == "problem"
    assert "PRATIQUE_RUNTIME_DIR" in finding.remedy


def test_a_home_below_a_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    finding = doctor.disk(Home(tmp_path / "file" / "home"))
    assert finding.state == "problem"
    assert "PRATIQUE_HOME" in finding.remedy


def test_a_disk_that_cannot_be_written_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # Who runs these tests may be root, whom no mode stops.
    finding = doctor.disk(Home(tmp_path / "deep" / "home"))
    assert (finding.state, finding.detail) == ("problem", f"{tmp_path} cannot be written")


def test_a_disk_without_room_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.disk(Home(tmp_path)).detail.endswith(f"free below {tmp_path}")
    monkeypatch.setattr(doctor, "_DISK_NEEDED", 10**18)
    assert doctor.disk(Home(tmp_path)).state == "problem"


def test_another_kind_of_machine_or_library_is_a_problem(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert doctor.machine(home).state == "ok"
    for library in (("glibc", "2.17"), ("", "")):
        monkeypatch.setattr(platform, "libc_ver", lambda library=library: library)
        assert doctor.machine(home).state == "problem"
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert doctor.machine(home).state == "problem"


def test_bytecode_that_is_not_kept_is_a_warning(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    assert doctor.python_version(home).state == "ok"
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert doctor.python_version(home).state == "warning"


def test_bash_is_needed_and_git_is_missed(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.tools(home).state == "problem"
    (tmp_path / "bash").touch(mode=0o755)
    assert doctor.tools(home).state == "warning"
    (tmp_path / "git").touch(mode=0o755)
    assert doctor.tools(home).state == "ok"


def test_what_has_to_be_fetched_is_said_before_it_is(home: Home) -> None:
    assert doctor.downloads(home).state == "warning"
    home.prepare()
    before = sorted(home.root.rglob("*"))
    assert doctor.downloads(home).state == "warning"
    assert sorted(home.root.rglob("*")) == before


def test_every_problem_is_told_at_once_and_nothing_is_written(
    home: Home, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRATIQUE_DOOR_PORT", str(taken_port))
    monkeypatch.setattr(doctor, "_DISK_NEEDED", 10**18)
    with pytest.raises(ComputeFailed) as caught:
        doctor.doctor()
    assert "ports: " in caught.value.message
    assert "disk: " in caught.value.message
    assert not home.root.exists()


def test_a_setting_that_is_wrong_is_a_finding_and_no_crash(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRATIQUE_DOOR_PORT", "many")
    with pytest.raises(ComputeFailed, match=r"^settings: PRATIQUE_DOOR_PORT: expected a port") as refused:
        doctor.doctor()
    assert refused.value.message.count("PRATIQUE_DOOR_PORT") == 1, "four checks need the settings, and one tells it"


def test_each_check_gives_one_finding_of_its_own(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRATIQUE_DOOR_PORT", "0")
    monkeypatch.setenv("PRATIQUE_ENDPOINTS_PORT", "0")
    names = [check(home).check for check in doctor.CHECKS]
    assert len(set(names)) == len(names) == len(doctor.CHECKS)


@pytest.mark.parametrize(("mode", "state"), [("off", "warning"), ("auto", "warning"), ("require", "problem")])
def test_where_nothing_keeps_jobs_apart_that_is_said(
    home: Home, monkeypatch: pytest.MonkeyPatch, mode: str, state: str
) -> None:
    monkeypatch.setenv("PRATIQUE_SANDBOX", mode)
    monkeypatch.setenv("PATH", "")
    why_not.cache_clear()
    try:
        finding = doctor.sandbox(home)
    finally:
        why_not.cache_clear()
    assert finding.state == state
    assert "can read and change whatever you can" in finding.detail
    assert finding.remedy


@pytest.mark.parametrize(("name", "value"), [("SANDBOX", "on"), ("SANDBOX_PATHS", "data:/mnt")])
def test_a_sandbox_that_means_nothing_is_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"PRATIQUE_{name}", value)
    with pytest.raises(InvalidInput, match=name):
        doctor.sandbox(home)


@pytest.mark.parametrize(
    ("mode", "tool", "state", "said"),
    [
        ("auto", "", "ok", "refused by name"),
        ("auto", "conda", "ok", "conda makes conda files with packages that are not Python"),
        ("auto", "micromamba", "ok", "micromamba makes conda files with packages that are not Python"),
        ("always", "conda", "ok", "conda makes every conda file"),
        ("always", "", "problem", "neither micromamba nor conda"),
        ("never", "conda", "ok", "conda files are translated"),
    ],
)
def test_who_makes_environments_that_need_conda(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, tool: str, state: str, said: str
) -> None:
    if tool:
        (tmp_path / tool).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PRATIQUE_CONDA", mode)
    finding = doctor.conda(home)
    assert (finding.state, said in finding.detail) == (state, True)
    assert bool(finding.remedy) == (state == "problem")
