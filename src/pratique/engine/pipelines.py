"""Opens pipelines and ends them; in between their steps bring them forward.

    Queued ─► Preparing ─► Running ─────────────► Finalizing ─► Completed | Failed | Canceled
       one MLflow run for the pipeline          the runs end as the steps did,
       and one for each of its steps            outputs are registered

The runs of all steps are made at once, before any step begins, and end at once,
before the pipeline does. Meanwhile MLflow is shown which steps have ended, some
at a time, and their logs are kept; whatever is missed of that is made good at the end.
"""

from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from pratique.base.clock import utc_now
from pratique.base.errors import PratiqueError, StorageFailed, Unavailable
from pratique.base.logging import get_logger
from pratique.control import outputs, pipelines
from pratique.engine import logs, runs
from pratique.engine.abandon import Left
from pratique.engine.failures import error_document
from pratique.engine.heartbeat import LEASE, heartbeat
from pratique.engine.loop import Stop
from pratique.engine.patience import patiently
from pratique.engine.stories import tell_progress, tell_story
from pratique.engine.workbench import Workbench
from pratique.store import events, jobs
from pratique.store.database import Transaction, savepoint
from pratique.store.jobs import Job
from pratique.store.leases import Lease

_log = get_logger(__name__)
_MLFLOW_WITHIN: Final = timedelta(minutes=5)
_MLFLOW_ENDS_WITHIN: Final = timedelta(seconds=60)
_OPENS: Final = ("Queued", "Preparing")
_ENDS: Final = ("Finalizing",)


class PipelineWorker:
    """Works on the beginning or the end of one pipeline at a time."""

    def __init__(self, bench: Workbench, stop: Stop) -> None:
        self._bench = bench
        self._stop = stop

    def step(self) -> bool:
        """Open or end one pipeline; False when there is none."""
        with self._bench.database.read() as tx:
            if self._choice(tx, utc_now()) is None:
                return False
        with self._bench.database.write(jobs.TOPIC) as tx:
            now = utc_now()
            chosen = self._choice(tx, now)
            claimed = jobs.claim(tx, chosen, now=now, lasting=LEASE) if chosen else None
        if claimed is None:
            return False
        pipeline, lease = claimed
        with heartbeat(lambda: self._renew(lease)):
            try:
                if pipeline.status in _OPENS:
                    self._open(pipeline, lease)
                else:
                    self._end(pipeline, lease)
            except Left as why:
                _log.info("pipeline.left", job=pipeline.name, why=str(why))
            except (Unavailable, StorageFailed) as error:
                _log.warning("pipeline.left", job=pipeline.name, why=str(error))
        return True

    def _choice(self, tx: Transaction, now: datetime) -> str | None:
        return jobs.free_pipeline(tx, (*_ENDS, *_OPENS), now=now)

    # --- its beginning

    def _open(self, pipeline: Job, lease: Lease) -> None:
        """Make all MLflow runs, then let begin what needs nothing."""
        with self._bench.database.read() as tx:
            tree = jobs.tree(tx, pipeline.id)
        try:
            experiment = patiently(
                partial(runs.make, self._bench, pipeline, tree),
                within=_MLFLOW_WITHIN,
                check=partial(self._check, pipeline, lease),
            )
        except PratiqueError as error:
            self._fail(pipeline, lease, error)
            return
        with self._bench.database.write(jobs.TOPIC) as tx:
            now = utc_now()
            if not jobs.release(tx, lease, status="Running", experiment_id=experiment, started_at=now):
                raise Left("another worker has it")
            jobs.change_tree(tx, pipeline.id, experiment_id=experiment)
            opened = _reread(tx, pipeline)
            events.append_all(tx, [(event, now) for event in pipelines.status_events(opened)])
            progress = pipelines.advance(tx, pipeline.id, now=now)
        tell_story(self._bench.home, opened, "started", now)
        if progress:
            tell_progress(self._bench.home, progress, now)

    def _fail(self, pipeline: Job, lease: Lease, error: PratiqueError) -> None:
        """Its runs cannot be made: none of its steps begins."""
        now = utc_now()
        with self._bench.database.write(jobs.TOPIC) as tx:
            facts = {"status": "Failed", "error": error_document(error), "ended_at": now}
            if not jobs.release(tx, lease, **facts):
                raise Left("another worker has it")
            jobs.change_tree(tx, pipeline.id, status="Canceled", ended_at=now)
            events.append_all(tx, [(event, now) for event in pipelines.status_events(_reread(tx, pipeline))])
        tell_story(self._bench.home, pipeline, f"failed: {error}", now)
        self._end_what_was_made(pipeline, "Failed", now)

    def _check(self, pipeline: Job, lease: Lease) -> None:
        """Raise when the pipeline is not ours any more, or nobody wants it."""
        if self._stop.is_wished:
            raise Left("the engine stops")
        with self._bench.database.read() as tx:
            is_ours, now = jobs.is_held(tx, lease), jobs.by_id(tx, pipeline.id)
        if not is_ours or now is None:
            raise Left("another worker has it")
        if now.cancel_requested:
            self._give_up(pipeline, lease)

    def _give_up(self, pipeline: Job, lease: Lease) -> None:
        """Canceled before MLflow could be reached: its steps never began."""
        now = utc_now()
        with self._bench.database.write(jobs.TOPIC) as tx:
            if not jobs.release(tx, lease, status="Canceled", ended_at=now):
                raise Left("another worker has it")
            jobs.change_tree(tx, pipeline.id, status="Canceled", ended_at=now)
            events.append_all(tx, [(event, now) for event in pipelines.status_events(_reread(tx, pipeline))])
        self._end_what_was_made(pipeline, "Canceled", now)
        raise Left("it was canceled")

    def _end_what_was_made(self, pipeline: Job, status: str, now: datetime) -> None:
        """End the runs that an earlier try made without coming to write so; tried once, because there may be none."""
        with self._bench.database.read() as tx:
            tree = jobs.tree(tx, pipeline.id)
        try:
            runs.end(self._bench, pipeline, tree, status, now)
        except PratiqueError as error:
            _log.info("runs.not_finished", job=pipeline.name, reason=str(error))

    # --- its end

    def _end(self, pipeline: Job, lease: Lease) -> None:
        """End all MLflow runs, then register what the pipeline made and write how it ended."""
        with self._bench.database.read() as tx:
            tree = jobs.tree(tx, pipeline.id)
        steps = {row.step: row for row in tree if row.parent == pipeline.id}
        status, error = pipelines.outcome(pipeline, steps.values())
        logs.keep(self._bench, logs.missing(self._bench, tree))
        now = utc_now()
        self._end_runs(pipeline, tree, status, now)
        with self._bench.database.write(jobs.TOPIC) as tx:
            made: dict[str, Any] = {}
            if status == "Completed":
                try:
                    with savepoint(tx):
                        made = outputs.register(tx, pipeline, pipelines.outputs_of(pipeline, steps), now=now)
                except PratiqueError as problem:
                    status, error, made = "Failed", error_document(problem), {}
            if not jobs.release(tx, lease, status=status, error=error, outputs=made, ended_at=now):
                raise Left("another worker has it")
            ended = _reread(tx, pipeline)
            events.append_all(tx, [(event, now) for event in pipelines.status_events(ended)])
        tell_story(self._bench.home, ended, _how(ended), now)
        if status == "Failed" and error and error["code"] != "StepFailed":
            self._end_runs(pipeline, [ended], status, now)

    def _end_runs(self, pipeline: Job, tree: list[Job], status: str, now: datetime) -> None:
        try:
            patiently(
                partial(runs.end, self._bench, pipeline, tree, status, now),
                within=_MLFLOW_ENDS_WITHIN,
                check=self._check_stop,
            )
        except PratiqueError as error:
            # The jobs are what counts; their runs in MLflow keep an older status, and the log says so.
            _log.warning("runs.not_finished", job=pipeline.name, reason=str(error))

    def _check_stop(self) -> None:
        if self._stop.is_wished:
            raise Left("the engine stops")

    def _renew(self, lease: Lease) -> bool:
        with self._bench.database.write(jobs.TOPIC) as tx:
            return jobs.renew(tx, lease, now=utc_now(), lasting=LEASE) is not None


