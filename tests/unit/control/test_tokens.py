"""The issuer, and a corpus of tokens that nobody may get in with."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from pratique.base.errors import StorageFailed, Unauthenticated
from pratique.control.tokens import AUDIENCE, LONGEST, SKEW, Issuer

DOOR = "http://127.0.0.1:7070"
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of keys for the module: making one costs a tenth of a second."""
    folder = tmp_path_factory.mktemp("keys")
    Issuer(folder, DOOR).jwks(now=datetime.fromisoformat("2026-03-01T00:00:00+00:00"))
    return folder


@pytest.fixture
def issuer(keys: Path) -> Issuer:
    return Issuer(keys, DOOR)


@pytest.fixture
def own_key(keys: Path) -> RSAKey:
    """Our private key, for tokens that are wrong in everything but their signature."""
    row = json.loads((keys / "tokens.json").read_text())["keys"][0]
    return RSAKey.import_key(row["pem"], {"kid": row["kid"]})


@pytest.fixture(scope="module")
def foreign() -> RSAKey:
    return RSAKey.generate_key(2048)


def signature(key: RSAKey, text: str) -> bytes:
    """RS256, for headers and payloads that no library would sign."""
    signed: bytes = key.get_op_key("sign").sign(text.encode(), PKCS1v15(), SHA256())
    return signed


def issued(issuer: Issuer, now: datetime, lasting: timedelta = HOUR) -> str:
    return issuer.issue("someone", kind="user", name="ann", lasting=lasting, now=now)


def body(now: datetime, **changes: Any) -> dict[str, Any]:
    stamp = int(now.timestamp())
    good = {"iss": DOOR, "sub": "x", "aud": AUDIENCE, "iat": stamp, "nbf": stamp, "exp": stamp + 600, "kind": "user"}
    return {key: value for key, value in {**good, **changes}.items() if value is not ...}


def segment(value: Mapping[str, Any] | bytes) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_token_tells_who_it_is_for(issuer: Issuer, now: datetime) -> None:
    claims = issuer.verify(issued(issuer, now), now=now)
    assert {key: claims[key] for key in ("sub", "kind", "name", "iss", "aud")} == {
        "sub": "someone",
        "kind": "user",
        "name": "ann",
        "iss": DOOR,
        "aud": AUDIENCE,
    }
    assert claims["exp"] - claims["iat"] == 3600


def test_two_tokens_of_one_moment_differ(issuer: Issuer, now: datetime) -> None:
    assert issued(issuer, now) != issued(issuer, now)


def test_any_library_verifies_a_token_with_the_published_keys(issuer: Issuer, now: datetime) -> None:
    published = KeySet.import_key_set(issuer.jwks(now=now))  # type: ignore[arg-type] # A plain document, as fetched.
    assert jwt.decode(issued(issuer, now), published, algorithms=["RS256"]).claims["sub"] == "someone"


def test_the_published_keys_hold_nothing_private(issuer: Issuer, now: datetime) -> None:
    (key,) = issuer.jwks(now=now)["keys"]
    assert {"kty", "kid", "n", "e", "use", "alg"} == set(key)


def test_the_private_key_is_readable_by_its_owner_only(issuer: Issuer, keys: Path, now: datetime) -> None:
    issued(issuer, now)
    assert (keys / "tokens.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in keys.iterdir()] == ["tokens.json"]


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, now: datetime) -> None:
    issued(Issuer(tmp_path, DOOR), now)
    (tmp_path / "tokens.json").chmod(0o644)
    with pytest.raises(StorageFailed, match="others can read"):
        issued(Issuer(tmp_path, DOOR), now)


def test_a_damaged_key_file_is_said(tmp_path: Path, now: datetime) -> None:
    path = tmp_path / "tokens.json"
    path.write_text('{"keys": [{"kid": "x"')
    path.chmod(0o600)
    with pytest.raises(StorageFailed, match="cannot be read"):
        issued(Issuer(tmp_path, DOOR), now)


def test_a_flipped_bit_of_the_key_file_signs_and_verifies_nothing(
    tmp_path: Path, now: datetime, attack: Callable[[str, str], None]
) -> None:
    attack("flipped bytes", "keys of tokens")
    token = issued(Issuer(tmp_path, DOOR), now)
    path = tmp_path / "tokens.json"
    sound = path.read_bytes()
    for place in range(0, len(sound), 5):
        path.write_bytes(bytes([*sound[:place], sound[place] ^ 1, *sound[place + 1 :]]))
        with pytest.raises(StorageFailed, match="cannot be read") as refused:
            Issuer(tmp_path, DOOR).verify(token, now=now)
        assert "restore the file from a backup" in refused.value.hint


