"""Python environments of one job: what `pip install` puts there changes nothing of this machine.

`UsePythonVersion` makes one for the Python that a step asks for. Steps that ask for
none have `python` and `pip` all the same, as on an agent: `write_python` puts small
programs of these names on the PATH, and the first that is used makes an environment
that sees every package of the machine's own Python.

`python -m pratique.worker.python_environment PYTHON FOLDER` is what they call.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pratique.base.errors import ComputeFailed
from pratique.client.login import write_private

_NAMES: Final = ("python", "python3", "pip", "pip3")
_MAKE: Final = """
import glob, os, site, sys, sysconfig, venv
venv.create(sys.argv[1], symlinks=True, clear=True)
print(os.path.join(sys.argv[1], "lib", "python%d.%d" % sys.version_info[:2], "site-packages"))
print(os.pathsep.join(one for one in sys.path if one.endswith(("site-packages", "dist-packages"))))
places = [os.path.join(sysconfig.get_path("stdlib"), "ensurepip", "_bundled"), "/usr/share/python-wheels"]
for name in ("pip", "setuptools"):
    found = [file for place in places for file in sorted(glob.glob(os.path.join(place, name + "-*.whl")))]
    print(*found[:1], sep="\\n", end="\\n" if found else "")
"""


def make_environment(
    python: Path, folder: Path, environment: Mapping[str, str], *, sees_machine: bool = False, place: Path | None = None
) -> bool:
    """Make an environment of `python` in `folder`, and say whether it has a pip; raises `ComputeFailed`.

    `sees_machine` lets it find the packages of `python` itself behind its own. `place` is where it will lie.
    """
    own = {name: value for name, value in environment.items() if not name.startswith("PYTHON")}
    argv = [str(python), "-I", "-c", _MAKE, str(folder)]
    done = subprocess.run(argv, env=own, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ComputeFailed(f"{python} made no environment: {(done.stderr or done.stdout).strip()[-500:]}")
    packages, machine, *wheels = done.stdout.splitlines()
    if sees_machine and machine:
        lines = [f"import site; site.addsitedir({one!r})" for one in machine.split(os.pathsep)]
        (Path(packages) / "machine.pth").write_text("\n".join([*lines, ""]), encoding="utf-8")
    for wheel in wheels:
        # A wheel is a folder in a zip file; `ensurepip` does the same, and takes seconds to compile all of it.
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages)
    has_pip = any("pip-" in wheel for wheel in wheels)
    if has_pip or sees_machine:
        _write_pip(folder / "bin", (place or folder) / "bin" / "python", Path(packages).parent.name)
    return has_pip


def _write_pip(folder: Path, python: Path, version: str) -> None:
    for name in ("pip", "pip3", version.replace("python", "pip")):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python))} -m pip "$@"\n', encoding="utf-8")
        program.chmod(0o755)


def write_python(folder: Path, environment: Path, *, path: str, modules: str = "") -> None:
    """Write `python`, `python3`, `pip` and `pip3` into `folder`, which make `environment` when it is not there yet.

    `path` is where the machine's Python is looked for, and `modules` the PYTHONPATH that this program needs, if any.
    """
    machine = shutil.which("python3", path=path) or sys.executable
    words = [sys.executable, "-P", "-m", "pratique.worker.python_environment", machine, str(environment)]
    make = " ".join(map(shlex.quote, words))
    own = f"PYTHONPATH={shlex.quote(modules)}; export PYTHONPATH" if modules else "unset PYTHONPATH"
    for name in _NAMES:
        program = shlex.quote(str(environment / "bin" / name))
        lines = [
            "#!/bin/sh",
            f"[ -e {program} ] || ( unset PYTHONHOME PYTHONSTARTUP PYTHONINSPECT; {own}; {make} ) || exit 127",
            f'exec {program} "$@"',
            "",
        ]
        write_private(folder / name, "\n".join(lines), mode=0o700)


def main(python: str, folder: str) -> int:
    """Make the environment beside where it will lie, and put it there unless another process was quicker."""
    place = Path(folder)
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=place.parent, prefix=".making-"))
    try:
        make_environment(Path(python), draft, os.environ, sees_machine=True, place=place)
        draft.rename(place)
    except ComputeFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError:
        if not (place / "bin" / "python").exists():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
