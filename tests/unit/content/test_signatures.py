"""Signatures: what a key vouches for is exactly these files, and a document that was touched is no signature."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from pratique.base.errors import InvalidInput
from pratique.content.manifest import Entry, Manifest
from pratique.content.signatures import PrivateKey, PublicKey, Signature

FILES = Manifest([Entry("MLmodel", "a" * 64, 3), Entry("model.pkl", "b" * 64, 5), Entry("a/b.txt", "c" * 64, 7)])


def private_pem(curve: ec.EllipticCurve, password: str = "") -> bytes:
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return ec.generate_private_key(curve).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


KEY = PrivateKey.read(private_pem(ec.SECP256R1()))
OTHER = PrivateKey.read(private_pem(ec.SECP256R1()))


def changed(document: str, change: Callable[[Any], None]) -> str:
    bundle = json.loads(document)
    change(bundle)
    return json.dumps(bundle)


def statement(bundle: Any, change: Callable[[Any], None]) -> None:
    """Change the statement in a bundle."""
    inner = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    change(inner)
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(inner).encode()).decode()


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: str(curve.name))
def test_what_a_key_signed_holds_for_these_files(curve: ec.EllipticCurve) -> None:
    key = PrivateKey.read(private_pem(curve))
    signed = Signature.read(key.sign(FILES, "credit")).verify(key.public)
    assert signed.differences(FILES) == []


def test_files_that_are_others_are_named() -> None:
    signed = Signature.read(KEY.sign(FILES, "credit")).verify(KEY.public)
    others = Manifest([Entry("MLmodel", "a" * 64, 3), Entry("model.pkl", "d" * 64, 5), Entry("more.py", "e" * 64, 7)])
    assert signed.differences(others) == ["a/b.txt is gone", "model.pkl is another", "more.py was not signed"]


def test_another_key_did_not_sign_it() -> None:
    document = KEY.sign(FILES, "credit")
    with pytest.raises(InvalidInput, match=f"signed by key {KEY.public.fingerprint[:12]}"):
        Signature.read(document).verify(OTHER.public)
    unnamed = changed(document, lambda bundle: bundle["verificationMaterial"]["publicKey"].pop("hint"))
    with pytest.raises(InvalidInput, match="did not sign this"):
        Signature.read(unnamed).verify(OTHER.public)


def test_every_byte_of_the_statement_counts() -> None:
    document = KEY.sign(FILES, "credit")
    payload = json.loads(document)["dsseEnvelope"]["payload"]
    raw = base64.b64decode(payload)
    for place in range(0, len(raw), 17):
        touched = bytes([*raw[:place], raw[place] ^ 1, *raw[place + 1 :]])
        again = document.replace(payload, base64.b64encode(touched).decode())
        with pytest.raises(InvalidInput):
            Signature.read(again).verify(KEY.public)


def test_a_statement_in_another_envelope_is_not_signed() -> None:
    mine, theirs = KEY.sign(FILES, "credit"), OTHER.sign(FILES, "credit")
    stolen = changed(
        mine, lambda bundle: bundle["dsseEnvelope"].update(signatures=json.loads(theirs)["dsseEnvelope"]["signatures"])
    )
    with pytest.raises(InvalidInput, match="did not sign this"):
        Signature.read(stolen).verify(KEY.public)


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.update(predicateType="https://model_signing/Digests/v0.1"),
        lambda one: one.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda one: one["predicate"]["serialization"].update(method="shards"),
        lambda one: one["predicate"]["serialization"].update(hash_type="blake2b"),
        lambda one: one["predicate"].update(resources=[]),
        lambda one: one["predicate"]["resources"].append(one["predicate"]["resources"][0]),
        lambda one: one["predicate"]["resources"][0].update(digest="zz"),
        lambda one: one["predicate"]["resources"][0].update(algorithm="sha1"),
        lambda one: one["subject"].append(one["subject"][0]),
        lambda one: one["subject"][0]["digest"].update(sha256="0" * 64),
    ],
)
def test_what_a_key_signed_must_make_sense(change: Callable[[Any], None]) -> None:
    """The same key signs it again, so only what it says is wrong."""
    document = changed(KEY.sign(FILES, "credit"), lambda bundle: statement(bundle, change))
    payload = base64.b64decode(json.loads(document)["dsseEnvelope"]["payload"])
    message = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload)
    again = base64.b64encode(KEY.key.sign(message, ec.ECDSA(hashes.SHA256()))).decode()
    resigned = changed(document, lambda bundle: bundle["dsseEnvelope"]["signatures"][0].update(sig=again))
    with pytest.raises(InvalidInput) as refused:
        Signature.read(resigned).verify(KEY.public)
    assert "did not sign" not in refused.value.message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one.update(mediaType="application/json"), "no signature of a model"),
        (lambda one: one["verificationMaterial"].pop("publicKey"), "not of a plain key"),
        (lambda one: one["verificationMaterial"]["publicKey"].update(hint="../x"), "does not name its key"),
        (lambda one: one["dsseEnvelope"].update(payloadType="text/plain"), "no payload"),
        (lambda one: one["dsseEnvelope"].update(payload="%%%"), "no Base64"),
        (lambda one: one["dsseEnvelope"].update(signatures=[]), "one signature"),
        (lambda one: one["dsseEnvelope"]["signatures"].append({}), "one signature"),
        (lambda one: one.pop("dsseEnvelope"), "no payload"),
    ],
)
def test_a_document_that_is_not_whole_is_refused(change: Callable[[Any], None], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Signature.read(changed(KEY.sign(FILES, "credit"), change))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '"x"'])
def test_nonsense_is_no_signature(text: str) -> None:
    with pytest.raises(InvalidInput):
        Signature.read(text)


def test_a_model_without_files_cannot_be_signed() -> None:
    with pytest.raises(InvalidInput, match="without files"):
        KEY.sign(Manifest([]), "nothing")


def test_a_key_with_a_password_wants_it() -> None:
    pem = private_pem(ec.SECP256R1(), "secret")
    assert PrivateKey.read(pem, "secret").public.fingerprint
    for password in (None, "wrong"):
        with pytest.raises(InvalidInput, match="password"):
            PrivateKey.read(pem, password)


def test_keys_of_other_kinds_are_refused_with_how_to_make_one() -> None:
    edwards = ed25519.Ed25519PrivateKey.generate()
    private = edwards.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = edwards.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for refused in (
        lambda: PrivateKey.read(private),
        lambda: PrivateKey.read(private_pem(ec.SECP256K1())),
        lambda: PrivateKey.read(b"no key"),
        lambda: PublicKey.read(public),
        lambda: PublicKey.read("no key"),
    ):
        with pytest.raises(InvalidInput):
            refused()
