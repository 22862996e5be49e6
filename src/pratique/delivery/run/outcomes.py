"""What happened in a run so far, as values; the plan is made from them alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final


class Result(StrEnum):
    """How something ended, as expressions see it."""

    SUCCEEDED = "Succeeded"
    SUCCEEDED_WITH_ISSUES = "SucceededWithIssues"
    FAILED = "Failed"
    CANCELED = "Canceled"
    SKIPPED = "Skipped"


GOOD: Final = frozenset({Result.SUCCEEDED, Result.SUCCEEDED_WITH_ISSUES})
_WORST_FIRST: Final = (Result.CANCELED, Result.FAILED, Result.SUCCEEDED_WITH_ISSUES, Result.SUCCEEDED)


class Admission(StrEnum):
    """What the approvals and checks of a stage said."""

    ADMITTED = "admitted"
    REJECTED = "rejected"
    """By a person or a check: the stage fails."""
    EXPIRED = "expired"
    """Nobody answered in time: the stage is skipped."""


@dataclass(frozen=True)
class UnitState:
    """One piece of a job that was started or skipped: the job itself, a leg, or a hook."""

    result: Result | None = None
    """None while it runs."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """Output variables, by STEP.VARIABLE."""


@dataclass(frozen=True)
class JobState:
    result: Result | None = None
    """Set when the job ended without any unit: skipped, or its condition failed. Otherwise the units decide."""
    units: Mapping[str, UnitState] = field(default_factory=dict)
    expected: tuple[str, ...] = ()
    """The names of all its units, as they were when the first was started."""
    continues_on_error: bool = False
    """Whether a failure of it counts as an issue, as it was when the first was started."""


@dataclass(frozen=True)
class StageState:
    admission: Admission | None = None
    """None until all checks have answered, and before they were asked."""
    is_triggered: bool = False
    """Whether a person started a stage with `trigger: manual`."""
    result: Result | None = None
    """Set when the stage ended without any job. Otherwise the jobs decide."""
    jobs: Mapping[str, JobState] = field(default_factory=dict)
    outlives_cancel: bool = False
    """Whether its first job began after the run was cancelled: its condition wanted that, so its jobs run."""


@dataclass(frozen=True)
class RunState:
    """Everything that happened; what is not in it has not begun."""

    stages: Mapping[str, StageState] = field(default_factory=dict)
    is_canceled: bool = False

    def stage(self, name: str) -> StageState:
        return self.stages.get(name, StageState())

    def job(self, stage: str, job: str) -> JobState:
        return self.stage(stage).jobs.get(job, JobState())

    def with_stage(self, name: str, state: StageState) -> "RunState":
        return RunState({**self.stages, name: state}, self.is_canceled)

    def with_job(self, stage: str, job: str, state: JobState) -> "RunState":
        around = self.stage(stage)
        outlives = around.outlives_cancel or (self.is_canceled and not around.jobs)
        return self.with_stage(stage, replace(around, jobs={**around.jobs, job: state}, outlives_cancel=outlives))

    def with_unit(self, stage: str, job: str, unit: str, state: UnitState) -> "RunState":
        around = self.job(stage, job)
        return self.with_job(stage, job, replace(around, units={**around.units, unit: state}))


def merged(results: Iterable[Result]) -> Result:
    """The result of a whole from those of its parts; Skipped when every part was, or there is none."""
    found = set(results)
    return next((result for result in _WORST_FIRST if result in found), Result.SKIPPED)
