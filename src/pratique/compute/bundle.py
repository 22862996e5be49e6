"""A bundle: what a machine without a network needs, as a folder or as one .zip.

    bundle.json        what machine it is for, and each other file with its SHA-256 and size
    requirements.txt   the platform itself with hashes, for pip
    wheels/*.whl       the platform's packages, MLflow's, and those of environments
    locks/*.json       environments, locked as `Environments.lock` keeps them
    README.md          what to do with it

A home takes wheels and locks from a bundle into its environments. Each file is
hashed while it is copied, and one that is not what ``bundle.json`` says is
refused; uv compares each wheel with the lock's hashes once more when it
installs it. Who made a bundle is not proven: compare its digest.
"""

import hashlib
import json
import os
import platform
import re
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from pratique.base.errors import Conflict, InvalidInput, StorageFailed

FORMAT: Final = 1
FACTS: Final = "bundle.json"
_NAMES: Final = re.compile(
    r"wheels/[A-Za-z0-9][\w.+!-]*\.whl|locks/[0-9a-f]{64}\.json|requirements\.txt|README\.md", re.A
)
_LARGEST_FACTS: Final = 10_000_000
_CHUNK: Final = 1 << 20
_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Entry:
    """One file of a bundle."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Bundle:
    """A bundle that was opened: what it says of itself was read, its files were not yet."""

    root: Path | zipfile.Path
    digest: str
    """The SHA-256 of its ``bundle.json``, and so of everything in it."""
    python: str
    machine: str
    made_by: str
    files: Mapping[str, Entry]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files.values())

    def check_fits(self) -> None:
        """Raise `Conflict` when it was made for another Python or another kind of machine."""
        here = (f"{sys.version_info.major}.{sys.version_info.minor}", platform.machine())
        if (self.python, self.machine) != here:
            raise Conflict(
                f"the bundle is for Python {self.python} on {self.machine}; this is Python {here[0]} on {here[1]}",
                hint="make one on a machine like this: pratique bundle create FOLDER",
            )

    def verify(self) -> None:
        """Read every file; raises `InvalidInput` for the first that is not what ``bundle.json`` says."""
        for name in self.files:
            for _ in self._checked(name):
                pass

    def copy(self, name: str, target: Path) -> None:
        """Copy one file to `target`, which appears only when it is whole and right."""
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=target.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in self._checked(name):
                    file.write(chunk)
            os.replace(part, target)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise

    def _checked(self, name: str) -> Iterator[bytes]:
        """The content of a file; raises at its end, or where it is too long."""
        entry, hashed, length = self.files[name], hashlib.sha256(), 0
        with self._opened(name) as stream:
            while chunk := stream.read(_CHUNK):
                hashed.update(chunk)
                length += len(chunk)
                if length > entry.size:
                    break
                yield chunk
        if length != entry.size or hashed.hexdigest() != entry.sha256:
            raise InvalidInput(f"{name} of the bundle is not what {FACTS} says", hint="copy or make the bundle again")

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        try:
            with (self.root / name).open("rb") as stream:
                yield stream
        except (OSError, KeyError, zipfile.BadZipFile, EOFError) as error:
            raise InvalidInput(f"{name} of the bundle cannot be read: {error}", hint="copy the bundle again") from error


def open_bundle(path: Path) -> Bundle:
    """The bundle at `path`, a folder or a .zip; raises `InvalidInput` when there is none or it is of another kind."""
    try:
        root = zipfile.Path(zipfile.ZipFile(path)) if path.is_file() else path
        with (root / FACTS).open("rb") as stream:
            content = stream.read(_LARGEST_FACTS)
        return _read(root, content)
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise InvalidInput(
            f"{path} is no bundle: {error}", hint="name the folder or the .zip that `pratique bundle create` made"
        ) from error


def _read(root: Path | zipfile.Path, content: bytes) -> Bundle:
    facts: Mapping[str, Any] = json.loads(content)
    if facts["format"] != FORMAT:
        raise ValueError(f"it has format {facts['format']}, and this version reads format {FORMAT}")
    if wrong := [name for name in facts["files"] if not _NAMES.fullmatch(name)]:
        raise ValueError(f"it has a file called {wrong[0]!r}")
    files = {name: Entry(str(entry["sha256"]), int(entry["size"])) for name, entry in facts["files"].items()}
    digest = hashlib.sha256(content).hexdigest()
    return Bundle(root, digest, str(facts["python"]), str(facts["machine"]), str(facts["made_by"]), files)


def seal(folder: Path, *, made_by: str) -> None:
    """Write the ``bundle.json`` of a folder that has all its other files."""
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    facts = {
        "format": FORMAT,
        "made_by": made_by,
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "machine": platform.machine(),
        "files": {name: {"sha256": sha256_of(path), "size": path.stat().st_size} for name, path in files.items()},
    }
    (folder / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def pack(folder: Path, archive: Path) -> None:
    """One .zip with the files of `folder`; wheels are compressed already, so nothing else is."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EARLIEST)
            entry.external_attr = 0o644 << 16
            with path.open("rb") as source, packed.open(entry, "w", force_zip64=True) as target:
                while chunk := source.read(_CHUNK):
                    target.write(chunk)


def adopt(bundle: Bundle, environments: Path) -> int:
    """Copy what `environments`, a folder of `Environments`, lacks of the bundle's wheels and locks; how many files.

    A lock that is there stays, because the same request gives the same lock for good.
    """
    bundle.check_fits()
    # Wheels first: a lock whose wheels could not be taken would stay for good.
    wanted = [name for kind in ("wheels/", "locks/") for name in bundle.files if name.startswith(kind)]
    try:
        missing = [name for name in wanted if not _has(environments / name, bundle.files[name])]
        for name in missing:
            bundle.copy(name, environments / name)
    except OSError as error:
        raise StorageFailed(f"{error.filename or environments} cannot be written: {error.strerror}") from error
    return len(missing)


def _has(place: Path, entry: Entry) -> bool:
    if place.suffix == ".json":
        return place.exists()
    return place.is_file() and place.stat().st_size == entry.size and sha256_of(place) == entry.sha256


def sha256_of(path: Path) -> str:
    """In hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
