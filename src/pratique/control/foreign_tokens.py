"""Tokens that somebody else's issuer has signed: checked against its keys, and nothing in them is believed before.

Only asymmetric algorithms are taken, each with a key of its own kind; a header
that names a key in any other way than by its `kid` is refused, so that a token
cannot bring its own.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import ECKey, GuestProtocol, OKPKey, RSAKey

from pratique.base.errors import Unauthenticated
from pratique.control.tokens import SKEW

LONGEST: Final = 16_384
"""Characters of a token; real ones have some thousand."""

_ALGORITHMS: Final[Mapping[str, Any]] = {
    "RS256": RSAKey, "RS384": RSAKey, "RS512": RSAKey, "PS256": RSAKey, "PS384": RSAKey, "PS512": RSAKey,
    "ES256": ECKey, "ES384": ECKey, "ES512": ECKey, "EdDSA": OKPKey, "Ed25519": OKPKey,
}  # fmt: skip
_KINDS: Final[Mapping[str, Any]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_HEADER: Final = frozenset({"alg", "kid", "typ", "x5t", "x5t#S256"})


def issuer_of(token: str) -> str:
    """What `token` says of its issuer, which is not believed yet; raises `Unauthenticated` for what is no token."""
    return str(_part(token, 1).get("iss", ""))


def key_of(token: str) -> str:
    """The id of the key that `token` names; empty when it names none."""
    return str(_part(token, 0).get("kid", ""))


def checked(
    token: str, keys: Sequence[Mapping[str, Any]], *, issuer: str, audience: str, now: datetime
) -> Mapping[str, Any]:
    """The claims of `token`; raises `Unauthenticated` unless `issuer` signed it with one of `keys` for `audience`."""
    _part(token, 0)
    rules = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=int(SKEW.total_seconds()),
        iss={"essential": True, "value": issuer},
        sub={"essential": True},
        aud={"essential": True},
        exp={"essential": True},
    )
    try:
        opened = jwt.decode(token, lambda guest: _key_for(guest, keys), list(_ALGORITHMS))
        rules.validate(opened.claims)
    except ExpiredTokenError as error:
        raise Unauthenticated("the token of the issuer has expired", hint="ask the issuer for another") from error
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise _refused(str(error) or "it cannot be read") from error
    meant = opened.claims["aud"]
    if (meant if isinstance(meant, list) else [meant]) != [audience]:
        raise _refused(f"it is not for {audience!r} alone")
    return opened.claims


def _key_for(guest: GuestProtocol, keys: Sequence[Mapping[str, Any]]) -> Any:
    header = guest.headers()
    if unexpected := set(header) - _HEADER:
        raise _refused(f"its header has {', '.join(sorted(map(str, unexpected)))}")
    kind, kid = _ALGORITHMS.get(str(header.get("alg"))), header.get("kid")
    if kind is None:
        raise _refused("its algorithm is none that is taken")
    fitting = [
        key
        for key in keys
        if _KINDS.get(str(key.get("kty"))) is kind
        and key.get("alg", header["alg"]) == header["alg"]
        and (kid is None or key.get("kid") == kid)
    ]
    if len(fitting) != 1:
        raise _refused("no key of the issuer is the one that signed it")
    return kind.import_key(dict(fitting[0]))


def _part(token: str, number: int) -> Mapping[str, Any]:
    if len(token) > LONGEST:
        raise _refused(f"it is longer than {LONGEST} characters")
    parts = token.split(".")
    if len(parts) != 3:
        raise _refused("it is no signed token")
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[number] + "=" * (-len(parts[number]) % 4)))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _refused("it cannot be read") from error
    if not isinstance(found, dict):
        raise _refused("it cannot be read")
    return found


def _refused(reason: str) -> Unauthenticated:
    return Unauthenticated(f"the token of the issuer is not accepted: {reason}")
