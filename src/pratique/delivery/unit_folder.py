"""What lies in the folder of a unit: what its worker needs as long as it runs, beside what is kept.

    work      workspace, temporary files with the logins of tasks, tools
    home      HOME of every step
    unsent    what was printed, until the platform has it
    worker    what the worker remembers of uploads

The worker removes them when it ends; whoever ends a unit for a worker that is gone does it for it.
"""

from pathlib import Path
from typing import Final

from pratique.content.removal import remove_tree

WORK: Final = "work"
HOME: Final = "home"
UNSENT: Final = "unsent"
WORKER: Final = "worker"
PASSING: Final = (WORK, HOME, UNSENT, WORKER)


def has_leftovers(folder: Path) -> bool:
    """Whether anything is there that should have gone with the unit."""
    return any((folder / part).is_dir() for part in PASSING)


def tidy(folder: Path) -> None:
    """Remove everything that a unit which has ended needs no more; what it said stays."""
    for part in PASSING:
        if (folder / part).is_dir():
            remove_tree(folder / part)
