"""A project as `pratique init` writes it: a template, and the names that stand in it.

A template is a folder beside this module, and a project is its files with each
``<<word>>`` replaced by one of the names. ``dot-x`` becomes ``.x``, because
tools would obey such a file where it lies.

    template + names ──rendered──► files ──write──► folder

The example of the repository is the template with the names of `EXAMPLE`.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from pratique.base.errors import Conflict, InternalError, InvalidInput, Problem, StorageFailed
from pratique.base.names import problem_with_name

TEMPLATES: Final = {
    "credit-risk": "Decide on credit applications: real data, a pipeline with a gate, an endpoint.",
}
_FOLDER: Final = Path(__file__).parent / "templates"
_WORD: Final = re.compile(r"<<([a-z]+)>>")
_KINDS: Final = {"name": "project", "model": "asset", "endpoint": "endpoint", "compute": "compute"}
"""Which rule each name follows."""


@dataclass(frozen=True)
class Names:
    """What the things of a project are called."""

    name: str
    """The project itself, its experiment and its environment."""
    model: str
    """In the registry."""
    endpoint: str
    compute: str
    """Where its steps run on Azure; here everything runs on this machine."""

    @property
    def component(self) -> str:
        """How the names of its components begin."""
        return self.name.lower().replace("-", "_")

    @property
    def workspaces(self) -> str:
        """How the names of the workspaces begin that its pipeline delivers to: short enough for `-dev` behind it."""
        return self.name.lower()[:29]


EXAMPLE: Final = Names("credit-risk", "credit-risk", "credit-risk", "cpu-cluster")


def problem_with(what: str, name: str) -> str:
    """Why `name` cannot be the project's `what`, a field of `Names`; empty when it can."""
    return problem_with_name(_KINDS[what], name)


def check(names: Names) -> None:
    """Raise `InvalidInput` with every name that cannot be one; what only repeats the project's is not told again."""
    said = problem_with("name", names.name)
    told = [what for what in _KINDS if what == "name" or not said or getattr(names, what) != names.name]
    found = ((what, problem_with(what, getattr(names, what))) for what in told)
    if problems := [Problem(said, key=f"--{what}") for what, said in found if said]:
        raise InvalidInput.of(problems, what="project")


# --- files ---------------------------------------------------------------------------------------------------------


def rendered(template: str, names: Names) -> dict[str, bytes]:
    """The files of the project by their paths, in order."""
    folder = _FOLDER / template
    return {_path(path, folder): _filled(path, names) for path in sorted(_files(folder))}


def _files(folder: Path) -> Iterator[Path]:
    found = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    if not found:
        raise InternalError(f"the template {folder.name} did not come with this installation", hint="install it again")
    yield from found


def _path(path: Path, folder: Path) -> str:
    inside = path.relative_to(folder)
    return inside.with_name(re.sub("^dot-", ".", inside.name)).as_posix()


def _filled(path: Path, names: Names) -> bytes:
    return _WORD.sub(lambda word: str(getattr(names, word[1])), path.read_text(encoding="utf-8")).encode()


# --- writing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """What became of each file."""

    new: tuple[str, ...]
    replaced: tuple[str, ...]
    unchanged: tuple[str, ...]
    """What was there already, just so."""


def write(files: Mapping[str, bytes], folder: Path, *, replace: bool) -> Written:
    """Write `files` into `folder`: all of them, or none.

    What is there and is the same stays. What is there and differs raises
    `Conflict`, which names it, unless `replace`; a folder or a link in the way
    always does.
    """
    with _storage_errors(folder):
        unchanged = [path for path, content in files.items() if _is_same(folder, path, content)]
        there = [path for path in files if path not in unchanged and os.path.lexists(folder / path)]
        _refuse(folder, files, there, replace=replace)
        new = [path for path in files if path not in unchanged and path not in there]
        if new or there:
            _put({path: files[path] for path in (*new, *there)}, folder)
        return Written(tuple(new), tuple(there), tuple(unchanged))


def _is_same(folder: Path, path: str, content: bytes) -> bool:
    place = folder / path
    return place.is_file() and not place.is_symlink() and place.read_bytes() == content


def _refuse(folder: Path, files: Mapping[str, bytes], there: list[str], *, replace: bool) -> None:
    in_the_way = sorted({str(place) for path in files for place in _in_the_way(folder, path)})
    if in_the_way:
        raise Conflict(
            "these are in the way, and are no plain files or folders:\n" + _listed(in_the_way),
            hint="choose another folder",
        )
    if there and not replace:
        raise Conflict(
            f"these files are in {folder} already, and are others; nothing was written:\n" + _listed(there),
            hint="choose another folder, or replace them with --force",
        )


def _in_the_way(folder: Path, path: str) -> Iterator[Path]:
    """What stands where `path` or a folder above it should be, and is something else."""
    if folder.exists() and not folder.is_dir():
        yield folder
        return
    place = folder / path
    if place.is_symlink() or place.is_dir():
        yield place
    for part in list(PurePosixPath(path).parents)[:-1]:
        above = folder / part
        if above.is_symlink() or (above.exists() and not above.is_dir()):
            yield above


def _listed(paths: list[str]) -> str:
    return "\n".join(f"  {path}" for path in paths)


def _put(files: Mapping[str, bytes], folder: Path) -> None:
    """Write everything beside, then move it in: a full disk is found before anything is in its place."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    is_new = not folder.exists()
    with tempfile.TemporaryDirectory(dir=folder.parent if is_new else folder, prefix=".pratique-init-") as beside:
        made = Path(beside) / "new"
        made.mkdir()  # Unlike the folder around it with the permissions that the user's umask leaves.
        for path, content in files.items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_bytes(content)
        if is_new:
            made.rename(folder)
        else:
            _move_in(files, made, folder, Path(beside) / "old")


def _move_in(files: Mapping[str, bytes], made: Path, folder: Path, old: Path) -> None:
    """Move each file from `made` into `folder`; when one fails, everything is as it was."""
    with ExitStack() as undo:
        for path in files:
            place, kept = folder / path, old / path
            for parent in reversed(_missing(place.parent)):
                parent.mkdir()
                undo.callback(parent.rmdir)
            if place.exists():
                kept.parent.mkdir(parents=True, exist_ok=True)
                place.rename(kept)
                undo.callback(kept.rename, place)
            (made / path).rename(place)
            undo.callback(place.unlink)
        undo.pop_all()


def _missing(folder: Path) -> list[Path]:
    """`folder` and those above it that are not there, the deepest first."""
    return [place for place in (folder, *folder.parents) if not place.exists()]


@contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"{error.filename or folder} cannot be written: {error.strerror}", hint="choose a folder of yours"
        ) from error
