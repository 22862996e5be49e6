"""Remembered digests: an unchanged file is not read again, a changed one always is."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.content.folder import scan
from pratique.content.manifest import Manifest
from pratique.content.remembered import Remembered


class Counting(Remembered):
    """Counts the files that were read: each of them is learnt."""

    read = 0

    def learn(self, *arguments: Any, **named: Any) -> None:
        self.read += 1
        super().learn(*arguments, **named)


class Place:
    """A folder, its memory, and how many of its files were read by the last scan."""

    def __init__(self, root: Path, memory: Path) -> None:
        self.root, self.memory, self.read = root, memory, 0
        # Nobody can set a ctime back: here a file may even be younger than the scan.
        self.quiet, self.kept = timedelta(seconds=-1000), 32

    def scan(self) -> Manifest:
        remembered = Counting(self.memory, self.root, quiet=self.quiet, kept=self.kept)
        found = scan(self.root, honour_ignore=False, keep_executable=True, remembered=remembered)
        self.read = remembered.read
        return found

    def write(self, name: str, text: str) -> Path:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "root", tmp_path / "memory")
    for name in ("a", "sub/b", "sub/c"):
        made.write(name, f"this is {name}")
    return made


def test_an_unchanged_folder_is_not_read_again(place: Place) -> None:
    first = place.scan()
    assert place.read == 3
    assert place.scan() == first
    assert place.read == 0


def test_only_what_changed_is_read_again(place: Place) -> None:
    first = place.scan()
    place.write("sub/b", "this is not")
    place.write("new", "new")
    second = place.scan()
    assert place.read == 2
    assert second.digest != first.digest
    assert place.scan().digest == second.digest


def test_a_file_of_the_same_size_and_time_but_another_content_is_read(place: Place) -> None:
    first = place.scan()
    facts = (place.root / "a").stat()
    place.write("a", "THIS IS A")
    os.utime(place.root / "a", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert (place.root / "a").stat().st_mtime_ns == facts.st_mtime_ns
    assert place.scan().digest != first.digest


def test_another_file_moved_into_its_place_is_read(place: Place) -> None:
    first = place.scan()
    facts = (place.root / "a").stat()
    other = place.write("../other", "THIS IS A")
    os.utime(other, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    other.replace(place.root / "a")
    assert place.scan().digest != first.digest


def test_the_executable_bit_is_looked_at_each_time(place: Place) -> None:
    place.scan()
    (place.root / "a").chmod(0o755)
    assert [entry.path for entry in place.scan().entries if entry.executable] == ["a"]


def test_a_file_that_was_written_a_moment_ago_is_not_remembered(place: Place) -> None:
    place.quiet = timedelta(hours=1)
    place.scan()
    place.scan()
    assert place.read == 3


def test_one_file_is_remembered_like_a_folder(place: Place, tmp_path: Path) -> None:
    place.root = place.root / "a"
    first = place.scan()
    assert place.scan() == first
    assert place.read == 0


def test_what_a_link_leads_to_is_read_each_time(place: Place) -> None:
    (place.root / "link").symlink_to("a")
    place.scan()
    place.write("a", "another")
    found = {entry.path: entry.digest for entry in place.scan().entries}
    assert found["link"] == found["a"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"form": 99}', '{"form": 1, "root": "x", "files": {}}'])
def test_a_memory_that_cannot_be_read_is_no_memory(place: Place, text: str) -> None:
    first = place.scan()
    for file in place.memory.iterdir():
        file.write_text(text)
    assert place.scan() == first
    assert place.read == 3


def test_a_memory_with_a_digest_that_is_none_is_not_believed(place: Place) -> None:
    first = place.scan()
    [file] = place.memory.iterdir()
    known = json.loads(file.read_text())
    known["files"]["a"] = "../../etc/passwd" + known["files"]["a"]
    file.write_text(json.dumps(known))
    assert place.scan() == first
    assert place.read == 3


def test_a_memory_that_cannot_be_written_harms_nobody(place: Place) -> None:
    place.memory.write_text("a file where the folder would be")
    assert len(place.scan().entries) == 3


def test_only_so_many_folders_are_remembered(place: Place, tmp_path: Path) -> None:
    place.kept = 2
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(name)
        place.root = tmp_path / name
        place.scan()
    assert len(list(place.memory.glob("*.json"))) == 2
    place.scan()
    assert place.read == 0


def test_the_memory_is_for_its_owner_only(place: Place) -> None:
    place.scan()
    [file] = place.memory.iterdir()
    assert (place.memory.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
