"""What the doors show callers over TLS: a certificate of our own authority, or one that the operator has.

    <home>/keys/ca.pem           whom our own clients trust; ten years
    <home>/keys/ca.key           0600
    <home>/gateway/sds-tls.json  certificate and key as Envoy reads them, replaced in one step

An own certificate is for 90 days and is made anew 30 days before its end. One
of the operator's is read again when its file has changed, and taken only when
it is whole and fits its key; until then the one before goes on.
"""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pratique.base.errors import InvalidInput, StorageFailed
from pratique.gateway.files import prepare_folder, write_private
from pratique.gateway.model import Tls

AUTHORITY: Final = "ca.pem"
OWN_NAMES: Final = ("localhost", "127.0.0.1", "::1")
"""What this machine calls itself."""
AUTHORITY_LASTS: Final = timedelta(days=3650)
LASTS: Final = timedelta(days=90)
RENEWED_BEFORE: Final = timedelta(days=30)

_KEY: Final = "ca.key"
_SLACK: Final = timedelta(hours=1)
"""How long before now it is good from: clocks differ."""


@dataclass(frozen=True)
class Pair:
    """A chain of certificates and the key of its first, as PEM."""

    chain: str
    key: str
    ends: datetime

    def __repr__(self) -> str:
        return f"Pair(ends={self.ends!r})"


def own_pair(folder: Path, names: Sequence[str], *, now: datetime) -> Pair:
    """A new certificate for `names` by the authority in `folder`, which is made on first use."""
    authority, signer = _authority(folder, now)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    ends = now + LASTS
    made = (
        _begun(subject, authority.subject, key.public_key(), now, ends)
        .add_extension(x509.SubjectAlternativeName([_name(one) for one in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return Pair(_pem(made) + _pem(authority), _key_pem(key), ends)


def given_pair(tls: Tls, *, now: datetime) -> Pair:
    """The operator's certificate; raises `InvalidInput` for files that are not one with its key, or that has ended."""
    try:
        chain, key = tls.certificate.read_text(encoding="ascii"), tls.key.read_text(encoding="ascii")
        certificates = x509.load_pem_x509_certificates(chain.encode())
        private = serialization.load_pem_private_key(key.encode(), password=None)
    except OSError as error:
        raise _unusable(tls, f"{error.filename} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(tls, "they are no certificate and key in PEM without a password") from error
    first = certificates[0]
    if _public(first.public_key()) != _public(private.public_key()):
        raise _unusable(tls, "the key is not that of the certificate")
    if first.not_valid_after_utc <= now:
        raise _unusable(tls, f"the certificate has ended on {first.not_valid_after_utc:%Y-%m-%d}")
    return Pair(chain, key, first.not_valid_after_utc)


def end_of(chain: str) -> datetime:
    """Until when the first of a chain is good."""
    return x509.load_pem_x509_certificate(chain.encode()).not_valid_after_utc


def is_own(folder: Path, pair: Pair) -> bool:
    """Whether the authority in `folder` made `pair`."""
    try:
        authority = x509.load_pem_x509_certificate((folder / AUTHORITY).read_bytes())
        x509.load_pem_x509_certificate(pair.chain.encode()).verify_directly_issued_by(authority)
    except (OSError, ValueError, TypeError, InvalidSignature):
        return False
    return True


def names_in(pair: Pair) -> set[str]:
    """The names that a certificate is for."""
    first = x509.load_pem_x509_certificate(pair.chain.encode())
    try:
        found = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))}


def _authority(folder: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        key = serialization.load_pem_private_key((folder / _KEY).read_bytes(), password=None)
        authority = x509.load_pem_x509_certificate((folder / AUTHORITY).read_bytes())
        authority.verify_directly_issued_by(authority)  # A changed byte of either shows in its signature of itself.
        if _public(key.public_key()) != _public(authority.public_key()):
            raise ValueError("the key is not that of the certificate")
    except FileNotFoundError:
        return _new_authority(folder, now)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise StorageFailed(
            f"the authority in {folder} cannot be read",
            hint="restore its files from a backup, or remove them: another one is made, which clients have to trust",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise StorageFailed(f"the key in {folder} is none that this platform made", hint="remove ca.key and ca.pem")
    return authority, key


def _new_authority(folder: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    prepare_folder(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Pratique, own authority of one home")])
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    made = (
        _begun(name, name, key.public_key(), now, now + AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_private(folder / _KEY, _key_pem(key))
    write_private(folder / AUTHORITY, _pem(made))
    os.chmod(folder / AUTHORITY, 0o644)
    return made, key


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(ends)
    )


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _public(key: object) -> bytes:
    return key.public_bytes(  # type: ignore[attr-defined, no-any-return] # Every kind of key has it.
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _unusable(tls: Tls, reason: str) -> InvalidInput:
    return InvalidInput(
        f"the certificate {tls.certificate} with the key {tls.key} cannot be used: {reason}",
        hint="name others with tls_certificate and tls_key, or neither: then the home's own authority makes one",
    )
