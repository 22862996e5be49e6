"""Our own issuer of tokens: signed JWTs, their keys, and the set of keys that others verify with.

    announced ──signs_from──► signing ──next key signs──► verifying ──retires_at──► gone

A new key is published before it signs, so that whoever keeps our key set for a
while already has it; an old one is published until the last token that it
signed has ended. So a rotation refuses nobody.

The algorithm is RS256: it is the one that OpenID Connect obliges every library
to know, Entra signs with it, and a check costs half of what ES256 costs.

The keys live in one file, which is the truth: it is read again whenever
another process has replaced it.
"""

import json
import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import GuestProtocol, RSAKey

from pratique.base.clock import iso
from pratique.base.errors import StorageFailed, Unauthenticated
from pratique.base.ids import new_id
from pratique.content.hashing import digest_of

AUDIENCE: Final = "pratique"
"""Whom a token for our own API is meant for."""

OUR_AUDIENCES: Final = frozenset(
    {AUDIENCE}
    | {
        name + slash
        for name in (
            "https://management.azure.com", "https://management.core.windows.net",
            "https://ml.azure.com", "https://vault.azure.net",
        )
        for slash in ("", "/")
    }
)  # fmt: skip
"""What Azure calls the parts that this platform is here: a token for one of them is meant for our own API too."""

LONGEST: Final = timedelta(days=30)
"""No token lasts longer; so much longer does a key verify after it stopped signing."""

SKEW: Final = timedelta(seconds=60)
"""How far two clocks may be apart."""

_ALGORITHM: Final = "RS256"
_BITS: Final = 2048  # Enough until 2030 (NIST SP 800-57), for tokens which last days; made in 0.1 s.
_ANNOUNCED: Final = timedelta(minutes=10)
_MAX_LENGTH: Final = 8192
_HEADER: Final = frozenset({"alg", "kid", "typ"})
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DIGEST: Final = "sha256"
"""What the keys in the file must hash to: a changed date would otherwise make a key sign when it should not."""
_RESERVED: Final = frozenset({"iss", "sub", "aud", "iat", "nbf", "exp", "jti", "kind", "name"})


@dataclass(frozen=True)
class _Key:
    key: RSAKey
    signs_from: datetime
    retires_at: datetime | None

    @property
    def kid(self) -> str:
        return str(self.key.kid)

    def verifies(self, now: datetime) -> bool:
        return self.retires_at is None or now < self.retires_at


@dataclass(frozen=True)
class KeyState:
    """A key as it may be shown."""

    kid: str
    state: str
    """``announced``, ``signing`` or ``verifying``."""
    signs_from: datetime
    retires_at: datetime | None
    """None while no other key is to take its place."""


