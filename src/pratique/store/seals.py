"""Seals: signatures over the journal, each for the events since the one before it.

    events   1 ── 2 ── 3 ── 4 ── 5 ── 6 ── 7      each names the hash of the one before
    seals    └──── 1 ────┘  └── 2 ──┘  unsealed   each names the last hash and the seal before, and is signed

What is signed and how it is spelt is in `content.journal_verifier`, which
anybody can run without this platform.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import OperationalError

from pratique.base.clock import iso
from pratique.base.errors import StorageFailed
from pratique.content.journal_verifier import CHANGED, GENESIS, canonical, digest_of_seal
from pratique.store import events
from pratique.store.prepared import Prepared
from pratique.store.schema import events as events_table
from pratique.store.schema import journal_seals

TOPIC: Final = "journal seals"
"""Of writes that nobody waits for but who waits for seals."""
MOST: Final = 10_000
"""Events that one seal covers at most, so that no batch is large."""
FORMAT: Final = 1


@dataclass(frozen=True)
class Seal:
    """One signature over the events `first` to `last`."""

    number: int
    first: int
    last: int
    head: str
    """The hash of the event `last`."""
    time: datetime
    key: str
    previous: str
    signature: str

    def statement(self) -> dict[str, Any]:
        """What is signed."""
        return {
            "format": FORMAT,
            "number": self.number,
            "first": self.first,
            "last": self.last,
            "head": self.head,
            "time": iso(self.time),
            "key": self.key,
            "previous": self.previous,
        }

    def to_document(self) -> dict[str, Any]:
        """The seal as it is exported."""
        return {"seal": self.statement(), "signature": self.signature}

    @property
    def digest(self) -> str:
        """What the next seal says of this one."""
        return digest_of_seal(self.statement(), self.signature)


@dataclass(frozen=True)
class Signer:
    """Signs texts with the key called `name`."""

    name: str
    sign: Callable[[str], str]


_NEWEST: Final = Prepared(
    select(*(journal_seals.c[field.name] for field in fields(Seal))).order_by(journal_seals.c.number.desc()).limit(1)
)
_INSERT: Final = Prepared(insert(journal_seals))


def newest(tx: Connection) -> Seal | None:
    """The last seal."""
    row = _NEWEST.first(tx)
    return Seal(*row) if row else None


def is_due(tx: Connection) -> bool:
    """Whether there are events that no seal covers."""
    seal = newest(tx)
    return events.last_sequence(tx) > (seal.last if seal else 0)


def key_wanted(tx: Connection) -> str:
    """The name of the key that signs the next seal; empty while any key may, before the first.

    A seal that begins with a change of keys is the first of the new one.
    """
    before = newest(tx)
    last = before.last if before else 0
    following = events.links(tx, last, limit=1)
    if following and following[0].type == CHANGED:
        (change,) = events.after(tx, last, limit=1)
        return str((change.data.get("statement") or {}).get("new"))
    return before.key if before else ""


def key_changes(tx: Connection) -> list[Mapping[str, Any]]:
    """What the events of changed keys say, the oldest first; nothing where one is damaged, which `verify` finds."""
    changed = select(events_table.c.data).where(events_table.c.type == CHANGED).order_by(events_table.c.sequence)
    try:
        return [data for data in tx.execute(changed).scalars() if isinstance(data, dict)]
    except (ValueError, OperationalError):
        return []


def is_changing(tx: Connection) -> bool:
    """Whether a change of keys was told that no seal covers yet."""
    before = newest(tx)
    changed = select(events_table.c.sequence).where(events_table.c.type == CHANGED)
    return tx.execute(changed.where(events_table.c.sequence > (before.last if before else 0))).first() is not None


def due(tx: Connection, signer: Signer, *, now: datetime) -> Seal | None:
    """The next seal, over what none covers yet; None when there is nothing.

    Raises `StorageFailed` for events that do not follow what was sealed before, because nobody signs what was
    changed, and for a key that is not the one which is to sign: see `key_wanted`.
    """
    before = newest(tx)
    wanted = key_wanted(tx)
    if wanted and wanted != signer.name and before:
        raise StorageFailed(
            f"the journal's key was changed: it was {wanted} so far and is {signer.name} now, so nothing is sealed",
            hint="bring keys/journal.pem back from a backup",
        )
    first, previous = (before.last + 1, before.head) if before else (1, GENESIS)
    told = events.links(tx, first - 1, limit=MOST)
    if not told:
        return None
    changes = [event.sequence for event in told if event.type == CHANGED and event.sequence > first]
    told = told[: changes[0] - first] if changes else told  # Another key signs from there on.
    for expected, event in enumerate(told, first):
        if event.sequence != expected or event.previous_hash != previous or not event.fits:
            raise StorageFailed(
                f"the journal was changed: event {expected} does not fit the one before it, so nothing is sealed",
                hint="pratique audit verify; keep a copy of the home, and restore a backup",
            )
        previous = event.hash
    number, digest = (before.number + 1, before.digest) if before else (1, GENESIS)
    unsigned = Seal(number, first, told[-1].sequence, previous, now, signer.name, digest, "")
    return replace(unsigned, signature=signer.sign(canonical(unsigned.statement())))


def add(tx: Connection, seal: Seal) -> bool:
    """Write a seal; False when another was written meanwhile."""
    before = newest(tx)
    if (before.number if before else 0) != seal.number - 1:
        return False
    _INSERT.run_each(tx, [vars(seal)])
    return True
