"""Bytes by their SHA-256: ``blobs/ab/abcdef…``, written once, never changed, read-only.

Only a digest leads to a file, so no name of a user ever becomes a path. A
blob comes into being by rename, after its bytes were hashed and flushed: a
crash leaves a stray file in ``incoming/`` and never half a blob.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from pratique.base.errors import InvalidInput, NotFound, StorageFailed, TooLarge
from pratique.content.folder import scan, source_of
from pratique.content.manifest import Entry, Manifest

_CHUNK: Final = 1 << 20
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class BlobStore:
    """The blobs below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"

    def has(self, digest: str) -> bool:
        """Whether the bytes of `digest` are here."""
        return self._path(digest).is_file()

    def open(self, digest: str) -> BinaryIO:
        """The bytes of `digest`; raises `NotFound`."""
        try:
            return self._path(digest).open("rb")
        except FileNotFoundError as error:
            raise NotFound(f"no content with the digest {digest} is stored here") from error

    def size(self, digest: str) -> int:
        """How many bytes `digest` has; raises `NotFound`."""
        with self.open(digest) as stream:
            return os.fstat(stream.fileno()).st_size

    def put(
        self, chunks: Iterable[bytes], *, expected: str | None = None, limit: int | None = None
    ) -> tuple[str, int]:
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
            incoming = Incoming(Path(name), os.fdopen(handle, "wb"), self._path)
            try:
                yield incoming
            finally:
                incoming.drop()

    def put_folder(self, root: Path, *, keep_executable: bool = False) -> Manifest:
        """Store every file below `root` (or the one file `root`) and return its manifest."""
        manifest = scan(root, honour_ignore=False, keep_executable=keep_executable)
        for entry in manifest.entries:
            if not self.has(entry.digest):
                with source_of(root, entry).open("rb") as stream:
                    self.put(iter(lambda stream=stream: stream.read(_CHUNK), b""), expected=entry.digest)  # type: ignore[misc]
        return manifest

    def materialise(self, manifest: Manifest, target: Path, *, writable: bool = True) -> None:
        """Write the files of `manifest` below `target`, a new folder; reflinked where the disk can, else copied."""
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        with storage_errors():
            for entry in manifest.entries:
                self._write(entry, target / entry.path, writable=writable)

    def verify(self, manifest: Manifest) -> list[str]:
        """The paths whose stored bytes no longer have the digest that `manifest` names; empty when all is well."""
        return [entry.path for entry in manifest.entries if self._actual(entry.digest) != entry.digest]

    def _actual(self, digest: str) -> str:
        if not self.has(digest):
            return ""
        with self.open(digest) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def _write(self, entry: Entry, path: Path, *, writable: bool) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.open(entry.digest) as source, path.open("xb") as target:
            shutil.copyfileobj(source, target, _CHUNK)
        path.chmod((0o700 if entry.executable else 0o600) & (0o777 if writable else 0o555))

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise InvalidInput(
                f"{digest[:80]!r} is not a SHA-256 digest: expected 64 lower-case hexadecimal digits"
            )
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
        self._stream.write(chunk)

    def keep(self, *, expected: str | None = None) -> tuple[str, int]:
        """Make it a blob and return (digest, size in bytes); `InvalidInput` when it is not the `expected` one."""
        digest = self._hash.hexdigest()
        if expected is not None and digest != expected:
            raise InvalidInput(
                f"the bytes have the digest {digest}, not {expected}", hint="upload the file again"
            )
        self._stream.flush()
        os.fsync(self._stream.fileno())
        target = self._home_of(digest)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        self._path.chmod(0o400)
        self._path.replace(target)
        return digest, self._size

    def drop(self) -> None:
        """Forget it, unless it was kept."""
        self._stream.close()
        self._path.unlink(missing_ok=True)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Say what a full disk or a read-only home is."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"the content store cannot be written: {error.strerror} ({error.filename})",
            hint="free space on the disk of PRATIQUE_HOME, or make it writable, and try again",
        ) from error
