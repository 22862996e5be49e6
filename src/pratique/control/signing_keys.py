"""The keys that tokens are signed with: which there are, and another one, so that no token is refused for it."""

from collections.abc import Sequence
from datetime import datetime

from pratique.control.actor import Actor
from pratique.control.permissions import permit
from pratique.control.scopes import HOME
from pratique.control.tokens import Issuer, KeyState
from pratique.store import events
from pratique.store.database import Transaction
from pratique.store.events import Event


def every(actor: Actor, issuer: Issuer, *, now: datetime) -> Sequence[KeyState]:
    """The keys that sign or verify, the newest last."""
    permit(actor, "tokens/rotate", HOME)
    return issuer.states(now=now)


def rotate(tx: Transaction, actor: Actor, issuer: Issuer, *, now: datetime) -> Sequence[KeyState]:
    """Announce another key; the keys as they are then."""
    permit(actor, "tokens/rotate", HOME)
    kid = issuer.rotate(now=now)
    data = {"key": kid}
    events.append(tx, Event("Pratique.SigningKeyRotated", "signing-keys", HOME, actor.to_document(), data), now=now)
    return issuer.states(now=now)
