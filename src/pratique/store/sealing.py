"""Secrets at rest: AES-256-GCM under one key file of the home, 0600.

A sealed text is bound to what it belongs to (`context`), so that a row copied
over another cannot be opened there.
"""

import base64
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pratique.base.errors import InternalError, StorageFailed

_NONCE: Final = 12  # Bytes; what GCM is made for.
_KEY: Final = 32


class Sealer:
    """Seals and opens short texts with the key in one file, which is made on first use."""

    def __init__(self, key_file: Path) -> None:
        self._cipher = AESGCM(_key(key_file))

    def seal(self, text: str, *, context: str) -> str:
        """`text` encrypted, as ASCII."""
        nonce = os.urandom(_NONCE)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, text.encode(), context.encode())).decode()

    def open(self, sealed: str, *, context: str) -> str:
        """The text; raises `InternalError` when the key or the context is another."""
        try:
            raw = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], context.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise InternalError(
                f"a secret of {context} cannot be opened: the key file does not fit this database",
                hint="restore keys/ and the database from the same backup",
            ) from error


def _key(path: Path) -> bytes:
    """The key in `path`; made first when there is none. Two processes that start together get the same one."""
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise StorageFailed(
            f"the key file {path} cannot be read or made: {error.strerror}",
            hint="make keys/ in PRATIQUE_HOME writable for this user, or free space on its disk",
        ) from error
    if len(key) != _KEY:
        raise StorageFailed(f"the key file {path} is damaged", hint="restore keys/ from a backup")
    return key


def _make_key(path: Path) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # Made 0600.
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(AESGCM.generate_key(8 * _KEY))
            stream.flush()
            os.fsync(handle)
        # A link, unlike a rename, does not replace the key that another process has just made and used.
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)
