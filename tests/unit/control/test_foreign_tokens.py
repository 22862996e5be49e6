"""Tokens of somebody else's issuer: the corpus of attacks, against the keys that it publishes."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from pratique.base.errors import Unauthenticated
from pratique.control.foreign_tokens import checked, issuer_of, key_of

ISSUER: Final = "https://login.example.com/tenant/v2.0"
AUDIENCE: Final = "api://AzureADTokenExchange"


@pytest.fixture(scope="module")
def rsa() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "rsa"})


@pytest.fixture(scope="module")
def curve() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "ec"})


@pytest.fixture(scope="module")
def keys(rsa: RSAKey, curve: ECKey) -> list[dict[str, Any]]:
    return [dict(rsa.as_dict(private=False)), dict(curve.as_dict(private=False))]


def body(now: datetime, **changes: Any) -> dict[str, Any]:
    issued = int(now.timestamp())
    whole = {"iss": ISSUER, "sub": "s", "aud": AUDIENCE, "iat": issued, "nbf": issued, "exp": issued + 300, **changes}
    return {name: value for name, value in whole.items() if value is not ...}


def segment(value: Mapping[str, Any] | bytes) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def check(token: str, keys: list[dict[str, Any]], now: datetime) -> Mapping[str, Any]:
    return checked(token, keys, issuer=ISSUER, audience=AUDIENCE, now=now)


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "RS512"])
def test_a_token_that_the_issuer_signed_for_us_is_taken(
    rsa: RSAKey, keys: list[dict[str, Any]], now: datetime, algorithm: str
) -> None:
    token = jwt.encode({"alg": algorithm, "kid": "rsa"}, body(now), rsa, [algorithm])
    assert check(token, keys, now)["sub"] == "s"
    assert (issuer_of(token), key_of(token)) == (ISSUER, "rsa")


def test_a_token_of_a_curve_is_taken_and_one_audience_in_a_list(
    curve: ECKey, keys: list[dict[str, Any]], now: datetime
) -> None:
    assert check(jwt.encode({"alg": "ES256", "kid": "ec"}, body(now, aud=[AUDIENCE]), curve), keys, now)["sub"] == "s"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://login.example.com/other/v2.0"}, {"iss": ISSUER + "/"}, {"iss": ...}, {"iss": [ISSUER]},
        {"aud": "another"}, {"aud": [AUDIENCE, "another"]}, {"aud": []}, {"aud": ...}, {"aud": {AUDIENCE: 1}},
        {"exp": ...}, {"exp": 0}, {"exp": "tomorrow"}, {"exp": None},
        {"nbf": 99_999_999_999}, {"sub": ...}, {"sub": 7}, {"sub": None},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_claims_are_refused_however_well_they_are_signed(
    rsa: RSAKey, keys: list[dict[str, Any]], now: datetime, changes: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        check(jwt.encode({"alg": "RS256", "kid": "rsa"}, body(now, **changes), rsa), keys, now)


@pytest.mark.parametrize("algorithm", ["none", "None", "", "HS256", "rs256", "RS1"])
def test_a_token_without_a_signature_of_a_key_is_refused(
    keys: list[dict[str, Any]], now: datetime, algorithm: str
) -> None:
    for tail in ("", segment(b"x" * 256)):
        with pytest.raises(Unauthenticated):
            check(f"{segment({'alg': algorithm, 'kid': 'rsa'})}.{segment(body(now))}.{tail}", keys, now)


def test_a_published_key_is_no_password(rsa: RSAKey, keys: list[dict[str, Any]], now: datetime) -> None:
    for secret in (rsa.as_pem(private=False), json.dumps(keys[0]).encode(), str(keys[0]["n"]).encode()):
        text = f"{segment({'alg': 'HS256', 'kid': 'rsa'})}.{segment(body(now))}"
        forged = f"{text}.{segment(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"
        with pytest.raises(Unauthenticated):
            check(forged, [*keys, {"kty": "oct", "kid": "rsa", "k": segment(secret)}], now)


@pytest.mark.parametrize("kid", ["unknown", "", "ec", None, "../rsa", "\x00", 7, ["rsa"]], ids=repr)
def test_a_key_of_another_name_is_not_tried(keys: list[dict[str, Any]], now: datetime, kid: Any) -> None:
    text = f"{segment({'alg': 'RS256', 'kid': kid})}.{segment(body(now))}"
    with pytest.raises(Unauthenticated):
        check(f"{text}.{segment(b'x' * 256)}", keys, now)


@pytest.mark.parametrize("parameter", ["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip"])
def test_a_token_that_brings_its_own_key_is_refused(
    rsa: RSAKey, keys: list[dict[str, Any]], now: datetime, parameter: str
) -> None:
    header = {"alg": "RS256", "kid": "rsa", parameter: "https://evil.example/keys"}
    text = f"{segment(header)}.{segment(body(now))}"
    with pytest.raises(Unauthenticated):
        check(f"{text}.{segment(b'x' * 256)}", keys, now)


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "a.b.c.d", "." * 5, "x" * 16_385, "é.é.é"])
def test_what_is_no_token_is_refused(keys: list[dict[str, Any]], now: datetime, token: str) -> None:
    with pytest.raises(Unauthenticated):
        check(token, keys, now)


def test_a_token_nested_too_deep_is_refused(keys: list[dict[str, Any]], now: datetime) -> None:
    deep = segment(b'{"alg":' + b"[" * 4000 + b"]" * 4000 + b"}")
    with pytest.raises(Unauthenticated):
        check(f"{deep}.{deep}.x", keys, now)


def test_without_keys_nobody_gets_in(rsa: RSAKey, now: datetime) -> None:
    with pytest.raises(Unauthenticated, match="no key of the issuer"):
        check(jwt.encode({"alg": "RS256", "kid": "rsa"}, body(now), rsa), [], now)


def test_two_keys_of_one_name_are_none(rsa: RSAKey, keys: list[dict[str, Any]], now: datetime) -> None:
    with pytest.raises(Unauthenticated):
        check(jwt.encode({"alg": "RS256", "kid": "rsa"}, body(now), rsa), [keys[0], keys[0]], now)
