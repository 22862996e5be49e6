"""Signatures of models in the format of OpenSSF model signing: every file by its SHA-256, and a key that vouches.

A signature is one JSON document, a Sigstore bundle:

    bundle ─► DSSE envelope ─► in-toto statement ─► every file of the model, by path and SHA-256
      │             └► the signature over that statement: ECDSA with the key's own hash
      └► which key: the SHA-256 of its public half as PEM, which is its *fingerprint* here

So what the tool ``model_signing`` signs with a key is taken here, and the other
way round. What it can do besides, Sigstore's own certificates, chains of
certificates and files in shards, is refused by name.

A document is untrusted until its key has been looked at: reading one proves
that it is whole and says which key to ask; `Signature.verify` proves the rest.

Source: https://github.com/sigstore/model-transparency, predicate https://model_signing/signature/v1.0.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from pratique.base.errors import InvalidInput
from pratique.content.hashing import is_digest
from pratique.content.manifest import MAX_ENTRIES, Manifest

LARGEST: Final = 32_000_000
"""Bytes of a document: that of a model with as many files as one may have."""
HOW_TO_MAKE: Final = (
    "make a key: openssl ecparam -name prime256v1 -genkey -noout -out key.pem; "
    "its public half: openssl ec -in key.pem -pubout -out key.pub"
)

_BUNDLE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD: Final = "application/vnd.in-toto+json"
_STATEMENT: Final = "https://in-toto.io/Statement/v1"
_PREDICATE: Final = "https://model_signing/signature/v1.0"
_HASHES: Final[Mapping[int, hashes.HashAlgorithm]] = {
    256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512(),
}  # fmt: skip
"""By the size of the key in bits: secp256r1, secp384r1, secp521r1."""
_ALONE: Final = "."
"""What ``model_signing`` calls the file of a model that is one file."""
_SHOWN: Final = 3


@dataclass(frozen=True)
class PublicKey:
    """The public half of a key that signs models."""

    pem: str
    """As ``openssl`` writes it, with a line break at the end."""

    @classmethod
    def read(cls, pem: str) -> "PublicKey":
        """The key in `pem`; raises `InvalidInput` for anything but an elliptic curve key of 256, 384 or 521 bits."""
        try:
            key = load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InvalidInput("this is no public key in PEM", hint=HOW_TO_MAKE) from error
        return cls(_pem_of(_checked(key)))

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of its PEM, 64 hex digits."""
        return hashlib.sha256(self.pem.encode()).hexdigest()

    def is_signature(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` is this key's over `message`."""
        key = _checked(load_pem_public_key(self.pem.encode()))
        try:
            key.verify(signature, message, ec.ECDSA(_HASHES[key.curve.key_size]))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class PrivateKey:
    """A key that signs models; it stays with whoever has it."""

    key: ec.EllipticCurvePrivateKey

    @classmethod
    def read(cls, pem: bytes, password: str | None = None) -> "PrivateKey":
        """The key in `pem`; raises `InvalidInput` for another kind of key, or a wrong or missing password."""
        try:
            key = load_pem_private_key(pem, password.encode() if password else None)
        except TypeError as error:
            said = "the key has a password" if password is None else "the key has no password"
            raise InvalidInput(said, hint="give it, or leave it out") from error
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InvalidInput("this is no private key in PEM, or its password is another", hint=HOW_TO_MAKE) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise InvalidInput("models are signed with elliptic curve keys", hint=HOW_TO_MAKE)
        _checked(key.public_key())
        return cls(key)

    @property
    def public(self) -> PublicKey:
        """Its public half."""
        return PublicKey(_pem_of(self.key.public_key()))

    def sign(self, manifest: Manifest, name: str) -> str:
        """A signature of the files of `manifest`, as its document; `name` is only a word in it.

        Raises `InvalidInput` when there are no files.
        """
        payload = json.dumps(_statement(manifest, name), indent=2).encode()
        signature = self.key.sign(_encoded(payload), ec.ECDSA(_HASHES[self.key.curve.key_size]))
        bundle = {
            "mediaType": _BUNDLE,
            "verificationMaterial": {"publicKey": {"hint": self.public.fingerprint}, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": _PAYLOAD,
                "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
            },
        }
        return json.dumps(bundle)


@dataclass(frozen=True)
class Signature:
    """A document that is whole; nothing in it is proven before `verify`."""

    text: str
    fingerprint: str
    """Of the key that it says it is of; empty when it does not say."""
    _payload: bytes
    _signature: bytes

    @classmethod
    def read(cls, text: str) -> "Signature":
        """The signature in a document; raises `InvalidInput` for one that is damaged or of another kind."""
        if len(text) > LARGEST:
            raise InvalidInput(f"a signature has at most {LARGEST:,} bytes")
        bundle = _document(text, "the signature")
        if bundle.get("mediaType") != _BUNDLE:
            raise InvalidInput(f"this is no signature of a model: expected a bundle of type {_BUNDLE}")
        material, envelope = bundle.get("verificationMaterial"), bundle.get("dsseEnvelope")
        if not isinstance(material, dict) or not isinstance(material.get("publicKey"), dict):
            raise InvalidInput(
                "the signature is not of a plain key", hint="certificates are not taken; sign with `--key`, or sign key"
            )
        if not isinstance(envelope, dict) or envelope.get("payloadType") != _PAYLOAD:
            raise InvalidInput(f"the signature has no payload of type {_PAYLOAD}")
        signatures = envelope.get("signatures")
        if not isinstance(signatures, list) or len(signatures) != 1 or not isinstance(signatures[0], dict):
            raise InvalidInput("expected one signature in the bundle")
        hint = material["publicKey"].get("hint") or ""
        if hint and not is_digest(hint):
            raise InvalidInput("the signature does not name its key by a SHA-256")
        return cls(text, hint, _bytes(envelope.get("payload")), _bytes(signatures[0].get("sig")))

    def verify(self, key: PublicKey) -> "Signed":
        """What `key` vouches for; raises `InvalidInput` when it is not the one that signed this, or signed nonsense."""
        if self.fingerprint and self.fingerprint != key.fingerprint:
            raise InvalidInput(f"it was signed by key {self.fingerprint[:12]}, and this one is {key.fingerprint[:12]}")
        if not key.is_signature(self._signature, _encoded(self._payload)):
            raise InvalidInput(f"key {key.fingerprint[:12]} did not sign this")
        return _signed(_document(self._payload.decode(errors="replace"), "the statement in the signature"))


@dataclass(frozen=True)
class Signed:
    """What a key vouches for: paths and their SHA-256."""

    files: Mapping[str, str]

    def differences(self, manifest: Manifest) -> list[str]:
        """How `manifest` is not what was signed, one sentence for each path; empty when it is just that.

        A file that the signature leaves out is a difference as well: what nobody vouched for is not loaded.
        """
        there = {entry.path: entry.digest for entry in manifest.entries}
        if set(self.files) == {_ALONE} and [*there.values()] == [*self.files.values()]:
            return []
        return [*_differences(self.files, there)]


def differences_in_words(differences: list[str]) -> str:
    """The first of them in one sentence."""
    more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
    return ", ".join(differences[:_SHOWN]) + more


def _differences(signed: Mapping[str, str], there: Mapping[str, str]) -> Iterator[str]:
    for path in sorted(signed.keys() | there.keys()):
        if path not in there:
            yield f"{path} is gone"
        elif path not in signed:
            yield f"{path} was not signed"
        elif signed[path] != there[path]:
            yield f"{path} is another"


def _statement(manifest: Manifest, name: str) -> dict[str, Any]:
    ordered = sorted(manifest.entries, key=lambda entry: PurePosixPath(entry.path))
    if not ordered:
        raise InvalidInput("a model without files cannot be signed")
    resources = [{"name": entry.path, "algorithm": "sha256", "digest": entry.digest} for entry in ordered]
    return {
        "_type": _STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": _root([entry.digest for entry in ordered])}}],
        "predicateType": _PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": [],
            },
            "resources": resources,
        },
    }  # fmt: skip


def _signed(statement: Mapping[str, Any]) -> Signed:
    """The files of a statement that a key has signed; raises `InvalidInput` for what is not in order."""
    if statement.get("_type") != _STATEMENT or statement.get("predicateType") != _PREDICATE:
        raise InvalidInput(f"the signature is of something else: expected {_PREDICATE}")
    predicate = statement.get("predicate")
    if not isinstance(predicate, dict) or not isinstance(predicate.get("serialization"), dict):
        raise InvalidInput("the signature does not say how files were read")
    how = predicate["serialization"]
    if how.get("method") != "files" or how.get("hash_type") != "sha256":
        said = f"{how.get('method')!s:.20} with {how.get('hash_type')!s:.20}"
        raise InvalidInput(f"expected whole files with SHA-256; the signature has {said}", hint="sign it again so")
    resources = predicate.get("resources")
    if not isinstance(resources, list) or not 0 < len(resources) <= MAX_ENTRIES:
        raise InvalidInput("the signature lists no files")
    files = dict(_file(resource) for resource in resources)
    if len(files) != len(resources):
        raise InvalidInput("the signature lists a file twice")
    if _named_root(statement) != _root([*files.values()]):
        raise InvalidInput("the list of files in the signature is not the one that it sums up")
    return Signed(files)


def _file(resource: object) -> tuple[str, str]:
    if isinstance(resource, dict):
        name, digest = resource.get("name"), resource.get("digest")
        if isinstance(name, str) and name and is_digest(digest) and resource.get("algorithm") == "sha256":
            return name, str(digest)
    raise InvalidInput("the signature has an entry that is no file with a SHA-256")


def _named_root(statement: Mapping[str, Any]) -> object:
    subjects = statement.get("subject")
    if not isinstance(subjects, list) or len(subjects) != 1 or not isinstance(subjects[0], dict):
        raise InvalidInput("the signature has not one subject")
    digest = subjects[0].get("digest")
    return digest.get("sha256") if isinstance(digest, dict) else None


def _root(digests: list[str]) -> str:
    return hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in digests)).hexdigest()


def _encoded(payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding, which binds the type to the bytes."""
    return b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload)


def _document(text: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{what} is damaged: no JSON") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{what} is damaged: no object")
    return found


def _bytes(text: object) -> bytes:
    try:
        return base64.b64decode(text if isinstance(text, str) else "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("the signature is damaged: no Base64") from error


def _pem_of(key: ec.EllipticCurvePublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _checked(key: object) -> ec.EllipticCurvePublicKey:
    """`key`, if it may sign models; raises `InvalidInput`."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in ("secp256r1", "secp384r1", "secp521r1"):
        return key
    raise InvalidInput("models are signed with elliptic curve keys of 256, 384 or 521 bits", hint=HOW_TO_MAKE)
