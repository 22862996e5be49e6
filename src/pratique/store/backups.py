"""A home in one file: made while the platform runs, proven when it is restored.

    pratique.db, mlflow/mlflow.db      each as it is at one moment
    blobs/ab/abcdef…                   those that the first of them leads to
    keys/…, config.toml                without which nothing sealed can be read
    environments/locks/…               so that environments are the same ones again
    jobs/ID/ATTEMPT/stream.log         what jobs have said
    repositories/ID.git/…              refs as they are at one moment, then objects
    backup.json                        last: every file with its size and SHA-256

The databases come first and the blobs after them: a blob never changes, and
what is pruned waits until the backup is done (`housekeeping`). So whatever the
copied database names is in the file. It is a plain tar, 0600: it holds the
keys, and who can read it is the owner of what it holds.
"""

import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from pratique.base.errors import Conflict, InvalidInput, NotFound, StorageFailed, Unavailable
from pratique.base.home import Home
from pratique.store import deployments, reach
from pratique.store.copies import copy_database
from pratique.store.database import Database
from pratique.store.git import Bare
from pratique.store.migrate import refuse_newer

MANIFEST: Final = "backup.json"
FORMAT: Final = 1
_DATABASE: Final = "pratique.db"
_TRACKING: Final = "mlflow/mlflow.db"
_CHUNK: Final = 1 << 20
_MANIFEST_LIMIT: Final = 1 << 30
_NAMES: Final = re.compile(
    r"pratique\.db|mlflow/mlflow\.db|config\.toml|keys/[\w.-]+|blobs/[0-9a-f]{2}/[0-9a-f]{64}"
    r"|environments/locks/[\w.-]+\.json|jobs/[\w-]+/\d+/stream\.log"
    r"|repositories/[0-9a-f-]{36}\.git/(?:HEAD|config|packed-refs|objects/[0-9a-f]{2}/[0-9a-f]{38,62}"
    r"|objects/pack/pack-[0-9a-f]+\.[a-z]+)"
)
"""What may lie in a backup; nothing else is ever written by `restore`."""


