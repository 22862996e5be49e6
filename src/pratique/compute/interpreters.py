"""The Pythons of this machine, found where they lie: PATH, pyenv, uv's own, the system's.

Nothing is downloaded. pyenv's shims are passed over, because what they start
depends on files in the current folder; the versions beneath them are taken by
their full path. A candidate counts only once it has said itself what it is.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pratique.base.errors import ComputeFailed, InvalidInput

OLDEST: Final = (3, 8)
"""The model server runs on nothing older."""
_PROBE: Final = """
import sys
print(sys.implementation.name, sys.version_info.releaselevel, "%d.%d.%d" % sys.version_info[:3])
"""
_PROBE_LIMIT: Final = 20  # Seconds; a first start from a cold disk takes one or two.
_HIGHEST_PATCH: Final = 50  # No minor version of Python has had half as many.
_MOST_LINKS: Final = 40  # As many as the kernel follows.
_REMEMBERED: Final = 64
"""Environments whose places are remembered."""
_NAME: Final = re.compile(r"python3(\.\d+)?")


@dataclass(frozen=True)
class Interpreter:
    """One Python that starts."""

    path: Path
    version: tuple[int, int, int]

    @property
    def minor(self) -> str:
        """Its version as packages know it, such as ``3.11``."""
        return f"{self.version[0]}.{self.version[1]}"

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


def find_interpreter(version: str) -> Path:
    """The full path of a Python `version`; see `choose_interpreter`."""
    return choose_interpreter(version).path


def choose_interpreter(version: str) -> Interpreter:
    """The newest CPython that fits `version`, such as ``3.11``, ``3.11.7`` or ``>=3.9,<3.12``.

    Raises `ComputeFailed`, saying which there are, when none fits, and
    `InvalidInput` when `version` is no version.
    """
    wanted = _specifier(version)
    fitting = [one for one in _started(_could_be(wanted)) if wanted.contains(str(one))]
    if not fitting:
        there = ", ".join(sorted({str(one) for one in available_interpreters()}, key=_as_numbers)) or "none"
        raise ComputeFailed(
            f"there is no Python {version} on this machine; there is: {there}",
            hint=f"install Python {version}, or ask for one of these in the environment",
        )
    return max(fitting, key=lambda one: one.version)  # Of equals the first found: PATH before the rest.


def available_interpreters() -> list[Interpreter]:
    """Every CPython from 3.8 that starts here, each place once, in the order in which they are found."""
    return _started(lambda _path: True)


def _started(is_candidate: Callable[[Path], bool]) -> list[Interpreter]:
    found: dict[Path, Interpreter | None] = {}
    for path in _candidates():
        real = Path(os.path.realpath(path))
        if real not in found and is_candidate(real):
            found[real] = _probe(real, _stamp(real))
    return [one for one in found.values() if one is not None]


def _could_be(wanted: SpecifierSet) -> Callable[[Path], bool]:
    """Whether a file's name leaves it open that it fits: starting every Python takes a second."""

    @cache
    def fits(minor: str) -> bool:
        return any(wanted.contains(f"{minor}.{patch}") for patch in range(_HIGHEST_PATCH))

    def could_be(path: Path) -> bool:
        named = _NAME.fullmatch(path.name)
        return named is None or named[1] is None or fits(f"3{named[1]}")

    return could_be


def places_of(python: Path) -> tuple[Path, ...]:
    """The folders without which `python` does not start: its environment, and every installation that it links to."""
    try:
        facts = os.stat(python)
    except OSError:
        return _places_of(python, (0, 0))
    return _places_of(python, (facts.st_dev, facts.st_ino))


@lru_cache(_REMEMBERED)
def _places_of(python: Path, _interpreter: tuple[int, int]) -> tuple[Path, ...]:
    """As long as the links end at the same file, which `_interpreter` tells, they lead there by the same way."""
    found = [python.parent.parent]
    for _ in range(_MOST_LINKS):
        if not python.is_symlink():
            break
        python = Path(os.path.normpath(python.parent / os.readlink(python)))
        found.append(python.parent.parent)
    found.append(Path(os.path.realpath(python)).parent.parent)
    return tuple(dict.fromkeys(place for place in found if len(place.parts) > 1))


def platform_version() -> str:
    """The Python that Pratique itself runs on, as ``3.11``: what an environment gets that names none."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _specifier(version: str) -> SpecifierSet:
    text = version.strip().removesuffix(".*")
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return SpecifierSet(f"=={text}.*")
    try:
        return SpecifierSet(f"=={text}" if re.match(r"\d|$", text) else text)
    except InvalidSpecifier:
        raise InvalidInput(
            f"{version!r} is not a Python version", hint="write it as 3.11, 3.11.7 or >=3.9,<3.12"
        ) from None


def _candidates() -> Iterator[Path]:
    base = getattr(sys, "_base_executable", None) or sys.executable
    yield Path(base)
    for folder in _folders():
        yield from sorted((path for path in _listed(folder) if _NAME.fullmatch(path.name)), reverse=True)


def _folders() -> Iterator[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser()
    data = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser()
    for text in os.environ.get("PATH", os.defpath).split(os.pathsep):
        if text.startswith("/") and Path(text).name != "shims":
            yield Path(text)
    for versions in (pyenv / "versions", data / "uv" / "python"):
        yield from (version / "bin" for version in _listed(versions))
    yield from (Path("/usr/local/bin"), Path("/usr/bin"))


def _listed(folder: Path) -> Iterable[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=256)
def _probe(path: Path, stamp: int) -> Interpreter | None:
    """Ask `path` what it is; None when it does not start or is not for us; `stamp` notices a new file."""
    if not stamp:
        return None
    try:
        said = subprocess.run(
            [path, "-I", "-S", "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_LIMIT, check=True
        ).stdout.split()
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    if said[:2] != ["cpython", "final"] or len(said) != 3:
        return None
    one = Interpreter(path, _as_numbers(said[2]))
    return one if one.version[:2] >= OLDEST else None


def _as_numbers(version: str) -> tuple[int, int, int]:
    major, minor, patch = map(int, version.split("."))
    return major, minor, patch
