"""Secrets at rest: AES-256-GCM under one key file of the home, 0600.

A sealed text is bound to what it belongs to (`context`), so that a row copied
over another cannot be opened there.

The file holds one key of 32 bytes, the master key, and then 8 bytes of the
digest of what stands before: a key of which a bit was flipped would seal what
nobody could open again. While the key is being replaced, the new one stands
before the old:

    [old] ──begin──► [new, old] ──everything sealed again──► [new]

The first key seals and every key opens, so wherever a replacement is cut off,
nothing is lost, and doing it again finishes it (`control.master_key`). The file
is read again whenever another process has replaced it. Whoever seals does so
inside the transaction that writes the text: a replacement is one as well, so no
text of an old key is written after it.
"""

import base64
import hashlib
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pratique.base.errors import InternalError, StorageFailed

_NONCE: Final = 12  # Bytes; what GCM is made for.
_KEY: Final = 32
_CHECK: Final = 8
"""Bytes of the digest at the end of the file; files of earlier versions have none."""


class Sealer:
    """Seals and opens short texts with the keys in one file, which is made on first use."""

    def __init__(self, key_file: Path) -> None:
        self._path = key_file
        self._lock = Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._keys: tuple[bytes, ...] = ()
        self._known()

    def seal(self, text: str, *, context: str) -> str:
        """`text` encrypted, as ASCII."""
        nonce = os.urandom(_NONCE)
        cipher = AESGCM(self._known()[0])
        return base64.b64encode(nonce + cipher.encrypt(nonce, text.encode(), context.encode())).decode()

    def open(self, sealed: str, *, context: str) -> str:
        """The text; raises `InternalError` when the key or the context is another."""
        try:
            raw = base64.b64decode(sealed, validate=True)
            return self._opened(raw, context.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise InternalError(
                f"a secret of {context} cannot be opened: it was changed in the database, or the key file is another's",
                hint="restore keys/ and the database from the same backup; a secret alone can be set again",
            ) from error

    @property
    def is_replacing(self) -> bool:
        """Whether a replacement of the master key has begun and not ended."""
        return len(self._known()) > 1

    def begin_replacing(self) -> None:
        """Seal with a new key from now on; the keys before it still open."""
        with self._lock:
            self._write((AESGCM.generate_key(8 * _KEY), *self._read()))

    def end_replacing(self, sealed_with: str) -> None:
        """Forget every key but the one called `sealed_with`: what they sealed cannot be opened any more.

        Does nothing when that is not the key which seals, because another replacement has begun.
        """
        with self._lock:
            keys = self._read()
            if _name_of(keys[0]) == sealed_with:
                self._write(keys[:1])

    @property
    def key_name(self) -> str:
        """Tells the key which seals from others; says nothing about it."""
        return _name_of(self._known()[0])

    def _opened(self, raw: bytes, context: bytes) -> bytes:
        keys = self._known()
        for key in keys[:-1]:
            with suppress(InvalidTag):
                return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], context)
        return AESGCM(keys[-1]).decrypt(raw[:_NONCE], raw[_NONCE:], context)

    def _known(self) -> tuple[bytes, ...]:
        """The keys, the one that seals first."""
        with self._lock:
            return self._read()

    def _read(self) -> tuple[bytes, ...]:
        try:
            if not self._path.exists():
                _make(self._path)
            facts = self._path.stat()
            stamp = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
            if stamp != self._stamp:
                self._keys, self._stamp = _keys_in(self._path), stamp
        except OSError as error:
            raise StorageFailed(
                f"the key file {self._path} cannot be read or made: {error.strerror}",
                hint="make keys/ in PRATIQUE_HOME writable for this user, or free space on its disk",
            ) from error
        return self._keys

    def _write(self, keys: tuple[bytes, ...]) -> None:
        try:
            name = _written(self._path, _as_file(keys))
            name.replace(self._path)
            _sync_folder(self._path.parent)
        except OSError as error:
            raise StorageFailed(
                f"the key file {self._path} cannot be replaced: {error.strerror}",
                hint="make keys/ in PRATIQUE_HOME writable for this user, or free space on its disk",
            ) from error
        self._stamp = None


def _name_of(key: bytes) -> str:
    return hashlib.sha256(b"pratique master key " + key).hexdigest()[:16]


def _keys_in(path: Path) -> tuple[bytes, ...]:
    raw = path.read_bytes()
    keys = tuple(raw[start : start + _KEY] for start in range(0, len(raw) - len(raw) % _KEY, _KEY))
    if not keys or raw not in (b"".join(keys), _as_file(keys)):
        raise StorageFailed(
            f"the key file {path} is damaged", hint="nothing is sealed with it; restore keys/ from a backup"
        )
    return keys


def _as_file(keys: Sequence[bytes]) -> bytes:
    raw = b"".join(keys)
    return raw + hashlib.sha256(b"pratique key file " + raw).digest()[:_CHECK]


def _make(path: Path) -> None:
    """Make the file with one key. Two processes that start together get the same one."""
    name = _written(path, _as_file([AESGCM.generate_key(8 * _KEY)]))
    try:
        # A link, unlike a rename, does not replace the key that another process has just made and used.
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        name.unlink()


def _written(beside: Path, raw: bytes) -> Path:
    """A new file beside `beside`, 0600, whose bytes have reached the disk."""
    handle, name = tempfile.mkstemp(dir=beside.parent, prefix=f".{beside.name}-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(raw)
            stream.flush()
            os.fsync(handle)
    except BaseException:
        os.unlink(name)
        raise
    return Path(name)


def _sync_folder(folder: Path) -> None:
    """Let the name of a file reach the disk as well."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
