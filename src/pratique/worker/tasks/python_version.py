"""UsePythonVersion@0: a Python of this machine becomes `python` for the steps that follow.

It gets a folder of its own in the job's tools, so that `pip install` changes
nothing of the machine.
"""

import shlex
import subprocess
import zipfile
from pathlib import Path
from typing import Final

from pratique.base.errors import ComputeFailed
from pratique.worker.pythons import Python, choose_python
from pratique.worker.step import DONE, Outcome
from pratique.worker.tasks.work import Work

_MAKE: Final = """
import glob, os, sys, sysconfig, venv
venv.create(sys.argv[1], symlinks=True, clear=True)
print(os.path.join(sys.argv[1], "lib", "python%d.%d" % sys.version_info[:2], "site-packages"))
places = [os.path.join(sysconfig.get_path("stdlib"), "ensurepip", "_bundled"), "/usr/share/python-wheels"]
for name in ("pip", "setuptools"):
    found = [file for place in places for file in sorted(glob.glob(os.path.join(place, name + "-*.whl")))]
    print(*found[:1], sep="\\n", end="\\n" if found else "")
"""


def use_python(work: Work) -> Outcome:
    """Choose, make the folder, and put it before PATH unless `addToPath` is off."""
    run = work.run
    python = choose_python(work.inputs.text("versionSpec"), run.environment()["PATH"])
    folder = run.job.workspace.tools / "Python" / python.version / "x64"
    if not folder.exists():
        _make(work, python, folder)
    run.say(f"Python {python.version}, from {python.path}")
    run.job.variables.platform({"pythonLocation": str(folder)})
    if work.inputs.is_on("addToPath"):
        own = str(folder / "bin")
        run.job.paths[:] = [own, *(path for path in run.job.paths if path != own)]
    return DONE


def _make(work: Work, python: Python, folder: Path) -> None:
    """Make the environment, with the pip that this Python carries."""
    environment = {name: value for name, value in work.run.environment().items() if not name.startswith("PYTHON")}
    argv = [str(python.path), "-I", "-c", _MAKE, str(folder)]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ComputeFailed(f"{python.path} made no environment: {(done.stderr or done.stdout).strip()[-500:]}")
    packages, *wheels = done.stdout.splitlines()
    for wheel in wheels:
        # A wheel is a folder in a zip file; `ensurepip` does the same, and takes seconds to compile all of it.
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages)
    if not any("pip-" in wheel for wheel in wheels):
        work.run.warn(f"Python {python.version} of this machine carries no pip")
        return
    for name in ("pip", "pip3", f"pip{python.version.rpartition('.')[0]}"):
        program = folder / "bin" / name
        program.write_text(
            f'#!/bin/sh\nexec {shlex.quote(str(folder / "bin" / "python"))} -m pip "$@"\n', encoding="utf-8"
        )
        program.chmod(0o755)
