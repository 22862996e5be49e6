"""A manifest: which files, by path and SHA-256, make up one thing.

Its identity is the sorted paths and digests, plus the executable bit where
one is kept. Size, time and mode are not part of it, so that a copy under
another umask is the same thing.

A manifest is valid from the moment it exists: paths are plain and relative,
no path is given twice, none is the folder of another, and no two differ only
by case or Unicode form. Such a pair is two files here and one on macOS and
Windows, where the second would silently replace the first.

A document that comes from a client is untrusted: `Manifest.from_document`
checks everything that can be checked without the bytes. The sizes in it are
claims; whoever has the blobs compares them.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from pratique.base.errors import InvalidInput, NotFound, Problem
from pratique.content.hashing import is_digest
from pratique.content.paths import check_relative, folded, problem_with_path

MAX_ENTRIES: Final = 100_000  # As a JSON document this stays below the API's limit of 20 MB.
MAX_SIZE: Final = 1 << 50  # 1 PiB: more than any disk here, and exact in JSON numbers.
_SHOWN: Final = 20  # Problems told at once; more would only scroll the first away.


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: where it is below the root, and what it is."""

    path: str
    digest: str
    """SHA-256 as 64 lower-case hex digits."""
    size: int
    """In bytes."""
    executable: bool = False

    def to_document(self) -> dict[str, Any]:
        """The entry as it travels; `executable` only when it is."""
        document: dict[str, Any] = {"path": self.path, "digest": self.digest, "size": self.size}
        return document | {"executable": True} if self.executable else document


@dataclass(frozen=True)
class Manifest:
    """Files sorted by path; raises `InvalidInput` when they cannot lie in one folder."""

    entries: tuple[Entry, ...]

    def __init__(self, entries: Iterable[Entry]) -> None:
        ordered = tuple(sorted(entries, key=lambda entry: entry.path))
        _refuse(_problems_with_entries(ordered))
        object.__setattr__(self, "entries", ordered)

    @cached_property
    def digest(self) -> str:
        """The identity, 64 hex digits: equal for the same paths, bytes and executable bits."""
        state = hashlib.sha256(b"pratique manifest 1\n")
        for entry in self.entries:
            # A path contains no line break, so no two manifests write the same lines.
            state.update(f"{entry.digest} {'x' if entry.executable else '-'} {entry.path}\n".encode())
        return state.hexdigest()

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(entry.size for entry in self.entries)

    def to_document(self) -> dict[str, Any]:
        """The manifest as it travels and as it is stored."""
        return {"entries": [entry.to_document() for entry in self.entries]}

    @classmethod
    def from_document(cls, document: object) -> "Manifest":
        """The manifest that a client or a file claims; raises `InvalidInput` with its problems."""
        rows = document.get("entries") if isinstance(document, Mapping) else None
        if not isinstance(document, Mapping) or set(document) != {"entries"} or not isinstance(rows, list):
            raise InvalidInput('a manifest is {"entries": [...]} and nothing else')
        if len(rows) > MAX_ENTRIES:
            raise InvalidInput(_too_many(len(rows)))
        _refuse([problem for index, row in enumerate(rows) for problem in _problems_with_row(index, row)])
        return cls(Entry(row["path"], row["digest"], row["size"], row.get("executable", False)) for row in rows)

    def subtree(self, prefix: str) -> "Manifest":
        """What lies below `prefix`, with paths relative to it; a single file keeps its base name.

        An empty `prefix` is the whole. Raises `NotFound` when nothing lies there.
        """
        if not prefix:
            return self
        folder = check_relative(prefix.rstrip("/") or prefix)
        for entry in self.entries:
            if entry.path == folder:
                return Manifest([_moved(entry, folder.rpartition("/")[2])])
        start = len(folder) + 1
        below = [_moved(entry, entry.path[start:]) for entry in self.entries if entry.path.startswith(f"{folder}/")]
        if not below:
            raise NotFound(f"there is nothing at {prefix}")
        return Manifest(below)


def _moved(entry: Entry, path: str) -> Entry:
    return Entry(path, entry.digest, entry.size, entry.executable)


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise InvalidInput.of(problems[:_SHOWN], what="manifest")


def _too_many(count: int) -> str:
    return f"{count:,} files are more than the {MAX_ENTRIES:,} that one upload takes; pack them, or ignore some"


def _problems_with_row(index: int, row: object) -> Iterator[Problem]:
    """What is wrong with the types of one entry of a document."""
    key = f"entries[{index}]"
    if not isinstance(row, Mapping):
        yield Problem("expected an object with path, digest and size", key=key)
        return
    if unknown := sorted(str(name) for name in set(row) - {"path", "digest", "size", "executable"}):
        yield Problem(f"unknown: {', '.join(unknown)}", key=key)
    if not isinstance(row.get("path"), str):
        yield Problem("expected text", key=f"{key}.path")
    if not is_digest(row.get("digest")):
        yield Problem("expected a SHA-256 as 64 lower-case hex digits", key=f"{key}.digest")
    size = row.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= MAX_SIZE:
        yield Problem("expected the size in bytes, a whole number from 0", key=f"{key}.size")
    if not isinstance(row.get("executable", False), bool):
        yield Problem("expected true or false", key=f"{key}.executable")


def _problems_with_entries(ordered: tuple[Entry, ...]) -> list[Problem]:
    """Why these entries cannot lie in one folder."""
    if len(ordered) > MAX_ENTRIES:
        return [Problem(_too_many(len(ordered)))]
    wrong = [Problem(said, key=ascii(entry.path)) for entry in ordered if (said := problem_with_path(entry.path))]
    return wrong or ([] if _have_room(ordered) else [*_clashes(ordered)])


def _have_room(ordered: tuple[Entry, ...]) -> bool:
    """Whether no two of the paths need the same place: the quick answer for the many folders that are in order."""
    files = {folded(entry.path) for entry in ordered}
    folders: set[str] = set()
    for entry in ordered:
        folder = entry.path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    names = {folded(folder) for folder in folders}
    return len(files) == len(ordered) and len(names) == len(folders) and files.isdisjoint(names)


def _clashes(ordered: tuple[Entry, ...]) -> Iterator[Problem]:
    """Paths that would need the same place: given twice, a file that is also a folder, another case."""
    taken: dict[str, str] = {}
    for before, entry in zip((None, *ordered), ordered, strict=False):
        if before and before.path == entry.path:
            yield Problem("the path is given twice", key=entry.path)
        else:
            yield from _claim(entry.path, taken)


def _claim(path: str, taken: dict[str, str]) -> Iterator[Problem]:
    """Enter `path` and the folders above it into `taken`, and yield what they clash with.

    `taken` maps what a careless file system compares to what was written; folders end in a slash there.
    """
    name, is_new = path, True
    while name and is_new:
        key = folded(name.rstrip("/"))
        is_new = key not in taken
        first = taken.setdefault(key, name)
        if first != name:
            yield Problem(_clash(first, name), key=name.rstrip("/"))
        parent = name.rstrip("/").rpartition("/")[0]
        name = f"{parent}/" if parent else ""


def _clash(first: str, second: str) -> str:
    if first.rstrip("/") == second.rstrip("/"):
        return "it is a file and also the folder of another"
    return f"it differs from {first} only by case or Unicode form; other systems keep only one of the two"
