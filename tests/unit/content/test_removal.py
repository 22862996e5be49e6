"""Folders that a program has closed are removed, and nothing that their links lead to is touched."""

import os
from pathlib import Path

import pytest

from pratique.content.removal import remove_tree, remove_trees


def test_closed_folders_go_and_what_links_lead_to_stays_as_it_was(tmp_path: Path) -> None:
    outside, work = tmp_path / "outside", tmp_path / "work"
    (outside / "kept").mkdir(parents=True)
    outside.chmod(0o750)
    (work / "a" / "b" / "c").mkdir(parents=True)
    (work / "a" / "b" / "c" / "file").write_text("x")
    (work / "a" / "b" / "link").symlink_to(outside)
    for closed, mode in (("a/b/c", 0), ("a/b", 0o500), ("a", 0)):
        (work / closed).chmod(mode)
    remove_tree(work)
    assert not work.exists()
    assert (outside / "kept").is_dir()
    assert outside.stat().st_mode & 0o777 == 0o750


def test_what_is_not_there_is_removed_already(tmp_path: Path) -> None:
    remove_tree(tmp_path / "absent")


def test_many_folders_go_at_once_those_that_were_closed_and_those_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outside, closed, deep = tmp_path / "outside", tmp_path / "closed", tmp_path / "deep"
    (outside / "kept").mkdir(parents=True)
    (closed / "within").mkdir(parents=True)
    (closed / "within" / "link").symlink_to(outside)
    (closed / "within").chmod(0)
    closed.chmod(0o500)
    place = str(deep)
    for _ in range(15):  # Deeper than a path may be long in one piece.
        os.makedirs(place)
        os.chdir(place)
        place = "/".join(["d" * 200] * 10)
    os.chdir(tmp_path)
    remove_trees([closed, deep, tmp_path / "absent"])
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]
    assert (outside / "kept").is_dir()


def test_nothing_to_remove_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    remove_trees([])
