"""The key that signs the journal: Ed25519, in one file of the home's keys, 0600, made on first use.

    journal.pem          what signs
    journal-next.pem     what will, from the event on that says so; it takes the other's place with its first seal

Which of the two signs next is told by the journal (`store.seals.key_wanted`), so a cut anywhere is gone on from.

Whoever can read that file can sign, so a signature proves the journal against
those who can write to the database and not to the keys, and against everybody
together with a head or the public key that was kept elsewhere.
"""

import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from pratique.base.errors import Conflict, StorageFailed
from pratique.content.journal_verifier import canonical, key_name
from pratique.control.actor import Actor
from pratique.control.permissions import permit
from pratique.control.scopes import HOME
from pratique.store import events, seals
from pratique.store.database import Database
from pratique.store.events import Event
from pratique.store.seals import Seal, Signer

FILE = "journal.pem"
NEXT = "journal-next.pem"


class JournalKey:
    """The key in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._next = folder / NEXT
        self._changing = threading.Lock()

    def signer(self, name: str = "") -> Signer:
        """What signs, or what will when that is called `name`.

        Raises `StorageFailed` when the file cannot be read or made, or others can read it.
        """
        key = self._will_be(name) or _read(self._path)
        return Signer(key_name(key.public_key()), _signing(key))

    def public(self) -> tuple[str, str]:
        """Name and PEM of the public key."""
        return _public(_read(self._path))

    def settle(self, signed: str) -> None:
        """Let the next key take the place of this one when it is the one that `signed`; the old one is gone then."""
        if self._will_be(signed):
            os.replace(self._next, self._path)

    def change(self, database: Database, actor: Actor, *, now: datetime) -> None:
        """Tell the journal of a new key, signed by the old one and the new one; raises `Conflict` during a change."""
        with self._changing:
            with database.read() as tx:
                before, wanted = seals.newest(tx), seals.key_wanted(tx)
                if seals.is_changing(tx):
                    raise Conflict("the key is being changed", hint="pratique audit key show, in a second")
            self.settle(before.key if before else "")
            old = _read(self._path)
            if wanted and wanted != _public(old)[0]:
                raise StorageFailed(
                    f"the key {self._path} is not the one that signs the journal, {wanted}",
                    hint="restore keys/ from a backup",
                )
            self._next.unlink(missing_ok=True)  # Of a change that was never told.
            data = _statement(old, _read(self._next))
            with database.write() as tx:
                told = Event("Pratique.JournalKeyChanged", "audit/key", HOME, actor.to_document(), data)
                events.append(tx, told, now=now)

    def _will_be(self, name: str) -> Ed25519PrivateKey | None:
        """The next key if it is called `name`."""
        if not name or not self._next.exists():
            return None
        key = _read(self._next)
        return key if key_name(key.public_key()) == name else None


def seal(database: Database, key: JournalKey, *, now: datetime) -> Seal | None:
    """Write the next seal with the key whose turn it is; None when nothing is due, or somebody else was faster."""
    with database.read() as tx:
        if not seals.is_due(tx):
            return None
        made = seals.due(tx, key.signer(seals.key_wanted(tx)), now=now)
    if made is None:
        return None
    with database.write(seals.TOPIC) as tx:
        was_added = seals.add(tx, made)
    if was_added:
        key.settle(made.key)
    return made if was_added else None


def change(database: Database, actor: Actor, key: JournalKey, *, now: datetime) -> str:
    """Sign the journal with another key from now on; its name. The old one is removed, and verifies what it signed."""
    permit(actor, "audit/rotate", HOME)
    key.change(database, actor, now=now)
    while seal(database, key, now=now):
        pass
    return key.public()[0]


def _statement(old: Ed25519PrivateKey, new: Ed25519PrivateKey) -> dict[str, Any]:
    """That `new` follows `old`, signed by both, as `content.journal_verifier` reads it."""
    (old_name, old_key), (new_name, new_key) = _public(old), _public(new)
    said = {"format": 1, "old": old_name, "old_key": old_key, "new": new_name, "new_key": new_key}
    signed = {name: _signing(key)(canonical(said)) for name, key in ((old_name, old), (new_name, new))}
    return {"statement": said, "signatures": signed}


def _public(key: Ed25519PrivateKey) -> tuple[str, str]:
    public = key.public_key()
    return key_name(public), public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _read(path: Path) -> Ed25519PrivateKey:
    """The key in a file, made when there is none."""
    try:
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o077:
            raise StorageFailed(f"others can read the key {path}", hint=f"chmod 600 {path}")
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise StorageFailed(
            f"the key {path} cannot be read or made: {error.strerror}",
            hint="make keys/ in PRATIQUE_HOME writable for this user, or free space on its disk",
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _damaged(path) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _damaged(path)
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
