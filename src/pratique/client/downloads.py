"""Content of the workspace becomes files here.

The server's answer is not trusted as a path: the manifest checks its names,
the files open without following links, every blob is hashed again. Files are
written into a folder beside the destination, which takes its name when all of
them are there.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from pratique.base.errors import AlreadyExists, InternalError, StorageFailed
from pratique.client.connection import Connection, StreamCutError, below, path_of
from pratique.content.folder import scan
from pratique.content.manifest import Entry, Manifest
from pratique.content.safeopen import open_beneath

Progress = Callable[[int, int], None]
"""Called with the bytes received and the bytes to receive."""


def read_manifest(connection: Connection, workspace: str, digest: str) -> Manifest:
    """The manifest called `digest`; raises `InvalidInput` when it names what is no plain path."""
    return manifest_from(connection, path_of("workspaces", workspace), digest)


def manifest_from(connection: Connection, holder: str, digest: str) -> Manifest:
    """As `read_manifest`, from whatever holds content: `holder` is its path, with manifests and blobs below it."""
    manifest = Manifest.from_document(connection.get(below(holder, "manifests", digest)))
    if manifest.digest != digest:
        raise InternalError(f"the manifest {digest} has another content than its name says")
    return manifest


def download(connection: Connection, workspace: str, manifest: Manifest, into: Path, progress: Progress) -> None:
    """Write the files of `manifest` into the folder `into`.

    A folder that holds just these files already is left as it is; raises
    `AlreadyExists` when it holds anything else.
    """
    download_from(connection, path_of("workspaces", workspace), manifest, into, progress)


def download_from(connection: Connection, holder: str, manifest: Manifest, into: Path, progress: Progress) -> None:
    """As `download`, from whatever holds content: `holder` is its path, with manifests and blobs below it."""
    if _is_there(into, manifest):
        return
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=into.parent, prefix=".pratique-"))
        try:
            _fill(connection, holder, manifest, draft, progress)
            draft.chmod(0o777 & ~_umask())
            draft.rename(into)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    except OSError as error:
        raise StorageFailed(
            f"{into} cannot be written: {error.strerror}", hint="choose another --download-path"
        ) from error


def _fill(connection: Connection, holder: str, manifest: Manifest, draft: Path, progress: Progress) -> None:
    done = 0
    for entry in manifest.entries:
        _fetch(connection, holder, entry, draft)
        done += entry.size
        progress(done, manifest.size)


def _fetch(connection: Connection, holder: str, entry: Entry, draft: Path) -> None:
    state = hashlib.sha256()
    try:
        with open_beneath(draft, entry.path, write=True) as target:
            for chunk in connection.stream(below(holder, "blobs", entry.digest)):
                state.update(chunk)
                target.write(chunk)
            if entry.executable:
                os.fchmod(target.fileno(), 0o777 & ~_umask())
    except StreamCutError as error:
        raise InternalError(f"{entry.path} did not arrive whole: {error}", hint="try again") from error
    if state.hexdigest() != entry.digest:
        raise InternalError(f"{entry.path} arrived with another content than its digest says", hint="try again")


def _is_there(into: Path, manifest: Manifest) -> bool:
    """Whether `into` holds just the files of `manifest`; raises `AlreadyExists` when it holds others."""
    if not into.exists() or (into.is_dir() and not any(into.iterdir())):
        return False
    if into.is_dir() and scan(into, honour_ignore=False, keep_executable=False).digest == _plain(manifest).digest:
        return True
    raise AlreadyExists(
        f"{into} is there already, with other content", hint="remove it, or choose another --download-path"
    )


def _plain(manifest: Manifest) -> Manifest:
    return Manifest(Entry(entry.path, entry.digest, entry.size) for entry in manifest.entries)


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current
