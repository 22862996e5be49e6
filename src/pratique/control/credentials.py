"""Secrets of principals: made once, kept as a hash, checked at one speed for everybody.

A secret is checked as slowly for an id that nobody has as for one that exists,
so that an answer's time tells nothing. After ten wrong ones in a row a
principal is locked out for a minute, then two, four … up to a quarter of an
hour. Who tries a few secrets with each of many names is stopped by the address
they come from, which may fail so often in a minute and no more.

A secret that was right a moment ago is not hashed again: old MLflow clients
send theirs with every request.
"""

import hashlib
import hmac
import os
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock, Semaphore
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from pratique.base.buckets import Buckets
from pratique.base.errors import InvalidInput, TooManyCalls, Unauthenticated
from pratique.base.ids import new_secret
from pratique.base.logging import get_logger
from pratique.store import principals
from pratique.store.database import Database
from pratique.store.principals import Principal

log = get_logger(__name__)

K = TypeVar("K")
V = TypeVar("V")

LASTING: Final = timedelta(days=365)
"""How long a secret is good for, unless somebody says otherwise; a year, as in Azure."""

SHORTEST_PASSWORD: Final = 12
_LONGEST_ID: Final = 128
_LONGEST_SECRET: Final = 1024
_TRIES: Final = 10
_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(minutes=15)
_RECENT: Final = timedelta(minutes=5)
_REMEMBERED: Final = 10_000

# OWASP's second choice for Argon2id: 19 MiB and about 30 ms a check, so that two at once are no load.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_AT_ONCE: Final = Semaphore(2)
_NOBODYS: Final = "$argon2id$v=19$m=19456,t=2,p=1$IFgsbOeYYsx9+CDbsWifrw$NlMvHpqU4fnJXR2Y5c9jDe8/+xk4Z7QtdS47WB16Yro"
"""A hash with the same parameters, for ids that nobody has."""

_ANOTHER: Final = "an Owner can make another secret: pratique ad sp create-for-rbac --name NAME"


@dataclass(frozen=True)
class Credential:
    """A secret just made: shown to its owner once, while only its hash is kept."""

    secret: str
    hash: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Credential(expires_at={self.expires_at!r})"


def new_credential(*, now: datetime, lasting: timedelta = LASTING, secret: str | None = None) -> Credential:
    """A new credential with a random secret, or with the password that a person chose."""
    if secret is not None and not SHORTEST_PASSWORD <= len(secret) <= _LONGEST_SECRET:
        raise InvalidInput(
            f"a password has {SHORTEST_PASSWORD} to {_LONGEST_SECRET} characters, this one {len(secret)}",
            hint="leave it out and a good one is made for you",
        )
    chosen = secret or new_secret()
    with _AT_ONCE:
        return Credential(chosen, _HASHER.hash(chosen), now + lasting)


@dataclass(frozen=True)
class _Failures:
    count: int
    last: datetime

    def locked_until(self) -> datetime:
        if self.count < _TRIES:
            return self.last
        return self.last + min(_PAUSE * (1 << min(self.count - _TRIES, 10)), _LONGEST_PAUSE)


class SignIns:
    """Checks secrets and remembers, in memory and within bounds, who failed and who was right."""

    def __init__(self, failures_per_minute: int = 0) -> None:
        """`failures_per_minute` wrong secrets are heard from one address, a minute's worth at once; 0: all of them."""
        self._lock = Lock()
        self._attempts = Buckets(failures_per_minute / 60, failures_per_minute) if failures_per_minute else None
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._right: OrderedDict[bytes, tuple[str, datetime]] = OrderedDict()
        self._key = os.urandom(32)

    def authenticate(
        self, database: Database, client_id: str, secret: str, *, now: datetime, address: str = ""
    ) -> Principal:
        """The principal whose id or name is `client_id`; raises `Unauthenticated`, always with the same words.

        `address` is where they come from; raises `TooManyCalls` when too many wrong secrets came from there.
        """
        if len(client_id) > _LONGEST_ID or not client_id.isprintable() or len(secret) > _LONGEST_SECRET:
            raise _wrong()
        with database.read() as tx:
            found = principals.get(tx, client_id) or principals.named(tx, client_id)
        if found is None or not self._was_right(found, secret, now):
            self._check(found, client_id, secret, address, now)
        if found is None or found.secret_expires_at is None or found.secret_expires_at <= now:
            raise Unauthenticated("the secret has expired", hint=_ANOTHER)
        return found

    def _check(self, found: Principal | None, client_id: str, secret: str, address: str, now: datetime) -> None:
        who = found.id if found else client_id
        self._refuse_flood(address, now)
        with _AT_ONCE:
            self._refuse_locked(who, now)
            right = _matches(found.secret_hash if found else None, secret)
            with self._lock:
                if right and found:
                    self._failures.pop(who, None)
                    _remember(self._right, self._mark(found, secret), (found.id, now + _RECENT))
                    return
                known = self._failures.get(who)
                count = known.count if known and now - known.last < _LONGEST_PAUSE * 2 else 0
                _remember(self._failures, who, _Failures(count + 1, now))
        if self._attempts:
            self._attempts.take(address, now=now.timestamp())
        log.warning("sign_in.refused", principal=found.name if found else "nobody we know", address=address)
        raise _wrong()

    def _refuse_flood(self, address: str, now: datetime) -> None:
        """Before anything is hashed, so that a flood keeps nobody from being heard."""
        if self._attempts and (wait := self._attempts.wait(address, now=now.timestamp())):
            raise TooManyCalls(
                "too many wrong secrets came from this address",
                hint=f"try again in {wait:.0f} s; the setting failed_sign_ins_per_minute is the limit",
            )

    def _refuse_locked(self, who: str, now: datetime) -> None:
        with self._lock:
            known = self._failures.get(who)
        if known and known.count >= _TRIES and now < known.locked_until():
            seconds = int((known.locked_until() - now).total_seconds()) + 1
            raise Unauthenticated("too many wrong secrets in a row", hint=f"try again in {seconds} s")

    def _was_right(self, found: Principal, secret: str, now: datetime) -> bool:
        with self._lock:
            known = self._right.get(self._mark(found, secret))
        return known is not None and known[0] == found.id and now < known[1]

    def _mark(self, found: Principal, secret: str) -> bytes:
        """Stands for this secret of this principal under its present hash: another credential is another mark."""
        said = "\0".join((found.id, found.secret_hash or "", secret))
        return hmac.new(self._key, said.encode(), hashlib.sha256).digest()


def _matches(secret_hash: str | None, secret: str) -> bool:
    try:
        _HASHER.verify(secret_hash or _NOBODYS, secret)
    except (Argon2Error, InvalidHashError):
        return False
    return secret_hash is not None


def _remember(kept: OrderedDict[K, V], key: K, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > _REMEMBERED:
        kept.popitem(last=False)


def _wrong() -> Unauthenticated:
    return Unauthenticated("the client id or its secret is wrong", hint=_ANOTHER)
