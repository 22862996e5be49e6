"""Pipelines: made with all their steps at once, then brought forward whenever a step has ended.

    pipeline   Queued ─► Preparing ─► Running ─► Finalizing ─► Completed | Failed | Canceled
                  MLflow runs of all steps   runs ended, outputs registered

    step       NotStarted ─► Queued ─► … ─► Completed
                    ├──► Completed      what it would make was made before
                    └──► Canceled       what it needs failed, or nobody wants it any more

`advance` decides what follows from the rows as they are, in the transaction in
which a step ends. So no step ever waits for somebody to look, and there is no
moment at which a killed server could have forgotten something.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from pratique.base.errors import NotFound, PratiqueError
from pratique.base.ids import new_id
from pratique.control import content, outputs
from pratique.control.actor import PLATFORM
from pratique.control.fingerprints import fingerprint_of
from pratique.control.inputs import Given
from pratique.control.permissions import workspace_scope
from pratique.control.plans import Step
from pratique.specs.bindings import bind_command
from pratique.specs.graph import IMPLICIT_OUTPUTS
from pratique.store import events, jobs
from pratique.store.database import Transaction, savepoint
from pratique.store.events import Event
from pratique.store.jobs import Job, Stage

NEVER_AGAIN: Final = "-"
"""In place of a fingerprint: the component says that it is not deterministic."""
_LONGEST_NAME: Final = 200


def rows_of(plan: Step, pipeline: Job) -> list[Job]:
    """`pipeline` with a job for each step of `plan` and of its nested pipelines, none of them begun."""
    found = [pipeline]
    for step in plan.steps:
        name = f"{pipeline.name}-{step.name}"
        job = Job(
            id=new_id(),
            workspace=pipeline.workspace,
            name=name if len(name) <= _LONGEST_NAME else new_id(),
            spec={**step.spec, "name": name, "experiment_name": pipeline.spec.get("experiment_name")},
            resolved=step.resolved,
            git=pipeline.git,
            status="NotStarted",
            attempt=1,
            run_id=new_run_id(),
            experiment_id="",
            cancel_requested=False,
            is_archived=False,
            error=None,
            outputs={},
            created_at=pipeline.created_at + timedelta(microseconds=len(found)),
            started_at=None,
            ended_at=None,
            created_by=pipeline.created_by,
            type="pipeline" if step.is_pipeline else "command",
            parent=pipeline.id,
            root=pipeline.root or pipeline.id,
            step=step.name,
            fingerprint="" if step.is_deterministic else NEVER_AGAIN,
            cores=step.takes.cores,
            memory=step.takes.memory,
        )
        found += rows_of(step, job)
    return found


def new_run_id() -> str:
    """The id of an MLflow run that is not made yet: 32 hex digits, as MLflow's own."""
    return new_id().replace("-", "")


@dataclass
class Progress:
    """What `advance` changed, in the order in which it did."""

    root: Job
    changed: list[Job] = field(default_factory=list)


def advance(
    tx: Transaction,
    root: str,
    *,
    now: datetime,
    told: Sequence[tuple[Event, datetime]] = (),
    ended: Job | None = None,
) -> Progress | None:
    """Bring the pipeline `root` as far as it can come without anybody's work; None when it does not run.

    Then nothing is written; else `told`, what the journal says of what led here, is written with what follows.
    `ended` is the step that led here, as its row is now.
    """
    top = jobs.by_id(tx, root)
    if top is None or not top.is_pipeline or top.status != "Running":
        return None
    return _Advance(tx, top, now, ended).run(told)


