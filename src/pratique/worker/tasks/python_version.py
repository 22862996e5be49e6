"""UsePythonVersion@0: a Python of this machine becomes `python` for the steps that follow.

It gets a folder of its own in the job's tools, so that `pip install` changes
nothing of the machine.
"""

import os
from pathlib import Path

from pratique.worker.python_environment import make_environment
from pratique.worker.pythons import choose_python
from pratique.worker.step import DONE, Outcome
from pratique.worker.tasks.work import Work


def use_python(work: Work) -> Outcome:
    """Choose, make the folder, and put it before PATH unless `addToPath` is off."""
    run = work.run
    tools = run.job.workspace.tools
    # What the job itself has put on the PATH is no Python of the machine.
    path = [part for part in run.environment()["PATH"].split(os.pathsep) if not Path(part).is_relative_to(tools)]
    python = choose_python(work.inputs.text("versionSpec"), os.pathsep.join(path))
    folder = tools / "Python" / python.version / "x64"
    if not folder.exists() and not make_environment(python.path, folder, run.environment()):
        run.warn(f"Python {python.version} of this machine carries no pip")
    run.say(f"Python {python.version}, from {python.path}")
    run.job.variables.platform({"pythonLocation": str(folder)})
    if work.inputs.is_on("addToPath"):
        own = str(folder / "bin")
        run.job.paths[:] = [own, *(path for path in run.job.paths if path != own)]
    return DONE
