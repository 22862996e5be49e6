"""Walks one job from its queue to its end.

    Queued ─► Preparing ─► Starting ─► Running ─► Finalizing ─► Completed
      environment, files,     shim      the user's   outputs, log
      MLflow run                        command      and registrations

A state is written when it lasts: what follows it within a moment is written
with it, in one transaction, each with its own time. A walk that was cut off
goes on by the attempt's folder, which says whether a process ran, runs or never
began; a row that tells of less than has happened is brought up to it.

The transaction that ends a step brings its pipeline forward and claims what
comes next, so that nobody has to look for work that is there already.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeAlias

from pratique.base.clock import utc_now
from pratique.base.errors import ComputeFailed, PratiqueError, StorageFailed, Unavailable
from pratique.base.logging import get_logger
from pratique.compute.task import Absent, Exited, Lost, Observation
from pratique.control import outputs, pipelines
from pratique.engine import attempts, logs, results, runs
from pratique.engine.abandon import Left
from pratique.engine.admission import Admission
from pratique.engine.attempts import Attempt
from pratique.engine.failures import error_document, how_ended
from pratique.engine.heartbeat import LEASE, heartbeat
from pratique.engine.loop import Stop
from pratique.engine.patience import patiently
from pratique.engine.results import Results
from pratique.engine.stories import ended, tell_progress, tell_step
from pratique.engine.tails import last_lines
from pratique.engine.tidying import Tidying
from pratique.engine.workbench import Workbench
from pratique.store import events, jobs
from pratique.store.database import Transaction
from pratique.store.jobs import Job
from pratique.store.leases import Lease

_log = get_logger(__name__)
_LOOK: Final = timedelta(seconds=1)
_MOMENT: Final = timedelta(milliseconds=100)
"""A state that is over within this is written with the one that follows."""
_GRACE: Final = timedelta(seconds=10)
_MLFLOW_WITHIN: Final = timedelta(seconds=60)
_BEFORE_THE_PROCESS: Final = ("NotStarted", "Queued", "Preparing", "Starting")

Claim: TypeAlias = tuple[Job, Lease]
Choice: TypeAlias = Callable[[Transaction, datetime], str | None]
"""Which job a worker takes next, by id; None when there is none for it."""


class _Canceled(Exception):
    """Somebody asked for the end of the job, or it came to its limit, which `error` then says."""

    def __init__(self, error: ComputeFailed | None = None) -> None:
        super().__init__()
        self.error = error


class _Fell(Exception):
    """The command itself did not end well, and may be tried again."""

    def __init__(self, error: ComputeFailed) -> None:
        super().__init__()
        self.error = error


def canceled_in_queue(tx: Transaction, now: datetime) -> str | None:
    """One that nobody wants any more before there was room for it."""
    return jobs.canceled_in_queue(tx, now=now)


def in_turn(admission: Admission) -> Choice:
    """One that an earlier engine has begun, else the next that the machine has room for."""

    def choose(tx: Transaction, now: datetime) -> str | None:
        return admission.next(tx, now)

    return choose


class Worker:
    """Walks one job at a time."""

    def __init__(self, bench: Workbench, stop: Stop, choice: Choice) -> None:
        self._bench = bench
        self._stop = stop
        self._choice = choice
        self._next: Claim | None = None
        """What was claimed when the last job ended."""
        self._tidying = Tidying()

    def step(self) -> bool:
        """Claim a job and walk it; False when there is none."""
        claimed, self._next = self._next or self._look(), None
        if claimed is None:
            return False
        job, lease = claimed
        walk = _Walk(self._bench, self._stop, job, lease, self.claim, self._tidying)
        with heartbeat(lambda: self._renew(lease)):
            try:
                self._next = walk.go()
            except Left as why:
                _log.info("job.left", job=job.name, why=str(why))
        if walk.has_ended:
            self._tidying.later(walk.attempt)
        if self._next is None:
            self._tidying.finish()
        return True

    def claim(self, tx: Transaction, now: datetime) -> Claim | None:
        """Claim what comes next, in a transaction that writes anyway."""
        if self._stop.is_wished:
            return None
        chosen = self._choice(tx, now)
        return jobs.claim(tx, chosen, now=now, lasting=LEASE) if chosen else None

    def _look(self) -> Claim | None:
        """Claim what there is; only a look that finds something writes, because every write wakes all who look."""
        with self._bench.database.read() as tx:
            if self._choice(tx, utc_now()) is None:
                return None
        with self._bench.database.write(jobs.TOPIC) as tx:
            return self.claim(tx, utc_now())

    def _renew(self, lease: Lease) -> bool:
        with self._bench.database.write(jobs.TOPIC) as tx:
            return jobs.renew(tx, lease, now=utc_now(), lasting=LEASE) is not None


class _Walk:
    """One job under its lease."""

    def __init__(
        self,
        bench: Workbench,
        stop: Stop,
        job: Job,
        lease: Lease,
        claim: Callable[[Transaction, datetime], Claim | None],
        tidying: Tidying,
    ) -> None:
        self._bench = bench
        self._stop = stop
        self._lease = lease
        self._claim = claim
        self._tidying = tidying
        self.attempt = Attempt(bench, job)
        self._was_begun = self.attempt.folder.exists()
        """By an earlier walk, which may have made the MLflow run without coming to write so."""
        self.has_ended = False
        self._untold: list[tuple[str, datetime]] = []
        """States that the row does not have yet, with their times."""
        self._untold_since = 0.0
        self._checked_at = time.monotonic()
        """The row was just read when it was claimed."""

    def go(self) -> Claim | None:
        """From wherever the job is to its end, and what was claimed with it.

        Raises `Left` when the end is no longer for us to reach.
        """
        attempt = self.attempt
        try:
            return self._end("Completed", self._work())
        except Left:
            raise
        except _Canceled as why:
            self._bench.compute.stop(attempt.folder, grace=_GRACE)
            attempt.say(f"canceled: {why.error}" if why.error else "canceled")
            document = error_document(why.error) if why.error else None
            return self._end("Canceled", results.collect_failed(attempt), document)
        except _Fell as why:
            if attempt.job.attempt <= attempts.retries_of(attempt.job):
                return self._try_again(why.error)
            return self._fail(why.error)
        except Exception as error:  # noqa: BLE001 - whatever the user's job does ends on its row.
            self._bench.compute.stop(attempt.folder, grace=_GRACE)
            return self._fail(error)

    def _work(self) -> Results:
        """Everything up to the stored results."""
        attempt = self.attempt
        if attempt.job.status in _BEFORE_THE_PROCESS:
            if not self._was_begun or isinstance(self._bench.compute.observe(attempt.folder), Absent):
                self._enter("Preparing")
                task = attempts.prepare(attempt, self._check_at_times)
                self._enter("Starting")
                self._bench.compute.start(task)
            self._enter("Running")
        if attempt.job.status == "Running":
            self._judge(self._await_end())
            self._enter("Finalizing")
        return results.collect(attempt)

    def _await_end(self) -> Observation:
        patience = _MOMENT
        while True:
            seen = self._bench.compute.wait(self.attempt.folder, patience)
            if isinstance(seen, Exited) and seen.code == 0 and not self._stop.is_wished:
                return seen
            # Asked first: a command that ended because it was canceled has not failed.
            self._check()
            if isinstance(seen, Exited | Lost | Absent):
                return seen
            self._tidying.begin()
            patience = _LOOK

    def _judge(self, seen: Observation) -> None:
        """Raise unless the command ended well."""
        if isinstance(seen, Exited) and seen.code == 0:
            return
        tail = last_lines(self.attempt.log, 20)
        hint = f"pratique ml job stream --name {self.attempt.job.name} shows the whole log"
        if isinstance(seen, Exited) and seen.timed_out:
            # Azure cancels such a job, and scripts that look at the status expect that word.
            message = "the command ran longer than limits.timeout and was stopped"
            raise _Canceled(ComputeFailed(message, hint=hint, log_tail=tail))
        if isinstance(seen, Exited):
            raise _Fell(ComputeFailed(f"the command {how_ended(seen)}", hint=hint, log_tail=tail))
        reason = seen.reason if isinstance(seen, Lost) else "it never started"
        raise _Fell(ComputeFailed(f"the process was lost: {reason}", hint="submit the job again", log_tail=tail))

    # --- whether it goes on

    def _check_at_times(self) -> None:
        """Do as `_check`, unless that was done a moment ago: a job that begins at once is asked about once."""
        is_due = time.monotonic() - self._checked_at > _MOMENT.total_seconds()
        if is_due or self.attempt.job.cancel_requested or self._stop.is_wished:
            self._check()

    def _check(self) -> None:
        """Raise when the job is no longer wanted or no longer ours; write what has lasted long enough."""
        if self._stop.is_wished:
            self._tell()
            raise Left("the engine stops")
        with _database_away(), self._bench.database.read() as tx:
            is_ours, now = jobs.is_held(tx, self._lease), jobs.by_id(tx, self.attempt.job.id)
        if not is_ours or now is None:
            raise Left("another worker has it")
        if now.cancel_requested:
            raise _Canceled
        self._checked_at = time.monotonic()
        if self._untold and time.monotonic() - self._untold_since > _MOMENT.total_seconds():
            self._tell()

    # --- states

    def _enter(self, status: str) -> None:
        """From now on the job is in `status`; the row says so when that lasts."""
        job, now = self.attempt.job, utc_now()
        if not self._untold:
            self._untold_since = time.monotonic()
        if job.status == status:
            return
        self.attempt.job = replace(job, status=status, started_at=job.started_at or now)
        self._untold.append((status, now))

    def _tell(self) -> None:
        """Write the states that the row does not have yet."""
        if not self._untold:
            return
        job = self.attempt.job
        with _database_away(), self._bench.database.write(jobs.TOPIC) as tx:
            if not jobs.apply(tx, self._lease, **_facts(job)):
                raise Left("another worker has it")
            events.append_all(tx, self._told())
        if job.status == "Running":
            tell_step(self._bench.home, job, "started", self._untold[-1][1])
        self._untold.clear()

    def _told(self) -> list[tuple[events.Event, datetime]]:
        job = self.attempt.job
        return [(event, now) for status, now in self._untold for event in pipelines.status_events(job, status)]

    # --- its end

    def _fail(self, error: BaseException) -> Claim | None:
        self.attempt.say(f"failed: {error}")
        return self._end("Failed", results.collect_failed(self.attempt), error_document(error))

    def _end(self, status: str, found: Results, error: Mapping[str, Any] | None = None) -> Claim | None:
        """Tell MLflow, then write the last state with everything that belongs to it in one transaction."""
        attempt, now = self.attempt, utc_now()
        if not logs.may_wait(attempt.job, status):
            results.add_log(attempt, found)
        if not attempt.job.root and (attempt.job.experiment_id or self._was_begun):
            self._finish_run(status, now)
        job = replace(attempt.job, status=status, error=error, ended_at=now)
        with _database_away(), self._bench.database.write(jobs.WALKED) as tx:
            found.write(tx, job, now=now)
            job = replace(job, outputs=outputs.register(tx, job, found.made, now=now))
            if not jobs.release(tx, self._lease, **_facts(job), error=error, outputs=job.outputs, ended_at=now):
                raise Left("another worker has it")
            told = [*self._told(), *((event, now) for event in pipelines.status_events(job))]
            progress = pipelines.advance(tx, job.root, now=now, told=told, ended=job) if job.root else None
            if progress is None:
                events.append_all(tx, told)
            following = self._claim(tx, now)
        if _leaves_work(job, progress, following):
            self._stop.ring()
        attempt.job = job
        self._untold.clear()
        tell_step(self._bench.home, job, ended(job), now)
        if progress:
            tell_progress(self._bench.home, progress, now)
        self.has_ended = True
        return following

    def _try_again(self, error: ComputeFailed) -> Claim | None:
        """Give the job back to the queue for another attempt."""
        attempt, now = self.attempt, utc_now()
        left = attempts.retries_of(attempt.job) + 1 - attempt.job.attempt
        attempt.say(f"failed: {error}; it is tried again, at most {left} times")
        attempts.hand_on_log(attempt)
        job = replace(attempt.job, status="Queued", attempt=attempt.job.attempt + 1)
        with _database_away(), self._bench.database.write(jobs.TOPIC) as tx:
            if not jobs.release(tx, self._lease, **_facts(job), attempt=job.attempt):
                raise Left("another worker has it")
            events.append_all(tx, [*self._told(), *((event, now) for event in pipelines.status_events(job))])
        tell_step(self._bench.home, job, f"failed: {error}; it is tried again", now)
        attempt.tidy()
        return None

    def _finish_run(self, status: str, now: datetime) -> None:
        """End the MLflow run of a job of its own; those of steps end with their pipeline."""
        job = self.attempt.job
        try:
            experiment = patiently(
                partial(runs.end_own, self._bench, job, status, now),
                within=_MLFLOW_WITHIN,
                check=self._check_stop,
            )
            self.attempt.job = replace(job, experiment_id=experiment)
        except PratiqueError as error:
            # The job is what counts; its run in MLflow keeps an older status, and the log says so.
            _log.warning("run.not_finished", job=job.name, reason=str(error))

    def _check_stop(self) -> None:
        if self._stop.is_wished:
            self._tell()
            raise Left("the engine stops")


@contextmanager
def _database_away() -> Iterator[None]:
    """A database that is away or full says nothing about the job: it is left, and taken up when the lease is over."""
    try:
        yield
    except (Unavailable, StorageFailed) as error:
        raise Left(str(error)) from error


def _leaves_work(ended: Job, progress: pipelines.Progress | None, following: Claim | None) -> bool:
    """Whether the end of a job is something to others than the worker that has claimed what comes next."""
    if following is None:
        return True
    job, _ = following
    has_freed = job.cores < ended.cores or job.memory < ended.memory
    return has_freed or any(changed.id != job.id for changed in (progress.changed if progress else ()))


def _facts(job: Job) -> dict[str, Any]:
    """What a walk writes on the row besides the end."""
    return {"status": job.status, "started_at": job.started_at, "experiment_id": job.experiment_id}
