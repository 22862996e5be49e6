"""Bytes by their SHA-256: ``blobs/ab/abcdef…``, written once, never changed, read-only.

Only a digest leads to a file, so no name of a user ever becomes a path. A
blob comes into being by rename, after its bytes were hashed and flushed to
the disk, and so was the rename: a crash leaves a stray file in ``incoming/``
and never half a blob, and a blob that was reported is there after a power cut.
"""

import ctypes
import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from pratique.base.errors import AlreadyExists, InvalidInput, NotFound, StorageFailed, TooLarge
from pratique.content.folder import scan, source_of
from pratique.content.hashing import hash_stream, is_digest
from pratique.content.manifest import Entry, Manifest
from pratique.content.remembered import QUIET
from pratique.content.safeopen import open_beneath

_CHUNK: Final = 1 << 20
_AT_ONCE: Final = 1 << 30  # Bytes that the kernel is asked to copy in one call.
_SYNCFS: Final = getattr(ctypes.CDLL(None), "syncfs", None)  # Linux has it; Python has no word for it.
_QUIET_NS: Final = round(QUIET.total_seconds() * 1e9)
_MOST_SOUND: Final = 200_000
_OCCUPIED: Final = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


class BlobStore:
    """The blobs below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._sound: dict[str, tuple[int, int, int, int]] = {}
        """Digest → what the kernel said of the file when its bytes were found to have it."""

    def has(self, digest: str) -> bool:
        """Whether the bytes of `digest` are here."""
        return self.path(digest).is_file()

    def claim(self, digest: str) -> bool:
        """Whether the bytes of `digest` are here; then they count as new, and `discard` leaves them alone."""
        return _renew(self.path(digest))

    def every(self) -> Iterator[str]:
        """The digests of all blobs, in no order."""
        for folder in self._root.glob("[0-9a-f][0-9a-f]"):
            yield from (path.name for path in folder.iterdir() if is_digest(path.name))

    def old(self, digest: str, *, before: datetime) -> int | None:
        """The size in bytes of a blob that was last written or claimed `before` that moment; else None."""
        try:
            facts = self.path(digest).stat()
        except FileNotFoundError:
            return None
        return facts.st_size if facts.st_mtime < before.timestamp() else None

    def discard(self, digest: str, *, before: datetime) -> bool:
        """Remove a blob that is `old`; False when it is left alone.

        Safe beside any writer: it is put aside and looked at again, so one that was claimed at the same
        moment comes back, and one that is claimed later is not found and is written anew.
        """
        path, aside = self.path(digest), self._incoming / f"discarded-{digest}"
        if self.old(digest, before=before) is None:
            return False
        with storage_errors():
            self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.rename(aside)
            if aside.stat().st_mtime >= before.timestamp():
                aside.rename(path)
                return False
            aside.unlink()
        return True

    def open(self, digest: str) -> BinaryIO:
        """The bytes of `digest`; raises `NotFound`."""
        try:
            return self.path(digest).open("rb")
        except FileNotFoundError as error:
            raise NotFound(f"no content with the digest {digest} is stored here") from error

    def size(self, digest: str) -> int:
        """How many bytes `digest` has; raises `NotFound`."""
        with self.open(digest) as stream:
            return os.fstat(stream.fileno()).st_size

    def put(self, chunks: Iterable[bytes], *, expected: str | None = None, limit: int | None = None) -> tuple[str, int]:
        """Store `chunks` and return (digest, size in bytes).

        Raises `InvalidInput` when they do not have the `expected` digest and
        `TooLarge` past `limit` bytes; nothing is kept then.
        """
        with self.incoming() as incoming:
            for chunk in chunks:
                incoming.write(chunk, limit=limit)
            return incoming.keep(expected=expected)

    @contextmanager
    def incoming(self) -> Iterator["Incoming"]:
        """A blob in the making, for a writer that is handed its chunks one by one; dropped unless kept."""
        with storage_errors():
            self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._incoming)
        # Only our own steps turn into `StorageFailed`: a caller whose connection breaks raises `OSError`, too.
        incoming = Incoming(Path(name), os.fdopen(handle, "wb"), self.path)
        try:
            yield incoming
        finally:
            incoming.drop()

    @contextmanager
    def batch(self) -> Iterator["Batch"]:
        """Many small blobs in the making; those that were not kept are dropped."""
        with storage_errors():
            self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=self._incoming))
        try:
            yield Batch(folder, self.path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what a crash left half-written; only for the start of the one server, when nobody writes."""
        with storage_errors():
            for stray in self._incoming.glob("*"):
                if stray.is_dir():
                    shutil.rmtree(stray)
                else:
                    stray.unlink(missing_ok=True)

    def put_folder(self, root: Path, *, keep_executable: bool = False) -> Manifest:
        """Store every file below `root` (or the one file `root`) and return its manifest.

        Raises `InvalidInput` when a file changes meanwhile.
        """
        manifest = scan(root, honour_ignore=False, keep_executable=keep_executable)
        for entry in manifest.entries:
            if not self.claim(entry.digest):
                with _scanned(root, entry) as stream:
                    self.put(iter(partial(stream.read, _CHUNK), b""), expected=entry.digest)
        return manifest

    def materialise(self, manifest: Manifest, target: Path, *, writable: bool = True) -> None:
        """Make the folder `target` with the files of `manifest`; reflinked where the disk can, else copied.

        It is there whole or not at all. Raises `AlreadyExists` when something
        other than an empty folder is in its place.
        """
        with storage_errors():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            making = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
        try:
            self._fill(making, manifest, writable=writable)
            _move(making, target)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise

    def _fill(self, folder: Path, manifest: Manifest, *, writable: bool) -> None:
        with storage_errors():
            folder.chmod(0o700)
            for entry in manifest.entries:
                path = folder / entry.path
                _private_folder(path.parent)
                self._write(entry, path, writable=writable)

    def changed(self, manifest: Manifest) -> list[str]:
        """As `verify`, for what is used again and again: bytes that were hashed here are read again when the kernel
        says that their file is another, or was written since. Nobody can set the time by which it tells.
        """
        return [entry.path for entry in manifest.entries if not self._is_sound(entry.digest)]

    def _is_sound(self, digest: str) -> bool:
        try:
            before = self.path(digest).stat()
        except FileNotFoundError:
            return False
        facts = (before.st_ino, before.st_size, before.st_mtime_ns, before.st_ctime_ns)
        if self._sound.get(digest) == facts:
            return True
        is_sound = self._actual(digest) == digest
        is_quiet = time.time_ns() - before.st_ctime_ns > _QUIET_NS
        if is_sound and is_quiet and len(self._sound) < _MOST_SOUND:
            self._sound[digest] = facts
        return is_sound

    def verify(self, manifest: Manifest) -> list[str]:
        """The paths whose stored bytes no longer have the digest that `manifest` names; empty when all is well."""
        return [entry.path for entry in manifest.entries if self._actual(entry.digest) != entry.digest]

    def _actual(self, digest: str) -> str:
        if not self.has(digest):
            return ""
        with self.open(digest) as stream:
            return hash_stream(stream)[0]

    def _write(self, entry: Entry, path: Path, *, writable: bool) -> None:
        with self.open(entry.digest) as source, path.open("xb") as target:
            _copy(source, target)
            # Set here, because the umask has its say at creation.
            os.fchmod(target.fileno(), (0o700 if entry.executable else 0o600) & (0o777 if writable else 0o555))

    def path(self, digest: str) -> Path:
        """Where the bytes of `digest` are or would be; only a digest leads there."""
        if not is_digest(digest):
            raise InvalidInput(f"{digest[:80]!r} is not a SHA-256 digest: expected 64 lower-case hexadecimal digits")
        return self._root / digest[:2] / digest


