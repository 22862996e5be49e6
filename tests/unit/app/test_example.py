"""The demo runs the example of the checkout, or a copy where the user wants one."""

from pathlib import Path

import pytest

from pratique.app.example import NAME, example_folder
from pratique.base.errors import InvalidInput


def test_without_a_wish_it_is_the_one_of_the_checkout() -> None:
    found = example_folder(None)
    assert found.name == NAME
    assert (found / "pipeline.yml").is_file()


def test_a_wish_is_a_copy_without_what_python_leaves(tmp_path: Path) -> None:
    found = example_folder(tmp_path / "mine")
    assert found == tmp_path / "mine"
    assert (found / "pipeline.yml").read_bytes() == (example_folder(None) / "pipeline.yml").read_bytes()
    assert not list(found.rglob("__pycache__"))


def test_a_file_is_no_place_for_a_project(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(InvalidInput, match="is not a folder"):
        example_folder(tmp_path / "mine")


def test_a_copy_that_is_there_is_kept_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = example_folder(Path("mine"))
    (found / "pipeline.yml").write_text("changed")
    assert example_folder(Path("mine")) == found
    assert (found / "pipeline.yml").read_text() == "changed"
    assert found.is_absolute()
