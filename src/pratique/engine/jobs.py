"""Walks one job from its queue to its end.

    Queued ─► Preparing ─► Starting ─► Running ─► Finalizing ─► Completed
      environment, files,     shim      the user's   outputs, log
      MLflow run                        command      and registrations

Every arrow is written before the next step begins, so a walk that was cut off
goes on where it was: the process is found again by its folder, a step before
it is done again from the start.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pratique.base.clock import utc_now
from pratique.base.errors import ComputeFailed, PratiqueError
from pratique.base.logging import get_logger
from pratique.compute.task import Absent, Exited, Lost, Observation
from pratique.control import jobs as verbs
from pratique.control.actor import PLATFORM
from pratique.engine import attempts, results
from pratique.engine.attempts import Attempt
from pratique.engine.failures import error_document
from pratique.engine.heartbeat import LEASE, heartbeat
from pratique.engine.loop import Stop
from pratique.engine.patience import patiently
from pratique.engine.tails import last_lines
from pratique.engine.workbench import Workbench
from pratique.store import jobs
from pratique.store.database import Transaction
from pratique.store.jobs import Job
from pratique.store.leases import Lease
from pratique.tracking.client import Status

_log = get_logger(__name__)
_LOOK: Final = timedelta(seconds=1)
_GRACE: Final = timedelta(seconds=10)
_MLFLOW_WITHIN: Final = timedelta(seconds=60)
_RUN_STATUS: Final[Mapping[str, Status]] = {"Completed": "FINISHED", "Failed": "FAILED", "Canceled": "KILLED"}


class _Canceled(Exception):
    """Somebody asked for the end of the job."""


class _LeaseLost(Exception):
    """Another worker has the job now, or the engine stops: whatever was done here must be dropped."""


class Worker:
    """One slot: walks one job at a time."""

    def __init__(self, bench: Workbench, stop: Stop) -> None:
        self._bench = bench
        self._stop = stop

    def step(self) -> bool:
        """Claim the oldest job that nobody walks, and walk it; False when there is none."""
        with self._bench.database.read() as tx:
            if not jobs.any_free(tx, jobs.UNFINISHED, now=utc_now()):
                return False
        with self._bench.database.write() as tx:
            claimed = jobs.claim(tx, jobs.UNFINISHED, now=utc_now(), lasting=LEASE)
        if claimed is None:
            return False
        job, lease = claimed
        with heartbeat(lambda: self._renew(lease)):
            self._walk(job, lease)
        return True

    def _walk(self, job: Job, lease: Lease) -> None:
        attempt = Attempt(self._bench, job)
        try:
            self._to_the_end(attempt, lease)
        except _LeaseLost:
            _log.info("job.left", job=job.name)
        except _Canceled:
            self._bench.compute.stop(attempt.folder, grace=_GRACE)
            attempt.say("canceled")
            self._end(attempt, lease, "Canceled", None)
        except Exception as error:  # noqa: BLE001 - whatever the user's job does ends on its row.
            attempt.say(f"failed: {error}")
            self._end(attempt, lease, "Failed", error_document(error))

    def _to_the_end(self, attempt: Attempt, lease: Lease) -> None:
        job = attempt.job
        if job.status in ("NotStarted", "Queued", "Preparing"):
            self._go(attempt, lease, "Preparing", started_at=job.started_at or utc_now())
            task = attempts.prepare(attempt, lambda: self._check(attempt))
            self._go(attempt, lease, "Starting", run_id=attempt.job.run_id, experiment_id=attempt.job.experiment_id)
            self._bench.compute.start(task)
            self._go(attempt, lease, "Running")
        elif job.status == "Starting" and isinstance(self._bench.compute.observe(attempt.folder), Absent):
            # Cut off between the row and the process: nothing has run yet, so it is prepared again.
            self._bench.compute.start(attempts.prepare(attempt, lambda: self._check(attempt)))
        if attempt.job.status != "Finalizing":
            if attempt.job.status == "Starting":
                self._go(attempt, lease, "Running")
            _judge(self._await_end(attempt), attempt)
            self._go(attempt, lease, "Finalizing")
        outputs = results.collect(attempt)
        self._end(attempt, lease, "Completed", None, outputs=outputs)

    def _await_end(self, attempt: Attempt) -> Exited | Lost:
        while True:
            seen = self._bench.compute.wait(attempt.folder, _LOOK)
            if isinstance(seen, Exited | Lost):
                return seen
            self._check(attempt)

    def _check(self, attempt: Attempt) -> None:
        """Raise when the job is no longer wanted or no longer ours."""
        if self._stop.is_wished:
            raise _LeaseLost
        with self._bench.database.read() as tx:
            now = jobs.by_id(tx, attempt.job.id)
        if now is None or now.is_terminal:
            raise _LeaseLost
        if now.cancel_requested:
            raise _Canceled

    def _go(self, attempt: Attempt, lease: Lease, status: str, **values: Any) -> None:
        """Write the next state, and the event of it; raises when the lease was lost."""
        self._check(attempt)
        now = utc_now()
        with self._bench.database.write() as tx:
            if not jobs.apply(tx, lease, status=status, **values):
                raise _LeaseLost
            changed = jobs.by_id(tx, attempt.job.id)
            if changed is None:
                raise _LeaseLost
            attempt.job = changed
            _tell_status(tx, attempt.job, now=now)

    def _end(
        self,
        attempt: Attempt,
        lease: Lease,
        status: str,
        error: Mapping[str, Any] | None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the last state, with outputs and their registrations, in one transaction; then tell MLflow."""
        now = utc_now()
        results.keep_log(attempt)
        if attempt.job.run_id:
            self._finish_run(attempt, _RUN_STATUS[status], now)
        with self._bench.database.write() as tx:
            if outputs is not None:
                outputs = results.register(tx, attempt, outputs, now=now)
            kept = dict(outputs or {})
            if not jobs.release(tx, lease, status=status, error=error, outputs=kept, ended_at=now):
                return
            ended = jobs.by_id(tx, attempt.job.id)
            if ended:
                attempt.job = ended
                _tell_status(tx, ended, now=now)
                event = "Microsoft.MachineLearningServices.RunCompleted"
                verbs.tell(tx, PLATFORM, event, ended, now=now, data={"status": status})

    def _finish_run(self, attempt: Attempt, status: Status, now: datetime) -> None:
        job = attempt.job
        try:
            patiently(
                lambda: self._bench.runs.finish_run(job.workspace, job.run_id, status, now), within=_MLFLOW_WITHIN
            )
        except PratiqueError as error:
            # The job is what counts; its run in MLflow keeps an older status, and the log says so.
            _log.warning("run.not_finished", job=job.name, reason=str(error))

    def _renew(self, lease: Lease) -> bool:
        with self._bench.database.write() as tx:
            return jobs.renew(tx, lease, now=utc_now(), lasting=LEASE) is not None


def _judge(seen: Observation, attempt: Attempt) -> None:
    """Raise `ComputeFailed` unless the command ended well."""
    if isinstance(seen, Exited) and seen.code == 0:
        return
    tail = last_lines(attempt.log, 20)
    hint = f"pratique ml job stream --name {attempt.job.name} shows the whole log"
    if isinstance(seen, Exited) and seen.timed_out:
        raise ComputeFailed("the command ran longer than limits.timeout and was stopped", hint=hint, log_tail=tail)
    if isinstance(seen, Exited):
        how = f"exit code {seen.code}" if seen.signal is None else f"signal {seen.signal}"
        raise ComputeFailed(f"the command ended with {how}", hint=hint, log_tail=tail)
    reason = seen.reason if isinstance(seen, Lost) else "it never started"
    raise ComputeFailed(f"the process was lost: {reason}", hint="submit the job again", log_tail=tail)


def _tell_status(tx: Transaction, job: Job, *, now: datetime) -> None:
    event = "Microsoft.MachineLearningServices.RunStatusChanged"
    verbs.tell(tx, PLATFORM, event, job, now=now, data={"status": job.status})
