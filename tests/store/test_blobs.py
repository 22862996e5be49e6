"""Bytes by their digest: whole or not at all, whatever happens in between."""

import errno
import os
import resource
import stat
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Barrier

import pytest

from pratique.base.errors import AlreadyExists, InvalidInput, NotFound, TooLarge
from pratique.content.folder import scan
from pratique.content.manifest import Entry, Manifest
from pratique.store.blobs import BlobStore


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def blobs(root: Path) -> BlobStore:
    return BlobStore(root)


def digest_of(content: bytes) -> str:
    return sha256(content).hexdigest()


def files_below(root: Path) -> list[str]:
    """Every file of a store, blobs and strays."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def content_of(blobs: BlobStore, digest: str) -> bytes:
    with blobs.open(digest) as stream:
        return stream.read()


def test_what_was_put_comes_back_by_its_digest(blobs: BlobStore) -> None:
    digest, size = blobs.put([b"he", b"", b"llo"], expected=digest_of(b"hello"))
    assert (digest, size) == (digest_of(b"hello"), 5)
    assert content_of(blobs, digest) == b"hello"
    assert blobs.has(digest)
    assert blobs.size(digest) == 5


def test_no_bytes_are_a_blob_too(blobs: BlobStore) -> None:
    digest, size = blobs.put([])
    assert (content_of(blobs, digest), size) == (b"", 0)


def test_a_blob_is_read_only_and_private_and_nothing_else_stays(blobs: BlobStore, root: Path) -> None:
    digest, _ = blobs.put([b"hello"])
    assert files_below(root) == [f"{digest[:2]}/{digest}"]
    assert stat.S_IMODE(blobs.path(digest).stat().st_mode) == 0o400
    assert stat.S_IMODE(blobs.path(digest).parent.stat().st_mode) == 0o700


def test_other_bytes_than_expected_are_not_kept(blobs: BlobStore, root: Path) -> None:
    with pytest.raises(InvalidInput, match="have the digest"):
        blobs.put([b"hello"], expected=digest_of(b"other"))
    assert files_below(root) == []


def test_more_bytes_than_the_limit_are_not_kept_and_not_asked_for(blobs: BlobStore, root: Path) -> None:
    asked: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number in range(100):
            asked.append(number)
            yield b"x" * 10

    with pytest.raises(TooLarge):
        blobs.put(chunks(), limit=25)
    assert asked == [0, 1, 2]
    assert files_below(root) == []
    assert blobs.put([b"x" * 25], limit=25)[1] == 25


def test_a_caller_whose_connection_breaks_is_not_told_of_a_full_disk(blobs: BlobStore, root: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionResetError(errno.ECONNRESET, "the client is gone")

    with pytest.raises(ConnectionResetError):
        blobs.put(chunks())
    assert files_below(root) == []


def test_threads_that_put_the_same_bytes_at_once_leave_one_blob(blobs: BlobStore, root: Path) -> None:
    content, begin = os.urandom(1 << 20), Barrier(8)

    def put() -> str:
        begin.wait()
        return blobs.put([content[:5], content[5:]])[0]

    with ThreadPoolExecutor(8) as pool:
        digests = {future.result() for future in [pool.submit(put) for _ in range(8)]}
    assert digests == {digest_of(content)}
    assert files_below(root) == [f"{digest_of(content)[:2]}/{digest_of(content)}"]
    assert content_of(blobs, digest_of(content)) == content


def test_putting_the_bytes_again_mends_a_damaged_blob(blobs: BlobStore) -> None:
    digest, _ = blobs.put([b"hello"])
    blobs.path(digest).chmod(0o600)
    blobs.path(digest).write_bytes(b"hellO")
    manifest = Manifest([Entry("a.txt", digest, 5)])
    assert blobs.verify(manifest) == ["a.txt"]
    blobs.put([b"hello"])
    assert blobs.verify(manifest) == []


def test_what_is_not_here_is_not_found(blobs: BlobStore, tmp_path: Path) -> None:
    absent = digest_of(b"absent")
    assert not blobs.has(absent)
    with pytest.raises(NotFound):
        blobs.open(absent)
    with pytest.raises(NotFound):
        blobs.materialise(Manifest([Entry("a", absent, 6)]), tmp_path / "target")
    assert os.listdir(tmp_path) == []
    assert blobs.verify(Manifest([Entry("a", absent, 6)])) == ["a"]


@pytest.mark.parametrize(
    "text",
    ["", "..", "../../etc/passwd", "ab/../../x", "A" * 64, "a" * 63, "a" * 65, "a" * 63 + "\n", "a" * 64 + "\n",
     "a" * 62 + "/x", "\0" * 64, "a" * 63 + "%", "\u0661" * 64],
)  # fmt: skip
def test_only_a_digest_leads_to_a_file(blobs: BlobStore, text: str) -> None:
    with pytest.raises(InvalidInput, match="not a SHA-256"):
        blobs.has(text)
    with pytest.raises(InvalidInput, match="not a SHA-256"):
        blobs.open(text)


HALF_A_BLOB = """
    import sys, time
    from pathlib import Path
    from pratique.store.blobs import BlobStore
    def chunks():
        yield b"x" * (3 << 20)
        print("half", flush=True)
        time.sleep(600)
    BlobStore(Path(sys.argv[1])).put(chunks())
