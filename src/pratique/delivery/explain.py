"""Why each stage and job of a pipeline runs or is skipped, before it runs.

The run is imagined: whatever runs succeeds, every check is answered with yes.
A condition that reads outputs of earlier jobs cannot be told before the run;
it is named, and what follows is shown as if it held.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pratique.delivery.expressions.errors import ExpressionError
from pratique.delivery.expressions.parser import parse
from pratique.delivery.pipeline import Deploy, Job, Pipeline, Setting, Stage, VariableItem
from pratique.delivery.run.outcomes import Admission, Result, RunState, UnitState
from pratique.delivery.run.plan import Action, Decision, applied, settled
from pratique.delivery.run.references import paths_in
from pratique.delivery.run.variables import RunInputs

_ROUNDS = 10_000


@dataclass(frozen=True)
class Explained:
    """What is said of one stage, or of one job of it."""

    stage: str
    job: str
    verdict: str
    """runs, skipped, fails, or "decided by the run"."""
    reason: str
    condition: str
    trace: tuple[str, ...]
    """Each part of the condition with its value."""
    depends_on: tuple[str, ...]
    environment: str = ""
    """Of a deployment job: where it deploys to, whose approvals it waits for."""


def explained(pipeline: Pipeline, inputs: RunInputs) -> tuple[Explained, ...]:
    """One entry for each stage, and behind it one for each of its jobs."""
    decisions = _imagined(_without_unknowns(pipeline), inputs)
    return tuple(_entries(pipeline, decisions))


def _entries(pipeline: Pipeline, decisions: dict[tuple[str, str], Decision]) -> Iterator[Explained]:
    for stage in pipeline.stages:
        yield _entry(stage, stage, "", decisions.get((stage.name, "")))
        for job in stage.jobs:
            environment = job.environment.name if job.environment else ""
            decision = decisions.get((stage.name, job.name))
            entry = _entry(stage, job, job.name, decision)
            if decision is None:
                entry = replace(entry, verdict="skipped", reason="its stage does not run")
            yield replace(entry, environment=environment)


def _entry(stage: Stage, node: Stage | Job, job: str, decision: Decision | None) -> Explained:
    condition = node.condition.strip() or "succeeded()"
    unknown = _unknown_in(node.condition)
    verdict = "skipped" if decision is not None and decision.action is Action.SKIP else "runs"
    if decision is not None and decision.action is Action.FAIL:
        verdict = "fails"
    if unknown and verdict == "runs":
        reason = f"reads {', '.join(unknown)}, which only the run knows"
        return Explained(stage.name, job, "decided by the run", reason, condition, (), node.depends_on)
    found = decision.verdict if decision is not None else None
    reason = decision.reason if decision is not None else ""
    return Explained(stage.name, job, verdict, reason, condition, found.trace if found else (), node.depends_on)


def _imagined(pipeline: Pipeline, inputs: RunInputs) -> dict[tuple[str, str], Decision]:
    """The decision that settled each stage and each job."""
    found: dict[tuple[str, str], Decision] = {}
    state = RunState()
    for _ in range(_ROUNDS):
        state, plan, recorded = settled(pipeline, state, inputs)
        for decision in recorded:
            found.setdefault((decision.stage, decision.job), decision)
        if all(decision.action is Action.WAIT for decision in plan.decisions):
            break
        for decision in plan.decisions:
            if decision.action in (Action.CHECK, Action.START, Action.TRIGGER):
                found.setdefault((decision.stage, decision.job), decision)
            state = _succeeded(state, decision)
    return found


def _succeeded(state: RunState, decision: Decision) -> RunState:
    known = state.stage(decision.stage)
    match decision.action:
        case Action.TRIGGER:
            return state.with_stage(decision.stage, replace(known, is_triggered=True))
        case Action.CHECK:
            return state.with_stage(decision.stage, replace(known, admission=Admission.ADMITTED))
        case Action.START if decision.unit is not None:
            started = applied(state, decision)
            return started.with_unit(decision.stage, decision.job, decision.unit.name, UnitState(Result.SUCCEEDED))
        case _:
            return state


def _unknown_in(condition: str) -> tuple[str, ...]:
    """The outputs that `condition` reads."""
    try:
        paths = list(paths_in(parse(condition))) if condition.strip() else []
    except ExpressionError:
        return ()
    read = [path for path in paths if path[0].lower() in ("dependencies", "stagedependencies")]
    return tuple(dict.fromkeys(path[-1] for path in read if "outputs" in [part.lower() for part in path]))


def _without_unknowns(pipeline: Pipeline) -> Pipeline:
    """`pipeline` without what only a run knows: groups, and conditions that read outputs."""
    stages = tuple(
        replace(
            stage,
            condition=_imagined_condition(stage.condition),
            variables=_settings(stage.variables),
            jobs=tuple(_imagined_job(job) for job in stage.jobs),
        )
        for stage in pipeline.stages
    )
    return replace(pipeline, stages=stages, variables=_settings(pipeline.variables))


def _imagined_job(job: Job) -> Job:
    strategy = job.strategy if isinstance(job.strategy, Deploy) else None
    condition = _imagined_condition(job.condition)
    return replace(job, condition=condition, variables=_settings(job.variables), strategy=strategy)


def _imagined_condition(condition: str) -> str:
    return "always()" if _unknown_in(condition) else condition


def _settings(items: tuple[VariableItem, ...]) -> tuple[VariableItem, ...]:
    return tuple(item for item in items if isinstance(item, Setting))
