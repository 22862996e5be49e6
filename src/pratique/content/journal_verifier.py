"""Verifies an exported journal of Pratique; one file, which needs Python and `cryptography` and nothing else.

    python journal_verifier.py JOURNAL KEY [HEAD]

JOURNAL is what `pratique audit export` wrote, KEY what `pratique audit key show` printed at any time (PEM; several
may follow each other), HEAD a signed head that `pratique audit head` wrote earlier and that was kept elsewhere.
Without a head it cannot be told whether the end was cut off, or whether all was written and signed anew with
the same key, and it says so.

    0  whole, as far as it says      1  not whole: what and where      2  a file cannot be read, or wrong usage

Each line is one event, {"event": {…}, "hash": …}, or one seal, {"seal": {…}, "signature": …}, as `canonical`
writes it. `hash` is the SHA-256 of the event, which names the hash of the event before; a seal is signed with
Ed25519, names the hash of the last event that it covers and the digest of the seal before.

A change of keys is an event of its own, signed with the old key and with the new one; what was told before it is
sealed with the old key, and it and what follows with the new one. So one of the keys is enough to have the others.
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

GENESIS = "0" * 64
END_OF_KEY = "-----END PUBLIC KEY-----"
CHANGED = "Pratique.JournalKeyChanged"


class NotWholeError(Exception):
    """Something was changed, removed, added or moved."""


@dataclass(frozen=True)
class Verified:
    """What was found whole."""

    events: int
    seals: int
    unsealed: int
    head: str
    compared_to: int | None


_EVENT = re.compile(r'\{"event":(\{.*\}),"hash":"([^"]*)"\}')
_SEAL = re.compile(r'\{"seal":(\{.*\}),"signature":"([^"]*)"\}')
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(document: Mapping[str, Any]) -> str:
    """The one spelling of a document that is hashed and signed."""
    return _ENCODER.encode(document)


def digest_of_seal(seal: Mapping[str, Any], signature: str) -> str:
    """What the next seal says of this one."""
    return hashlib.sha256(f"{canonical(seal)}\n{signature}".encode()).hexdigest()


def key_name(key: Ed25519PublicKey) -> str:
    """What seals call the key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def read_keys(pem: str) -> dict[str, Ed25519PublicKey]:
    """The keys of a text by their names; raises `ValueError` for anything else."""
    blocks = [f"{block.strip()}\n{END_OF_KEY}\n" for block in pem.split(END_OF_KEY) if block.strip()]
    keys = [load_pem_public_key(block.encode()) for block in blocks]
    if not keys or not all(isinstance(key, Ed25519PublicKey) for key in keys):
        raise ValueError("expected public keys of Ed25519 as PEM")
    return {key_name(key): key for key in keys if isinstance(key, Ed25519PublicKey)}


def check_signature(seal: Mapping[str, Any], signature: str, keys: Mapping[str, Ed25519PublicKey], what: str) -> None:
    """Raise `NotWholeError` unless one of `keys` signed exactly this."""
    key = keys.get(str(seal.get("key")))
    if key is None:
        raise NotWholeError(f"{what} names the key {seal.get('key')!r}, which is none of {', '.join(keys)}")
    try:
        raw = bytes.fromhex(signature)
        key.verify(raw, canonical(seal).encode())
        if raw.hex() != signature:
            raise ValueError
    except (InvalidSignature, ValueError, TypeError) as error:
        raise NotWholeError(f"{what} is not signed by the key {seal['key']}") from error


def changes_in(lines: Iterable[str]) -> list[Any]:
    """What the changes of keys in a journal say, as far as they can be read."""
    found = []
    for line in lines:
        if f'"type":"{CHANGED}"' in line:
            try:
                found.append(json.loads(line)["event"]["data"])
            except (ValueError, KeyError, TypeError):
                continue  # Whatever it is, `verify` finds it.
    return found


