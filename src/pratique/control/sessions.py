"""How a browser comes in: a link that works once, and the session that it opens.

    link ──opened within 5 minutes, once──► session, 12 hours ──closed, or expired──► gone

Only hashes are stored: who reads the database can open nothing.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from pratique.base.errors import Forbidden, Unauthenticated
from pratique.base.ids import new_secret
from pratique.control.actor import Actor, check_is_itself
from pratique.control.grants import actor_for
from pratique.control.permissions import permit_somewhere
from pratique.store import events, principals
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.principals import BrowserToken

LINK_LASTS: Final = timedelta(minutes=5)
SESSION_LASTS: Final = timedelta(hours=12)

_LINK: Final = "link"
_SESSION: Final = "session"


def make_link(tx: Transaction, actor: Actor, *, now: datetime) -> str:
    """The token of a link that lets one browser in as `actor`, once and within `LINK_LASTS`."""
    permit_somewhere(actor, "sessions/write")
    if actor.kind not in ("user", "service_principal"):
        raise Forbidden(f"a {actor.kind} has no browser")
    check_is_itself(actor, "open a browser session")
    principals.remove_expired_browser_tokens(tx, now=now)
    token = _store(tx, _LINK, actor.id, lasting=LINK_LASTS, now=now)
    _tell(tx, actor, "Pratique.LinkCreated", now=now)
    return token


def open_link(tx: Transaction, token: str, *, now: datetime) -> str:
    """Use a link up and return the token of the session; raises `Unauthenticated` when it was used or has expired."""
    link = principals.take_browser_token(tx, _hash(token), purpose=_LINK, now=now)
    principal = principals.get(tx, link.principal) if link else None
    if principal is None:
        raise Unauthenticated("this link was used already or has expired", hint="pratique open")
    session = _store(tx, _SESSION, principal.id, lasting=SESSION_LASTS, now=now)
    _tell(tx, actor_for(tx, principal), "Pratique.SessionOpened", now=now)
    return session


def actor_of_session(tx: Transaction, token: str, *, now: datetime) -> Actor:
    """Whose session it is, with their present roles; raises `Unauthenticated` when there is none (any more)."""
    session = principals.browser_token(tx, _hash(token), purpose=_SESSION, now=now)
    principal = principals.get(tx, session.principal) if session else None
    if principal is None:
        raise Unauthenticated("this browser has no session, or it has ended", hint="pratique open")
    return actor_for(tx, principal)


def close_session(tx: Transaction, token: str, *, now: datetime) -> None:
    """End a session; nothing happens when there is none."""
    session = principals.take_browser_token(tx, _hash(token), purpose=_SESSION, now=now)
    principal = principals.get(tx, session.principal) if session else None
    if principal:
        _tell(tx, actor_for(tx, principal), "Pratique.SessionClosed", now=now)


def _store(tx: Transaction, purpose: str, principal: str, *, lasting: timedelta, now: datetime) -> str:
    token = new_secret()
    principals.add_browser_token(tx, BrowserToken(_hash(token), purpose, principal, now + lasting))
    return token


def _hash(token: str) -> str:
    """SHA-256 is enough: the token is 256 random bits, which nobody can try out."""
    return hashlib.sha256(token.encode()).hexdigest()


def _tell(tx: Transaction, actor: Actor, kind: str, *, now: datetime) -> None:
    events.append(tx, Event(kind, f"principals/{actor.id}", "/", actor.to_document()), now=now)
