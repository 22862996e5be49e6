"""From a folder on disk to a manifest, with the ignore rules of Azure ML.

`.amlignore` in the root wins over `.gitignore` in the root; one of them is
read, in gitignore syntax, and files in deeper folders are not. As in git, a
file below an ignored folder cannot be brought back. Where ignore rules are
honoured, what no snapshot of code is meant to hold is left out as well:
`.git`, `__pycache__` and `.ipynb_checkpoints`, so that running a script does
not change the identity of its folder.

A link is followed only when it stays inside the root. What it leads to is
then opened without following anything, so that changing the folder meanwhile
cannot smuggle in a file from elsewhere.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pathspec import GitIgnoreSpec

from pratique.base.errors import InvalidInput, NotFound, Problem, StorageFailed
from pratique.content.hashing import hash_stream
from pratique.content.manifest import MAX_ENTRIES, Entry, Manifest
from pratique.content.paths import problem_with_path
from pratique.content.safeopen import open_beneath

IGNORE_FILES: Final = (".amlignore", ".gitignore")
ALWAYS_IGNORED: Final = (".git/", "__pycache__/", ".ipynb_checkpoints/")
_IGNORE_LIMIT: Final = 1 << 20  # Bytes; a list of patterns larger than this is no list of patterns.

Ignored = Callable[[str], bool]
"""Whether a path is left out; the path of a folder ends in a slash."""


def scan(root: Path, *, honour_ignore: bool, keep_executable: bool) -> Manifest:
    """The manifest of the folder or single file at `root`; every file is read once.

    A single file gives one entry with its base name. Empty folders leave no
    trace. Raises `NotFound`, `InvalidInput` with every path that cannot be
    taken, and `StorageFailed` for what cannot be read.
    """
    if root.is_file():
        place = _Place(root.name, root.resolve())
        return Manifest([_entry(place.real.parent, place, keep_executable=keep_executable)])
    if not root.is_dir():
        raise NotFound(f"there is no file or folder {root}")
    real = root.resolve()
    walk = _Walk(real, _ignore_rules(real) if honour_ignore else _nothing, [])
    places = [*walk.files("", real, (real,))]
    if walk.problems:
        raise InvalidInput.of(walk.problems[:20], what=str(root))
    return Manifest(_entry(real, place, keep_executable=keep_executable) for place in places)


def source_of(root: Path, entry: Entry) -> Path:
    """Where `scan` of `root` read `entry` from."""
    return root if root.is_file() else root / entry.path


def _nothing(_path: str) -> bool:
    return False


def _ignore_rules(root: Path) -> Ignored:
    lines = next((found for name in IGNORE_FILES if (found := _lines(root, name)) is not None), [])
    # The last pattern that matches decides, so the user's own lines can bring one of ours back.
    return GitIgnoreSpec.from_lines([*ALWAYS_IGNORED, *lines]).match_file


def _lines(root: Path, name: str) -> list[str] | None:
    """The lines of the ignore file `name`, or None when there is none."""
    if not (root / name).is_file():
        return None
    with (root / name).open("rb") as stream:
        body = stream.read(_IGNORE_LIMIT + 1)
    if len(body) > _IGNORE_LIMIT:
        raise InvalidInput(f"{root / name} is larger than 1 MB")
    try:
        return body.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{root / name} is not UTF-8 text") from error


@dataclass(frozen=True)
class _Place:
    """A file: the path it has in the manifest, and where its bytes really are."""

    path: str
    real: Path


@dataclass(frozen=True)
class _Walk:
    """One walk through `root`; what cannot be taken is collected in `problems`."""

    root: Path
    ignored: Ignored
    problems: list[Problem]

    def files(self, prefix: str, folder: Path, above: tuple[Path, ...]) -> Iterator[_Place]:
        """Every file below `folder`; `above` are the real folders on the way, to see a loop of links."""
        for name in _names(folder):
            path, place = f"{prefix}{name}", folder / name
            try:
                yield from self._one(path, place, above)
            except OSError as error:
                self._refuse(path, f"it cannot be read: {error.strerror}")
            if len(self.problems) > MAX_ENTRIES:
                return

    def _one(self, path: str, place: Path, above: tuple[Path, ...]) -> Iterator[_Place]:
        facts = place.lstat()
        is_link = stat.S_ISLNK(facts.st_mode)
        if is_link and self.ignored(path):
            return
        real = self._target(path, place) if is_link else place
        if real is None:
            return
        mode = real.stat().st_mode if is_link else facts.st_mode
        if self.ignored(f"{path}/" if stat.S_ISDIR(mode) else path):
            return
        if said := problem_with_path(path):
            self._refuse(path, said)
        elif stat.S_ISREG(mode):
            yield _Place(path, real)
        elif not stat.S_ISDIR(mode):
            self._refuse(path, "it is not a regular file")
        elif real in above:
            self._refuse(path, "the link leads back to a folder that contains it")
        else:
            yield from self.files(f"{path}/", real, (*above, real))

    def _target(self, path: str, link: Path) -> Path | None:
        """Where `link` really leads, or None when that is nowhere or outside."""
        try:
            real = link.resolve(strict=True)
        except (OSError, RuntimeError):
            self._refuse(path, "the link leads nowhere")
            return None
        if real != self.root and not real.is_relative_to(self.root):
            self._refuse(path, "the link leads out of the folder")
            return None
        return real

    def _refuse(self, path: str, said: str) -> None:
        shown = path if path.isprintable() else ascii(path)
        self.problems.append(
            Problem(said, key=shown, hint="rename or remove it, or name it in .amlignore or .gitignore")
        )


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise StorageFailed(f"{folder} cannot be read: {error.strerror}") from error


def _entry(root: Path, place: _Place, *, keep_executable: bool) -> Entry:
    """Read one file, again without following anything on the way from `root`."""
    try:
        with open_beneath(root, str(place.real.relative_to(root))) as stream:
            # The owner's bit: group and others depend on the umask.
            executable = bool(os.fstat(stream.fileno()).st_mode & stat.S_IXUSR)
            digest, size = hash_stream(stream)
    except OSError as error:
        raise StorageFailed(f"{place.real} cannot be read: {error.strerror}") from error
    return Entry(place.path, digest, size, executable and keep_executable)
