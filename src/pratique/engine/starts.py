"""The starts of a service on disk: one numbered folder each, ``services/<name>/<number>/``; the highest counts.

Apart from the services themselves, because whoever only asks whether one runs
should not have to import all that it runs on.
"""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Final

from pratique.base.home import Home
from pratique.compute.local import LocalCompute
from pratique.compute.task import Absent, Running

LOG_NAME: Final = "console.log"
_KEPT_STARTS: Final = 3


def next_start(home: Home, compute: LocalCompute, name: str) -> Path:
    """A folder for the next start of a service; of those before it, the newest few stay for their logs."""
    before = _starts(home, name)
    if before and isinstance(compute.observe(before[-1]), Absent):
        return before[-1]
    number = int(before[-1].name) + 1 if before else 1
    folder = home.services / name / str(number)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in before[: 1 - _KEPT_STARTS]:
        if not isinstance(compute.observe(old), Running):
            shutil.rmtree(old, ignore_errors=True)
    return folder


def newest_start(home: Home, name: str) -> Path | None:
    """The folder of the newest start of a service; None when it was never started."""
    found = _starts(home, name)
    return found[-1] if found else None


def stop(home: Home, compute: LocalCompute, name: str, *, grace: timedelta) -> None:
    """Stop every start of a service that still lives."""
    for folder in _starts(home, name):
        compute.stop(folder, grace=grace)


def _starts(home: Home, name: str) -> list[Path]:
    root = home.services / name
    found = [folder for folder in root.iterdir() if folder.name.isdecimal()] if root.is_dir() else []
    return sorted(found, key=lambda folder: int(folder.name))