class Issuer:
    """Issues and verifies tokens with the keys in `folder`, which are made on first use."""

    def __init__(self, folder: Path, issuer: str) -> None:
        self.issuer = issuer
        self._path = folder / "tokens.json"
        self._lock = Lock()
        self._stamp: tuple[int, int] | None = None
        self._known: tuple[_Key, ...] = ()

    def issue(
        self,
        subject: str,
        *,
        kind: str,
        name: str,
        lasting: timedelta,
        now: datetime,
        audience: str = AUDIENCE,
        claims: Mapping[str, Any] | None = None,
    ) -> str:
        """A token for `subject`; `claims` are added and may not replace those that we set."""
        if not timedelta(0) < lasting <= LONGEST:
            raise ValueError(f"a token lasts more than nothing and at most {LONGEST}, not {lasting}")
        if clash := _RESERVED & set(claims or ()):
            raise ValueError(f"the issuer itself sets {', '.join(sorted(clash))}")
        key = self._signing(now)
        issued = int(now.timestamp())
        body = {
            **(claims or {}),
            "iss": self.issuer,
            "sub": subject,
            "aud": audience,
            "iat": issued,
            "nbf": issued,
            "exp": issued + int(lasting.total_seconds()),
            "jti": new_id(),
            "kind": kind,
            "name": name,
        }
        return jwt.encode({"alg": _ALGORITHM, "typ": "JWT", "kid": key.kid}, body, key.key, [_ALGORITHM])

    def verify(self, token: str, *, now: datetime, audiences: Collection[str] = OUR_AUDIENCES) -> Mapping[str, Any]:
        """The claims of `token`; raises `Unauthenticated` unless we signed it, for one of `audiences`, in force now."""
        if len(token) > _MAX_LENGTH:
            raise _refused(f"it is longer than {_MAX_LENGTH} characters")
        rules = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=int(SKEW.total_seconds()),
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "values": sorted(audiences)},
            sub={"essential": True},
            nbf={"essential": True},
            exp={"essential": True},
        )
        try:
            opened = jwt.decode(token, lambda guest: self._key_for(guest, now), [_ALGORITHM])
            rules.validate(opened.claims)
        except ExpiredTokenError as error:
            raise Unauthenticated("the token has expired", hint="pratique login") from error
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise _refused(str(error) or "it cannot be read") from error
        return opened.claims

    def jwks(self, *, now: datetime) -> dict[str, Any]:
        """The public keys that verify our tokens at `now`, as a JSON Web Key Set (RFC 7517)."""
        public = (key.key.as_dict(private=False) for key in self._keys() if key.verifies(now))
        return {"keys": [{**key, "use": "sig", "alg": _ALGORITHM} for key in public]}

    def rotate(self, *, now: datetime) -> str:
        """Announce a new key and return its id.

        It signs ten minutes from `now`; the keys before it retire when the last of their tokens has ended.
        """
        with self._lock:
            new = _Key(_new_key(), now + _ANNOUNCED, None)
            kept = [
                key if key.retires_at else replace(key, retires_at=new.signs_from + LONGEST + SKEW)
                for key in self._read()
                if key.verifies(now)
            ]
            _write(self._path, [*kept, new])
            return new.kid

    def states(self, *, now: datetime) -> list[KeyState]:
        """The keys that sign or verify at `now`, in the order in which they sign."""
        signing = self._signing(now)
        return [
            KeyState(key.kid, _state(key, signing, now), key.signs_from, key.retires_at)
            for key in sorted(self._keys(), key=lambda key: key.signs_from)
            if key.verifies(now)
        ]

    def _signing(self, now: datetime) -> _Key:
        keys = self._keys()
        return max((key for key in keys if key.signs_from <= now), key=lambda key: key.signs_from, default=keys[0])

    def _key_for(self, guest: GuestProtocol, now: datetime) -> RSAKey:
        header = guest.headers()
        if unexpected := set(header) - _HEADER:
            raise _refused(f"its header has {', '.join(sorted(unexpected))}")
        for key in self._keys():
            if key.kid == header.get("kid") and key.verifies(now):
                return key.key
        raise _refused("it was not signed with a key of ours")

    def _keys(self) -> tuple[_Key, ...]:
        with self._lock:
            return self._read()

    def _read(self) -> tuple[_Key, ...]:
        try:
            facts = self._path.stat()
        except FileNotFoundError:
            _make_first(self._path)
            facts = self._path.stat()
        if self._stamp != (facts.st_ino, facts.st_mtime_ns):
            if facts.st_mode & 0o077:
                raise StorageFailed(f"others can read the keys in {self._path}", hint=f"chmod 600 {self._path}")
            self._known = _parse(self._path)
            self._stamp = (facts.st_ino, facts.st_mtime_ns)
        return self._known


def _state(key: _Key, signing: _Key, now: datetime) -> str:
    if key.kid == signing.kid:
        return "signing"
    return "announced" if key.signs_from > now else "verifying"


def _refused(reason: str) -> Unauthenticated:
    return Unauthenticated(f"the token is not accepted: {reason}", hint="pratique login")


def _new_key() -> RSAKey:
    return RSAKey.generate_key(_BITS, auto_kid=True)


def _parse(path: Path) -> tuple[_Key, ...]:
    try:
        document = json.loads(path.read_bytes())
        rows = document["keys"]
        if document.keys() - {_DIGEST} != {"keys"} or document.get(_DIGEST, digest_of(rows)) != digest_of(rows):
            raise ValueError("a byte of it was changed")
        return tuple(
            _Key(
                RSAKey.import_key(row["pem"], {"kid": row["kid"]}),
                datetime.fromisoformat(row["signs_from"]),
                datetime.fromisoformat(row["retires_at"]) if row["retires_at"] else None,
            )
            for row in rows
        )
    except (ValueError, KeyError, TypeError, JoseError) as error:
        raise StorageFailed(
            f"the signing keys in {path} cannot be read",
            hint="restore the file from a backup, or remove it: new keys are made and everybody logs in again",
        ) from error


def _make_first(path: Path) -> None:
    """Write the first key, unless another process was faster."""
    incoming = _incoming(path, [_Key(_new_key(), _FIRST, None)])
    try:
        os.link(incoming, path)
    except FileExistsError:
        pass
    finally:
        incoming.unlink()


def _write(path: Path, keys: Sequence[_Key]) -> None:
    _incoming(path, keys).replace(path)


def _incoming(path: Path, keys: Sequence[_Key]) -> Path:
    """The keys in a new file beside `path`, 0600 and flushed."""
    rows = [
        {
            "kid": key.kid,
            "pem": key.key.as_pem(private=True).decode(),
            "signs_from": iso(key.signs_from),
            "retires_at": iso(key.retires_at) if key.retires_at else None,
        }
        for key in keys
    ]
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tokens-")
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            json.dump({"keys": rows, _DIGEST: digest_of(rows)}, stream)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise StorageFailed(f"the signing keys cannot be written to {path}: {error.strerror}") from error
    return Path(name)
