"""Notices whose time has come: checks that nobody answered, hours that open, secrets that were deleted long ago."""

from datetime import datetime, timedelta
from typing import Final

from pratique.base.clock import utc_now
from pratique.control import checks, vaults
from pratique.control.actor import PLATFORM
from pratique.engine.workbench import Workbench
from pratique.store import asked_checks

_PURGES_EVERY: Final = timedelta(hours=1)


class Timekeeper:
    """Looks at the clock for rows that wait: one indexed query, however many there are."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._purged: datetime | None = None

    def step(self) -> bool:
        """Wake what is due; never finds more to do at once."""
        now = utc_now()
        with self._bench.database.read() as tx:
            due = asked_checks.due(tx, now=now)
        if due:
            with self._bench.database.write() as tx:
                checks.wake_due(tx, now=now)
        if self._purged is None or now - self._purged >= _PURGES_EVERY:
            with self._bench.database.write() as tx:
                vaults.purge_due(tx, PLATFORM, now=now)
            self._purged = now
        return False
