"""A unit from its message to its last record.

    initialise ─► checkout, downloads ─► the steps in order ─► what they left behind is ended and removed

Every step is looked at, also after a failure or a cancel: its condition decides.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pratique.base.clock import utc_now
from pratique.base.errors import PratiqueError
from pratique.delivery.inputs import Inputs
from pratique.delivery.nodes import SELF, Place, Source
from pratique.delivery.pipeline import Step
from pratique.delivery.records import JOB, Issue, Record, StepState
from pratique.delivery.run.outcomes import Result
from pratique.delivery.run.steps import job_status, retry_delay, step_verdict
from pratique.delivery.tasks import rule_of
from pratique.worker.artifacts import download_everything, run_download, run_publish
from pratique.worker.checkout import run_checkout
from pratique.worker.job import Job
from pratique.worker.step import Outcome, StepRun, failed, worst
from pratique.worker.tasks.table import TASKS
from pratique.worker.tasks.work import Work

MAX_RETRIES: Final = 10
"""Further attempts, whatever a step asks for."""
MAX_PROBLEMS: Final = 5
"""Things that are wrong with what a step gave, that are told."""
_NAMING: Final = {"checkout": "repository", "download": "artifact", "publish": "artifact"}
"""The input that a step of this kind is called after."""
_SHELL_NAMES: Final = {"CmdLine@2": "CmdLine", "Bash@3": "Bash", "PowerShell@2": "PowerShell"}


@dataclass(frozen=True)
class Planned:
    """A step of the unit: what was written, or what the worker adds."""

    step: Step
    work: Callable[[StepRun, float | None], Outcome]
    """One attempt, with the moment at which it must be over."""


class Unit:
    """Runs the steps of one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._started = utc_now()
        self._told: set[str] = set()

    def run(self) -> Result:
        """Run everything; returns the result of the job."""
        job = self._job
        self._report(StepState.RUNNING)
        for number, planned in enumerate(self._planned()):
            job.note_cancel()
            self._step(number, planned)
        job.note_cancel()
        result = Result.CANCELED if job.is_canceled else job.status
        self._report(StepState.COMPLETED, result)
        return result

    def _planned(self) -> Iterator[Planned]:
        message = self._job.message
        kinds = [step.kind for step in message.steps]
        begin = Place(Source(SELF, "the job"), 0, 0)
        if not message.unit.is_deployment and "checkout" not in kinds:
            step = Step("checkout", "", {"repository": SELF}, begin)
            yield Planned(step, lambda run, deadline: run_checkout(run, deadline, 1))
        if message.unit.hook == "deploy" and "download" not in kinds:
            yield Planned(Step("download", "", {"source": "current"}, begin), lambda run, _: download_everything(run))
        for step in message.steps:
            yield Planned(step, _work_of(step, max(1, kinds.count("checkout"))))

    def _step(self, number: int, planned: Planned) -> None:
        job, step = self._job, planned.step
        status = Result.CANCELED if job.is_canceled else job.status
        job.variables.platform({"Agent.JobStatus": status.value})
        run = StepRun(job, number, step, title_of(step, job.variables.now.replaced))
        verdict = step_verdict(step, job.variables.now, job.status, is_canceled=job.is_canceled)
        if verdict.error:
            self._ended(run, failed(f"the condition {verdict}"))
        elif not verdict.holds:
            for line in verdict.trace:
                run.say(line)
            run.skip("enabled: false" if verdict.condition == "enabled: false" else f"skipped: {verdict}")
        else:
            run.begin(utc_now())
            self._warn(run)
            self._ended(run, _worked(run, planned))

    def _warn(self, run: StepRun) -> None:
        """Say what is odd about the variables, each thing once in a job."""
        variables = self._job.variables
        for warning in (*variables.now.warnings, *variables.unmapped()):
            if warning not in self._told:
                self._told.add(warning)
                run.warn(warning)

    def _ended(self, run: StepRun, outcome: Outcome) -> None:
        job = self._job
        continues = job.variables.now.switch(run.step.continue_on_error, default=False)
        job.status = job_status(job.status, outcome.result, continues_on_error=continues)
        run.end(outcome, utc_now(), continues_on_error=continues)

    def _report(self, state: StepState, result: Result | None = None) -> None:
        job = self._job
        reason = job.masker.masked(job.cancellation.reason) if job.is_canceled else ""
        unit = job.message.unit
        job.reporter.record(
            Record(
                0,
                JOB,
                unit.display_name or unit.job,
                state,
                result=result,
                reason=reason,
                started_at=self._started,
                finished_at=utc_now() if result else None,
                issues=(Issue("error", reason),) if reason else (),
            )
        )


def _worked(run: StepRun, planned: Planned) -> Outcome:
    """The outcome of a step after as many attempts as it wants and needs."""
    variables, step = run.variables, planned.step
    minutes = variables.number(step.timeout, 0)
    retries = min(MAX_RETRIES, variables.number(step.retries, 0))
    deadline = time.monotonic() + 60 * minutes if minutes else None
    for attempt in range(retries + 1):
        if attempt:
            run.attempt(attempt + 1)
        outcome = _attempt(run, planned, deadline)
        is_over = deadline is not None and time.monotonic() >= deadline
        if outcome.result is not Result.FAILED or attempt == retries or is_over or run.job.is_canceled:
            break
        delay = retry_delay(attempt)
        run.warn(f"{outcome.reason}; attempt {attempt + 2} of {retries + 1} begins in {delay} s")
        if run.job.cancellation.wait(delay):
            return Outcome(Result.CANCELED, run.job.cancellation.reason)
    return outcome


def _attempt(run: StepRun, planned: Planned, deadline: float | None) -> Outcome:
    try:
        return worst(planned.work(run, deadline), run.asked)
    except PratiqueError as error:
        return failed(_said(error))
    except OSError as error:
        return failed(f"{error.filename or 'the machine'}: {error.strerror or error}")


def _said(error: PratiqueError) -> str:
    """An error in one line, with the first of the things that are wrong."""
    problems = "; ".join(map(str, error.problems[:MAX_PROBLEMS]))
    return " ".join(filter(None, (error.message, problems, f"({error.hint})" if error.hint else "")))


def _work_of(step: Step, checkouts: int) -> Callable[[StepRun, float | None], Outcome]:
    match step.kind:
        case "checkout":
            return lambda run, deadline: run_checkout(run, deadline, checkouts)
        case "download":
            return lambda run, _: run_download(run)
        case "publish":
            return lambda run, _: run_publish(run)

    def work(run: StepRun, deadline: float | None) -> Outcome:
        inputs = Inputs(step.task, step.inputs, run.variables.replaced)
        for note in inputs.notes:
            run.say(note)
        return TASKS[step.task](Work(run, inputs, deadline))

    return work


def title_of(step: Step, expand: Callable[[str], str]) -> str:
    """The name of a step for people: what was written, or what it does."""
    if step.display_name:
        return expand(step.display_name)
    if step.kind == "task":
        # A disabled step may be of a task that is not known here.
        return _SHELL_NAMES.get(step.task) or (rule_of(step.task).name if step.task else "Task")
    return " ".join(filter(None, (step.kind.capitalize(), expand(step.inputs.get(_NAMING[step.kind], "")))))