def test_a_folder_that_is_not_there_is_said(tmp_path: Path, now: datetime) -> None:
    with pytest.raises(StorageFailed, match="cannot be written"):
        issued(Issuer(tmp_path / "none", DOOR), now)


def test_a_restarted_issuer_knows_its_tokens(keys: Path, now: datetime) -> None:
    assert Issuer(keys, DOOR).verify(issued(Issuer(keys, DOOR), now), now=now)["sub"] == "someone"


def test_clocks_may_differ_by_a_minute_and_no_more(issuer: Issuer, now: datetime) -> None:
    token = issued(issuer, now)
    issuer.verify(token, now=now - SKEW)
    issuer.verify(token, now=now + HOUR + SKEW - timedelta(seconds=1))
    for moment in (now - SKEW - timedelta(seconds=1), now + HOUR + SKEW):
        with pytest.raises(Unauthenticated):
            issuer.verify(token, now=moment)


def test_an_expired_token_says_so(issuer: Issuer, now: datetime) -> None:
    with pytest.raises(Unauthenticated, match="has expired"):
        issuer.verify(issued(issuer, now), now=now + timedelta(days=1))


@pytest.mark.parametrize("lasting", [timedelta(0), timedelta(seconds=-1), LONGEST + timedelta(seconds=1)])
def test_no_token_lasts_for_ever(issuer: Issuer, now: datetime, lasting: timedelta) -> None:
    with pytest.raises(ValueError, match="at most"):
        issued(issuer, now, lasting)


@pytest.mark.parametrize("claim", ["sub", "exp", "aud", "iss", "kind"])
def test_added_claims_cannot_replace_ours(issuer: Issuer, now: datetime, claim: str) -> None:
    with pytest.raises(ValueError, match=claim):
        issuer.issue("x", kind="user", name="x", lasting=HOUR, now=now, claims={claim: "another"})


def test_added_claims_travel(issuer: Issuer, now: datetime) -> None:
    token = issuer.issue("x", kind="user", name="x", lasting=HOUR, now=now, claims={"scp": "all"})
    assert issuer.verify(token, now=now)["scp"] == "all"


def test_a_token_for_another_audience_is_refused_here_and_taken_there(issuer: Issuer, now: datetime) -> None:
    token = issuer.issue("x", kind="user", name="x", lasting=HOUR, now=now, audience="api://credit")
    with pytest.raises(Unauthenticated):
        issuer.verify(token, now=now)
    assert issuer.verify(token, now=now, audiences=("api://credit",))["sub"] == "x"


@pytest.mark.parametrize(
    "audience", ["https://management.azure.com/", "https://ml.azure.com", "https://vault.azure.net"]
)
def test_what_azure_calls_its_management_is_this_platform(issuer: Issuer, now: datetime, audience: str) -> None:
    token = issuer.issue("x", kind="user", name="x", lasting=HOUR, now=now, audience=audience)
    assert issuer.verify(token, now=now)["aud"] == audience


def test_a_key_is_shown_in_each_of_its_states(tmp_path: Path, now: datetime) -> None:
    issuer = Issuer(tmp_path, DOOR)
    assert [key.state for key in issuer.states(now=now)] == ["signing"]
    new = issuer.rotate(now=now)
    assert [key.state for key in issuer.states(now=now)] == ["signing", "announced"]
    later = now + timedelta(minutes=11)
    assert [(key.state, key.kid == new) for key in issuer.states(now=later)] == [
        ("verifying", False),
        ("signing", True),
    ]
    assert [key.kid for key in issuer.states(now=now + LONGEST + timedelta(hours=1))] == [new]


WRONG_CLAIMS: list[dict[str, Any]] = [
    {"iss": "http://127.0.0.1:9999"},
    {"iss": DOOR + "/"},
    {"iss": ...},
    {"iss": None},
    {"iss": [DOOR]},
    {"aud": "another"},
    {"aud": ["another", "still-another"]},
    {"aud": ...},
    {"aud": ""},
    {"aud": {"pratique": True}},
    {"exp": ...},
    {"exp": 0},
    {"exp": "tomorrow"},
    {"exp": None},
    {"exp": True},
    {"nbf": ...},
    {"nbf": 99_999_999_999},
    {"nbf": "yesterday"},
    {"sub": ...},
    {"sub": 7},
]


@pytest.mark.parametrize("changes", WRONG_CLAIMS, ids=str)
def test_a_well_signed_token_with_wrong_claims_is_refused(
    issuer: Issuer, own_key: RSAKey, now: datetime, changes: dict[str, Any]
) -> None:
    token = jwt.encode({"alg": "RS256", "kid": own_key.kid}, body(now, **changes), own_key)
    with pytest.raises(Unauthenticated):
        issuer.verify(token, now=now)


