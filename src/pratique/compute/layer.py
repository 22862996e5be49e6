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


def lay(python: Path, folder: Path) -> Path:
    """Make a layer in `folder`, which is not there yet, above the environment of `python`; returns the layer's Python.

    Above an environment whose packages cannot be found nothing is laid: its own Python is returned.
    """
    folder.mkdir(mode=0o700)
    below = python.parent.parent
    packages = next(iter(sorted(below.glob("lib/python3*/site-packages"))), None)
    if packages is None:
        return python
    own = folder / packages.relative_to(below)
    own.mkdir(mode=0o700, parents=True)
    interpreter = Path(os.path.realpath(python))
    bundled = _pip_of(interpreter, packages.parent.name)
    (folder / _CONFIGURATION).write_text(
        f"home = {interpreter.parent}\ninclude-system-site-packages = false\n", encoding="utf-8"
    )
    leads = [f"import site; site.addsitedir({str(packages)!r})", *([str(bundled)] if bundled else [])]
    (own / "below.pth").write_text("\n".join([*leads, ""]), encoding="utf-8")
    return _programs(folder / "bin", interpreter, has_pip=bundled is not None or (packages / "pip").is_dir())


def _programs(folder: Path, interpreter: Path, *, has_pip: bool) -> Path:
    """Write the programs of a layer; its Python."""
    folder.mkdir(mode=0o700)
    for name in ("python", "python3", interpreter.name):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(interpreter)
    for name in _PIPS:
        program = folder / name
        program.write_text(_WITH_PIP if has_pip else _WITHOUT_PIP, encoding="utf-8")
        program.chmod(0o700)
    return folder / "python"


def _pip_of(interpreter: Path, version: str) -> Path | None:
    """The wheel of pip that an interpreter has for ensurepip, which can be imported as it is."""
    bundled = interpreter.parent.parent / "lib" / version / "ensurepip" / "_bundled"
    return next(iter(sorted(bundled.glob("pip-*.whl"))), None)
