"""Steps within a job: which one runs, and what its result does to the job."""

from pratique.delivery.pipeline import Step
from pratique.delivery.run.conditions import Verdict, verdict
from pratique.delivery.run.outcomes import Result
from pratique.delivery.run.status import step_status_functions
from pratique.delivery.run.variables import RunVariables

_ORDER = (Result.SUCCEEDED, Result.SUCCEEDED_WITH_ISSUES, Result.FAILED, Result.CANCELED)


def step_verdict(step: Step, variables: RunVariables, status: Result, *, is_canceled: bool) -> Verdict:
    """Whether `step` runs; `status` is the job's so far, `variables` hold the outputs of earlier steps.

    A condition that cannot be evaluated fails the step (`Verdict.error`).
    """
    if not variables.switch(step.is_enabled, default=True):
        return Verdict(False, "enabled: false")
    functions = step_status_functions(status, is_canceled=is_canceled)
    known = variables.record()
    known.put("Agent.JobStatus", status.value)
    return verdict(step.condition, {"variables": known}, functions, secrets=variables.secrets())


def job_status(status: Result, step: Result, *, continues_on_error: bool) -> Result:
    """The status of a job after a step ended with the result `step`; a skipped step changes nothing."""
    if step is Result.SKIPPED:
        return status
    effective = Result.SUCCEEDED_WITH_ISSUES if step is Result.FAILED and continues_on_error else step
    return max(status, effective, key=_ORDER.index)


def retry_delay(attempt: int) -> int:
    """Seconds before the attempt that follows attempt number `attempt`, counted from 0."""
    return (attempt + 1) ** 2
