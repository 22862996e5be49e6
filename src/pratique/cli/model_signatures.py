"""`ml model sign` and `ml model verify`: who vouches for a model. Azure has no such verbs."""

import getpass
import sys
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import InvalidInput, NotFound
from pratique.cli.arguments import LABEL, OPTIONAL_NAME, VERSION
from pratique.cli.assets import version_of
from pratique.cli.place import Place
from pratique.cli.table import Report, Table, flag
from pratique.cli.usage import UsageError
from pratique.client.assets import Assets
from pratique.client.downloads import read_manifest
from pratique.client.signatures import Signatures, TrustedKeys
from pratique.content.manifest import Manifest

Document = dict[str, Any]

MODEL: Final = flag("model", "model", nargs="?", metavar="NAME:VERSION", help="Which one; or --name with --version.")
WHICH: Final = (MODEL, OPTIONAL_NAME.saying("Name."), VERSION, LABEL)


def enter(table: Table) -> None:
    """Enter the verbs into the table of models."""
    _enter_sign(table)
    _enter_verify(table)


def _enter_sign(table: Table) -> None:
    @table.verb(
        "sign",
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
        from pratique.content.signatures import PrivateKey

        if bool(key) == bool(signature) or bool(signature) != bool(public_key):
            raise UsageError("give --key, or --signature with --public-key")
        name, which = _which(model, name, version, label)
        known, manifest = _files_of(place, name, which)
        if path is not None:
            _check_same(manifest, Path(path), f"{name}:{known['version']}")
        if signature is not None:
            document, public = _text(signature), _text(str(public_key))
        else:
            private = _private_key(PrivateKey, Path(str(key)))
            document, public = private.sign(manifest, name), private.public.pem
        return Signatures(place.connection, place.workspace).keep(name, str(known["version"]), document, public)


def _enter_verify(table: Table) -> None:
    @table.verb(
        "verify",
        arguments=(
            *WHICH,
            flag("public_key", "--public-key", help="Public key as PEM; else those that the workspace trusts."),
            flag("path", "--path", "-p", help="Folder or file to look at; else what the platform has stored."),
        ),
        examples={
            "Is it what a trusted key signed": "pratique ml model verify credit:1",
            "Is what I have what she signed": "pratique ml model verify credit:1 --public-key ada.pub --path ./model",
        },
    )  # fmt: skip
    def verify(
        place: Place,
        *,
        model: str | None,
        name: str | None,
        version: str | None,
        label: str | None,
        public_key: str | None,
        path: str | None,
    ) -> Report:
        """Hash every file of a version again, and say whose signature holds for just these files.

        Pratique's own verb; `az` has none. Nothing that the platform says is believed: the bytes and the signatures
        are looked at here. Ends with exit code 1 when no signature holds.
        """
        from pratique.content.folder import scan
        from pratique.content.signatures import PublicKey

        name, which = _which(model, name, version, label)
        known, manifest = _files_of(place, name, which)
        shown = f"{name}:{known['version']}"
        if path is not None:
            manifest = scan(Path(path), honour_ignore=False, keep_executable=False)
        elif damaged := _damaged(place, manifest):
            said = f"{shown}: the stored files were changed: {', '.join(damaged[:3])}"
            return Report(f"{said}\n", values={"verified": False, "changed": damaged}, exit_code=1)
        if public_key is not None:
            keys = {public_key: PublicKey.read(_text(public_key))}
        else:
            trusted = TrustedKeys(place.connection, place.workspace).every()
            keys = {str(key["name"]): PublicKey.read(str(key["public_key"])) for key in trusted}
        signatures = Signatures(place.connection, place.workspace)
        found = [_judged(signatures, one, keys, manifest) for one in signatures.every(name, str(known["version"]))]
        return _verdict(shown, len(manifest.entries), found, keys)


def _judged(signatures: Signatures, one: Document, keys: Any, manifest: Manifest) -> Document:
    """Whether one signature holds, and why not."""
    from pratique.content.signatures import Signature, differences_in_words

    judged = {"key": one["key"], "signed_by": one["creation_context"]["created_by"], "holds": False}
    name = next((name for name, key in keys.items() if key.fingerprint == one["key"]), None)
    if name is None:
        return judged | {"reason": "its key is none of those asked for"}
    try:
        differences = Signature.read(signatures.text(one)).verify(keys[name]).differences(manifest)
    except InvalidInput as error:
        return judged | {"trusted_as": name, "reason": error.message}
    if differences:
        return judged | {"trusted_as": name, "reason": differences_in_words(differences)}
    return judged | {"trusted_as": name, "holds": True}


def _verdict(shown: str, files: int, found: list[Document], keys: Any) -> Report:
    values = {"verified": any(one["holds"] for one in found), "files": files, "signatures": found}
    if values["verified"]:
        by = ", ".join(f"{one['trusted_as']} ({one['key'][:12]})" for one in found if one["holds"])
        return Report(f"{shown}: {files} files, just as signed by {by}\n", values=values)
    if not keys:
        said = "no key was given, and the workspace trusts none"
    elif not found:
        said = "nobody has signed it"
    else:
        said = "; ".join(f"{one['key'][:12]}: {one['reason']}" for one in found)
    return Report(f"{shown}: not verified: {said}\n", values=values, exit_code=1)


def _which(model: str | None, name: str | None, version: str | None, label: str | None) -> tuple[str, str]:
    """The name, and how the API names the version."""
    if model is not None:
        if name or version or label:
            raise UsageError("NAME:VERSION stands alone", hint="leave --name, --version and --label out")
        name, colon, version = model.removeprefix("azureml:").partition(":")
        if not colon:
            name, at, label = model.removeprefix("azureml:").partition("@")
            version, label = None, label if at else None
    if not name:
        raise UsageError("which model is missing", hint="NAME:VERSION, or --name with --version")
    return name, version_of(version, label)


def _files_of(place: Place, name: str, version: str) -> tuple[Document, Manifest]:
    known = Assets(place.connection, place.workspace, "models").show(name, version)
    if not known.get("manifest"):
        raise NotFound(f"{name}:{known.get('version', version)} has no files")
    return known, read_manifest(place.connection, place.workspace, str(known["manifest"]))


def _check_same(manifest: Manifest, path: Path, shown: str) -> None:
    from pratique.content.folder import scan

    mine = {entry.path: entry.digest for entry in scan(path, honour_ignore=False, keep_executable=False).entries}
    theirs = {entry.path: entry.digest for entry in manifest.entries}
    if mine != theirs:
        differ = sorted(one for one in mine.keys() | theirs.keys() if mine.get(one) != theirs.get(one))
        raise InvalidInput(
            f"{path} is not what {shown} consists of: {', '.join(differ[:3])}",
            hint="sign the version that you have tested, or register this folder as a new one",
        )


def _damaged(place: Place, manifest: Manifest) -> list[str]:
    """The paths whose bytes, as the platform hands them out, are not what their digests say."""
    import hashlib

    from pratique.client.connection import path_of

    damaged = []
    for entry in manifest.entries:
        state = hashlib.sha256()
        for chunk in place.connection.stream(path_of("workspaces", place.workspace, "blobs", entry.digest)):
            state.update(chunk)
        if state.hexdigest() != entry.digest:
            damaged.append(entry.path)
    return damaged


def _private_key(kind: Any, path: Path) -> Any:
    """The key in a file; its password is asked for when it has one."""
    pem = _text(str(path)).encode()
    if b"ENCRYPTED" not in pem:
        return kind.read(pem)
    password = getpass.getpass(f"Password of {path}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    return kind.read(pem, password)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as text: {error}") from None
