"""Locks: which packages an environment has, and the files of a home that keep them for good.

    locks/<request>.json         what uv settled for a request
    locks/<lock>.conda.json      what conda and pip had installed for a lock of conda's

Each holds a digest of the rest, so that one of which a byte was changed is found.
"""

import hashlib
import json
import os
import platform
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from pratique.base.errors import StorageFailed
from pratique.content.hashing import digest_of
from pratique.specs.packages import PackageRequest

_FORMAT: Final = "1"
"""Part of the name of every lock that is kept: raised when packages are settled in another way."""
_MADE: Final = "2"
"""Part of every digest: raised when environments are made in another way."""
_DIGEST: Final = "sha256"
"""In a file that is kept: what the rest of it must hash to."""


@dataclass(frozen=True)
class Lock:
    """Which Python, and every package with its version and hashes."""

    python: str
    """Its minor version, such as ``3.11``."""
    text: str
    """In the format of pip's requirement files; names no index. Of conda: what is wanted beside the file."""
    conda: str = ""
    """The conda file as JSON, where conda makes the environment; what it installs is known once it has."""

    @property
    def digest(self) -> str:
        """The environment's identity: 64 hex digits."""
        by_conda = ("conda", self.conda) if self.conda else ()
        return _digest(_MADE, sys.platform, platform.machine(), self.python, self.text, *by_conda)


def read_lock(path: Path) -> Lock | None:
    """The lock kept at `path`; None when there is none. Raises `StorageFailed` when it was changed."""
    facts = _read_kept(path, ("python", "text", "conda"))
    return Lock(facts["python"], facts["text"]) if facts else None


def read_listed(path: Path) -> tuple[str, str] | None:
    """What conda and pip had installed, as kept at `path`; None when there is nothing. Raises `StorageFailed`."""
    facts = _read_kept(path, ("listed", "pinned"))
    return (facts["listed"], facts["pinned"]) if facts else None


def write_lock(path: Path, lock: Lock) -> None:
    """Keep what was settled; raises `StorageFailed`."""
    write_durably(path, _kept_text(asdict(lock)))


def write_listed(path: Path, listed: str, pinned: str) -> None:
    """Keep what conda, and pip beside it, had installed; raises `StorageFailed`."""
    write_durably(path, _kept_text({"listed": listed, "pinned": pinned}))


def place_of(folder: Path, request: PackageRequest, version: str, extra: Sequence[str]) -> Path:
    """Where the lock of a request is kept, for a Python of that version."""
    lines = sorted({*request.requirements, *extra})
    day = [f"before {request.released_before}"] if request.released_before else []
    return folder / "locks" / f"{_digest(_FORMAT, platform.machine(), version, *day, *lines)}.json"


def _kept_text(facts: Mapping[str, str]) -> str:
    return json.dumps({**facts, _DIGEST: digest_of(facts)})


def _read_kept(path: Path, names: Collection[str]) -> dict[str, str]:
    """What is kept at `path` under `names`; empty when there is no such file.

    Raises `StorageFailed` for one of which a byte was changed: who settled it anew without being asked would
    install other packages than those that the models were made with.
    """
    try:
        document = json.loads(path.read_bytes())
        digest = document.pop(_DIGEST, None)  # Earlier versions wrote none.
        if document.keys() != {*names} or (digest or digest_of(document)) != digest_of(document):
            raise ValueError("its bytes are not those that were written")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageFailed(
            f"{path} was changed, which says which packages an environment has",
            hint="nothing was installed; bring it back from a backup, or remove it: the packages are settled anew "
            "then, and may be newer ones",
        ) from error
    return {name: str(value) for name, value in document.items()}


def write_durably(path: Path, text: str) -> None:
    """Write by rename and survive a power cut: what a marker vouches for must be on the disk before it."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with storage_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        os.sync()
        part.rename(path)


def make_folder(folder: Path) -> None:
    """Make a private folder, with those around it; raises `StorageFailed`."""
    with storage_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """What the disk refuses about `path` is a `StorageFailed`."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"{path} cannot be written: {error.strerror}",
            hint="free space, or set the permissions of the home",
        ) from error


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
