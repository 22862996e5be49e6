"""Walks one job from its queue to its end.

    Queued ─► Preparing ─► Starting ─► Running ─► Finalizing ─► Completed
      environment, files,     shim      the user's   outputs, log
      MLflow run                        command      and registrations

Every arrow is written before the next step begins, so a walk that was cut off
goes on where it was: the process is found again by its folder, a step before
it is done again from the start.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeAlias

from pratique.base.clock import utc_now
from pratique.base.errors import ComputeFailed, PratiqueError, StorageFailed, Unavailable
from pratique.base.logging import get_logger
from pratique.compute.task import Absent, Exited, Lost, Observation
from pratique.control import jobs as verbs
from pratique.control import outputs as registry
from pratique.control import pipelines
from pratique.control.actor import PLATFORM
from pratique.engine import attempts, results, runs
from pratique.engine.abandon import Left
from pratique.engine.admission import Admission
from pratique.engine.attempts import Attempt
from pratique.engine.failures import error_document, how_ended
from pratique.engine.heartbeat import LEASE, heartbeat
from pratique.engine.loop import Stop
from pratique.engine.patience import patiently
from pratique.engine.stories import ended, tell_progress, tell_step
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


class _Canceled(Exception):
    """Somebody asked for the end of the job, or it came to its limit, which `error` then says."""

    def __init__(self, error: ComputeFailed | None = None) -> None:
        super().__init__()
        self.error = error


Choice: TypeAlias = Callable[[Transaction, datetime], str | None]
"""Which job a worker takes next, by id; None when there is none for it."""


def canceled_in_queue(tx: Transaction, now: datetime) -> str | None:
    """One that nobody wants any more before there was room for it."""
    return jobs.canceled_in_queue(tx, now=now)


def in_turn(admission: Admission) -> Choice:
    """One that an earlier engine has begun, else the next that the machine has room for."""

    def choose(tx: Transaction, now: datetime) -> str | None:
        return jobs.begun_and_free(tx, now=now) or admission.next(tx, now)

    return choose


class Worker:
    """Walks one job at a time."""

    def __init__(self, bench: Workbench, stop: Stop, choice: Choice) -> None:
        self._bench = bench
        self._stop = stop
        self._choice = choice

    def step(self) -> bool:
        """Claim a job and walk it; False when there is none."""
        with self._bench.database.read() as tx:
            if self._choice(tx, utc_now()) is None:
                return False
        with self._bench.database.write() as tx:
            now = utc_now()
            chosen = self._choice(tx, now)
            claimed = jobs.claim(tx, chosen, now=now, lasting=LEASE) if chosen else None
        if claimed is None:
            return False
        job, lease = claimed
        with heartbeat(lambda: self._renew(lease)):
            try:
                self._walk(Attempt(self._bench, job), lease)
            except Left as why:
                _log.info("job.left", job=job.name, why=str(why))
        return True

    def _walk(self, attempt: Attempt, lease: Lease) -> None:
        """From wherever the job is to its end; raises `Left` when that is no longer for us to reach."""
        try:
            outputs = self._work(attempt, lease)
            self._end(attempt, lease, "Completed", outputs=outputs)
        except Left:
            raise
        except _Canceled as why:
            self._bench.compute.stop(attempt.folder, grace=_GRACE)
            attempt.say(f"canceled: {why.error}" if why.error else "canceled")
            self._end(attempt, lease, "Canceled", error=error_document(why.error) if why.error else None)
        except Exception as error:  # noqa: BLE001 - whatever the user's job does ends on its row.
            self._bench.compute.stop(attempt.folder, grace=_GRACE)
            attempt.say(f"failed: {error}")
            self._end(attempt, lease, "Failed", error=error_document(error))

    def _work(self, attempt: Attempt, lease: Lease) -> dict[str, Any]:
        """Everything up to the stored outputs, which are returned."""
        check = partial(self._check, attempt, lease)
        if attempt.job.status in ("NotStarted", "Queued", "Preparing"):
            self._go(attempt, lease, "Preparing", started_at=attempt.job.started_at or utc_now())
            task = attempts.prepare(attempt, check)
            self._go(attempt, lease, "Starting", run_id=attempt.job.run_id, experiment_id=attempt.job.experiment_id)
            self._bench.compute.start(task)
        elif attempt.job.status == "Starting" and isinstance(self._bench.compute.observe(attempt.folder), Absent):
            # Cut off between the row and the process: nothing has run yet, so it is prepared again.
            self._bench.compute.start(attempts.prepare(attempt, check))
        if attempt.job.status == "Starting":
            self._go(attempt, lease, "Running")
            tell_step(self._bench.home, attempt.job, "started", utc_now())
        if attempt.job.status == "Running":
            _judge(self._await_end(attempt, check), attempt)
            self._go(attempt, lease, "Finalizing")
        return results.collect(attempt)

    def _await_end(self, attempt: Attempt, check: Callable[[], None]) -> Observation:
        while True:
            seen = self._bench.compute.wait(attempt.folder, _LOOK)
            # Asked first: a command that ended because it was canceled has not failed.
            check()
            if isinstance(seen, Exited | Lost | Absent):
                return seen

    def _check(self, attempt: Attempt, lease: Lease) -> None:
        """Raise when the job is no longer wanted or no longer ours."""
        self._check_stop()
        with _database_away(), self._bench.database.read() as tx:
            is_ours, now = jobs.is_held(tx, lease), jobs.by_id(tx, attempt.job.id)
        if not is_ours or now is None:
            raise Left("another worker has it")
        if now.cancel_requested:
            raise _Canceled

    def _check_stop(self) -> None:
        if self._stop.is_wished:
            raise Left("the engine stops")

    def _go(self, attempt: Attempt, lease: Lease, status: str, **values: Any) -> None:
        """Write the next state, and the event of it; raises when the job is no longer wanted or no longer ours."""
        self._check(attempt, lease)
        with _database_away(), self._bench.database.write() as tx:
            if not jobs.apply(tx, lease, status=status, **values):
                raise Left("another worker has it")
            attempt.job = _reread(tx, attempt.job)
            _tell_status(tx, attempt.job, now=utc_now())

    def _end(
        self,
        attempt: Attempt,
        lease: Lease,
        status: str,
        *,
        error: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell MLflow, then write the last state, with outputs and their registrations, in one transaction."""
        if status != "Completed":
            results.keep_what_failed(attempt)
        results.keep_log(attempt)
        now = utc_now()
        if attempt.job.run_id and not attempt.job.root:
            self._finish_run(attempt, runs.STATUS[status], now)
        with _database_away(), self._bench.database.write() as tx:
            made = registry.register(tx, attempt.job, outputs or {}, now=now)
            if not jobs.release(tx, lease, status=status, error=error, outputs=made, ended_at=now):
                raise Left("another worker has it")
            attempt.job = _reread(tx, attempt.job)
            _tell_status(tx, attempt.job, now=now)
            event = "Microsoft.MachineLearningServices.RunCompleted"
            verbs.tell(tx, PLATFORM, event, attempt.job, now=now, data={"status": status})
            root = attempt.job.root
            progress = pipelines.advance(tx, root, now=now) if root else None
        tell_step(self._bench.home, attempt.job, ended(attempt.job), now)
        if progress:
            tell_progress(self._bench.home, progress, now)
        attempt.tidy()

    def _finish_run(self, attempt: Attempt, status: Status, now: datetime) -> None:
        job = attempt.job

        def finish() -> None:
            self._bench.runs.finish_run(job.workspace, job.run_id, status, now)

        try:
            patiently(finish, within=_MLFLOW_WITHIN, check=self._check_stop)
        except PratiqueError as error:
            # The job is what counts; its run in MLflow keeps an older status, and the log says so.
            _log.warning("run.not_finished", job=job.name, reason=str(error))

    def _renew(self, lease: Lease) -> bool:
        with self._bench.database.write() as tx:
            return jobs.renew(tx, lease, now=utc_now(), lasting=LEASE) is not None