def test_the_same_token_with_right_claims_is_taken(issuer: Issuer, own_key: RSAKey, now: datetime) -> None:
    """Otherwise the corpus would prove nothing."""
    token = jwt.encode({"alg": "RS256", "typ": "JWT", "kid": own_key.kid}, body(now), own_key)
    assert issuer.verify(token, now=now)["sub"] == "x"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "RS256 ", "rs256"])
def test_a_token_without_a_signature_is_refused(issuer: Issuer, own_key: RSAKey, now: datetime, alg: str) -> None:
    head = segment({"alg": alg, "kid": own_key.kid})
    for tail in ("", "AAAA", segment(b"x" * 256)):
        with pytest.raises(Unauthenticated):
            issuer.verify(f"{head}.{segment(body(now))}.{tail}", now=now)


@pytest.mark.parametrize("form", ["pem", "der", "n"])
@pytest.mark.parametrize(("alg", "digest"), [("HS256", hashlib.sha256), ("HS512", hashlib.sha512)])
def test_the_public_key_is_no_password(
    issuer: Issuer, own_key: RSAKey, now: datetime, form: str, alg: str, digest: Any
) -> None:
    """The HS/RS mix: a token "signed" by HMAC with what everybody may read."""
    public = {
        "pem": own_key.as_pem(private=False),
        "der": own_key.as_der(private=False),
        "n": str(own_key.as_dict(private=False)["n"]).encode(),
    }[form]
    text = f"{segment({'alg': alg, 'kid': own_key.kid})}.{segment(body(now))}"
    forged = f"{text}.{segment(hmac.new(public, text.encode(), digest).digest())}"
    with pytest.raises(Unauthenticated):
        issuer.verify(forged, now=now)


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256"])
def test_our_key_under_another_algorithm_is_refused(issuer: Issuer, own_key: RSAKey, now: datetime, alg: str) -> None:
    token = jwt.encode({"alg": alg, "kid": own_key.kid}, body(now), own_key, algorithms=[alg])
    with pytest.raises(Unauthenticated):
        issuer.verify(token, now=now)


@pytest.mark.parametrize(
    "kid",
    [
        "unknown",
        "",
        None,
        ...,
        "../../keys/tokens.json",
        "/dev/null",
        "' OR 1=1 --",
        "\x00",
        ["a"],
        7,
        True,
    ],
    ids=repr,
)
def test_a_foreign_key_is_refused_whatever_it_calls_itself(
    issuer: Issuer, foreign: RSAKey, now: datetime, kid: Any
) -> None:
    header = {"alg": "RS256"} if kid is ... else {"alg": "RS256", "kid": kid}
    text = f"{segment(header)}.{segment(body(now))}"
    with pytest.raises(Unauthenticated):
        issuer.verify(f"{text}.{segment(signature(foreign, text))}", now=now)


def test_a_foreign_key_that_takes_our_id_is_refused(
    issuer: Issuer, own_key: RSAKey, foreign: RSAKey, now: datetime
) -> None:
    token = jwt.encode({"alg": "RS256", "kid": own_key.kid}, body(now), foreign)
    with pytest.raises(Unauthenticated):
        issuer.verify(token, now=now)


def test_our_own_key_without_its_id_is_refused(issuer: Issuer, own_key: RSAKey, now: datetime) -> None:
    with pytest.raises(Unauthenticated):
        issuer.verify(jwt.encode({"alg": "RS256"}, body(now), own_key), now=now)


