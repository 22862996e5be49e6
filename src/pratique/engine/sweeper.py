"""Removes the folders of jobs that ended just before an earlier engine was killed."""

from pratique.engine.attempts import tidy
from pratique.engine.workbench import Workbench
from pratique.store import jobs


class Sweeper:
    """Sweeps once, beside everything else: homes may be large."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._is_done = False

    def step(self) -> bool:
        """Sweep the first time; never finds more to do."""
        if not self._is_done:
            self._sweep()
            self._is_done = True
        return False

    def _sweep(self) -> None:
        for folder in self._bench.home.jobs.glob("*/*"):
            if folder.is_dir() and any(part.is_dir() for part in folder.iterdir()):
                with self._bench.database.read() as tx:
                    job = jobs.by_id(tx, folder.parent.name)
                if job is not None and job.is_terminal:
                    tidy(folder)
