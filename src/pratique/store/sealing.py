"""Secrets at rest: AES-256-GCM under one key file of the home, 0600.

A sealed text is bound to what it belongs to (`context`), so that a row copied
over another cannot be opened there.
"""

import base64
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pratique.base.errors import InternalError

_NONCE: Final = 12


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
        raw = base64.b64decode(sealed)
        try:
            return self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], context.encode()).decode()
        except InvalidTag as error:
            raise InternalError(
                f"a secret of {context} cannot be opened: the key file does not fit this database",
                hint="restore keys/ and the database from the same backup",
            ) from error


def _key(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(key := AESGCM.generate_key(256))
        return key
