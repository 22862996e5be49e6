"""`ml model sign`: vouch for a model. Azure has no such verb."""

import getpass
import sys
from pathlib import Path

from pratique.base.errors import InvalidInput
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.usage import UsageError
from pratique.cli.verbs.signed_files import WHICH, files_of, text_of, which
from pratique.client.signatures import Signatures
from pratique.content.folder import scan
from pratique.content.manifest import Manifest
from pratique.content.signatures import PrivateKey

TABLE = Table("ml model sign")


@TABLE.verb(
    "",
    arguments=(
        *WHICH,
        flag("key", "--key", "-k",
             help="Private key as PEM, of an elliptic curve of 256, 384 or 521 bits; it stays here."),
        flag("signature", help="Signature that was made elsewhere, such as by `model_signing sign key`."),
        flag("public_key", help="Public key as PEM, with --signature."),
        flag("path", "--path", "-p", help="Folder or file that you mean: it must be what the version consists of."),
    ),
    examples={
        "Sign a version": "pratique ml model sign credit:1 --key key.pem",
        "Sign what you have tested": "pratique ml model sign credit:1 --key key.pem --path ./model",
        "Bring a signature": "pratique ml model sign credit:1 --signature model.sig --public-key key.pub",
    },
)  # fmt: skip
def sign(
    place: Place,
    *,
    model: str | None,
    name: str | None,
    version: str | None,
    label: str | None,
    key: str | None,
    signature: str | None,
    public_key: str | None,
    path: str | None,
) -> Document:
    """Sign a version of a model, so that others can tell that its files are those which you mean.

    Pratique's own verb; `az` has none. The signature is made here, in the format of OpenSSF model signing, and
    kept with the version: `show` has it. What it covers is every file by its SHA-256. Without --path these are
    the files that the platform names.
    """
    if bool(key) == bool(signature) or bool(signature) != bool(public_key):
        raise UsageError("give --key, or --signature with --public-key")
    name, wanted = which(model, name, version, label)
    known, manifest = files_of(place, name, wanted)
    if path is not None:
        _check_same(manifest, Path(path), f"{name}:{known['version']}")
    if signature is not None:
        document, public = text_of(signature), text_of(str(public_key))
    else:
        private = _private_key(Path(str(key)))
        document, public = private.sign(manifest, name), private.public.pem
    return Signatures(place.connection, place.workspace).keep(name, str(known["version"]), document, public)


def _check_same(manifest: Manifest, path: Path, shown: str) -> None:
    mine = {entry.path: entry.digest for entry in scan(path, honour_ignore=False, keep_executable=False).entries}
    theirs = {entry.path: entry.digest for entry in manifest.entries}
    if mine != theirs:
        differ = sorted(one for one in mine.keys() | theirs.keys() if mine.get(one) != theirs.get(one))
        raise InvalidInput(
            f"{path} is not what {shown} consists of: {', '.join(differ[:3])}",
            hint="sign the version that you have tested, or register this folder as a new one",
        )


def _private_key(path: Path) -> PrivateKey:
    """The key in a file; its password is asked for when it has one."""
    pem = text_of(str(path)).encode()
    if b"ENCRYPTED" not in pem:
        return PrivateKey.read(pem)
    password = getpass.getpass(f"Password of {path}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    return PrivateKey.read(pem, password)
