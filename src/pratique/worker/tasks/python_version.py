"""UsePythonVersion@0: a Python of this machine becomes `python` for the steps that follow.

It gets a folder of its own in the job's tools, so that `pip install` changes
nothing of the machine.
"""

import subprocess
from pathlib import Path

from pratique.worker.pythons import Python, choose_python
from pratique.worker.step import DONE, Outcome
from pratique.worker.tasks.work import Work


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
    """Make the environment; without pip where this Python cannot install it."""
    base = [str(python.path), "-I", "-m", "venv"]
    environment = {name: value for name, value in work.run.environment().items() if not name.startswith("PYTHON")}
    for options in ([], ["--without-pip"]):
        done = subprocess.run(
            [*base, *options, "--clear", str(folder)], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            if options:
                work.run.warn(f"Python {python.version} of this machine has no ensurepip, so there is no pip")
            return
    raise OSError(1, (done.stderr or done.stdout).strip()[-500:], str(python.path))
