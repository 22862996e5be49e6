"""Digests that tell whether something is what it was, and of which nobody guesses what it is.

A plain digest of a short secret is as good as the secret: who may read it tries
words until one fits. These are keyed (HMAC-SHA-256, RFC 2104) with 32 random
bytes of the home, 0600, made on first use, which never change: the digests in
the journal are to be compared for as long as it lasts.
"""

import hmac
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from pratique.base.errors import StorageFailed

FILE: Final = "digests.key"
_KEY: Final = 32
"""Bytes."""


class KeyedDigests:
    """Digests with the key in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def of(self, raw: bytes) -> str:
        """The digest of `raw`; raises `StorageFailed` when the key cannot be read or made."""
        return f"hmac-sha256:{hmac.digest(self._key(), raw, 'sha256').hex()}"

    def of_file(self, file: Path) -> str:
        """The digest of a file; empty when there is none."""
        try:
            raw = file.read_bytes()
        except FileNotFoundError:
            return ""
        return self.of(raw)

    def _key(self) -> bytes:
        try:
            if not self._path.exists():
                _make(self._path)
            key = self._path.read_bytes()
        except OSError as error:
            raise StorageFailed(
                f"the key file {self._path} cannot be read or made: {error.strerror}",
                hint="make keys/ in PRATIQUE_HOME writable for this user, or free space on its disk",
            ) from error
        if len(key) != _KEY:
            raise StorageFailed(f"the key file {self._path} is damaged", hint="restore keys/ from a backup")
        return key


def _make(path: Path) -> None:
    """Write a new key, unless another process was faster."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # Made 0600.
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(os.urandom(_KEY))
            stream.flush()
            os.fsync(handle)
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)
