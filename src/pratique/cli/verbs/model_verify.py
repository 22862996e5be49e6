"""`ml model verify`: whose signature of a model holds. Azure has no such verb."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pratique.base.errors import InvalidInput
from pratique.cli.place import Place
from pratique.cli.table import Document, Report, Table, flag
from pratique.cli.verbs.signed_files import WHICH, files_of, text_of, which
from pratique.client.connection import path_of
from pratique.client.signatures import Signatures, TrustedKeys
from pratique.content.folder import scan
from pratique.content.manifest import Manifest
from pratique.content.signatures import PublicKey, Signature, differences_in_words

TABLE = Table("ml model verify")


@TABLE.verb(
    "",
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
    name, wanted = which(model, name, version, label)
    known, manifest = files_of(place, name, wanted)
    shown = f"{name}:{known['version']}"
    if path is not None:
        manifest = scan(Path(path), honour_ignore=False, keep_executable=False)
    elif damaged := _damaged(place, manifest):
        said = f"{shown}: the stored files were changed: {', '.join(damaged[:3])}"
        return Report(f"{said}\n", values={"verified": False, "changed": damaged}, exit_code=1)
    if public_key is not None:
        keys = {public_key: PublicKey.read(text_of(public_key))}
    else:
        trusted = TrustedKeys(place.connection, place.workspace).every()
        keys = {str(key["name"]): PublicKey.read(str(key["public_key"])) for key in trusted}
    signatures = Signatures(place.connection, place.workspace)
    found = [_judged(signatures, one, keys, manifest) for one in signatures.every(name, str(known["version"]))]
    return _verdict(shown, len(manifest.entries), found, keys)


def _judged(signatures: Signatures, one: Document, keys: Mapping[str, PublicKey], manifest: Manifest) -> Document:
    """Whether one signature holds, and why not."""
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


def _verdict(shown: str, files: int, found: list[Document], keys: Mapping[str, PublicKey]) -> Report:
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


def _damaged(place: Place, manifest: Manifest) -> list[str]:
    """The paths whose bytes, as the platform hands them out, are not what their digests say."""
    damaged = []
    for entry in manifest.entries:
        state = hashlib.sha256()
        for chunk in place.connection.stream(path_of("workspaces", place.workspace, "blobs", entry.digest)):
            state.update(chunk)
        if state.hexdigest() != entry.digest:
            damaged.append(entry.path)
    return damaged
