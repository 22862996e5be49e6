"""The Pythons of this machine for `UsePythonVersion`, by what they say of themselves; none is downloaded."""

import json
import os
import pwd
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pratique.base.errors import InvalidInput, NotFound

_PROBE: Final = (
    "import json, platform, sys; v = sys.version_info; "
    "print(json.dumps([platform.python_implementation(), '%d.%d.%d' % v[:3], v[3]]))"
)
_LIMIT: Final = 20
"""Seconds that an interpreter may take to say what it is."""
_NAME: Final = re.compile(r"python3(\.\d+)?")


@dataclass(frozen=True)
class Python:
    """One interpreter that starts."""

    path: Path
    version: str

    @property
    def order(self) -> tuple[int, ...]:
        return tuple(map(int, self.version.split(".")))


def choose_python(spec: str, path: str) -> Python:
    """The newest CPython that fits `spec`, such as 3.x, 3.11 or >=3.9 <3.12; `path` is searched first.

    Raises `InvalidInput` for what is no version, and `NotFound` with those that there are.
    """
    wanted = [version_range(part) for part in spec.split("||")]
    found = list(pythons(path))
    fitting = [one for one in found if any(one.version in specifiers for specifiers in wanted)]
    if not fitting:
        there = ", ".join(sorted({one.version for one in found})) or "none"
        raise NotFound(f"there is no Python {spec} on this machine", hint=f"there is: {there}")
    return max(fitting, key=lambda one: one.order)


def pythons(path: str) -> Iterator[Python]:
    """Every interpreter, each once."""
    seen: set[str] = set()
    for file in _candidates(path):
        real = os.path.realpath(file)
        if real not in seen:
            seen.add(real)
            if version := _asked(file):
                yield Python(file, version)


def version_range(text: str) -> SpecifierSet:
    """A range as npm writes it, such as >=3.9 <3.12, in the words of Python's packages; raises `InvalidInput`."""
    words = re.sub(r"([<>=~^]+)\s+", r"\1", text.strip()).split()
    parts = []
    for word in words:
        sign, version = re.fullmatch(r"([<>=~^]*)(.*)", word).groups()  # type: ignore[union-attr]
        version = re.sub(r"(\.[xX*])+$", "", version)
        if version in ("x", "X", "*"):
            continue
        if sign in ("", "="):
            parts.append(f"=={version}" if version.count(".") >= 2 else f"=={version}.*")
        elif sign in ("^", "~"):
            parts.append(
                f"~={version}" if "." in version and (sign == "^" or version.count(".") > 1) else f"=={version}.*"
            )
        else:
            parts.append(f"{sign}{version}")
    try:
        return SpecifierSet(",".join(parts))
    except InvalidSpecifier as error:
        raise InvalidInput(f"{text!r} is no version of Python", hint="write it as 3.11, 3.x or >=3.9 <3.12") from error


def _candidates(path: str) -> Iterator[Path]:
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    folders = [Path(part) for part in path.split(os.pathsep) if part.startswith("/")]
    for versions in (home / ".pyenv" / "versions", home / ".local" / "share" / "uv" / "python"):
        if versions.is_dir():
            folders += [version / "bin" for version in sorted(versions.iterdir())]
    for folder in dict.fromkeys([*folders, Path("/usr/local/bin"), Path("/usr/bin")]):
        try:
            names = sorted((name for name in os.listdir(folder) if _NAME.fullmatch(name)), reverse=True)
        except OSError:
            continue
        # pyenv's shims start whatever a file of the working folder says.
        if folder.name != "shims":
            yield from (folder / name for name in names)


def _asked(file: Path) -> str:
    """The version of the interpreter; empty when it does not start, or is no finished CPython."""
    try:
        said = subprocess.run(
            [file, "-I", "-S", "-c", _PROBE], capture_output=True, text=True, timeout=_LIMIT, check=True
        )
        kind, version, level = json.loads(said.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    return str(version) if (kind, level) == ("CPython", "final") else ""
