"""Copies of our own packages for the user's environment."""

import sys
from pathlib import Path

import pytest

from pratique.base.errors import InternalError
from pratique.compute.sources import package_copy


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package called `quay_of_tests`."""
    folder = tmp_path / "site" / "quay_of_tests"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("NAME = 'quay'\n")
    (folder / "inner" / "data.json").write_text("{}")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "__init__.cpython-311.pyc").write_bytes(b"old")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return folder


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_copy_holds_the_package_without_its_bytecode(package: Path, tmp_path: Path) -> None:
    copy = package_copy("quay_of_tests", tmp_path / "into")
    assert files(copy) == {"quay_of_tests/__init__.py", "quay_of_tests/inner/data.json"}
    assert copy.parent == tmp_path / "into"
    assert len(copy.name) == 64


def test_the_package_is_not_imported(package: Path, tmp_path: Path) -> None:
    (package / "__init__.py").write_text("raise RuntimeError\n")
    package_copy("quay_of_tests", tmp_path / "into")
    assert "quay_of_tests" not in sys.modules


def test_the_same_content_is_copied_once(package: Path, tmp_path: Path) -> None:
    copy = package_copy("quay_of_tests", tmp_path / "into")
    before = (copy / "quay_of_tests").stat().st_ino
    (copy / "quay_of_tests" / "__pycache__").mkdir()
    assert package_copy("quay_of_tests", tmp_path / "into") == copy
    assert (copy / "quay_of_tests").stat().st_ino == before


def test_another_content_gets_a_folder_of_its_own(package: Path, tmp_path: Path) -> None:
    before = package_copy("quay_of_tests", tmp_path / "into")
    (package / "__init__.py").write_text("NAME = 'pier'\n")
    after = package_copy("quay_of_tests", tmp_path / "into")
    assert after != before
    assert (before / "quay_of_tests" / "__init__.py").read_text() == "NAME = 'quay'\n"


def test_a_copy_that_somebody_changed_is_made_anew(package: Path, tmp_path: Path) -> None:
    copy = package_copy("quay_of_tests", tmp_path / "into")
    (copy / "quay_of_tests" / "__init__.py").write_text("import evil\n")
    (copy / "quay_of_tests" / "more.py").write_text("import evil\n")
    assert package_copy("quay_of_tests", tmp_path / "into") == copy
    assert (copy / "quay_of_tests" / "__init__.py").read_text() == "NAME = 'quay'\n"
    assert files(copy) == {"quay_of_tests/__init__.py", "quay_of_tests/inner/data.json"}


def test_the_model_server_can_be_copied(tmp_path: Path) -> None:
    assert (package_copy("pratique_serving", tmp_path) / "pratique_serving" / "__init__.py").is_file()


def test_a_package_that_is_not_installed_is_our_mistake(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match="no_such_package is not installed"):
        package_copy("no_such_package", tmp_path)
