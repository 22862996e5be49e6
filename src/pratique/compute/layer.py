"""A layer above an environment: what one job installs goes there, and the environment that others share stays as it is.

    <folder>/
      pyvenv.cfg                 a virtual environment of the same interpreter
      bin/python, bin/pip …
      lib/python3.11/site-packages/
        below.pth                leads to the packages of the environment below

Commands of Azure ML jobs run ``pip install -r requirements.txt`` before they
begin, because conda puts pip into every environment. uv does not, so pip is
the one that the interpreter brings for ensurepip. What pip finds below counts
as installed; it never removes anything there, because that is outside the
environment that it works in.

Making a layer takes a few small files and starts no process.
"""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

_CONFIGURATION: Final = "pyvenv.cfg"
_PIPS: Final = ("pip", "pip3")
_WITH_PIP: Final = '#!/bin/sh\nexec "$(dirname "$0")/python" -m pip "$@"\n'
_WITHOUT_PIP: Final = (
    "#!/bin/sh\n"
    'echo "pip is not in this environment, and its interpreter brings none: name the packages in the environment" >&2\n'
    "exit 1\n"
)
_ENVIRONMENTS: Final = 64
"""Of so many it is remembered what lies above them; what they contain does not change, their interpreter may."""


@dataclass(frozen=True)
class _Plan:
    """What a layer above one environment consists of, by paths within the layer."""

    folders: tuple[str, ...]
    """Those above before those within."""
    links: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, bytes, int], ...]
    """With their content and mode."""


def lay(python: Path, folder: Path) -> Path:
    """Make a layer in `folder`, which is not there yet, above the environment of `python`; returns the layer's Python.

    Above an environment whose packages cannot be found nothing is laid: its own Python is returned.
    """
    os.mkdir(folder, 0o700)
    plan = _plan(python, Path(os.path.realpath(python)))
    if plan is None:
        return python
    place = f"{folder}/"
    for name in plan.folders:
        os.mkdir(place + name, 0o700)
    for name, target in plan.links:
        os.symlink(target, place + name)
    for name, content, mode in plan.files:
        file = os.open(place + name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            os.write(file, content)
        finally:
            os.close(file)
    return folder / "bin" / "python"


@lru_cache(_ENVIRONMENTS)
def _plan(python: Path, interpreter: Path) -> _Plan | None:
    """For an environment and what its `python` leads to; None when its packages cannot be found."""
    below = python.parent.parent
    packages = next(iter(sorted(below.glob("lib/python3*/site-packages"))), None)
    if packages is None:
        return None
    own = packages.relative_to(below)
    bundled = _pip_of(interpreter, packages.parent.name)
    leads = [f"import site; site.addsitedir({str(packages)!r})", *([str(bundled)] if bundled else [])]
    configuration = f"home = {interpreter.parent}\ninclude-system-site-packages = false\n"
    program = _WITH_PIP if bundled or (packages / "pip").is_dir() else _WITHOUT_PIP
    return _Plan(
        folders=("bin", *(str(part) for part in reversed(own.parents[:-1])), str(own)),
        links=tuple(
            (f"bin/{name}", str(interpreter)) for name in dict.fromkeys(("python", "python3", interpreter.name))
        ),
        files=(
            (_CONFIGURATION, configuration.encode(), 0o600),
            (f"{own}/below.pth", "\n".join([*leads, ""]).encode(), 0o600),
            *((f"bin/{name}", program.encode(), 0o700) for name in _PIPS),
        ),
    )


def _pip_of(interpreter: Path, version: str) -> Path | None:
    """The wheel of pip that an interpreter has for ensurepip, which can be imported as it is."""
    bundled = interpreter.parent.parent / "lib" / version / "ensurepip" / "_bundled"
    return next(iter(sorted(bundled.glob("pip-*.whl"))), None)
