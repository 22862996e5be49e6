"""Delivery runs: queued, looked at, cancelled, tagged. What follows from what is `delivery_progress`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pratique.base.errors import Conflict, InvalidInput, NotFound, Problem
from pratique.control import checks, deliveries, delivery_usage, download_origins, pipeline_resources
from pratique.control.actor import Actor
from pratique.control.delivery_state import pipeline_of, remembering
from pratique.control.permissions import is_permitted, permit, project_scope
from pratique.control.unit_actors import run_scope
from pratique.delivery.compile import Compiled
from pratique.delivery.expressions.macros import Variable
from pratique.delivery.pipeline import Pipeline
from pratique.delivery.run.names import finished, prepared
from pratique.delivery.run.variables import RunInputs, RunVariables, VariableError, Variables
from pratique.store import counters, delivery_runs, delivery_units, events, projects
from pratique.store.database import Transaction
from pratique.store.deliveries import Delivery
from pratique.store.delivery_runs import JobRow, Run, StageRow, Wanted
from pratique.store.events import Event

_HEADS: Final = "refs/heads/"
_MOST_TAGS: Final = 200
_LONGEST_TAG: Final = 400


@dataclass(frozen=True)
class Request:
    """What somebody wants to run."""

    delivery: Delivery
    path: str
    """Of the YAML file in the run's own repository."""
    branch: str
    """As a ref."""
    version: str
    """The commit; empty for a tree that has none."""
    sources: Sequence[Mapping[str, Any]]
    """Each repository, its own first: see `delivery_sources`."""
    reason: str = "Manual"
    message: str = ""
    """Of the commit."""
    author: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    left_out: Sequence[str] = ()


def known_variables(request: Request, actor: Actor, *, door: str) -> dict[str, str]:
    """The platform's variables that are known before the run has a number: those of templates."""
    delivery, repository = request.delivery, request.sources[0] if request.sources else {}
    name = str(repository.get("name") or delivery.repository)
    return {
        "Build.DefinitionName": delivery.name,
        "Build.DefinitionVersion": "1",
        "Build.QueuedBy": actor.name,
        "Build.QueuedById": actor.id,
        "Build.Reason": request.reason,
        "Build.RequestedFor": actor.name,
        "Build.RequestedForEmail": actor.name if "@" in actor.name else "",
        "Build.RequestedForId": actor.id,
        "Build.Repository.Clean": "False",
        "Build.Repository.Git.SubmoduleCheckout": "False",
        "Build.Repository.ID": name,
        "Build.Repository.Name": name,
        "Build.Repository.Provider": "TfsGit",
        "Build.Repository.Uri": str(repository.get("url") or ""),
        "Build.SourceBranch": request.branch,
        "Build.SourceBranchName": request.branch.rpartition("/")[2],
        "Build.SourceVersion": request.version,
        "Build.SourceVersionAuthor": request.author,
        "Build.SourceVersionMessage": request.message.partition("\n")[0],
        "System.CollectionUri": f"{door}/",
        "System.Culture": "en-US",
        "System.DefinitionId": str(delivery.id),
        "System.HostType": "build",
        "System.ServerType": "OnPremises",
        "System.TeamFoundationCollectionUri": f"{door}/",
        "System.TeamProject": delivery.project,
    }


