"""A project is written whole or not at all, and nothing that was there is lost."""

import os
from dataclasses import fields
from pathlib import Path

import pytest

from pratique.app.project import EXAMPLE, TEMPLATES, Names, check, rendered, write
from pratique.base.errors import Conflict, InvalidInput, StorageFailed
from pratique.base.names import problem_with_name

FILES = {"README.md": b"read me\n", "src/train.py": b"print()\n", ".gitignore": b".env\n"}


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_folder_gets_every_file_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "project"
    written = write(FILES, folder, replace=False)
    assert set(written.new) == set(FILES)
    assert content(folder) == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["project"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    write(FILES, tmp_path, replace=False)
    assert content(tmp_path) == FILES


def test_the_folder_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    write(FILES, tmp_path / "project", replace=False)
    (tmp_path / "other").mkdir()
    assert (tmp_path / "project").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_writing_it_again_changes_nothing(tmp_path: Path) -> None:
    write(FILES, tmp_path, replace=False)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    written = write(FILES, tmp_path, replace=False)
    assert set(written.unchanged) == set(FILES)
    assert (written.new, written.replaced) == ((), ())
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_what_is_missing_is_added_to_what_is_there(tmp_path: Path) -> None:
    write(FILES, tmp_path, replace=False)
    (tmp_path / "src" / "train.py").unlink()
    (tmp_path / "notes.txt").write_text("mine")
    written = write(FILES, tmp_path, replace=False)
    assert written.new == ("src/train.py",)
    assert content(tmp_path) == {**FILES, "notes.txt": b"mine"}


def test_another_file_is_named_and_then_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(Conflict, match=r"README\.md") as caught:
        write(FILES, tmp_path, replace=False)
    assert "--force" in caught.value.hint
    assert content(tmp_path) == {"README.md": b"mine"}


def test_another_file_is_replaced_when_that_is_wished(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    written = write(FILES, tmp_path, replace=True)
    assert written.replaced == ("README.md",)
    assert content(tmp_path) == FILES


@pytest.mark.parametrize("name", ["README.md", "src"])
def test_a_link_in_the_way_is_never_followed(tmp_path: Path, name: str) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "project"
    outside.mkdir()
    folder.mkdir()
    (folder / name).symlink_to(outside)
    with pytest.raises(Conflict, match=name):
        write(FILES, folder, replace=True)
    assert list(outside.iterdir()) == []


def test_a_folder_where_a_file_should_be_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "README.md").mkdir()
    with pytest.raises(Conflict, match=r"README\.md"):
        write(FILES, tmp_path, replace=True)


def test_a_file_where_the_folder_should_be_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "project").write_text("mine")
    with pytest.raises(Conflict, match="project"):
        write(FILES, tmp_path / "project", replace=True)


def test_when_one_file_cannot_be_moved_in_everything_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "README.md").write_text("mine")
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if Path(target).name == ".gitignore":
            raise OSError(28, os.strerror(28), str(target))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(StorageFailed, match="No space left"):
        write(FILES, tmp_path, replace=True)
    monkeypatch.undo()
    assert content(tmp_path) == {"README.md": b"mine"}
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_name_stands_in_the_files_and_no_gap_is_left(template: str) -> None:
    names = Names("one", "two", "three", "four")
    files = rendered(template, names)
    text = b"\n".join(files.values()).decode()
    assert "<<" not in text
    for field in fields(names):
        assert getattr(names, field.name) in text
    assert f"name: {names.component}_train" in text
    assert f"dev_workspace: {names.workspaces}-dev" in text
    assert "credit-risk@latest" not in text
    assert ".gitignore" in files


def test_what_is_no_name_is_told_all_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        check(Names("ok-name", "../model", "x", "a b"))
    assert [problem.key for problem in caught.value.problems] == ["--model", "--endpoint", "--compute"]


def test_a_wrong_name_is_told_once_and_not_for_each_thing_that_takes_it() -> None:
    with pytest.raises(InvalidInput) as caught:
        check(Names("My Project", "My Project", "My Project", "cpu-cluster"))
    assert [problem.key for problem in caught.value.problems] == ["--name"]


def test_the_longest_name_still_names_workspaces() -> None:
    names = Names("A" * 32, "model", "endpoint", "compute")
    check(names)
    assert problem_with_name("workspace", f"{names.workspaces}-dev") == ""


def test_the_example_has_names_that_are_names() -> None:
    check(EXAMPLE)
