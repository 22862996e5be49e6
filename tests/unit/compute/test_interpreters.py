"""Finding Pythons, among small scripts that say what they are."""

import sys
from pathlib import Path

import pytest

from pratique.base.errors import ComputeFailed, InvalidInput
from pratique.compute import interpreters
from pratique.compute.interpreters import available_interpreters, choose_interpreter, find_interpreter, places_of


@pytest.fixture
def pyenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pyenv with its shims in front of PATH, as it installs itself."""
    root = tmp_path / "pyenv"
    shims = root / "shims"
    shims.mkdir(parents=True)
    said(shims / "python3.9", "cpython final 3.9.49")
    monkeypatch.setenv("PYENV_ROOT", str(root))
    monkeypatch.setenv("PATH", str(shims))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return root


def said(path: Path, words: str) -> Path:
    """A program at `path` that answers the question what it is with `words`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{words}'\n")
    path.chmod(0o755)
    return path


def installed(pyenv: Path, version: str, kind: str = "cpython final") -> Path:
    minor = ".".join(version.split(".")[:2])
    return said(pyenv / "versions" / version / "bin" / f"python{minor}", f"{kind} {version}")


def test_a_version_of_pyenv_is_found_by_its_full_path(pyenv: Path) -> None:
    path = installed(pyenv, "3.9.41")
    assert find_interpreter("3.9") == find_interpreter("3.9.*") == path


def test_the_newest_that_fits_is_chosen(pyenv: Path) -> None:
    installed(pyenv, "3.9.41")
    newest = installed(pyenv, "3.9.42")
    installed(pyenv, "3.10.40")
    assert find_interpreter("3.9") == newest
    assert find_interpreter(">=3.8,<3.10") == newest
    assert choose_interpreter("3.9").minor == "3.9"


def test_an_exact_version_is_exactly_that(pyenv: Path) -> None:
    older = installed(pyenv, "3.9.41")
    installed(pyenv, "3.9.42")
    assert find_interpreter("3.9.41") == older


def test_the_shims_of_pyenv_are_passed_over(pyenv: Path) -> None:
    assert all("shims" not in one.path.parts for one in available_interpreters())


@pytest.mark.parametrize("words", ["pypy final 3.9.44", "cpython beta 3.9.44", "cpython final 3.7.44", "no", ""])
def test_what_is_no_finished_cpython_is_passed_over(pyenv: Path, words: str) -> None:
    odd = said(pyenv / "versions" / "odd" / "bin" / "python3.9", words)
    assert odd not in {one.path for one in available_interpreters()}


def test_what_does_not_start_is_passed_over(pyenv: Path) -> None:
    broken = pyenv / "versions" / "broken" / "bin" / "python3.9"
    broken.parent.mkdir(parents=True)
    broken.write_text("#!/no/such/shell\n")
    broken.chmod(0o755)
    assert broken not in {one.path for one in available_interpreters()}


def test_an_upgrade_in_place_is_noticed(pyenv: Path) -> None:
    path = installed(pyenv, "3.9.41")
    assert str(choose_interpreter("3.9.41")) == "3.9.41"
    path.write_text("#!/bin/sh\n# upgraded\necho cpython final 3.9.43\n")
    assert find_interpreter("3.9.43") == path


def test_a_python_that_is_not_there_is_said_with_those_that_are(pyenv: Path) -> None:
    installed(pyenv, "3.9.41")
    with pytest.raises(ComputeFailed, match=r"no Python 3\.99 on this machine; there is: .*3\.9\.41") as caught:
        find_interpreter("3.99")
    assert "install Python 3.99" in caught.value.hint


@pytest.mark.parametrize("version", ["", "three", "3.11; rm", "=3.11", "../3.11"])
def test_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(InvalidInput):
        find_interpreter(version)


def test_the_platforms_own_python_is_one_of_them(pyenv: Path) -> None:
    assert sys.version_info[:3] in {one.version for one in available_interpreters()}
    assert interpreters.platform_version() == f"{sys.version_info.major}.{sys.version_info.minor}"


def test_the_places_of_a_python_are_its_environment_and_all_that_it_links_to(tmp_path: Path) -> None:
    real = said(tmp_path / "versions" / "3.11.7" / "bin" / "python3.11", "cpython final 3.11.7")
    (tmp_path / "versions" / "3.11").symlink_to(tmp_path / "versions" / "3.11.7")
    python = tmp_path / "environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(tmp_path / "versions" / "3.11" / "bin" / "python3.11")
    assert places_of(python) == (
        tmp_path / "environment", tmp_path / "versions" / "3.11", tmp_path / "versions" / "3.11.7",
    )  # fmt: skip
    assert places_of(real) == (tmp_path / "versions" / "3.11.7",)