class _Advance:
    """One pipeline with everything below it, in one transaction; rows are read whole only where something happens."""

    def __init__(self, tx: Transaction, top: Job, now: datetime, ended: Job | None) -> None:
        self._tx = tx
        self._now = now
        self._top = top
        self._ended = ended
        self._failed: dict[str, list[Stage]] = {}
        """By pipeline, until one of its steps changes."""
        self._progress = Progress(top)
        self._below: dict[str, dict[str, Stage]] = {}
        for stage in jobs.stages(tx, top.id):
            self._below.setdefault(stage.parent, {})[stage.step] = stage
        settings = top.resolved.get("settings") or {}
        self._goes_on = settings.get("continue_on_step_failure") is True
        self._forced = settings.get("force_rerun") is True

    def run(self, told: Sequence[tuple[Event, datetime]]) -> Progress:
        self._pipeline(self._top)
        follows = ((event, self._now) for job in self._progress.changed for event in status_events(job))
        events.append_all(self._tx, [*told, *follows])
        return self._progress

    # --- one pipeline

    def _pipeline(self, pipeline: Job) -> None:
        """Let everything in `pipeline`, which is Running, follow that can follow now."""
        steps = self._below[pipeline.id]
        for name in pipeline.resolved["order"]:
            step = steps[name]
            if step.is_terminal:
                continue
            if why := self._why_not(pipeline, name):
                self._stop(step, why)
            elif step.status == "NotStarted":
                if all(steps[other].status == "Completed" for other in pipeline.resolved["needs"][name]):
                    self._begin(pipeline, step)
            elif step.type == "pipeline":
                self._pipeline(self._whole(step))
        if all(step.is_terminal for step in steps.values()):
            self._finish(pipeline)

    def _why_not(self, pipeline: Job, name: str) -> str:
        """Why the step `name` should not go on; empty when it should."""
        if pipeline.cancel_requested or self._top.cancel_requested:
            return "the pipeline was canceled"
        failed = self._failed_in(pipeline)
        for other in failed:
            if other.step in pipeline.resolved["needs"][name]:
                return f"it needs step {other.step}, which {_ended(other)}"
        if failed and not self._goes_on:
            return f"step {failed[0].step} {_ended(failed[0])}"
        return ""

    def _failed_in(self, pipeline: Job) -> list[Stage]:
        """The steps of `pipeline` that did not end well; asked for each of its steps, and looked for once."""
        found = self._failed.get(pipeline.id)
        if found is None:
            stages = self._below[pipeline.id].values()
            found = self._failed[pipeline.id] = [one for one in stages if one.status in ("Failed", "Canceled")]
        return found

    def _stop(self, step: Stage, why: str) -> None:
        """End `step`: at once when it has not begun, else by a wish that whoever walks it fulfils."""
        # One in the queue may have begun without its row saying so; whoever takes it finds that it is not wanted.
        if step.status == "NotStarted":
            error = {"code": "Canceled", "message": f"not run: {why}", "hint": "", "log_tail": []}
            self._change(self._whole(step), status="Canceled", error=error, ended_at=self._now)
            for inner in self._below.get(step.id, {}).values():
                self._stop(inner, why)
            return
        whole = self._whole(step)
        if not step.cancel_requested:
            jobs.change(self._tx, step.id, cancel_requested=True)
            whole = self._kept(replace(whole, cancel_requested=True))
        if whole.is_pipeline:
            self._pipeline(whole)

    def _finish(self, pipeline: Job) -> None:
        """All steps have ended: so has a nested pipeline; the outermost is left to whoever ends its MLflow runs."""
        if pipeline.parent is None:
            self._change(pipeline, status="Finalizing")
            return
        steps = {step.step: self._whole(step) for step in self._below[pipeline.id].values()}
        status, error = outcome(pipeline, steps.values())
        made: dict[str, Any] = {}
        if status == "Completed":
            try:
                with savepoint(self._tx):
                    made = outputs.register(self._tx, pipeline, outputs_of(pipeline, steps), now=self._now)
            except PratiqueError as problem:
                status, error, made = "Failed", _document(problem), {}
        self._change(pipeline, status=status, error=error, outputs=made, ended_at=self._now)

    # --- one step

    def _begin(self, pipeline: Job, stage: Stage) -> None:
        """All that a step needs is there: queue it, or find that what it would make was made before."""
        step = self._whole(stage)
        try:
            given = {name: self._given(pipeline, value) for name, value in step.resolved["inputs"].items()}
            if not step.is_pipeline:
                _check_command(step, given)
        except PratiqueError as error:
            self._change(step, status="Failed", error=_document(error), ended_at=self._now)
            return
        resolved = {**step.resolved, "inputs": given}
        if step.is_pipeline:
            self._pipeline(self._change(step, status="Running", resolved=resolved, started_at=self._now))
            return
        if step.fingerprint == NEVER_AGAIN:
            self._change(step, status="Queued", resolved=resolved)
            return
        step = replace(step, resolved=resolved, fingerprint=fingerprint_of(step.spec, resolved))
        if earlier := self._earlier(step):
            self._reuse(step, earlier)
        else:
            self._change(step, status="Queued", resolved=resolved, fingerprint=step.fingerprint)

    def _earlier(self, step: Job) -> Job | None:
        """The step that made what `step` would make."""
        if self._forced or not step.fingerprint:
            return None
        found = jobs.reusable(self._tx, step.workspace, step.fingerprint)
        is_whole = found is not None and outputs.are_there(self._tx, step.workspace, found.outputs)
        return found if is_whole else None

    def _reuse(self, step: Job, earlier: Job) -> None:
        """Let `step` have the results of `earlier`; it fails when they cannot be registered as it wants."""
        try:
            with savepoint(self._tx):
                made = outputs.reused(step, earlier)
                made = outputs.register(self._tx, step, made, now=self._now, earlier=earlier)
        except PratiqueError as error:
            self._change(step, status="Failed", error=_document(error), ended_at=self._now)
            return
        pipeline = jobs.by_id(self._tx, earlier.parent) if earlier.parent else None
        origin = {"job": earlier.name, "pipeline": pipeline.name if pipeline else ""}
        self._change(
            step,
            status="Completed",
            resolved={**step.resolved, "reused": origin},
            fingerprint=step.fingerprint,
            reused_from=earlier.id,
            outputs=made,
            started_at=self._now,
            ended_at=self._now,
        )

    def _given(self, pipeline: Job, value: Given) -> Given:
        """What an input is worth now that all that it binds to is there."""
        if value is None or not ("from" in value or "of" in value):
            return value
        if "of" in value:
            found = pipeline.resolved["inputs"].get(value["of"])
            if found is None or "literal" in found:
                return found
        else:
            step, output = value["from"]
            found = self._output(self._whole(self._below[pipeline.id][step]), str(output))
        seen = {key: value[key] for key in ("type", "mode") if value.get(key)}
        return {**found, **seen}

    def _output(self, step: Job, name: str) -> dict[str, Any]:
        """An output of a step that has ended, as an input."""
        path = f"azureml://jobs/{step.name}/outputs/{name}"
        made = step.outputs.get(name)
        if made is None and name in IMPLICIT_OUTPUTS:
            held = content.resolve(self._tx, step.workspace, path, now=self._now, key=name)
            made = {"type": "uri_folder", "manifest": held.manifest.digest, "name": held.name}
        if made is None:
            raise NotFound(f"step {step.step} has no output {name!r}")
        return {
            "type": made["type"], "mode": "ro_mount", "manifest": made["manifest"], "name": made["name"],
            "is_file": made["type"] == "uri_file", "asset": made.get("asset"), "uri": path,
        }  # fmt: skip

    # --- rows

    def _whole(self, stage: Stage) -> Job:
        if self._ended and self._ended.id == stage.id:
            return self._ended
        found = jobs.by_id(self._tx, stage.id)
        if found is None:
            raise NotFound(f"the row of step {stage.step} is gone")
        return found

    def _change(self, job: Job, **values: Any) -> Job:
        """Write `values`, a new status among them."""
        jobs.change(self._tx, job.id, **values)
        changed = self._kept(replace(job, **values))
        self._progress.changed.append(changed)
        return changed

    def _kept(self, job: Job) -> Job:
        if job.parent is None:
            self._top = self._progress.root = job
        else:
            stage = Stage(job.id, job.parent, job.step, job.type, job.status, job.cancel_requested)
            self._below[job.parent][job.step] = stage
            self._failed.pop(job.parent, None)
        return job


