"""Local files of a spec become content of the workspace, and the spec says `upload:` where it named them.

    scan → manifest → the server names the blobs it lacks → PUT those → manifest again

The server takes a manifest only when it has every blob, so an upload that is
cut leaves nothing that anybody can see, and trying again sends what was left.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import InvalidInput, StorageFailed
from pratique.client.connection import Connection, Document, path_of
from pratique.content.folder import scan, source_of
from pratique.content.manifest import Entry, Manifest
from pratique.specs.grammar import Spec
from pratique.specs.keys import Key
from pratique.specs.reader import read_document
from pratique.specs.references import LocalUse, local_paths, replaced

Progress = Callable[[int, int], None]
"""Called with the bytes sent and the bytes to send, both of one path."""

_CODE: Final = "code"


def with_uploads(connection: Connection, workspace: str, spec: Spec, progress: Progress) -> Spec:
    """`spec` with every local path uploaded and replaced by its reference.

    A conda file is not uploaded: its content takes the place of its path.
    """
    values: dict[Key, Any] = {}
    references: dict[tuple[Path, str], str] = {}
    for use in local_paths(spec):
        if use.purpose == "environment":
            values[use.key] = read_document(use.path).value
            continue
        where = (use.path, use.purpose)
        if where not in references:
            references[where] = _reference(connection, workspace, use, progress)
        values[use.key] = references[where]
    return replaced(spec, values) if values else spec


def upload(connection: Connection, workspace: str, root: Path, *, is_code: bool, progress: Progress) -> Manifest:
    """Send what is at `root` and return its manifest; code honours ignore files and keeps executable bits."""
    manifest = scan(root, honour_ignore=is_code, keep_executable=is_code)
    route = path_of("workspaces", workspace, "manifests")
    answer: Document = connection.post(route, manifest.to_document())
    missing = set(answer["missing"])
    if not missing:
        return manifest
    _send(connection, workspace, root, _first_of_each(manifest, missing), progress)
    answer = connection.post(route, manifest.to_document())
    if answer["missing"]:
        raise InvalidInput(f"{root} changed while it was uploaded", hint="try again when nothing writes to it")
    return manifest


def _reference(connection: Connection, workspace: str, use: LocalUse, progress: Progress) -> str:
    manifest = upload(connection, workspace, use.path, is_code=use.purpose == _CODE, progress=progress)
    # The base name is part of the contract: scripts join it to AZUREML_MODEL_DIR.
    return f"upload:{manifest.digest}/{use.path.resolve().name}"


def _first_of_each(manifest: Manifest, missing: set[str]) -> list[Entry]:
    """One entry for each missing blob."""
    found: dict[str, Entry] = {}
    for entry in manifest.entries:
        if entry.digest in missing:
            found.setdefault(entry.digest, entry)
    return list(found.values())


def _send(connection: Connection, workspace: str, root: Path, entries: list[Entry], progress: Progress) -> None:
    total = sum(entry.size for entry in entries)
    done = 0
    progress(done, total)
    for entry in entries:
        source = source_of(root, entry)
        try:
            with source.open("rb") as stream:
                connection.send_bytes(path_of("workspaces", workspace, "blobs", entry.digest), stream, entry.size)
        except OSError as error:
            raise StorageFailed(f"{source} cannot be read: {error.strerror}") from error
        done += entry.size
        progress(done, total)
