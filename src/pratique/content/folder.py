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
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from pathspec import GitIgnoreSpec

from pratique.base.errors import InvalidInput, NotFound, Problem, StorageFailed
from pratique.content.hashing import hash_descriptor
from pratique.content.manifest import MAX_ENTRIES, Entry, Manifest
from pratique.content.paths import problem_with_path
from pratique.content.remembered import Remembered, now_ns
from pratique.content.safeopen import Beneath

IGNORE_FILES: Final = (".amlignore", ".gitignore")
ALWAYS_IGNORED: Final = (".git/", "__pycache__/", ".ipynb_checkpoints/")
_IGNORE_LIMIT: Final = 1 << 20  # Bytes; a list of patterns larger than this is no list of patterns.

Ignored = Callable[[str], bool]
"""Whether a path is left out; the path of a folder ends in a slash."""


def scan(root: Path, *, honour_ignore: bool, keep_executable: bool, remembered: Remembered | None = None) -> Manifest:
    """The manifest of the folder or single file at `root`; every file is read once, or is `remembered`.

    A single file gives one entry with its base name. Empty folders leave no
    trace. Raises `NotFound`, `InvalidInput` with every path that cannot be
    taken, and `StorageFailed` for what cannot be read.
    """
    if root.is_file():
        real = root.resolve()
        places = [_Place(root.name, real.name, os.stat(real) if remembered else None)]
        return _manifest(real.parent, places, remembered, keep_executable=keep_executable)
    if not root.is_dir():
        raise NotFound(f"there is no file or folder {root}")
    real = root.resolve()
    walk = _Walk(real, _ignore_rules(real) if honour_ignore else None, remembered is not None, [], [])
    walk.enter("", str(real), (str(real),))
    if walk.problems:
        raise InvalidInput.of(walk.problems[:20], what=str(root))
    return _manifest(real, walk.places, remembered, keep_executable=keep_executable)


def source_of(root: Path, entry: Entry) -> Path:
    """Where `scan` of `root` read `entry` from."""
    return root if root.is_file() else root / entry.path


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


class _Place(NamedTuple):
    """A file: its path in the manifest, where its bytes really are below the root, and its facts where they are asked.

    Facts are those of a file that is no link and was reached through none.
    """

    path: str
    real: str
    facts: os.stat_result | None


@dataclass(frozen=True)
class _Walk:
    """One walk through `root`: files are collected in `places`, what cannot be taken in `problems`.

    Paths are texts here and not `Path`: a folder may have 100,000 files.
    """

    root: Path
    ignored: Ignored | None
    asks_facts: bool
    places: list[_Place]
    problems: list[Problem]

    def enter(self, prefix: str, folder: str, above: tuple[str, ...]) -> None:
        """Walk `folder`; `above` are the real folders on the way, to see a loop of links."""
        for found in _found_in(folder):
            try:
                self._one(f"{prefix}{found.name}", found, above)
            except OSError as error:
                self._refuse(f"{prefix}{found.name}", f"it cannot be read: {error.strerror}")
            if len(self.problems) > MAX_ENTRIES:
                return

    def _one(self, path: str, found: os.DirEntry[str], above: tuple[str, ...]) -> None:
        is_link = found.is_symlink()
        if is_link and self._is_ignored(path):
            return
        real = self._target(path, found.path) if is_link else found.path
        if real is None:
            return
        is_folder = found.is_dir()
        if self._is_ignored(f"{path}/" if is_folder else path):
            return
        if said := problem_with_path(path):
            self._refuse(path, said)
        elif is_folder:
            self._enter_below(path, real, above)
        elif found.is_file():
            is_plain = not is_link and real[len(above[0]) + 1 :] == path
            facts = found.stat(follow_symlinks=False) if self.asks_facts and is_plain else None
            self.places.append(_Place(path, real[len(above[0]) + 1 :], facts))
        else:
            self._refuse(path, "it is not a regular file")

    def _enter_below(self, path: str, real: str, above: tuple[str, ...]) -> None:
        if real in above:
            self._refuse(path, "the link leads back to a folder that contains it")
        else:
            self.enter(f"{path}/", real, (*above, real))

    def _is_ignored(self, path: str) -> bool:
        return self.ignored is not None and self.ignored(path)

    def _target(self, path: str, link: str) -> str | None:
        """Where `link` really leads, or None when that is nowhere or outside."""
        try:
            real = Path(link).resolve(strict=True)
        except (OSError, RuntimeError):
            self._refuse(path, "the link leads nowhere")
            return None
        if real != self.root and not real.is_relative_to(self.root):
            self._refuse(path, "the link leads out of the folder")
            return None
        return str(real)

    def _refuse(self, path: str, said: str) -> None:
        shown = path if path.isprintable() else ascii(path)
        self.problems.append(
            Problem(said, key=shown, hint="rename or remove it, or name it in .amlignore or .gitignore")
        )


def _found_in(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda one: one.name)
    except OSError as error:
        raise StorageFailed(f"{folder} cannot be read: {error.strerror}") from error


def _manifest(
    root: Path, places: Iterable[_Place], remembered: Remembered | None, *, keep_executable: bool
) -> Manifest:
    """Read the files, again without following anything on the way from `root`."""
    with Beneath(root) as beneath:
        made = Manifest(_entry(beneath, root, place, remembered, keep_executable=keep_executable) for place in places)
    if remembered:
        remembered.save()
    return made


def _entry(
    beneath: Beneath, root: Path, place: _Place, remembered: Remembered | None, *, keep_executable: bool
) -> Entry:
    facts = place.facts
    if remembered and facts and (digest := remembered.digest(place.real, facts)):
        return Entry(place.path, digest, facts.st_size, keep_executable and _is_executable(facts))
    try:
        began_ns = now_ns()
        descriptor = beneath.open(place.real)
        try:
            before = os.fstat(descriptor)
            digest, size = hash_descriptor(descriptor)
            if remembered and facts:
                remembered.learn(place.real, digest, before, os.fstat(descriptor), began_ns=began_ns)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StorageFailed(f"{root / place.real} cannot be read: {error.strerror}") from error
    return Entry(place.path, digest, size, keep_executable and _is_executable(before))


def _is_executable(facts: os.stat_result) -> bool:
    # The owner's bit: group and others depend on the umask.
    return bool(facts.st_mode & stat.S_IXUSR)