def queue(
    tx: Transaction, actor: Actor, request: Request, compiled: Compiled, *, known: Mapping[str, str], now: datetime
) -> Run:
    """Write a run of what was compiled with the variables `known`; it begins as soon as this is committed.

    Raises `Conflict` for a delivery that is disabled, `InvalidInput` for a
    stage to skip that is not there, a pipeline resource without a run or a download from another project, and
    `Forbidden` for variable groups and service connections that are not there or that the delivery may not use.
    """
    delivery = request.delivery
    permit(actor, "deliveries/run", project_scope(delivery.project))
    if delivery.queue_status == "disabled":
        raise Conflict(f"the pipeline {delivery.name!r} is disabled", hint="pratique pipelines update enables it")
    _check_left_out(request.left_out, compiled.pipeline)
    number = counters.next_number(tx, counters.RUNS)
    project = projects.get(tx, delivery.project)
    system = {
        **known,
        **pipeline_resources.decided(tx, delivery.project, compiled.pipeline.resources.pipelines, known),
        "Build.BuildId": str(number),
        "Build.BuildUri": f"vstfs:///Build/Build/{number}",
        "System.TeamProjectId": project.id if project else "",
    }
    name, counted = _named(tx, request, compiled.pipeline, system, now=now)
    run = Run(
        id=number, delivery=delivery.id, project=delivery.project, number=name, reason=request.reason,
        path=request.path, branch=request.branch, version=request.version, sources=list(request.sources),
        parameters=dict(request.parameters), variables=dict(request.variables), left_out=list(request.left_out),
        text=compiled.text, system={**system, "Build.BuildNumber": name}, counted=counted,
        status="notStarted", result=None, cancel_requested=False, canceled_by=None, tags=[],
        warnings=[str(warning) for warning in compiled.warnings],
        appends_message=compiled.pipeline.appends_commit_message, error=None, revision=1, settled=0,
        created_at=now, started_at=None, ended_at=None, created_by=actor.to_document(),
    )  # fmt: skip
    pipeline = pipeline_of(run.text, run.path)
    delivery_usage.check(tx, run, delivery_usage.known_usage(pipeline, {**run.variables, **run.system}))
    download_origins.check(tx, run, compiled.pipeline)
    delivery_runs.add(tx, run, *_rows(run, pipeline))
    tell(tx, actor, "Pratique.DeliveryRunQueued", run, now=now, data={"delivery": delivery.name, "reason": run.reason})
    return run


def _check_left_out(names: Sequence[str], pipeline: Pipeline) -> None:
    for name in names:
        stage = pipeline.stage(name)
        if stage is None or not stage.is_skippable:
            known = ", ".join(one.name for one in pipeline.stages if one.is_skippable)
            said = f"there is no stage {name!r}" if stage is None else f"the stage {name!r} cannot be left out"
            problems = [Problem(said, key="stages_to_skip")]
            raise InvalidInput(said, hint=f"stages that can be left out: {known}", problems=problems)


def _named(
    tx: Transaction, request: Request, pipeline: Pipeline, system: Mapping[str, str], *, now: datetime
) -> tuple[str, dict[str, int]]:
    """The name of a run, and what `counter` gave while it was made."""
    counted: dict[str, int] = {}
    scope = counters.counter_scope(request.delivery.id)

    def count(prefix: str, seed: int) -> int:
        counted[prefix] = counters.next_number(tx, scope, prefix, first=seed)
        return counted[prefix]

    inputs = RunInputs(
        system=system,
        queued=tuple(Variable(name, value) for name, value in request.variables.items()),
        started=now,
        counter=remembering(counted, count),
    )
    variables = _variables(pipeline, inputs)

    def look_up(name: str) -> str | None:
        found = variables.get(name)
        return found.value if found and not found.is_secret else None

    style = prepared(pipeline.name, now, look_up)
    revision = 0
    if style.digits:
        revision = counters.next_number(tx, counters.revision_scope(request.delivery.id), style.prefix)
    return finished(style, revision), counted


def _variables(pipeline: Pipeline, inputs: RunInputs) -> RunVariables:
    """The variables of the whole pipeline; those that are missing, such as a group's, the run will tell of."""
    for items in (pipeline.variables, ()):
        variables = Variables(inputs, {})
        try:
            variables.take(items)
        except VariableError:
            continue
        return variables.done()
    return RunVariables()


def _rows(run: Run, pipeline: Pipeline) -> tuple[list[StageRow], list[JobRow]]:
    """Everything that a run may come to, as it stands before it begins."""
    stages = [
        StageRow(run.id, stage.name, position, stage.display_name or stage.name)
        for position, stage in enumerate(pipeline.stages)
    ]
    jobs = [
        JobRow(
            run.id, stage.name, job.name, position, job.display_name or job.name,
            environment=job.environment.name if job.environment else "", expected=[],
        )
        for stage in pipeline.stages
        for position, job in enumerate(stage.jobs)
    ]  # fmt: skip
    return stages, jobs


def get(tx: Transaction, actor: Actor, id: int) -> Run:  # noqa: A002 - the column's name.
    """The run with that id; raises `NotFound`, also for one that the caller may not see."""
    found = delivery_runs.get(tx, id)
    if found is None or not is_permitted(actor, "deliveries/read", run_scope(found)):
        raise NotFound(f"there is no run {id}", hint="pratique pipelines runs list")
    return found


