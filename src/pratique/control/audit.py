"""The journal as evidence: all of it with its seals, its signed head and the public key.

Only whoever may read events of the whole home sees the chain; see `control.events` for parts of it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pratique.base.errors import NotFound
from pratique.control.actor import Actor
from pratique.control.permissions import permit
from pratique.control.scopes import HOME
from pratique.store import journal, seals
from pratique.store.database import Database, Transaction
from pratique.store.seals import Seal


def lines(database: Database, actor: Actor) -> Iterator[str]:
    """Every event and every seal that there are now, each as one line."""
    permit(actor, "audit/read", HOME)
    return journal.lines(database)


def key_changes(tx: Transaction, actor: Actor) -> list[Mapping[str, Any]]:
    """What the events of changed keys say, the oldest first: who has one key can prove the others by them."""
    permit(actor, "audit/read", HOME)
    return seals.key_changes(tx)


def head(tx: Transaction, actor: Actor) -> Seal:
    """The newest seal; raises `NotFound` in the first second of a home."""
    permit(actor, "audit/read", HOME)
    if found := seals.newest(tx):
        return found
    raise NotFound("nothing has been sealed yet", hint="the engine does so every second: pratique status")
