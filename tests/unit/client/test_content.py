"""Uploads and downloads: the same bytes, nothing half-made, no path believed."""

import hashlib
import stat
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import AlreadyExists, InternalError, InvalidInput
from pratique.client.connection import Connection
from pratique.client.door import find_door
from pratique.client.downloads import download, read_manifest
from pratique.client.sending import upload
from pratique.content import packs


@pytest.fixture
def connection(platform: Any) -> Connection:
    return Connection(find_door())


def ignore(done: int, total: int) -> None:
    pass


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("a")
    (root / "sub/b.txt").write_text("b")
    (root / "sub/again.txt").write_text("b")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / ".amlignore").write_text("*.log\n")
    (root / "noise.log").write_text("x")
    return root


def test_what_goes_up_comes_down_the_same(connection: Connection, platform: Any, tree: Path, tmp_path: Path) -> None:
    manifest = upload(connection, "ws", tree, is_code=True, progress=ignore)
    download(connection, "ws", read_manifest(connection, "ws", manifest.digest), tmp_path / "got", ignore)
    names = sorted(str(path.relative_to(tmp_path / "got")) for path in (tmp_path / "got").rglob("*") if path.is_file())
    assert names == [".amlignore", "a.txt", "run.sh", "sub/again.txt", "sub/b.txt"]
    assert (tmp_path / "got/run.sh").stat().st_mode & stat.S_IXUSR
    assert not (tmp_path / "got/a.txt").stat().st_mode & stat.S_IXUSR
    assert (tmp_path / "got").stat().st_mode & 0o777 == (tmp_path / "tree").stat().st_mode & 0o777


def test_the_same_bytes_are_sent_once(connection: Connection, platform: Any, tree: Path) -> None:
    upload(connection, "ws", tree, is_code=True, progress=ignore)
    assert platform.packs == [4]
    before = len(platform.requests)
    upload(connection, "ws", tree, is_code=True, progress=ignore)
    assert platform.packs == [4]
    assert [path for _, path, _ in platform.requests[before:]] == ["/api/v1/workspaces/ws/manifests/held"]


def test_large_files_go_by_themselves_and_small_ones_in_packs(
    connection: Connection, platform: Any, tmp_path: Path
) -> None:
    tree = tmp_path / "large"
    tree.mkdir()
    for number in range(packs.MAX_RECORDS + 1):
        (tree / f"{number}").write_text(str(number))
    (tree / "large.bin").write_bytes(b"x" * (packs.MAX_BLOB + 1))
    (tree / "limit.bin").write_bytes(b"y" * packs.MAX_BLOB)
    manifest = upload(connection, "ws", tree, is_code=False, progress=ignore)
    assert sorted(platform.packs) == [2, packs.MAX_RECORDS]
    assert sum(method == "PUT" for method, _, _ in platform.requests) == 1
    assert {entry.digest for entry in manifest.entries} == set(platform.blobs)


def test_what_arrived_before_a_cut_is_not_sent_again(connection: Connection, platform: Any, tmp_path: Path) -> None:
    tree = tmp_path / "many"
    tree.mkdir()
    for number in range(10):
        (tree / f"{number}.bin").write_bytes(bytes([number]) * packs.MAX_BLOB)

    class CutError(Exception):
        pass

    def cut(done: int, total: int) -> None:
        if done:
            raise CutError

    with pytest.raises(CutError):
        upload(connection, "ws", tree, is_code=False, progress=cut)
    arrived = set(platform.blobs)
    assert not platform.manifests
    assert 0 < len(arrived) < 10 or len(platform.packs) == 2
    upload(connection, "ws", tree, is_code=False, progress=ignore)
    assert sum(platform.packs) == 10


def test_progress_ends_at_the_total(connection: Connection, platform: Any, tree: Path) -> None:
    seen: list[tuple[int, int]] = []
    upload(connection, "ws", tree, is_code=False, progress=lambda done, total: seen.append((done, total)))
    assert seen[0][0] == 0
    assert seen[-1][0] == seen[-1][1] > 0
    assert seen == sorted(seen)


def test_a_file_that_changes_meanwhile_is_refused_by_the_server(
    connection: Connection, platform: Any, tree: Path
) -> None:
    def change(done: int, total: int) -> None:
        (tree / "a.txt").write_text("B")

    with pytest.raises(InvalidInput):
        upload(connection, "ws", tree, is_code=False, progress=change)
    assert not platform.manifests


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "a/../../evil", "a\\evil", "evil\x00", ".."])
def test_a_manifest_s_path_is_not_believed(connection: Connection, platform: Any, path: str, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    platform.blobs[digest] = b"x"
    platform.manifests["0" * 64] = {"entries": [{"path": path, "digest": digest, "size": 1}]}
    with pytest.raises(InvalidInput):
        read_manifest(connection, "ws", "0" * 64)
    assert not [found for found in tmp_path.rglob("*evil*") if found.is_file()]


def test_a_manifest_of_another_digest_is_refused(connection: Connection, platform: Any) -> None:
    platform.manifests["0" * 64] = platform.manifests[platform.keep_tree({"a": b"a"})]
    with pytest.raises(InternalError):
        read_manifest(connection, "ws", "0" * 64)


def test_bytes_that_are_not_their_digest_leave_nothing(connection: Connection, platform: Any, tmp_path: Path) -> None:
    digest = platform.keep_tree({"a": b"a", "b": b"b"})
    platform.blobs[hashlib.sha256(b"b").hexdigest()] = b"tampered"
    with pytest.raises(InternalError, match="another content"):
        download(connection, "ws", read_manifest(connection, "ws", digest), tmp_path / "got", ignore)
    assert not (tmp_path / "got").exists()
    assert not list(tmp_path.glob(".pratique-*"))


def test_what_is_there_already_is_left_and_anything_else_is_not_overwritten(
    connection: Connection, platform: Any, tmp_path: Path
) -> None:
    manifest = read_manifest(connection, "ws", platform.keep_tree({"a": b"a"}))
    download(connection, "ws", manifest, tmp_path / "got", ignore)
    before = len(platform.requests)
    download(connection, "ws", manifest, tmp_path / "got", ignore)
    assert len(platform.requests) == before
    (tmp_path / "got/own.txt").write_text("mine")
    with pytest.raises(AlreadyExists):
        download(connection, "ws", manifest, tmp_path / "got", ignore)
    assert (tmp_path / "got/own.txt").read_text() == "mine"