def newest(tx: Transaction, actor: Actor, wanted: Wanted, *, limit: int) -> list[Run]:
    """Up to `limit` runs, newest first."""
    deliveries.every(tx, actor, wanted.project)
    return delivery_runs.newest(tx, wanted, limit=limit)


def cancel(tx: Transaction, actor: Actor, id: int, *, now: datetime) -> Run:  # noqa: A002 - the column's name.
    """Ask for the end of a run; asked for again it changes nothing. Raises `Conflict` for one that has ended."""
    run = get(tx, actor, id)
    permit(actor, "deliveries/run", project_scope(run.project))
    if run.is_completed:
        raise Conflict(
            f"run {id} is {run.status} ({run.result}) and cannot be cancelled",
            hint=f"pratique pipelines runs show --id {id}",
        )
    if not run.cancel_requested:
        by = actor.to_document()
        delivery_runs.touch(tx, id, cancel_requested=True, canceled_by=by, status="cancelling")
        delivery_units.cancel(tx, id, now=now)
        checks.withdraw(tx, run, reason=f"{actor.name} cancelled the run", now=now)
        tell(tx, actor, "Pratique.DeliveryRunCancelRequested", run, now=now)
    return get(tx, actor, id)


def trigger(tx: Transaction, actor: Actor, id: int, stage: str, *, now: datetime) -> Run:  # noqa: A002 - the column's name.
    """Start a stage that waits for a person (`trigger: manual`); raises `Conflict` when there is nothing to start."""
    run = get(tx, actor, id)
    permit(actor, "deliveries/run", project_scope(run.project))
    found = next((one for one in delivery_runs.stages_of(tx, id) if one.name.lower() == stage.lower()), None)
    if found is None:
        raise NotFound(f"run {id} has no stage {stage!r}", hint=f"pratique pipelines runs show --id {id}")
    if run.is_completed or run.cancel_requested or found.state == "completed":
        raise Conflict(f"the stage {found.name!r} of run {id} cannot be started any more")
    if not found.is_triggered:
        delivery_runs.change_stage(tx, id, found.name, is_triggered=True)
        delivery_runs.touch(tx, id)
        tell(tx, actor, "Pratique.DeliveryStageTriggered", run, now=now, data={"stage": found.name})
    return get(tx, actor, id)


def tag(
    tx: Transaction, actor: Actor, id: int, *, add: Sequence[str] = (), remove: Sequence[str] = (), now: datetime  # noqa: A002
) -> Run:  # fmt: skip
    """Add and remove tags; nothing is written when nothing changes."""
    run = get(tx, actor, id)
    permit(actor, "deliveries/run", project_scope(run.project))
    tags = with_tags(run.tags, add)
    gone = {name.lower() for name in remove}
    tags = [name for name in tags if name.lower() not in gone]
    if tags == list(run.tags):
        return run
    delivery_runs.change(tx, id, tags=tags)
    tell(tx, actor, "Pratique.DeliveryRunTagged", run, now=now, data={"tags": tags})
    return get(tx, actor, id)


def with_tags(known: Sequence[str], added: Sequence[str]) -> list[str]:
    """`known` and what of `added` is new, in any case; raises `InvalidInput` for what can be no tag."""
    found = {name.lower(): name for name in known}
    for name in added:
        if not name.strip() or len(name) > _LONGEST_TAG or not name.isprintable():
            said = f"{name[:80]!r} can be no tag: expected 1 to {_LONGEST_TAG} printable characters"
            raise InvalidInput(said, problems=[Problem(said, key="tags")])
        found.setdefault(name.strip().lower(), name.strip())
    if len(found) > _MOST_TAGS:
        raise InvalidInput(f"a run has at most {_MOST_TAGS} tags")
    return list(found.values())


def tell(
    tx: Transaction, actor: Actor, kind: str, run: Run, *, now: datetime, data: Mapping[str, Any] | None = None
) -> None:
    """Write an event about `run`."""
    events.append(tx, event_of(actor, kind, run, data), now=now)


def event_of(actor: Actor, kind: str, run: Run, data: Mapping[str, Any] | None = None) -> Event:
    """An event about `run`."""
    facts = {"id": run.id, "number": run.number, "delivery_id": run.delivery, **(data or {})}
    return Event(kind, f"delivery-runs/{run.id}", project_scope(run.project), actor.to_document(), facts)