class Incoming:
    """A blob in the making."""

    def __init__(self, path: Path, stream: BinaryIO, home_of: Callable[[str], Path]) -> None:
        self._path = path
        self._stream = stream
        self._home_of = home_of
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, chunk: bytes, *, limit: int | None = None) -> None:
        """Add `chunk`; raises `TooLarge` past `limit` bytes in all."""
        self._size += len(chunk)
        if limit is not None and self._size > limit:
            raise TooLarge(f"more than {limit} bytes")
        self._hash.update(chunk)
        with storage_errors():
            self._stream.write(chunk)

    def keep(self, *, expected: str | None = None) -> tuple[str, int]:
        """Make it a blob and return (digest, size in bytes); `InvalidInput` when it is not the `expected` one."""
        digest = self._hash.hexdigest()
        if expected is not None and digest != expected:
            raise InvalidInput(f"the bytes have the digest {digest}, not {expected}", hint="upload the file again")
        with storage_errors():
            self._move(self._home_of(digest))
        return digest, self._size

    def _move(self, target: Path) -> None:
        self._stream.flush()
        os.fchmod(self._stream.fileno(), 0o400)
        os.fsync(self._stream.fileno())
        if not target.parent.is_dir():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            _flush_folder(target.parent.parent)
        self._path.replace(target)
        _flush_folder(target.parent)

    def drop(self) -> None:
        """Forget it, unless it was kept."""
        with suppress(OSError):  # A full disk says so again here, of bytes that nobody wants any more.
            self._stream.close()
        with storage_errors():
            self._path.unlink(missing_ok=True)