@dataclass(frozen=True)
class Backup:
    """One backup, as its manifest tells of it."""

    made_at: str
    made_by: str
    files: Mapping[str, tuple[int, str]]
    """Path in the home → (size in bytes, SHA-256)."""
    lacking: tuple[str, ...]
    """Digests that the database named and whose bytes were gone or damaged."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for size, _ in self.files.values())

    def to_document(self) -> dict[str, Any]:
        """As it is written."""
        return {
            "format": FORMAT,
            "made_at": self.made_at,
            "made_by": self.made_by,
            "files": {path: {"size": size, "sha256": digest} for path, (size, digest) in self.files.items()},
            "lacking": list(self.lacking),
        }


@contextmanager
def housekeeping(home: Home) -> Iterator[None]:
    """Alone among backups and prunings of this home; raises `Unavailable` when another goes on."""
    path = home.root / "housekeeping.lock"
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageFailed(f"{path} cannot be written: {error.strerror}") from error
    try:
        _take(file)
        yield
    finally:
        os.close(file)


def _take(file: int) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Unavailable("another backup or pruning of this home goes on", hint="try again when it is done") from error


def create(home: Home, target: Path, *, made_by: str, now: datetime) -> Backup:
    """Write everything that `home` cannot make anew to the new file `target`, which is there whole or not at all.

    Whoever works in the home goes on. Raises `NotFound` for a home that was never used, `Conflict` when
    `target` is there.
    """
    if not home.database.exists():
        raise NotFound(f"there is no database in {home.root}", hint="choose the home with PRATIQUE_HOME=/path")
    if os.path.lexists(target):
        raise Conflict(f"{target} is there already", hint="remove it, or choose another place")
    with housekeeping(home), _writing(target):
        return _create(home, target, made_by=made_by, now=now)


def _create(home: Home, target: Path, *, made_by: str, now: datetime) -> Backup:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as beside:
        part = Path(beside) / "backup.tar"
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as stream:
            backup = _Writer(home, stream, Path(beside)).write(made_by=made_by, now=now)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(part, target)  # Unlike a rename it never replaces what came meanwhile.
    return backup


class _Writer:
    """One backup in the making."""

    def __init__(self, home: Home, stream: BinaryIO, beside: Path) -> None:
        self._home = home
        self._beside = beside
        self._tar = tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - in `write`.
        self._files: dict[str, tuple[int, str]] = {}
        self._lacking: list[str] = []

    def write(self, *, made_by: str, now: datetime) -> Backup:
        with self._tar:
            blobs = self._add_databases()
            for digest in sorted(blobs):
                self._add_blob(digest)
            for path in self._others():
                self._add(str(path.relative_to(self._home.root)), path)
            for repository in self._repositories():
                self._add_repository(repository)
            backup = Backup(now.isoformat(), made_by, self._files, tuple(self._lacking))
            text = json.dumps(backup.to_document(), indent=1).encode()
            self._tar.addfile(_member(MANIFEST, len(text)), io.BytesIO(text))
        return backup

    def _add_databases(self) -> set[str]:
        """Add both, and return the digests of the blobs that the copy leads to."""
        copy = self._beside / "copy.db"
        copy_database(self._home.database, copy)
        self._add(_DATABASE, copy)
        tracking = self._home.root / _TRACKING
        if tracking.exists():
            copy_database(tracking, self._beside / "tracking.db")
            self._add(_TRACKING, self._beside / "tracking.db")
        database = Database.at(copy)
        try:
            with database.read() as tx:
                return reach.blobs(tx)
        finally:
            database.close()

    def _add_blob(self, digest: str) -> None:
        name, path = f"blobs/{digest[:2]}/{digest}", self._home.blobs / digest[:2] / digest
        if path.is_file() and _digest_of(path) == digest:
            self._add(name, path)
        else:
            self._lacking.append(digest)

    def _others(self) -> Iterator[Path]:
        root = self._home.root
        for pattern in ("config.toml", "keys/*", "environments/locks/*.json", "jobs/*/*/stream.log"):
            for path in sorted(root.glob(pattern)):
                if path.is_file() and not path.is_symlink() and _NAMES.fullmatch(str(path.relative_to(root))):
                    yield path

    def _repositories(self) -> list[Path]:
        return sorted(path for path in self._home.repositories.glob("*.git") if (path / "HEAD").is_file())

    def _add_repository(self, folder: Path) -> None:
        """Refs first, in one file, and the objects after them: objects are only ever added."""
        place = f"repositories/{folder.name}"
        refs = Bare(folder).packed_refs()
        self._add_bytes(f"{place}/packed-refs", refs)
        objects = sorted(path for path in (folder / "objects").glob("*/*") if path.is_file())
        for path in (folder / "HEAD", folder / "config", *objects):
            name = f"{place}/{path.relative_to(folder)}"
            if _NAMES.fullmatch(name):
                with suppress(FileNotFoundError):  # Packed meanwhile, under another name.
                    self._add(name, path)

    def _add_bytes(self, name: str, body: bytes) -> None:
        self._tar.addfile(_member(name, len(body)), io.BytesIO(body))
        self._files[name] = (len(body), hashlib.sha256(body).hexdigest())

    def _add(self, name: str, path: Path) -> None:
        """Add a file with as many bytes as it has now: a log may grow meanwhile."""
        with path.open("rb") as stream:
            hashed = _Hashed(stream)
            size = os.fstat(stream.fileno()).st_size
            self._tar.addfile(_member(name, size), hashed)
        self._files[name] = (size, hashed.digest)


class _Hashed:
    """A stream that knows the SHA-256 of what was read from it."""

    def __init__(self, stream: Any) -> None:  # A file, or what tarfile gives.
        self._stream = stream
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk: bytes = self._stream.read(size)
        self._hash.update(chunk)
        return chunk

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


def restore(source: Path, home: Home) -> Backup:
    """Make `home` from the backup in the file `source`; it is there whole, every file proven, or not at all.

    Only where nothing is, or an empty folder: a home is never written over. What was served is deployed
    anew when the platform starts. Raises `Conflict` for a home in use, `InvalidInput` for what is no
    backup or a damaged one.
    """
    if home.root.exists() and (not home.root.is_dir() or any(home.root.iterdir())):
        raise Conflict(
            f"{home.root} is there already and not empty: a backup is never restored over a home",
            hint="choose another with --home, or move this one away after `pratique down`",
        )
    with _writing(home.root):
        home.root.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(dir=home.root.parent, prefix=".restoring-"))  # Made 0700.
    try:
        with _writing(home.root):
            backup = _unpack(source, making)
            _begin_anew(making / _DATABASE)
            os.sync()
            making.rename(home.root)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return backup


def _unpack(source: Path, folder: Path) -> Backup:
    found: dict[str, tuple[int, str]] = {}
    told: Backup | None = None
    try:
        with tarfile.open(source, mode="r:") as tar:
            for member in tar:
                stream = tar.extractfile(member) if member.isreg() else None
                if told is not None or stream is None or member.name in found:
                    raise InvalidInput(f"{source} is no backup of Pratique: it holds {member.name!r} out of place")
                if member.name == MANIFEST:
                    told = _read_manifest(source, stream.read(_MANIFEST_LIMIT))
                else:
                    found[member.name] = _extract(source, member, stream, folder)
    except (tarfile.TarError, EOFError) as error:
        raise InvalidInput(f"{source} is no backup of Pratique, or a damaged one: {error}") from error
    if told is None:
        raise InvalidInput(f"{source} is not whole: it has no {MANIFEST} at its end", hint="copy it again")
    for name in sorted(found.keys() | told.files.keys()):
        if found.get(name) != told.files.get(name):
            raise InvalidInput(f"{source} is damaged: {name} is not what {MANIFEST} says", hint="copy it again")
    if _DATABASE not in found:
        raise InvalidInput(f"{source} is no backup of Pratique: there is no {_DATABASE} in it")
    return told


def _extract(source: Path, member: tarfile.TarInfo, stream: Any, folder: Path) -> tuple[int, str]:
    if not _NAMES.fullmatch(member.name):
        raise InvalidInput(f"{source} is no backup of Pratique: it holds {member.name!r}")
    path = folder / member.name
    for parent in reversed(path.relative_to(folder).parents[:-1]):
        (folder / parent).mkdir(mode=0o700, exist_ok=True)  # Each of them, which `parents=True` does not do.
    mode = 0o400 if member.name.startswith("blobs/") else 0o600
    hashed = _Hashed(stream)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as target:
        shutil.copyfileobj(hashed, target, _CHUNK)
    return member.size, hashed.digest


def _read_manifest(source: Path, text: bytes) -> Backup:
    try:
        facts = json.loads(text)
        if facts["format"] != FORMAT:
            raise InvalidInput(f"{source} was made by a newer Pratique", hint="restore it with that version")
        files = {str(name): (int(one["size"]), str(one["sha256"])) for name, one in facts["files"].items()}
        return Backup(str(facts["made_at"]), str(facts["made_by"]), files, tuple(map(str, facts["lacking"])))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{source} is damaged: its {MANIFEST} cannot be read") from error


def _begin_anew(path: Path) -> None:
    """Nothing runs in a home that was just restored, so its deployments are wished again."""
    database = Database.at(path)
    try:
        refuse_newer(database)
        with database.write() as tx:
            deployments.wish_anew(tx)
    finally:
        database.close()


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


def _digest_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"{error.filename or target} cannot be read or written: {error.strerror}") from error
