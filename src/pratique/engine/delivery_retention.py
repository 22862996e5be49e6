"""How long runs of deliveries keep their logs and artifacts: by age and by count, and always what somebody approved.

What goes are the folder of a run, the rows of its artifacts and the working
tree that it was sent; its row stays, with how it ended and who did what. The
content of the artifacts goes with whatever else nothing names
(`pratique.engine.pruning`).
"""

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from pratique.base.home import Home
from pratique.control import download_origins, pipeline_resources
from pratique.engine import delivery_logs
from pratique.engine.pruning import Leftover
from pratique.store import delivery_runs
from pratique.store.database import Database, Transaction
from pratique.store.delivery_runs import Run

KIND: Final = "delivery runs"


class DeliveryRetention:
    """One look at the runs of a home."""

    def __init__(self, home: Home, database: Database, *, now: datetime, days: int, count: int) -> None:
        """Runs that ended within `days` stay, and of each pipeline the newest `count`; 0 days are without end."""
        self._home = home
        self._database = database
        self._now = now
        self._before = now - timedelta(days=days) if days else None
        self._count = count

    def runs(self) -> Iterator[Leftover]:
        """What logs and artifacts of runs may go."""
        if self._before is None:
            return
        with self._database.read() as tx:
            needed = _read_by_others(tx)
            found = delivery_runs.ended_before(tx, self._before, besides_newest=self._count)
            found = [run for run in found if run.id not in needed and self._has_something(tx, run)]
        for run in found:
            yield Leftover(KIND, f"run {run.id} ({run.number})", self._size(run), partial(self._remove, run))

    def _has_something(self, tx: Transaction, run: Run) -> bool:
        return (
            bool(delivery_runs.artifacts_of(tx, run.id))
            or any(one.get("manifest") for one in run.sources)
            or any(path.is_dir() for path in self._home.delivery_run(run.id).glob("*"))
        )

    def _size(self, run: Run) -> int:
        """Of its folder; artifacts count where their content goes."""
        files = self._home.delivery_run(run.id).rglob("*")
        return sum(path.lstat().st_size for path in files if not path.is_dir())

    def _remove(self, run: Run) -> bool:
        with self._database.write(delivery_runs.TOPIC) as tx:
            if run.id in _read_by_others(tx):
                return False
            delivery_runs.forget_files(tx, run.id)
        folder = self._home.delivery_run(run.id)
        shutil.rmtree(folder, ignore_errors=True)
        said = f"run {run.id}: its logs and artifacts were removed by pratique prune"
        delivery_logs.tell(self._home, run.id, [said], self._now)
        return True


def _read_by_others(tx: Transaction) -> frozenset[int]:
    """The runs whose artifacts other runs were told to read, or would ask for."""
    return pipeline_resources.runs_in_use(tx) | download_origins.runs_in_use(tx)
