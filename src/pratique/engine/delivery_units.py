"""Starts the workers of units, notices those that end without a word, and ends those that do not.

    queued ──a worker starts──► running ──its last record──► completed
       └─ cancelled                └─ it died, or outlived its cancel: ended here, with the reason

One thread decides all of it. A server that is killed between the start of a worker
and the row that tells of it finds the worker by its folder: the start of a
folder that has run already starts nothing.
"""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pratique.base.clock import utc_now
from pratique.base.errors import PratiqueError
from pratique.base.logging import get_logger
from pratique.compute.task import Absent, Exited, Lost, Observation, Running, Task
from pratique.control import delivery_units, grants
from pratique.control.tokens import LONGEST
from pratique.delivery import unit_folder
from pratique.delivery.run.outcomes import Result
from pratique.engine import delivery_stories
from pratique.engine.deaths import Deaths
from pratique.engine.failures import how_ended
from pratique.engine.loop import Stop
from pratique.engine.tails import last_lines
from pratique.engine.workbench import Workbench
from pratique.store import delivery_runs
from pratique.store import delivery_units as unit_rows
from pratique.store.delivery_units import UnitRow

_log = get_logger(__name__)
_GRACE: Final = timedelta(seconds=10)
_BESIDES: Final = timedelta(minutes=1)
"""What a worker has for its own end beyond the time that its file gives it."""
_LAUNCHES: Final = 4
"""Workers that are started at the same time."""
WORKER: Final = "pratique.worker"
"""The module of workers."""
CONSOLE: Final = "console.log"
"""What a worker itself says, in the folder of its unit."""


def units_at_once(cores: float) -> int:
    """How many workers a machine runs: more than it has cores, because most wait for jobs and deployments."""
    return max(4, int(2 * cores))


