"""Removes what jobs and units of delivery runs worked with that ended just before something was killed."""

from pratique.compute.task import Running
from pratique.delivery import unit_folder
from pratique.engine.tidying import tidy
from pratique.engine.workbench import Workbench
from pratique.store import delivery_units, jobs


class Sweeper:
    """Sweeps once, beside everything else: homes may be large."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._is_done = False

    def step(self) -> bool:
        """Sweep the first time; never finds more to do."""
        if not self._is_done:
            self._sweep_jobs()
            self._sweep_units()
            self._is_done = True
        return False

    def _sweep_jobs(self) -> None:
        for folder in self._bench.home.jobs.glob("*/*"):
            if folder.is_dir() and any(part.is_dir() for part in folder.iterdir()):
                with self._bench.database.read() as tx:
                    job = jobs.by_id(tx, folder.parent.name)
                if job is not None and job.is_terminal:
                    tidy([folder])

    def _sweep_units(self) -> None:
        for folder in self._bench.home.deliveries.glob("*/*"):
            if unit_folder.has_leftovers(folder):
                with self._bench.database.read() as tx:
                    unit = delivery_units.get(tx, folder.name)
                is_over = unit is not None and unit.state == "completed"
                if is_over and not isinstance(self._bench.workers.observe(folder), Running):
                    unit_folder.tidy(folder)
