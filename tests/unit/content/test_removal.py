"""Folders that a program has closed are removed, and nothing that their links lead to is touched."""

from pathlib import Path

from pratique.content.removal import remove_tree


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
