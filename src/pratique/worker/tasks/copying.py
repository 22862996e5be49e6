"""CopyFiles@2: files that patterns choose, from one folder into another, with the folders they lie in."""

import os
import shutil
from pathlib import Path

from pratique.base.errors import InvalidInput, NotFound
from pratique.worker.matching import found_below
from pratique.worker.step import DONE, Outcome
from pratique.worker.tasks.work import Work


def copy_files(work: Work) -> Outcome:
    """Copy; what is there already stays unless `OverWrite`."""
    inputs, run = work.inputs, work.run
    source = run.folder("") / inputs.text("sourceFolder").strip()
    target = run.folder("") / inputs.text("targetFolder").strip()
    if not source.is_dir():
        raise NotFound(f"there is no folder {source} to copy from")
    found = [Path(os.path.relpath(file, source)) for file in found_below(source, inputs.lines("contents"))]
    found = [path for path in found if path.parts[0] != ".."]
    if inputs.is_on("cleanTargetFolder"):
        if source.resolve().is_relative_to(target.resolve()):
            raise InvalidInput(f"emptying {target} would remove what is to be copied", hint="choose another target")
        empty(target)
    target.mkdir(parents=True, exist_ok=True)
    run.say(f"{len(found)} files from {source} to {target}")
    for path in found:
        place = target / (path.name if inputs.is_on("flattenFolders") else path)
        if place.exists() and not inputs.is_on("overWrite"):
            run.say(f"{place} is there already; it stays")
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copy2 if inputs.is_on("preserveTimestamp") else shutil.copy
        copy(source / path, place)
        run.say(f"copied {path}")
    return DONE


def empty(target: Path) -> None:
    """Remove what is in the folder `target`, links themselves and never what they lead to."""
    if not target.is_dir():
        return
    for entry in os.scandir(target):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
