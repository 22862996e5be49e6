"""From the rows of a run to what the plan is made from: its pipeline, what happened, what it was given."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pratique.delivery.compile import recompiled
from pratique.delivery.expressions.macros import Variable
from pratique.delivery.pipeline import Pipeline
from pratique.delivery.run.outcomes import Admission, JobState, Result, RunState, StageState, UnitState
from pratique.delivery.run.status import Counter
from pratique.delivery.run.variables import RunInputs
from pratique.store import delivery_runs, delivery_units
from pratique.store.database import Transaction
from pratique.store.delivery_runs import JobRow, Run, StageRow
from pratique.store.delivery_units import UnitRow
from pratique.store.sealing import Sealer


@dataclass(frozen=True)
class Rows:
    """Everything that is known of a run at one moment."""

    run: Run
    stages: tuple[StageRow, ...]
    jobs: tuple[JobRow, ...]
    units: tuple[UnitRow, ...]


def rows_of(tx: Transaction, run: Run) -> Rows:
    """The rows of `run`."""
    return Rows(
        run,
        tuple(delivery_runs.stages_of(tx, run.id)),
        tuple(delivery_runs.jobs_of(tx, run.id)),
        tuple(delivery_units.of_run(tx, run.id)),
    )


@lru_cache(maxsize=64)
def pipeline_of(text: str, path: str) -> Pipeline:
    """The pipeline of an expanded text; a run asks for the same one time and again."""
    return recompiled(text, file=path)


def state_of(rows: Rows, sealer: Sealer) -> RunState:
    """What happened in the run so far."""
    jobs: dict[str, dict[str, JobState]] = {}
    units: dict[tuple[str, str], dict[str, UnitState]] = {}
    for unit in rows.units:
        result = Result(unit.result) if unit.state == "completed" and unit.result else None
        units.setdefault((unit.stage, unit.job), {})[unit.name] = UnitState(result, outputs_of(unit, sealer))
    for job in rows.jobs:
        begun = units.get((job.stage, job.name), {})
        if begun or job.decided:
            decided = Result(job.decided) if job.decided else None
            known = JobState(decided, begun, tuple(job.expected), job.continues_on_error)
            jobs.setdefault(job.stage, {})[job.name] = known
    stages = {stage.name: _stage(stage, jobs.get(stage.name, {})) for stage in rows.stages}
    return RunState(stages, rows.run.cancel_requested)


def _stage(row: StageRow, jobs: Mapping[str, JobState]) -> StageState:
    return StageState(
        admission=Admission(row.admission) if row.admission else None,
        is_triggered=row.is_triggered,
        result=Result(row.decided) if row.decided else None,
        jobs=jobs,
        outlives_cancel=row.outlives_cancel,
    )


def outputs_of(unit: UnitRow, sealer: Sealer) -> dict[str, str]:
    """The output variables of a unit, secret ones among them."""
    secret = json.loads(sealer.open(unit.secret_outputs, context=seal_context(unit.id))) if unit.secret_outputs else {}
    return {**unit.outputs, **secret}


def seal_context(unit: str) -> str:
    """What the secrets of a unit are bound to."""
    return f"delivery unit {unit}"


def inputs_of(run: Run, groups: Mapping[str, Sequence[Variable]], *, count: Counter) -> RunInputs:
    """What a run is given from outside, with the variable `groups` that it may use."""
    return RunInputs(
        system=run.system,
        queued=tuple(Variable(name, value) for name, value in run.variables.items()),
        groups={name: tuple(variables) for name, variables in groups.items()},
        started=run.created_at,
        counter=count,
        left_out=frozenset(run.left_out),
    )


def remembering(counted: Mapping[str, int], count: Callable[[str, int], int]) -> Counter:
    """A counter that gives what it gave before, and else what `count` gives."""
    known = dict(counted)

    def number(prefix: str, seed: int) -> int:
        if prefix not in known:
            known[prefix] = count(prefix, seed)
        return known[prefix]

    return number
