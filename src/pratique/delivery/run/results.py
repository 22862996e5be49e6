"""What came out of a run, a stage and a job, and whether they are over."""

from collections.abc import Sequence

from pratique.delivery.pipeline import Deploy, Job, Pipeline, Stage
from pratique.delivery.run.outcomes import GOOD, JobState, Result, RunState, merged
from pratique.delivery.run.units import ON_FAILURE, ON_SUCCESS, Unit, units_of


def run_result(pipeline: Pipeline, state: RunState) -> Result | None:
    """The result of the whole run; None while a stage is not over."""
    results = [stage_result(stage, state) for stage in pipeline.stages]
    if any(result is None for result in results):
        return None
    if state.is_canceled:
        return Result.CANCELED
    whole = merged(result for result in results if result is not None)
    return Result.SUCCEEDED if whole is Result.SKIPPED else whole


def stage_result(stage: Stage, state: RunState) -> Result | None:
    """The result of a stage; None while it is not over. One whose jobs were all skipped was skipped."""
    known = state.stage(stage.name)
    if known.result is not None:
        return known.result
    results = [job_result(job, state.job(stage.name, job.name)) for job in stage.jobs]
    if any(result is None for result in results):
        return None
    return merged(result for result in results if result is not None)


def job_result(job: Job, state: JobState) -> Result | None:
    """The result of a job; None while it is not over. `continueOnError` makes a failure an issue."""
    result = state.result
    if result is None:
        if not state.units or not _is_over(job, state):
            return None
        result = merged(unit.result for unit in state.units.values() if unit.result is not None)
    if result is Result.FAILED and state.continues_on_error:
        return Result.SUCCEEDED_WITH_ISSUES
    return result


def _is_over(job: Job, state: JobState) -> bool:
    """Whether nothing of the job runs and nothing of it is left to start."""
    if any(unit.result is None for unit in state.units.values()):
        return False
    if isinstance(job.strategy, Deploy):
        return not next_hooks(state, begun_units(job, state))
    return all(name in state.units for name in state.expected)


def begun_units(job: Job, state: JobState) -> tuple[Unit, ...]:
    """The units of a deployment that has begun; the targets of a rolling one are those that it began with."""
    targets = list(dict.fromkeys(name.partition("_")[2] for name in state.expected if not name.startswith("on_")))
    return units_of(job, targets=targets)


def next_hooks(state: JobState, units: Sequence[Unit]) -> list[Unit]:
    """The hooks of a deployment that may start now."""
    main = [unit for unit in units if unit.name not in (ON_FAILURE, ON_SUCCESS)]
    ends = {unit.name: unit for unit in units if unit.name in (ON_FAILURE, ON_SUCCESS)}
    results = {name: unit.result for name, unit in state.units.items()}
    has_failed = any(result is not None and result not in GOOD for name, result in results.items() if name not in ends)
    if not has_failed:
        waiting = [unit for unit in main if unit.name not in results]
        ready = [unit for unit in waiting if all(results.get(name) in GOOD for name in unit.after)]
        if waiting:
            return ready
    if any(result is None for result in results.values()) or not results:
        return []
    end = ends.get(ON_FAILURE if has_failed else ON_SUCCESS)
    return [end] if end is not None and end.name not in results else []
