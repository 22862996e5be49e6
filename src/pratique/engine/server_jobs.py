"""Walks the jobs without an agent that are due, and calls the APIs that their steps name; one thread, nothing held."""

from collections.abc import Iterable
from datetime import datetime

from pratique.base.clock import utc_now
from pratique.base.logging import get_logger
from pratique.control import delivery_units, server_jobs
from pratique.control.server_jobs import Seen, Wanted
from pratique.delivery.run.outcomes import Result
from pratique.delivery.run.server_tasks import Ending, answered
from pratique.engine import delivery_logs, delivery_stories, outbound
from pratique.engine.failures import error_document
from pratique.engine.workbench import Workbench
from pratique.store import delivery_runs
from pratique.store import delivery_units as unit_rows

_log = get_logger(__name__)


class ServerJobs:
    """Looks at one unit at a time, when it is due."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def step(self) -> bool:
        """Bring a unit that is due as far as it goes; False when there is none."""
        with self._bench.database.read() as tx:
            unit = unit_rows.due_on_server(tx, now=utc_now())
        if unit is None:
            return False
        try:
            self._bring_on(unit)
        except Exception as error:  # noqa: BLE001 - whatever a user's file does ends on its own job.
            _log.error("server-job.failed", unit=unit, exc_info=error)
            self._give_up(unit, error)
        return True

    def _bring_on(self, unit: str) -> None:
        seen = self._look(unit)
        while seen is not None and seen.wanted is not None:
            seen = self._look(unit, (seen.wanted.step, self._call(seen.wanted)))

    def _look(self, unit: str, heard: tuple[int, Ending] | None = None) -> Seen | None:
        bench, now = self._bench, utc_now()
        with bench.database.write(delivery_runs.MOVED) as tx:
            seen = server_jobs.look(tx, unit, bench.sealer, door=bench.door, now=now, heard=heard)
            if seen is not None:
                # Before the commit: whoever sees the end of a run finds all of it in the log.
                for step, lines in seen.said.items():
                    self._say(seen, step, lines)
                delivery_stories.tell_records(bench.home, seen.taken, now)
        return seen

    def _say(self, seen: Seen, step: int, lines: Iterable[str]) -> None:
        data = "".join(f"{line}\n" for line in lines).encode()
        delivery_logs.append(self._bench.home, seen.taken.unit, step, data)

    def _call(self, wanted: Wanted) -> Ending:
        call = wanted.call
        try:
            answer = outbound.call(
                call.method, call.url, headers=call.headers, body=call.body.encode(),
                allowed=outbound.hosts_of(self._bench.settings.check_hosts),
            )  # fmt: skip
        except outbound.RefusedError as error:
            return Ending(Result.FAILED, f"{call.url} was not called: {error}")
        except OSError as error:
            return Ending(Result.FAILED, f"{call.url} does not answer: {error}")
        return answered(call, answer.status, answer.body)

    def _give_up(self, unit: str, error: Exception) -> None:
        """End a job that cannot be walked, with the reason."""
        now: datetime = utc_now()
        reason = str(error_document(error)["message"])
        with self._bench.database.write(delivery_runs.MOVED) as tx:
            ended = delivery_units.fail(tx, unit, Result.FAILED, reason, now=now)
            if ended is not None:
                delivery_stories.tell_lost(self._bench.home, ended, reason, now)
