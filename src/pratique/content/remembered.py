"""Digests of files that were hashed before, so that an unchanged folder is not read again.

A file is taken for the one that was hashed when its path, device, inode, size,
time of change of its content (mtime) and of its entry (ctime) are all the
same, to the nanosecond. Nobody can set a ctime: whoever writes a file, or
sets its mtime back, moves it on.

One gap is closed by waiting: a file that is written again within the same
tick of the clock keeps its times. So a digest is only remembered of a file
that had been left alone for two seconds when it was read, which is the
coarsest clock of a file system, and that did not change while it was read.

What is left is a clock that was set back, and a write through memory that the
kernel has not yet noticed. Nothing but time is lost with the memory: remove
its folder and everything is hashed again.
"""

import hashlib
import json
import os
import tempfile
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from pratique.content.hashing import is_digest

_FORM: Final = 1  # Raised when what stands in the file means something else.
QUIET: Final = timedelta(seconds=2)
"""The coarsest clock that a file system stamps its files with."""


class Remembered:
    """The digests of the files below one root; none at all where they cannot be read."""

    def __init__(self, folder: Path, root: Path, *, quiet: timedelta = QUIET, kept: int = 32) -> None:
        """What `folder` remembers of `root`.

        A file is remembered after `quiet` without a change. `folder` keeps the
        last `kept` roots; one of 100,000 files takes 18 MB there.
        """
        self._root = str(root.resolve())
        self._file = folder / f"{hashlib.sha256(self._root.encode(errors='surrogateescape')).hexdigest()}.json"
        self._known = _read(self._file, self._root)
        self._quiet_ns = round(quiet.total_seconds() * 1e9)
        self._kept = kept
        self._seen: dict[str, str] = {}
        self._is_new = False

    def digest(self, path: str, facts: os.stat_result) -> str:
        """The digest of the file at `path`, if it is the one that was hashed; else empty."""
        known = self._known.get(path, "")
        if not known or known[65:] != _shown(facts):
            return ""
        self._seen[path] = known
        return known[:64]

    def learn(self, path: str, digest: str, before: os.stat_result, after: os.stat_result, *, began_ns: int) -> None:
        """Remember `digest` of a file that looked like `before` when its reading began, and like `after` at its end."""
        quiet = began_ns - max(before.st_mtime_ns, before.st_ctime_ns) > self._quiet_ns
        if quiet and _shown(before) == _shown(after):
            self._seen[path] = f"{digest} {_shown(before)}"
            self._is_new = True

    def save(self) -> None:
        """Keep what was seen, and forget what was not; a folder that cannot be written is no error."""
        if not self._is_new and len(self._seen) == len(self._known):
            return
        with suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._file.parent, prefix=".new-")
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump({"form": _FORM, "root": self._root, "files": self._seen}, stream)
            os.replace(name, self._file)
            _forget_the_oldest(self._file.parent, keep=self._kept)


def now_ns() -> int:
    """The clock that files are stamped with."""
    return time.time_ns()


def _shown(facts: os.stat_result) -> str:
    return f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns} {facts.st_ino} {facts.st_dev}"


def _read(file: Path, root: str) -> dict[str, str]:
    try:
        found = json.loads(file.read_bytes())
        if found["form"] != _FORM or found["root"] != root:
            return {}
        files: dict[str, str] = found["files"]
        return files if all(map(_is_line, files.values())) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _is_line(line: object) -> bool:
    return isinstance(line, str) and line[64:65] == " " and is_digest(line[:64])


def _forget_the_oldest(folder: Path, *, keep: int) -> None:
    files = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    for file in files[keep:]:
        file.unlink(missing_ok=True)