def outcome(pipeline: Job, steps: Iterable[Job]) -> tuple[str, dict[str, Any] | None]:
    """How a pipeline ended all of whose steps have: its status, and the error that says why."""
    if pipeline.cancel_requested:
        return "Canceled", None
    # What could not run because of another is no reason of its own.
    bad = sorted((step for step in steps if step.status != "Completed"), key=lambda step: step.status != "Failed")
    if not bad:
        return "Completed", None
    first = bad[0]
    error = first.error or {}
    message = f"step {first.step} {_ended(first)}" + (f": {error['message']}" if error.get("message") else "")
    hint = f"pratique ml job stream --name {first.name} shows its log"
    return "Failed", {
        "code": "StepFailed", "message": message, "hint": hint, "log_tail": list(error.get("log_tail") or ()),
    }  # fmt: skip


def outputs_of(pipeline: Job, steps: Mapping[str, Job]) -> dict[str, Any]:
    """The outputs of a pipeline all of whose steps have completed."""
    made: dict[str, Any] = {}
    for name, wanted in pipeline.resolved["outputs"].items():
        step, output = wanted["from"]
        found = steps[step].outputs[output]
        made[name] = {key: found[key] for key in ("type", "manifest", "name")} | {"mode": wanted.get("mode")}
    return made


def status_events(job: Job, status: str = "") -> list[Event]:
    """What the journal tells about the status that `job` has now, or had on its way."""
    status = status or job.status
    facts = {"name": job.name, "run_id": job.run_id, "status": status}
    scope, actor = workspace_scope(job.workspace), PLATFORM.to_document()
    found = [Event("Microsoft.MachineLearningServices.RunStatusChanged", f"jobs/{job.name}", scope, actor, facts)]
    if status in jobs.TERMINAL:
        found.append(Event("Microsoft.MachineLearningServices.RunCompleted", f"jobs/{job.name}", scope, actor, facts))
    return found


def _check_command(step: Job, given: Mapping[str, Given]) -> None:
    """A binding of the command that has no value, because an optional input led to none, is found before it runs."""
    bind_command(
        str(step.spec["command"]),
        inputs={name: None if value is None else "" for name, value in given.items()},
        outputs=dict.fromkeys(step.resolved["outputs"], ""),
        name="",
    )


def _ended(step: Job | Stage) -> str:
    return "failed" if step.status == "Failed" else "was canceled"


def _document(error: PratiqueError) -> dict[str, Any]:
    return {"code": error.code, "message": str(error), "hint": error.hint, "log_tail": []}
