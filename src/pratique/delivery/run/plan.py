"""Given what has happened, what is next: a pure function of pipeline, state and inputs.

`plan` looks at everything that has not begun and says of each what to do and
why. Whoever runs the pipeline does it and records it in the state, then asks
again; asking twice changes nothing. `applied` records what needs no doing:
skips and failures of conditions.

    a stage   waits for its dependencies, then its condition: skipped, or ready
              ready: a person starts it (manual), its checks are asked (CHECK),
              and when they admitted it its jobs follow
    a job     waits for its dependencies within the stage, then its condition:
              skipped, or its units start, as many at once as it allows
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, TypeVar

from pratique.delivery.expressions.values import Record, Value, folded
from pratique.delivery.graph import all_before
from pratique.delivery.pipeline import (
    DEFAULT_CANCEL_TIMEOUT,
    DEFAULT_TIMEOUT,
    Deploy,
    Job,
    Matrix,
    Number,
    Pipeline,
    Slices,
    Stage,
    Switch,
)
from pratique.delivery.run.conditions import Verdict, verdict
from pratique.delivery.run.outcomes import GOOD, Admission, JobState, Result, RunState, StageState, UnitState
from pratique.delivery.run.results import job_result, next_hooks, run_result, stage_result
from pratique.delivery.run.status import status_functions
from pratique.delivery.run.units import Unit, UnitsError, job_outputs, units_of
from pratique.delivery.run.variables import RunInputs, RunVariables, VariableError, Variables

Later = TypeVar("Later", Number, Switch)


class Action(StrEnum):
    """What to do with a stage, a job or a unit."""

    WAIT = "wait"
    """Nothing yet; the reason says for what."""
    TRIGGER = "trigger"
    """A person has to start this stage."""
    CHECK = "check"
    """Ask the approvals and checks of this stage, and record its admission."""
    START = "start"
    """Start this unit."""
    SKIP = "skip"
    FAIL = "fail"
    """Its condition or its variables cannot be evaluated, or a check refused it."""
    CANCEL = "cancel"
    """A job that the cancelled run left half done."""


@dataclass(frozen=True)
class Decision:
    """One thing to do, and why."""

    action: Action
    stage: str
    job: str = ""
    """Empty: the stage itself."""
    unit: Unit | None = None
    """Of START: what to start."""
    expected: tuple[str, ...] = ()
    """Of START: the names of all units of the job."""
    continues_on_error: bool = False
    """Of START: whether a failure of the job counts as an issue."""
    timeout: int = DEFAULT_TIMEOUT
    """Of START: minutes; 0 is no limit."""
    cancel_timeout: int = DEFAULT_CANCEL_TIMEOUT
    """Of START: minutes that remain after a cancel."""
    reason: str = ""
    verdict: Verdict | None = None
    """The condition that decided, where one did."""
    variables: RunVariables = field(default_factory=RunVariables)
    """Of START: what the unit starts with. Of CHECK: the variables of the stage."""


@dataclass(frozen=True)
class Plan:
    decisions: tuple[Decision, ...]
    result: Result | None
    """The result of the run when it is over."""

    def of(self, action: Action) -> tuple[Decision, ...]:
        return tuple(decision for decision in self.decisions if decision.action is action)


_DONE: Final = {Action.SKIP: Result.SKIPPED, Action.FAIL: Result.FAILED, Action.CANCEL: Result.CANCELED}


def plan(pipeline: Pipeline, state: RunState, inputs: RunInputs) -> Plan:
    """What is next."""
    planner = _Planner(pipeline, state, inputs)
    decisions = tuple(planner.decisions())
    return Plan(decisions, run_result(pipeline, state) if not decisions else None)


def applied(state: RunState, decision: Decision) -> RunState:
    """`state` with a skip or a failure recorded, or the start of a unit."""
    stage, job, result = decision.stage, decision.job, _DONE.get(decision.action)
    if decision.unit is not None:
        known = replace(
            state.job(stage, job), expected=decision.expected, continues_on_error=decision.continues_on_error
        )
        return state.with_job(stage, job, known).with_unit(stage, job, decision.unit.name, UnitState())
    if result is None:
        return state
    if job:
        return state.with_job(stage, job, replace(state.job(stage, job), result=result))
    return state.with_stage(stage, replace(state.stage(stage), result=result))


def settled(pipeline: Pipeline, state: RunState, inputs: RunInputs) -> tuple[RunState, Plan, tuple[Decision, ...]]:
    """`state` with every skip and failure recorded until none is left, the plan then, and those decisions."""
    recorded: list[Decision] = []
    while True:
        found = plan(pipeline, state, inputs)
        done = [decision for decision in found.decisions if decision.action in _DONE]
        if not done:
            return state, found, tuple(recorded)
        for decision in done:
            state = applied(state, decision)
        recorded += done


class _Planner:
    def __init__(self, pipeline: Pipeline, state: RunState, inputs: RunInputs) -> None:
        self._pipeline = pipeline
        self._state = state
        self._inputs = inputs
        self._left_out = {folded(name) for name in inputs.left_out}
        # What many jobs read of the same stage is put together once.
        self._known_before: dict[str, Record] = {}
        self._known_variables: dict[str, Variables] = {}
        by_name = {folded(stage.name): stage.name for stage in pipeline.stages}
        self._stages_before = {
            stage.name: [by_name[folded(name)] for name in stage.depends_on if folded(name) in by_name]
            for stage in pipeline.stages
        }

    def decisions(self) -> Iterator[Decision]:
        for stage in self._pipeline.stages:
            if stage_result(stage, self._state) is None:
                yield from self._stage(stage)

    # stages

    def _stage(self, stage: Stage) -> Iterator[Decision]:
        known = self._state.stage(stage.name)
        if known.jobs:
            yield from self._jobs(stage)
            return
        if folded(stage.name) in self._left_out:
            yield Decision(Action.SKIP, stage.name, reason="left out of this run")
            return
        before = self._before(stage)
        if waiting := [name for name, result in before.items() if result is None]:
            yield Decision(Action.WAIT, stage.name, reason=f"waits for {', '.join(waiting)}")
            return
        if known.admission is not None and not self._state.is_canceled:
            yield from self._answered(stage, known.admission)
            return
        yield from self._decided(stage, known, {name: one for name, one in before.items() if one is not None})

    def _decided(self, stage: Stage, known: StageState, before: Mapping[str, Result]) -> Iterator[Decision]:
        """The condition of a stage, then what it still needs."""
        try:
            variables = self._stage_variables(stage).done()
        except VariableError as error:
            yield Decision(Action.FAIL, stage.name, reason=str(error))
            return
        names: dict[str, Value] = {
            "variables": variables.record(),
            "dependencies": self._stage_outputs(before),
            "stageDependencies": self._outputs_before(stage),
        }
        is_canceled = self._state.is_canceled
        functions = status_functions(before, is_canceled=is_canceled, is_held_back=is_canceled)
        found = verdict(stage.condition, names, functions, secrets=variables.secrets())
        reason = _reason(found, before, self._state.is_canceled)
        if not found.holds:
            action = Action.FAIL if found.error else Action.SKIP
            yield Decision(action, stage.name, reason=reason, verdict=found)
        elif stage.is_manual and not known.is_triggered:
            yield Decision(Action.TRIGGER, stage.name, reason="waits for a person to start it", verdict=found)
        elif known.admission is not None:
            yield from self._answered(stage, known.admission)
        else:
            yield Decision(Action.CHECK, stage.name, reason=reason, verdict=found, variables=variables)

    def _answered(self, stage: Stage, admission: Admission) -> Iterator[Decision]:
        """What follows from the answers of the checks."""
        match admission:
            case Admission.REJECTED:
                yield Decision(Action.FAIL, stage.name, reason="an approval or a check was rejected")
            case Admission.EXPIRED:
                yield Decision(Action.SKIP, stage.name, reason="nobody answered an approval or a check in time")
            case _:
                yield from self._jobs(stage)

    def _before(self, stage: Stage) -> dict[str, Result | None]:
        """Everything that `stage` depends on, directly or not, but for what was left out."""
        names = all_before(stage.name, self._stages_before)
        stages = {one.name: one for one in self._pipeline.stages}
        return {name: stage_result(stages[name], self._state) for name in names if folded(name) not in self._left_out}

    def _stage_outputs(self, before: Mapping[str, Result]) -> Record:
        """`dependencies` of a stage's condition: outputs by JOB.STEP.VARIABLE."""
        found = Record()
        for name, result in before.items():
            stage = self._pipeline.stage(name)
            outputs = Record()
            for job in stage.jobs if stage else ():
                for key, value in self._job_outputs(name, job).items():
                    outputs.put(f"{job.name}.{key}", value)
            found.put(name, Record((("result", result.value), ("outputs", outputs))))
        return found

    def _outputs_before(self, stage: Stage) -> Record:
        """`stageDependencies`: stage, job, outputs by STEP.VARIABLE."""
        if stage.name in self._known_before:
            return self._known_before[stage.name]
        found = Record()
        for name in self._before(stage):
            one = self._pipeline.stage(name)
            jobs = Record((job.name, self._job_record(name, job)) for job in (one.jobs if one else ()))
            found.put(name, jobs)
        self._known_before[stage.name] = found
        return found

    def _job_record(self, stage: str, job: Job) -> Record:
        result = job_result(job, self._state.job(stage, job.name)) or Result.SKIPPED
        outputs = Record(self._job_outputs(stage, job).items())
        return Record((("result", result.value), ("outputs", outputs)))

    def _job_outputs(self, stage: str, job: Job) -> dict[str, str]:
        state = self._state.job(stage, job.name)
        return job_outputs(job, {name: unit.outputs for name, unit in state.units.items()})

    def _stage_variables(self, stage: Stage) -> Variables:
        """The variables of a stage; to be read, not to be added to."""
        if stage.name not in self._known_variables:
            names: dict[str, Value] = {"dependencies": Record(), "stageDependencies": self._outputs_before(stage)}
            variables = Variables(self._inputs, names)
            variables.take(self._pipeline.variables)
            variables.take(stage.variables)
            self._known_variables[stage.name] = variables
        return self._known_variables[stage.name]

    # jobs

    def _jobs(self, stage: Stage) -> Iterator[Decision]:
        by_name = {folded(job.name): job.name for job in stage.jobs}
        direct = {
            job.name: [by_name[folded(name)] for name in job.depends_on if folded(name) in by_name]
            for job in stage.jobs
        }
        jobs = {job.name: job for job in stage.jobs}
        for job in stage.jobs:
            state = self._state.job(stage.name, job.name)
            if job_result(job, state) is not None:
                continue
            results = {
                name: job_result(jobs[name], self._state.job(stage.name, name)) for name in all_before(job.name, direct)
            }
            if waiting := [name for name, result in results.items() if result is None]:
                yield Decision(Action.WAIT, stage.name, job.name, reason=f"waits for {', '.join(waiting)}")
                continue
            before = {name: result for name, result in results.items() if result is not None}
            yield from self._job(stage, job, state, before)

    def _job(self, stage: Stage, job: Job, state: JobState, before: Mapping[str, Result]) -> Iterator[Decision]:
        dependencies = Record((one.name, self._job_record(stage.name, one)) for one in stage.jobs if one.name in before)
        names: dict[str, Value] = {
            "dependencies": dependencies,
            "stageDependencies": self._outputs_before(stage),
        }
        try:
            around = self._job_variables(stage, job, names)
            variables = around.done()
        except VariableError as error:
            yield Decision(Action.FAIL, stage.name, job.name, reason=str(error))
            return
        found: Verdict | None = None
        if not state.units:
            is_canceled = self._state.is_canceled
            functions = status_functions(before, is_canceled=is_canceled, is_held_back=self._is_held_back(stage))
            scope = {**names, "variables": variables.record()}
            found = verdict(job.condition, scope, functions, secrets=variables.secrets())
            if not found.holds:
                action = Action.FAIL if found.error else Action.SKIP
                reason = _reason(found, before, self._state.is_canceled)
                yield Decision(action, stage.name, job.name, reason=reason, verdict=found)
                return
        try:
            units = self._units(job, around, variables)
            decisions = list(self._starts(stage, job, state, units, names, found))
        except (UnitsError, VariableError) as error:
            decisions = [Decision(Action.FAIL, stage.name, job.name, reason=str(error))]
        yield from decisions

    def _is_held_back(self, stage: Stage) -> bool:
        """Whether the cancel of the run holds for the jobs of `stage`, and not only for what it had begun before."""
        known = self._state.stage(stage.name)
        return self._state.is_canceled and bool(known.jobs) and not known.outlives_cancel

    def _job_variables(self, stage: Stage, job: Job, names: Mapping[str, Value]) -> Variables:
        """The variables of a job; those of its stage were evaluated with what the stage saw."""
        known = self._stage_variables(stage)
        own = Variables(self._inputs, names)
        own.adopt(known)
        own.take(job.variables)
        return own

    def _units(self, job: Job, around: Variables, variables: RunVariables) -> tuple[Unit, ...]:
        matrix, count = "", 1
        if isinstance(job.strategy, Matrix) and job.strategy.expression:
            matrix, _ = around.evaluated(job.strategy.expression[2:-1], what="the matrix")
        if isinstance(job.strategy, Slices):
            count = self._number(job.strategy.count, around, variables)
        environment = variables.replaced(job.environment.name) if job.environment else ""
        units = units_of(job, matrix=matrix, count=count, targets=self._inputs.targets.get(environment, ()))
        if not units:
            raise UnitsError("its strategy has no legs")
        return units

    def _number(self, value: Number, around: Variables, variables: RunVariables, default: int = 0) -> int:
        return variables.number(self._evaluated(value, around), default)

    def _evaluated(self, value: Later, around: Variables) -> Later | str:
        """`value`, or what it gives when it is a `$[ ]`."""
        if isinstance(value, str) and value.strip().startswith("$["):
            text, _ = around.evaluated(value.strip()[2:-1], what="a setting of the job")
            return text
        return value

    def _starts(
        self, stage: Stage, job: Job, state: JobState, units: Sequence[Unit], names: Mapping[str, Value],
        found: Verdict | None,
    ) -> Iterator[Decision]:  # fmt: skip
        running = sum(1 for unit in state.units.values() if unit.result is None)
        if self._is_held_back(stage) and state.units:
            action = Action.WAIT if running else Action.CANCEL
            yield Decision(action, stage.name, job.name, reason="the run was canceled")
            return
        if isinstance(job.strategy, Deploy):
            ready = next_hooks(state, units)
        else:
            ready = [unit for unit in units if unit.name not in state.units]
        if isinstance(job.strategy, Matrix) and job.strategy.max_parallel:
            around = self._job_variables(stage, job, names)
            most = self._number(job.strategy.max_parallel, around, around.done())
            ready = ready[: max(0, most - running)] if most else ready
        reason = _reason(found, {}, self._state.is_canceled) if found else "what it waited for within the job succeeded"
        expected = state.expected or tuple(unit.name for unit in units)
        for unit in ready:
            around = self._job_variables(stage, job, names)
            around.take_texts(_place(stage, job, unit, around) | dict(unit.variables))
            variables = around.done()
            yield Decision(
                Action.START,
                stage.name,
                job.name,
                unit,
                expected,
                continues_on_error=variables.switch(self._evaluated(job.continue_on_error, around), default=False),
                timeout=self._number(job.timeout, around, variables, DEFAULT_TIMEOUT),
                cancel_timeout=self._number(job.cancel_timeout, around, variables, DEFAULT_CANCEL_TIMEOUT),
                reason=reason,
                verdict=found,
                variables=variables,
            )
        if not ready:
            yield Decision(Action.WAIT, stage.name, job.name, reason="is running")