"""


def test_a_process_that_is_killed_in_the_middle_leaves_no_blob(
    blobs: BlobStore, root: Path, start_python: Callable[..., subprocess.Popen[str]]
) -> None:
    process = start_python(HALF_A_BLOB, root)
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    process.kill()
    process.wait()
    assert [name.partition("/")[0] for name in files_below(root)] == ["incoming"]
    blobs.sweep()
    assert files_below(root) == []
    digest, _ = blobs.put([b"hello"])
    blobs.sweep()
    assert blobs.has(digest)


def test_a_new_store_has_nothing_to_sweep(blobs: BlobStore) -> None:
    blobs.sweep()


PUT = """
    import resource, sys
    from pathlib import Path
    from pratique.base.errors import StorageFailed
    from pratique.store.blobs import BlobStore
    {limit}
    try:
        BlobStore(Path(sys.argv[1])).put([b"x" * 65536] * {chunks})
    except StorageFailed as error:
        print(error.message, "|", error.hint)
"""


def test_a_read_only_store_is_said(blobs: BlobStore, root: Path, run_python: Callable[..., str]) -> None:
    root.mkdir(mode=0o500)
    try:
        said = run_python(PUT.format(limit="", chunks=1), root)
    finally:
        root.chmod(0o700)
    assert "Permission denied" in said
    assert "PRATIQUE_HOME" in said


@pytest.mark.parametrize("chunks", [1, 400])  # Found when the last bytes are flushed, and in the middle.
def test_a_file_that_may_not_grow_is_said_and_leaves_nothing(
    root: Path, run_python: Callable[..., str], chunks: int
) -> None:
    limit = f"resource.setrlimit(resource.RLIMIT_FSIZE, (50000, {resource.RLIM_INFINITY}))"
    said = run_python(PUT.format(limit=limit, chunks=chunks), root)
    assert "File too large" in said
    assert files_below(root) == []


FULL_DISK = """
    import ctypes, os, sys
    from pathlib import Path
    from pratique.base.errors import StorageFailed
    from pratique.content.manifest import Entry, Manifest
    from pratique.store.blobs import BlobStore
    # A disk of 1 MB that only this process sees, and that goes with it.
    libc = ctypes.CDLL(None, use_errno=True)
    namespaces = 0x00020000 | (0 if os.geteuid() == 0 else 0x10000000)  # CLONE_NEWNS, CLONE_NEWUSER
    private = 0x40000 | 0x4000  # MS_PRIVATE | MS_REC
    root = Path(sys.argv[1])
    root.mkdir()
    if (
        libc.unshare(namespaces)
        or libc.mount(b"none", b"/", None, private, None)
        or libc.mount(b"tmpfs", bytes(root), b"tmpfs", 0, b"size=1m")
    ):
        print("refused")
        sys.exit()
    store = BlobStore(root / "blobs")
    digest, _ = store.put([b"a" * 600_000])
    for act in (
        lambda: store.put([b"x" * 65536] * 100),
        lambda: store.materialise(Manifest([Entry("a", digest, 600_000)]), root / "target"),
    ):
        try:
            act()
        except StorageFailed as error:
            print(error.message)
    left = [path.name for path in root.rglob("*") if path.is_file()]
    assert left == [digest], left
    assert not (root / "target").exists()
