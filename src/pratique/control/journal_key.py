"""The key that signs the journal: Ed25519, in one file of the home's keys, 0600, made on first use.

Whoever can read that file can sign, so a signature proves the journal against
those who can write to the database and not to the keys, and against everybody
together with a head or the public key that was kept elsewhere.
"""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from pratique.base.errors import StorageFailed
from pratique.content.journal_verifier import key_name
from pratique.store.seals import Signer

FILE = "journal.pem"


class JournalKey:
    """The key in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def signer(self) -> Signer:
        """What signs; raises `StorageFailed` when the file cannot be read or made, or others can read it."""
        key = self._key()
        return Signer(key_name(key.public_key()), _signing(key))

    def public(self) -> tuple[str, str]:
        """Name and PEM of the public key."""
        public = self._key().public_key()
        return key_name(public), public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def _key(self) -> Ed25519PrivateKey:
        try:
            if not self._path.exists():
                _make(self._path)
            if self._path.stat().st_mode & 0o077:
                raise StorageFailed(f"others can read the key {self._path}", hint=f"chmod 600 {self._path}")
            key = load_pem_private_key(self._path.read_bytes(), None)
        except OSError as error:
            raise StorageFailed(
                f"the key {self._path} cannot be read or made: {error.strerror}",
                hint="make keys/ in PRATIQUE_HOME writable for this user, or free space on its disk",
            ) from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise _damaged(self._path) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise _damaged(self._path)
        return key


def _signing(key: Ed25519PrivateKey) -> Callable[[str], str]:
    return lambda text: key.sign(text.encode()).hex()


def _damaged(path: Path) -> StorageFailed:
    return StorageFailed(f"the key {path} is damaged", hint="restore keys/ from a backup")


def _make(path: Path) -> None:
    """Write a new key, unless another process was faster."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # Made 0600.
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            stream.flush()
            os.fsync(handle)
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)
