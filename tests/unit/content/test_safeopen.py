"""Safe open: nothing is followed, nothing is replaced."""

import os
from pathlib import Path

import pytest

from pratique.base.errors import AlreadyExists, InvalidInput, NotFound
from pratique.content.safeopen import open_beneath


def test_a_file_in_a_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"hello")
    with open_beneath(tmp_path, "a/x") as stream:
        assert stream.read() == b"hello"


def test_writing_makes_the_folders_on_the_way(tmp_path: Path) -> None:
    with open_beneath(tmp_path, "a/b/x", write=True) as stream:
        stream.write(b"hello")
    assert (tmp_path / "a/b/x").read_bytes() == b"hello"


def test_writing_never_replaces_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"mine")
    with pytest.raises(AlreadyExists):
        open_beneath(tmp_path, "x", write=True)
    assert (tmp_path / "x").read_bytes() == b"mine"


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_beneath(tmp_path, "a/x")


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("relative", ["link", "folder/x"])
def test_a_link_is_not_followed_at_the_end_nor_on_the_way(tmp_path: Path, relative: str, write: bool) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x").write_bytes(b"secret")
    (root / "link").symlink_to(tmp_path / "real" / "x")
    (root / "folder").symlink_to(tmp_path / "real")
    with pytest.raises((InvalidInput, AlreadyExists)):
        open_beneath(root, relative, write=write)
    assert (tmp_path / "real" / "x").read_bytes() == b"secret"


def test_a_dangling_link_cannot_be_written_through(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "made")
    with pytest.raises(AlreadyExists):
        open_beneath(root, "link", write=True)
    assert not (tmp_path / "made").exists()


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="not a regular file"):
        open_beneath(tmp_path, "pipe")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(InvalidInput, match="not a regular file"):
        open_beneath(tmp_path, "a")


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x").write_bytes(b"hello")
    (tmp_path / "root").symlink_to(tmp_path / "real")
    with open_beneath(tmp_path / "root", "x") as stream:
        assert stream.read() == b"hello"


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    before = len(os.listdir("/proc/self/fd"))
    for relative in ("a/b/none", "a/b", "a/b/../x", "none/x"):
        with pytest.raises((InvalidInput, NotFound)):
            open_beneath(tmp_path, relative)
    assert len(os.listdir("/proc/self/fd")) == before