"""


def test_a_full_disk_is_said_and_leaves_nothing_half_made(tmp_path: Path, run_python: Callable[..., str]) -> None:
    said = run_python(FULL_DISK, tmp_path / "disk")
    if said == "refused\n":
        pytest.skip("this machine lets nobody mount a small disk; a limit on file size is tested instead")
    assert said.splitlines() == ["the content store cannot be written: No space left on device"] * 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an executable, an empty file, and files deep inside."""
    folder = tmp_path / "folder"
    (folder / "a" / "b" / "c").mkdir(parents=True)
    (folder / "run.sh").write_bytes(b"#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "empty").write_bytes(b"")
    (folder / "a" / "b" / "c" / "ünïcode name.bin").write_bytes(os.urandom(3 << 20))
    (folder / "a" / "same.sh").write_bytes(b"#!/bin/sh\n")
    return folder


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_a_folder_that_is_stored_and_made_again_is_the_same_under_any_umask(
    blobs: BlobStore, folder: Path, tmp_path: Path, umask: int
) -> None:
    manifest = blobs.put_folder(folder, keep_executable=True)
    target = tmp_path / "target"
    before = os.umask(umask)
    try:
        blobs.materialise(manifest, target)
    finally:
        os.umask(before)
    assert scan(target, honour_ignore=False, keep_executable=True).digest == manifest.digest
    assert {stat.S_IMODE(path.stat().st_mode) for path in [target, *target.rglob("*")] if path.is_dir()} == {0o700}
    assert stat.S_IMODE((target / "run.sh").stat().st_mode) == 0o700
    assert stat.S_IMODE((target / "a" / "same.sh").stat().st_mode) == 0o600
    assert blobs.verify(manifest) == []


def test_a_folder_for_reading_has_no_file_that_can_be_written(blobs: BlobStore, folder: Path, tmp_path: Path) -> None:
    blobs.materialise(blobs.put_folder(folder, keep_executable=True), tmp_path / "target", writable=False)
    files = [path for path in (tmp_path / "target").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o400, 0o500}


def test_what_is_made_is_a_copy_and_not_the_blob(blobs: BlobStore, folder: Path, tmp_path: Path) -> None:
    manifest = blobs.put_folder(folder)
    blobs.materialise(manifest, tmp_path / "target")
    for path in (tmp_path / "target").rglob("*"):
        if path.is_file():
            path.write_bytes(b"changed by a job")
    assert blobs.verify(manifest) == []


def test_one_file_is_stored_under_its_base_name(blobs: BlobStore, folder: Path, tmp_path: Path) -> None:
    manifest = blobs.put_folder(folder / "run.sh")
    blobs.materialise(manifest, tmp_path / "target")
    assert os.listdir(tmp_path / "target") == ["run.sh"]


def test_links_inside_are_stored_as_what_they_lead_to(blobs: BlobStore, folder: Path, tmp_path: Path) -> None:
    (folder / "link.sh").symlink_to("run.sh")
    (folder / "other").symlink_to("a", target_is_directory=True)
    blobs.materialise(blobs.put_folder(folder), tmp_path / "target")
    assert (tmp_path / "target" / "link.sh").read_bytes() == b"#!/bin/sh\n"
    assert (tmp_path / "target" / "other" / "same.sh").read_bytes() == b"#!/bin/sh\n"
    assert not any(path.is_symlink() for path in (tmp_path / "target").rglob("*"))


def test_nothing_outside_is_read_through_a_link(blobs: BlobStore, folder: Path, tmp_path: Path, root: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidInput):
        blobs.put_folder(folder)
    assert not blobs.has(digest_of(b"secret"))


def test_an_empty_folder_may_be_there_already(blobs: BlobStore, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    manifest = blobs.put_folder(folder)
    blobs.materialise(manifest, tmp_path / "target")
    assert scan(tmp_path / "target", honour_ignore=False, keep_executable=False) == manifest


@pytest.mark.parametrize("what", ["folder", "file"])
def test_something_else_in_its_place_is_left_alone(blobs: BlobStore, folder: Path, tmp_path: Path, what: str) -> None:
    target = tmp_path / "target"
    if what == "folder":
        target.mkdir()
        (target / "mine").write_bytes(b"mine")
    else:
        target.write_bytes(b"mine")
    manifest = blobs.put_folder(folder)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(AlreadyExists):
        blobs.materialise(manifest, target)
    assert sorted(os.listdir(tmp_path)) == before
    assert (target / "mine" if what == "folder" else target).read_bytes() == b"mine"


MATERIALISE = """
    import sys, time
    from pathlib import Path
    from pratique.content.manifest import Manifest
    from pratique.store.blobs import BlobStore
    class Slow(BlobStore):
        def open(self, digest):
            print("one", flush=True)
            time.sleep(0 if self.begun else 600)
            self.begun = False
            return super().open(digest)
    store = Slow(Path(sys.argv[1]))
    store.begun = True
    store.materialise(Manifest.from_document(eval(sys.argv[2])), Path(sys.argv[3]))
"""


def test_a_process_that_is_killed_while_it_makes_a_folder_leaves_none(
    blobs: BlobStore, folder: Path, root: Path, tmp_path: Path, start_python: Callable[..., subprocess.Popen[str]]
) -> None:
    manifest = blobs.put_folder(folder)
    process = start_python(MATERIALISE, root, manifest.to_document(), tmp_path / "target")
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["one\n", "one\n"]
    process.kill()
    process.wait()
    assert not (tmp_path / "target").exists()
    blobs.materialise(manifest, tmp_path / "target")
    assert scan(tmp_path / "target", honour_ignore=False, keep_executable=False) == manifest


def test_a_batch_is_there_as_a_whole_or_not_at_all(blobs: BlobStore) -> None:
    given = {sha256(data).hexdigest(): data for data in (b"", b"a", b"b" * 5000)}
    with blobs.batch() as batch:
        for digest, data in given.items():
            batch.add(digest, data)
            batch.add(digest, data)
        assert not any(blobs.has(digest) for digest in given)
        assert batch.keep() == [(digest, len(data)) for digest, data in given.items()]
    for digest, data in given.items():
        with blobs.open(digest) as stream:
            assert stream.read() == data
        assert blobs.path(digest).stat().st_mode & 0o777 == 0o400
    with blobs.batch() as batch:
        batch.add(sha256(b"c").hexdigest(), b"c")
    assert not blobs.has(sha256(b"c").hexdigest())


def test_a_batch_that_a_crash_left_is_swept(blobs: BlobStore) -> None:
    folder = blobs.path("0" * 64).parents[1] / "incoming" / "left"
    folder.mkdir(parents=True)
    (folder / ("0" * 64)).write_bytes(b"x")
    blobs.sweep()
    assert not folder.exists()