@contextmanager
def _database_away() -> Iterator[None]:
    """A database that is away or full says nothing about the job: it is left, and taken up when the lease is over."""
    try:
        yield
    except (Unavailable, StorageFailed) as error:
        raise Left(str(error)) from error


def _reread(tx: Transaction, job: Job) -> Job:
    found = jobs.by_id(tx, job.id)
    if found is None:
        raise Left("it was deleted")
    return found


def _judge(seen: Observation, attempt: Attempt) -> None:
    """Raise `ComputeFailed` unless the command ended well."""
    if isinstance(seen, Exited) and seen.code == 0:
        return
    tail = last_lines(attempt.log, 20)
    hint = f"pratique ml job stream --name {attempt.job.name} shows the whole log"
    if isinstance(seen, Exited) and seen.timed_out:
        # Azure cancels such a job, and scripts that look at the status expect that word.
        message = "the command ran longer than limits.timeout and was stopped"
        raise _Canceled(ComputeFailed(message, hint=hint, log_tail=tail))
    if isinstance(seen, Exited):
        raise ComputeFailed(f"the command {how_ended(seen)}", hint=hint, log_tail=tail)
    reason = seen.reason if isinstance(seen, Lost) else "it never started"
    raise ComputeFailed(f"the process was lost: {reason}", hint="submit the job again", log_tail=tail)


def _tell_status(tx: Transaction, job: Job, *, now: datetime) -> None:
    event = "Microsoft.MachineLearningServices.RunStatusChanged"
    verbs.tell(tx, PLATFORM, event, job, now=now, data={"status": job.status})