class UnitRunner:
    """Looks after every unit that has not ended."""

    def __init__(self, bench: Workbench, stop: Stop, *, at_once: int) -> None:
        """`at_once` is how many workers there may be."""
        self._bench = bench
        self._stop = stop
        self._at_once = at_once
        self._launchers = ThreadPoolExecutor(max_workers=_LAUNCHES, thread_name_prefix="unit-start")
        self._deaths = Deaths(stop.ring)
        self._pids: dict[str, int] = {}
        """Of workers that live, by unit."""

    def step(self) -> bool:
        """Look at every unit once; never finds more to do at once."""
        with self._bench.database.read() as tx:
            units = unit_rows.unfinished(tx)
        now = utc_now()
        running = [unit for unit in units if unit.state == "running"]
        self._pids = {unit.id: pid for unit in running if (pid := self._pids.get(unit.id))}
        for unit in running:
            if self._stop.is_wished:
                return False
            self._watch(unit, now)
        self._begin([unit for unit in units if unit.state == "queued"], self._at_once - len(running), now)
        return False

    # --- those that wait

    def _begin(self, queued: Sequence[UnitRow], room: int, now: datetime) -> None:
        for unit in queued:
            if unit.cancel_requested_at is not None and not self._stop.is_wished:
                self._end(unit, Result.CANCELED, "the run was cancelled before it began", now)
        ready = [unit for unit in queued if unit.cancel_requested_at is None][: max(0, room)]
        started = [unit for unit, seen in zip(ready, self._launched(ready, now), strict=True) if seen is not None]
        if started:
            with self._bench.database.write(delivery_runs.TOPIC) as tx:
                for unit in started:
                    unit_rows.start(tx, unit.id, now=now)

    def _launched(self, units: Sequence[UnitRow], now: datetime) -> list[Observation | None]:
        """Start the workers of `units`, several at once, because each is mostly waited for; None for what did not."""
        if self._stop.is_wished:
            return [None for _ in units]
        found = list(self._launchers.map(lambda unit: self._start(unit, now), units))
        for unit, seen in zip(units, found, strict=True):
            if isinstance(seen, str):
                self._end(unit, Result.FAILED, seen, now)
            else:
                self._note(unit, seen)
        return [None if isinstance(seen, str) else seen for seen in found]

    def _start(self, unit: UnitRow, now: datetime) -> Observation | str:
        """The worker of a unit as it runs, or why it could not be started."""
        try:
            return self._bench.workers.start(self._task(unit, now))
        except (PratiqueError, OSError) as error:
            _log.warning("unit.not_started", unit=unit.key, run=unit.run, reason=str(error))
            return f"its worker could not be started: {error}"

    def _task(self, unit: UnitRow, now: datetime) -> Task:
        folder = self._folder(unit)
        token = grants.token_of_unit(self._bench.issuer, unit.id, lasting=LONGEST, now=now)
        limit = timedelta(minutes=unit.timeout + unit.cancel_timeout) + _BESIDES if unit.timeout else None
        environment = {
            "PATH": os.environ.get("PATH") or "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PRATIQUE_URL": self._bench.door,
            "PRATIQUE_TOKEN": token,
            "PRATIQUE_UNIT": f"/api/v1/delivery/runs/{unit.run}/units/{unit.id}",
        }
        environment |= {name: os.environ[name] for name in ("HOME", "PYTHONPATH") if name in os.environ}
        return Task(
            folder=folder,
            argv=(sys.executable, "-m", WORKER),
            environment=environment,
            working_folder=folder,
            log=folder / CONSOLE,
            timeout=limit,
            grace=_GRACE,
        )

    # --- those that run

    def _watch(self, unit: UnitRow, now: datetime) -> None:
        if self._is_overdue(unit, now):
            self._bench.workers.stop(self._folder(unit), grace=_GRACE)
            said = f"it was still running {unit.cancel_timeout} minutes after the cancel, and was ended"
            self._end(unit, Result.CANCELED, said, now)
            return
        if self._lives(unit):
            return
        seen = self._bench.workers.observe(self._folder(unit))
        self._note(unit, seen)
        if not isinstance(seen, Running):
            self._end(unit, _result_of(unit), self._why(unit, seen), now)

    def _lives(self, unit: UnitRow) -> bool:
        pid = self._pids.get(unit.id)
        return pid is not None and self._deaths.is_alive(pid)

    def _note(self, unit: UnitRow, seen: Observation) -> None:
        """Remember the worker, so that its end is heard."""
        if isinstance(seen, Running) and self._deaths.is_alive(seen.pid):
            self._pids[unit.id] = seen.pid
        else:
            self._pids.pop(unit.id, None)

    def _is_overdue(self, unit: UnitRow, now: datetime) -> bool:
        if unit.cancel_requested_at is None:
            return False
        return now > unit.cancel_requested_at + timedelta(minutes=unit.cancel_timeout) + _BESIDES

    def _why(self, unit: UnitRow, seen: Observation) -> str:
        with self._bench.database.read() as tx:
            steps = unit_rows.steps_of(tx, [unit.id])
        running = next((step.name for step in steps if step.state == "running"), "")
        during = f" during the step {running}" if running else ""
        match seen:
            case Exited(timed_out=True):
                how = f"ran longer than its {unit.timeout} minutes and was ended"
            case Exited():
                how = how_ended(seen)
            case Lost():
                how = f"was lost: {seen.reason}"
            case _:
                how = "is not there" if isinstance(seen, Absent) else "does not answer"
        tail = last_lines(self._folder(unit) / CONSOLE, 5)
        said = f"; it said: {' | '.join(tail)}" if tail else ""
        return f"its worker {how}{during}{said}"

    def _end(self, unit: UnitRow, result: Result, reason: str, now: datetime) -> None:
        """End a unit that cannot say so itself, unless it has said so meanwhile."""
        with self._bench.database.write(delivery_runs.MOVED) as tx:
            ended = delivery_units.fail(tx, unit.id, result, reason, now=now)
            if ended is not None:
                delivery_stories.tell_lost(self._bench.home, ended, reason, now)
        self._pids.pop(unit.id, None)
        # Whoever says that it has ended removes its workspace, where a task may have left a login.
        if not isinstance(self._bench.workers.observe(self._folder(unit)), Running):
            unit_folder.tidy(self._folder(unit))

    def _folder(self, unit: UnitRow) -> Path:
        return self._bench.home.delivery_run(unit.run) / unit.id


def _result_of(unit: UnitRow) -> Result:
    """A worker that is gone after a cancel was cancelled."""
    return Result.CANCELED if unit.cancel_requested_at is not None else Result.FAILED
