"""Where the files of a run come from: one of these for each repository that it uses, its own first.

`RepositorySource` of the job message is what is kept; here it is read. A
snapshot is a manifest that the project holds; a repository of Git is read by
`pratique.store.git`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pratique.base.errors import InvalidInput, NotFound
from pratique.content.manifest import Manifest
from pratique.delivery.message import SNAPSHOT, RepositorySource
from pratique.delivery.nodes import SELF
from pratique.delivery.templates.files import ReadFile
from pratique.specs.reader import MAX_BYTES
from pratique.store import holdings, projects
from pratique.store.blobs import BlobStore
from pratique.store.database import Transaction


class Source(Protocol):
    """The files of one repository at one commit."""

    def read(self, path: str, *, limit: int) -> bytes:
        """The first `limit` bytes of a file; raises `NotFound`."""


class Snapshot:
    """A working tree as it was."""

    def __init__(self, blobs: BlobStore, manifest: Manifest) -> None:
        self._blobs = blobs
        self._digests = {entry.path: entry.digest for entry in manifest.entries}

    def read(self, path: str, *, limit: int) -> bytes:
        """The first `limit` bytes of a file; raises `NotFound`."""
        digest = self._digests.get(path)
        if digest is None:
            raise NotFound(f"there is no file {path}")
        with self._blobs.open(digest) as stream:
            return stream.read(limit)


def snapshot(tx: Transaction, blobs: BlobStore, project: str, digest: str) -> Snapshot:
    """The snapshot of that manifest; raises `NotFound` when the project does not hold it."""
    manifest = holdings.manifest(tx, projects.holder_of(project), digest)
    if manifest is None:
        raise NotFound(f"project {project!r} holds no manifest {digest}", hint="upload the files again")
    return Snapshot(blobs, manifest)


def reader(sources: Mapping[str, Source]) -> ReadFile:
    """What the compiler reads through; `sources` by alias, the run's own as self."""
    known = {alias.lower(): source for alias, source in sources.items()}

    def read(repository: str, path: str) -> str:
        source = known.get((repository or SELF).lower())
        if source is None:
            raise NotFound(
                f"the repository {repository} is not among the sources of this run",
                hint=f"say where it is: --repository {repository}=FOLDER",
            )
        try:
            return source.read(path, limit=MAX_BYTES + 1).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidInput("it is not UTF-8 text", hint="save the file as UTF-8") from error

    return read


def repository_sources(documents: Sequence[Mapping[str, Any]]) -> tuple[RepositorySource, ...]:
    """The sources of a run, as its row keeps them."""
    return tuple(RepositorySource(**one) for one in documents)


def snapshot_document(alias: str, name: str, manifest: str, *, ref: str, commit: str) -> dict[str, Any]:
    """A snapshot as the row of a run keeps it."""
    source = RepositorySource(alias=alias, name=name, type=SNAPSHOT, ref=ref, commit=commit, manifest=manifest)
    return {key: value for key, value in vars(source).items() if key != "token"}