class Batch:
    """Many small blobs in the making: flushed to the disk together, which costs as much as flushing one.

    Not one of them is in its place before all of their bytes are on the disk.
    """

    def __init__(self, folder: Path, home_of: Callable[[str], Path]) -> None:
        self._folder = folder
        self._home_of = home_of
        self._sizes: dict[str, int] = {}
        self._new: list[str] = []

    def add(self, digest: str, data: bytes) -> None:
        """Add a blob that was hashed just now and has this `digest`."""
        if digest in self._sizes:
            return
        self._sizes[digest] = len(data)
        if _renew(self._home_of(digest)):
            return
        with storage_errors():
            handle = os.open(self._folder / digest, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
            try:
                _write_all(handle, data)
            finally:
                os.close(handle)
        self._new.append(digest)

    def keep(self) -> list[tuple[str, int]]:
        """Make them blobs and return (digest, size in bytes) of each."""
        with storage_errors():
            if self._new:
                _flush_disk(self._folder)
                for digest in self._new:
                    self._move(digest)
                _flush_disk(self._folder)
        return [*self._sizes.items()]

    def _move(self, digest: str) -> None:
        target = self._home_of(digest)
        if not target.parent.is_dir():
            target.parent.mkdir(mode=0o700, exist_ok=True)
        os.rename(self._folder / digest, target)


def _renew(path: Path) -> bool:
    """Let a blob count as written now; False when there is none."""
    with storage_errors():
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
    return True


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _flush_disk(folder: Path) -> None:
    """Let the disk that `folder` is on keep everything that was written to it so far."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _SYNCFS is None or _SYNCFS(descriptor) != 0:
            os.sync()
    finally:
        os.close(descriptor)


def _scanned(root: Path, entry: Entry) -> BinaryIO:
    """The file that `scan` saw: its links were found to stay inside, and nothing is followed out of there now."""
    real = source_of(root, entry).resolve()
    inside = real.parent if root.is_file() else root.resolve()
    if not real.is_relative_to(inside):
        raise InvalidInput(f"{entry.path} leads out of its folder", hint="it changed while it was read")
    return open_beneath(inside, str(real.relative_to(inside)))


def _private_folder(folder: Path) -> None:
    """Make `folder` and those above it, each 0700 under any umask."""
    if not folder.is_dir():
        _private_folder(folder.parent)
        folder.mkdir()
        folder.chmod(0o700)


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    """Copy inside the kernel, which shares the blocks where the disk can (XFS, btrfs); else by hand."""
    try:
        while os.copy_file_range(source.fileno(), target.fileno(), _AT_ONCE):
            pass
    except OSError:
        # Other disks, old kernels. Both files stand where the kernel stopped; a full disk says so again.
        shutil.copyfileobj(source, target, _CHUNK)


def _move(made: Path, target: Path) -> None:
    """Rename a folder over an absent or empty one."""
    with storage_errors():
        try:
            made.rename(target)
        except OSError as error:
            if error.errno not in _OCCUPIED:
                raise
            raise AlreadyExists(f"{target} is there already") from error


def _flush_folder(folder: Path) -> None:
    """Let the disk keep the names in `folder`; without it a power cut may undo a rename."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Say what a full disk or a read-only home is."""
    try:
        yield
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise StorageFailed(
            f"the content store cannot be written: {error.strerror}{place}",
            hint="free space on the disk of PRATIQUE_HOME, or make it writable, and try again",
        ) from error