class RunsBehind:
    """Shows MLflow, behind the work, which steps of the pipelines that run have ended, and keeps their logs."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._shown: dict[str, set[str]] = {}
        """The ended steps that MLflow knows of, by pipeline; forgotten with the engine, and then shown again."""

    def step(self) -> bool:
        """Show what has ended since the last look; never finds more to do."""
        with self._bench.database.read() as tx:
            begun = jobs.pipelines_begun(tx)
        self._shown = {pipeline.id: self._shown.get(pipeline.id, set()) for pipeline in begun}
        for pipeline in begun:
            self._show(pipeline, self._shown[pipeline.id])
        return False

    def _show(self, pipeline: Job, shown: set[str]) -> None:
        with self._bench.database.read() as tx:
            ended = {stage.id for stage in jobs.stages(tx, pipeline.id) if stage.is_terminal} - shown
            tree = jobs.tree(tx, pipeline.id) if ended else []
        if not ended:
            return
        logs.keep(self._bench, logs.missing(self._bench, [job for job in tree if job.id in ended]))
        try:
            runs.show_ended(self._bench, pipeline, tree, [job for job in tree if job.id in ended])
        except PratiqueError as error:
            _log.info("runs.not_shown", job=pipeline.name, reason=str(error))
        else:
            shown |= ended


def bring_forward(bench: Workbench) -> None:
    """Let every pipeline that runs come as far as it can: the net under what each step's end does, at the start."""
    with bench.database.read() as tx:
        begun = jobs.pipelines_begun(tx)
    for pipeline in begun:
        with bench.database.write(jobs.TOPIC) as tx:
            now = utc_now()
            progress = pipelines.advance(tx, pipeline.id, now=now)
        if progress:
            tell_progress(bench.home, progress, now)


def _how(pipeline: Job) -> str:
    said = str((pipeline.error or {}).get("message") or "")
    return pipeline.status.lower() + (f": {said}" if said else "")


def _reread(tx: Transaction, job: Job) -> Job:
    found = jobs.by_id(tx, job.id)
    if found is None:
        raise Left("it was deleted")
    return found
