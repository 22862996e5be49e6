"""What lies on the disk goes to whatever holds content: a workspace, or a delivery run.

    scan → held already? done
         → manifest → the server names the blobs it lacks → send those → manifest again

Small files travel in packs, large ones each by itself, two requests at a time.

The server takes a manifest only when it has every blob, so an upload that is
cut leaves nothing that anybody can see, and trying again sends what was left.
What was hashed before is not read again: see `content.remembered`.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final, TypeAlias

from pratique.base.errors import InvalidInput, StorageFailed
from pratique.client.connection import Connection, Document, below, path_of
from pratique.client.login import configuration_folder
from pratique.content.folder import scan, source_of
from pratique.content.manifest import Entry, Manifest
from pratique.content.packs import MAX_BLOB, MAX_PACK, MAX_RECORDS, record
from pratique.content.remembered import Remembered

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the bytes sent and the bytes to send, both of one path."""

MEMORY: Final = "pratique-digests"
"""The folder, beside the configuration of the command line, that remembers digests of files."""

_AT_ONCE: Final = 2


def upload(connection: Connection, workspace: str, root: Path, *, is_code: bool, progress: Progress) -> Manifest:
    """Send what is at `root` and return its manifest; code honours ignore files and keeps executable bits."""
    return upload_to(connection, path_of("workspaces", workspace), root, is_code=is_code, progress=progress)


def upload_to(connection: Connection, holder: str, root: Path, *, is_code: bool, progress: Progress) -> Manifest:
    """As `upload`, to whatever holds content: `holder` is its path, with manifests and blobs below it."""
    remembered = Remembered(configuration_folder() / MEMORY, root)
    manifest = scan(root, honour_ignore=is_code, keep_executable=is_code, remembered=remembered)
    if _is_held(connection, holder, manifest):
        return manifest
    route = below(holder, "manifests")
    answer: Document = connection.post(route, manifest.to_document())
    missing = set(answer["missing"])
    if not missing:
        return manifest
    _send(connection, holder, root, _first_of_each(manifest, missing), progress)
    answer = connection.post(route, manifest.to_document())
    if answer["missing"]:
        raise InvalidInput(f"{root} changed while it was uploaded", hint="try again when nothing writes to it")
    return manifest


def _is_held(connection: Connection, holder: str, manifest: Manifest) -> bool:
    route = below(holder, "manifests", "held")
    answer: Document = connection.post(route, {"digests": [manifest.digest]})
    return manifest.digest in answer["held"]


def _first_of_each(manifest: Manifest, missing: set[str]) -> list[Entry]:
    """One entry for each missing blob."""
    found: dict[str, Entry] = {}
    for entry in manifest.entries:
        if entry.digest in missing:
            found.setdefault(entry.digest, entry)
    return list(found.values())


def _send(connection: Connection, holder: str, root: Path, entries: list[Entry], progress: Progress) -> None:
    sender = _Sender(connection, holder, root, sum(entry.size for entry in entries), progress)
    jobs: list[_Large | _Pack] = [*(_Large(entry) for entry in entries if entry.size > MAX_BLOB), *_packs(entries)]
    under_way: deque[Future[None]] = deque()
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        for job in jobs:
            if len(under_way) > _AT_ONCE:  # One more is read while those are under way.
                under_way.popleft().result()
            under_way.append(pool.submit(sender.send, job, job.read(root)))
        for future in under_way:
            future.result()
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Large:
    """One file that is sent by itself."""

    entry: Entry

    @property
    def size(self) -> int:
        return self.entry.size

    def read(self, _root: Path) -> bytes:
        """Nothing: it is read as it is sent."""
        return b""


@dataclass(frozen=True)
class _Pack:
    """Small files that are sent together."""

    entries: tuple[Entry, ...]

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries)

    def read(self, root: Path) -> bytes:
        """The pack as it travels; a file that changed meanwhile is found by the server, which hashes all of it."""
        return b"".join(record(entry.digest, _bytes_of(root, entry)) for entry in self.entries)


def _packs(entries: Iterable[Entry]) -> Iterator[_Pack]:
    """The small ones of `entries`, in packs that the server takes."""
    pack: list[Entry] = []
    size = 0
    for entry in entries:
        if entry.size > MAX_BLOB:
            continue
        if pack and (size + entry.size > MAX_PACK or len(pack) == MAX_RECORDS):
            yield _Pack(tuple(pack))
            pack, size = [], 0
        pack.append(entry)
        size += entry.size
    if pack:
        yield _Pack(tuple(pack))


def _bytes_of(root: Path, entry: Entry) -> bytes:
    source = source_of(root, entry)
    try:
        with source.open("rb", buffering=0) as stream:
            return stream.read(MAX_BLOB) or b""
    except OSError as error:
        raise StorageFailed(f"{source} cannot be read: {error.strerror}") from error


class _Sender:
    """Sends from several threads and tells how far it is."""

    def __init__(self, connection: Connection, holder: str, root: Path, total: int, progress: Progress) -> None:
        self._connection = connection
        self._route = below(holder, "blobs")
        self._root = root
        self._total = total
        self._progress = progress
        self._done = 0
        self._lock = Lock()
        progress(0, total)

    def send(self, job: _Large | _Pack, data: bytes) -> None:
        """One request."""
        if isinstance(job, _Large):
            self._send_file(job.entry)
        else:
            self._connection.post_bytes(self._route, data)
        with self._lock:
            self._done += job.size
            self._progress(self._done, self._total)

    def _send_file(self, entry: Entry) -> None:
        source = source_of(self._root, entry)
        try:
            with source.open("rb") as stream:
                self._connection.send_bytes(below(self._route, entry.digest), stream, entry.size)
        except OSError as error:
            raise StorageFailed(f"{source} cannot be read: {error.strerror}") from error