def _place(stage: Stage, job: Job, unit: Unit, around: Variables) -> dict[str, str]:
    """The variables that say where a unit is; a leg or a slice has a name of its own, as on the hosted service."""
    leg = "" if unit.hook else unit.name
    shown = job.display_name or job.name
    found = {
        "Agent.JobName": " ".join(filter(None, (shown, leg))),
        "System.JobDisplayName": " ".join(filter(None, (shown, leg))),
        "System.JobName": leg or job.name,
        "System.PhaseAttempt": "1",
        "System.PhaseDisplayName": shown,
        "System.PhaseName": job.name,
        "System.StageAttempt": "1",
        "System.StageDisplayName": stage.display_name or stage.name,
        "System.StageName": stage.name,
    }
    if job.environment is not None:
        found["Environment.Name"] = around.done().replaced(job.environment.name)
        found["Environment.ResourceName"] = job.environment.resource
    return found


def _reason(found: Verdict, before: Mapping[str, Result], is_canceled: bool) -> str:
    """Why a condition gave what it gave, in words."""
    if found.error or found.holds:
        return str(found)
    ended = [f"{name} {result.value}" for name, result in before.items() if result not in GOOD]
    said = "the run was canceled" if is_canceled else f"it depends on {', '.join(ended)}" if ended else ""
    return f"{found}: {said}" if said and "succeeded" in found.condition.lower() else str(found)
