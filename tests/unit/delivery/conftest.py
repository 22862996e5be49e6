"""Pipelines from dictionaries, and runs of them in which every job does what a test says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import yaml
from tests.unit.delivery.sources import reader

from pratique.base.errors import InvalidInput
from pratique.delivery.compile import Compiled, compiled
from pratique.delivery.pipeline import Pipeline
from pratique.delivery.run.outcomes import Admission, Result, RunState, UnitState
from pratique.delivery.run.plan import Action, Decision, applied, settled
from pratique.delivery.run.results import job_result, stage_result
from pratique.delivery.run.variables import RunInputs, RunVariables

MAIN = "azure-pipelines.yml"
Outcome = str | tuple[str, Mapping[str, str]]
Compile = Callable[..., Compiled]


@pytest.fixture
def compile_files() -> Compile:
    """Compile a pipeline's text; other files are keywords: path, or path@repository."""

    def compile_text(text: str, files: Mapping[str, str] | None = None, **given: Any) -> Compiled:
        return compiled(reader(MAIN, text, files), MAIN, **given)

    return compile_text


@dataclass
class Ran:
    """What a run did."""

    state: RunState = field(default_factory=RunState)
    rounds: list[list[str]] = field(default_factory=list)
    """What was started together, one round after the other."""
    variables: dict[str, RunVariables] = field(default_factory=dict)
    """Of each unit that was started."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Of each skip and failure that was decided."""
    checked: list[str] = field(default_factory=list)
    """The stages whose checks were asked."""
    result: Result | None = None
    results: dict[str, str] = field(default_factory=dict)
    """Of every stage and every job."""

    @property
    def started(self) -> list[str]:
        return [unit for units in self.rounds for unit in units]


def pipeline_of(document: Mapping[str, Any]) -> Pipeline:
    """The pipeline of a document, through text as a user's."""
    text = yaml.safe_dump(document, sort_keys=False)
    return compiled(lambda _repository, _path: text, MAIN).pipeline


def played(
    pipeline: Pipeline,
    outcomes: Mapping[str, Outcome] | None = None,
    *,
    inputs: RunInputs | None = None,
    checks: Mapping[str, Admission] | None = None,
    cancel_after: int = -1,
) -> Ran:
    """Run `pipeline`: units end as `outcomes` say, by STAGE.JOB or STAGE.JOB.UNIT, otherwise they succeed.

    `cancel_after` cancels the run when so many rounds have been started; what
    was started in the last of them is cancelled.
    """
    ran, inputs = Ran(), inputs or RunInputs()
    for _ in range(100):
        ran.state, plan, done = settled(pipeline, ran.state, inputs)
        for decision in done:
            ran.reasons[_name(decision)] = decision.reason
        if plan.result is not None:
            ran.result = plan.result
            break
        _answer(ran, plan.of(Action.CHECK), checks or {})
        starts = plan.of(Action.START)
        if starts:
            is_canceled = len(ran.rounds) + 1 == cancel_after
            _play(ran, starts, outcomes or {}, is_canceled)
    _note_results(pipeline, ran)
    return ran


def _answer(ran: Ran, asked: tuple[Decision, ...], checks: Mapping[str, Admission]) -> None:
    for decision in asked:
        ran.checked.append(decision.stage)
        known = ran.state.stage(decision.stage)
        admission = checks.get(decision.stage, Admission.ADMITTED)
        ran.state = ran.state.with_stage(decision.stage, replace(known, admission=admission))


def _play(ran: Ran, starts: tuple[Decision, ...], outcomes: Mapping[str, Outcome], is_canceled: bool) -> None:
    ran.rounds.append([_name(decision) for decision in starts])
    for decision in starts:
        ran.state = applied(ran.state, decision)
        ran.variables[_name(decision)] = decision.variables
    for decision in starts:
        assert decision.unit is not None
        outcome = outcomes.get(_name(decision), "Succeeded")
        result, outputs = (outcome, {}) if isinstance(outcome, str) else outcome
        if is_canceled:
            result = "Canceled"
        ended = UnitState(Result(result), dict(outputs))
        ran.state = ran.state.with_unit(decision.stage, decision.job, decision.unit.name, ended)
    if is_canceled:
        ran.state = replace(ran.state, is_canceled=True)


def _name(decision: Decision) -> str:
    unit = decision.unit.name if decision.unit is not None else ""
    return ".".join(part for part in (decision.stage, decision.job, unit) if part)


def _note_results(pipeline: Pipeline, ran: Ran) -> None:
    for stage in pipeline.stages:
        ran.results[stage.name] = str(stage_result(stage, ran.state))
        for job in stage.jobs:
            result = job_result(job, ran.state.job(stage.name, job.name))
            ran.results[f"{stage.name}.{job.name}"] = str(result or "")


def problems(compile_files: Compile, text: str, **given: Any) -> str:
    """Every problem of `text`, a line each."""
    with pytest.raises(InvalidInput) as caught:
        compile_files(text, **given)
    return "\n".join(str(problem) for problem in caught.value.problems)


def warnings(compile_files: Compile, text: str) -> str:
    """Every warning, a line each."""
    return "\n".join(str(problem) for problem in compile_files(text).warnings)