def keys_of_change(change: Any, what: str) -> tuple[dict[str, Ed25519PublicKey], str, str]:
    """Both keys by their names, and the names, old and new; raises `NotWholeError` unless both keys signed it."""
    try:
        said, signatures = change["statement"], change["signatures"]
        keys = read_keys(said["old_key"] + said["new_key"])
        old, new = list(keys)
        for name in (old, new):
            keys[name].verify(bytes.fromhex(signatures[name]), canonical(said).encode())
        if (said["old"], said["new"]) != (old, new):
            raise ValueError
    except (InvalidSignature, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotWholeError(f"{what} is no change of keys that the old and the new one have signed") from error
    return keys, old, new


def linked(keys: Mapping[str, Ed25519PublicKey], changes: Iterable[Any]) -> dict[str, Ed25519PublicKey]:
    """`keys`, and those that changes of keys lead to from them, forth and back."""
    known, steps = dict(keys), [keys_of_change(change, "a change of keys") for change in changes]
    for _ in steps:
        for pair, old, new in steps:
            if old in known or new in known:
                known.update(pair)
    return known


def verify(
    lines: Iterable[str],
    keys: Mapping[str, Ed25519PublicKey],
    kept: Mapping[str, Any] | None = None,
    changes: Iterable[Any] = (),
) -> Verified:
    """What is whole in `lines`; raises `NotWholeError` at the first line that is not.

    `keys` are those that are trusted, by their names, `kept` is a signed head of an earlier day: {"seal": …,
    "signature": …}, and `changes` what `changes_in` found in the same lines: without them only what the trusted
    keys and their successors signed can be told.
    """
    reading = _Reading(keys, kept, changes)
    for at, line in enumerate(lines, 1):
        reading.line(line.rstrip("\n"), f"line {at}")
    return reading.end()


class _Reading:
    """A journal as far as it was read and found whole."""

    def __init__(
        self, keys: Mapping[str, Ed25519PublicKey], kept: Mapping[str, Any] | None, changes: Iterable[Any]
    ) -> None:
        self.given, self.keys, self.kept = set(keys), linked(keys, changes), kept
        self.events, self.head = 0, GENESIS
        self.seals, self.covered, self.digest = 0, 0, GENESIS
        self.signers: list[str] = []
        """The keys that have sealed so far, the last of them still in force."""
        self.change: tuple[int, str, str] | None = None
        """The event of a change of keys, the old and the new one, until the new one has sealed."""
        self.is_compared = False
        if kept:
            check_signature(kept["seal"], kept["signature"], self.keys, "the head that was kept")

    def line(self, line: str, what: str) -> None:
        """Read one line; of an event this very text is what is hashed, so it need not be spelt anew."""
        is_event = line.startswith('{"event"')
        written = (_EVENT if is_event else _SEAL).fullmatch(line)
        text, proof = written.groups() if written else ("", "")
        try:
            body = json.loads(text)
            is_as_signed = is_event or canonical(body) == text
        except (ValueError, RecursionError) as error:
            raise NotWholeError(f"{what} is neither an event nor a seal") from error
        if not is_as_signed:
            raise NotWholeError(f"{what} is not written as it was exported")
        if is_event:
            self.event(text, body, proof)
        else:
            self.seal(body, proof)

    def event(self, text: str, body: Mapping[str, Any], proof: str) -> None:
        """The next event, which follows the one before it."""
        self.events += 1
        if body.get("sequence") != self.events:
            raise NotWholeError(f"event {self.events} is missing: the next one is {body.get('sequence')}")
        if body.get("previous_hash") != self.head:
            raise NotWholeError(f"event {self.events} does not follow the one before it")
        self.head = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        if proof != self.head:
            raise NotWholeError(f"event {self.events} was changed: its hash is another")
        if body.get("type") == CHANGED:
            self.change_of_keys(body.get("data"), f"event {self.events}")

    def change_of_keys(self, change: Any, what: str) -> None:
        """From the key in force to one that has not sealed yet; one of both is known."""
        pair, old, new = keys_of_change(change, what)
        is_next = old == (self.signers or [old])[-1] and new not in self.signers and {old, new} & set(self.keys)
        if self.change or not is_next:
            raise NotWholeError(f"{what} changes the key {old}, which is not the one that sealed so far")
        self.change, self.keys = (self.events, old, new), {**self.keys, **pair}

    def seal(self, body: Mapping[str, Any], proof: str) -> None:
        """The next seal, over all events since the one before it."""
        self.seals, what = self.seals + 1, f"seal {self.seals + 1}"
        said = (body.get("number"), body.get("first"), body.get("last"), body.get("head"), body.get("previous"))
        if said != (self.seals, self.covered + 1, self.events, self.head, self.digest) or self.events <= self.covered:
            span = f"the events {self.covered + 1} to {self.events}"
            raise NotWholeError(f"{what} does not cover {span} after the seal before it")
        check_signature(body, proof, self.keys, what)
        self.signer(body["key"], what)
        self.covered, self.digest = self.events, digest_of_seal(body, proof)
        if self.kept and self.kept["seal"]["number"] == self.seals:
            if (self.kept["seal"], self.kept["signature"]) != (body, proof):
                raise NotWholeError(f"{what} is not the head that was kept: the journal was written and signed anew")
            self.is_compared = True

    def signer(self, key: str, what: str) -> None:
        """The key of a seal: the one in force, or after a change the new one, which begins with that event."""
        if self.change and self.covered + 1 == self.change[0] and key == self.change[2]:
            self.signers = [*(self.signers or [self.change[1]]), key]
            self.change = None
        elif self.change and self.events >= self.change[0]:
            raise NotWholeError(
                f"{what} covers the change of keys in event {self.change[0]} and does not begin with it"
            )
        elif key != (self.signers or [key])[-1]:
            raise NotWholeError(f"{what} is signed by the key {key}, which was not the journal's then")
        else:
            self.signers = self.signers or [key]

    def end(self) -> Verified:
        """What was found, when all was read."""
        if self.signers and not self.given & set(self.signers):
            raise NotWholeError(f"the keys that were given have sealed nothing of it: {', '.join(sorted(self.given))}")
        if self.kept and not self.is_compared:
            last = f"the head that was kept is seal {self.kept['seal']['number']}, of {self.seals}"
            raise NotWholeError(f"the end was cut off: {last}")
        compared_to = self.kept["seal"]["last"] if self.kept else None
        return Verified(self.events, self.seals, self.events - self.covered, self.head, compared_to)


def main(arguments: list[str]) -> int:
    """Verify what is named; returns the exit code."""
    if len(arguments) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with open(arguments[1], encoding="utf-8") as file:
            keys = read_keys(file.read())
        kept = None
        if arguments[2:]:
            with open(arguments[2], encoding="utf-8") as file:
                kept = json.load(file)
            kept["seal"]["number"], kept["seal"]["last"], kept["signature"]
        with open(arguments[0], encoding="utf-8", newline="\n") as lines:
            changes = changes_in(lines)
        with open(arguments[0], encoding="utf-8", newline="\n") as lines:
            found = verify(lines, keys, kept, changes)
    except NotWholeError as error:
        print(f"NOT WHOLE: {error}")
        return 1
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"cannot be read: {error!r}", file=sys.stderr)
        return 2
    print(f"whole: {found.events} events, {found.seals} seals, head {found.head}")
    print(f"not sealed yet: the last {found.unsealed}")
    if found.compared_to is None:
        print("NOT COMPARED with a head kept elsewhere: a cut end, or all of it signed anew, would not show")
    else:
        print(f"compared with the head of event {found.compared_to} that was kept elsewhere")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