@pytest.mark.parametrize("parameter", ["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "cty"])
def test_a_token_that_brings_or_names_its_own_key_is_refused(
    issuer: Issuer, own_key: RSAKey, foreign: RSAKey, now: datetime, parameter: str
) -> None:
    value: Any = {
        "jwk": foreign.as_dict(private=False),
        "x5c": ["AAAA"],
        "crit": ["exp"],
        "b64": False,
        "zip": "DEF",
    }.get(parameter, "http://127.0.0.1:1/keys")
    header = segment({"alg": "RS256", "kid": own_key.kid, parameter: value})
    text = f"{header}.{segment(body(now))}"
    for key in (foreign, own_key):
        with pytest.raises(Unauthenticated):
            issuer.verify(f"{text}.{segment(signature(key, text))}", now=now)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_changed_character_anywhere_is_refused(issuer: Issuer, now: datetime, place: int) -> None:
    token = issued(issuer, now)
    parts = token.split(".")
    middle = len(parts[place]) // 2
    other = "A" if parts[place][middle] != "A" else "B"
    parts[place] = parts[place][:middle] + other + parts[place][middle + 1 :]
    with pytest.raises(Unauthenticated):
        issuer.verify(".".join(parts), now=now)


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "a.b.c.d.e",
        "not a token",
        "é.é.é",
        "\ud800",
        "\x00\x00\x00",
        "A" * 8192,
        "A" * 1_000_000,
        "." * 1_000_000,
        segment({"alg": "RS256"}) + ".." + "A" * 100,
        segment(b"[1]") + ".e30.AAAA",
        segment(b"null") + ".e30.AAAA",
        segment(b'{"alg":["RS256"]}') + ".e30.AAAA",
        segment(b'{"alg":{}}') + ".e30.AAAA",
        segment(b'{"alg":"RS256","alg":"none"}') + ".e30.",
        segment(b"[" * 3000) + ".e30.AAAA",
        segment(b'{"a":' * 1000) + ".e30.AAAA",
        segment(b"\xff\xfe") + ".e30.AAAA",
    ],
    ids=lambda text: ascii(text[:24]),
)
def test_garbage_is_refused_and_never_breaks_anything(issuer: Issuer, now: datetime, garbage: str) -> None:
    with pytest.raises(Unauthenticated):
        issuer.verify(garbage, now=now)


@pytest.mark.parametrize("payload", [b"[]", b"null", b"1", b'"x"', b"{", b"[" * 3000, b"\xff"])
def test_a_well_signed_payload_that_is_no_object_is_refused(
    issuer: Issuer, own_key: RSAKey, now: datetime, payload: bytes
) -> None:
    text = f"{segment({'alg': 'RS256', 'kid': own_key.kid})}.{segment(payload)}"
    with pytest.raises(Unauthenticated):
        issuer.verify(f"{text}.{segment(signature(own_key, text))}", now=now)


def test_a_huge_token_is_refused_even_when_it_is_well_signed(issuer: Issuer, own_key: RSAKey, now: datetime) -> None:
    token = jwt.encode({"alg": "RS256", "kid": own_key.kid}, body(now, junk="x" * 10_000), own_key)
    with pytest.raises(Unauthenticated, match="longer"):
        issuer.verify(token, now=now)


@pytest.mark.parametrize("key", [ECKey.generate_key("P-256"), OctKey.generate_key(256)], ids=["ES256", "HS256"])
def test_other_kinds_of_keys_are_refused(issuer: Issuer, own_key: RSAKey, now: datetime, key: Any) -> None:
    alg = "ES256" if isinstance(key, ECKey) else "HS256"
    token = jwt.encode({"alg": alg, "kid": own_key.kid}, body(now), key)
    with pytest.raises(Unauthenticated):
        issuer.verify(token, now=now)


def test_a_rotation_refuses_no_token_before_during_or_after(tmp_path: Path, now: datetime) -> None:
    issuer = Issuer(tmp_path, DOOR)
    before = issued(issuer, now, LONGEST)
    new = issuer.rotate(now=now)
    announced = issued(issuer, now + timedelta(minutes=9), LONGEST)
    after = issued(issuer, now + timedelta(minutes=10))
    assert kid_of(before) == kid_of(announced) != new
    assert kid_of(after) == new
    for token in (before, announced, after):
        issuer.verify(token, now=now + timedelta(minutes=10))
    issuer.verify(announced, now=now + LONGEST)


def test_a_new_key_is_published_before_it_signs(tmp_path: Path, now: datetime) -> None:
    issuer = Issuer(tmp_path, DOOR)
    new = issuer.rotate(now=now)
    assert new in [key["kid"] for key in issuer.jwks(now=now)["keys"]]
    assert kid_of(issued(issuer, now)) != new


def test_an_old_key_is_gone_when_its_last_token_has_ended(tmp_path: Path, now: datetime) -> None:
    issuer = Issuer(tmp_path, DOOR)
    old = kid_of(issued(issuer, now))
    new = issuer.rotate(now=now)
    late = now + LONGEST + timedelta(minutes=12)
    assert [key["kid"] for key in issuer.jwks(now=late)["keys"]] == [new]
    issuer.rotate(now=late)
    assert old not in (tmp_path / "tokens.json").read_text()


def test_another_process_which_rotated_is_noticed(tmp_path: Path, now: datetime) -> None:
    ours, theirs = Issuer(tmp_path, DOOR), Issuer(tmp_path, DOOR)
    issued(ours, now)
    theirs.rotate(now=now)
    later = now + timedelta(minutes=11)
    ours.verify(issued(theirs, later), now=later)
    assert kid_of(issued(ours, later)) == kid_of(issued(theirs, later))


def kid_of(token: str) -> str:
    head = token.partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])
