"""One step while it runs: its log, its record, and what its output asked for."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from pratique.base.clock import utc_now
from pratique.delivery.pipeline import Step
from pratique.delivery.records import Attachment, Coverage, Issue, Record, StepState, Suite
from pratique.delivery.run.outcomes import Result
from pratique.delivery.run.variables import RunVariables
from pratique.worker import processes
from pratique.worker.commands import deactivated
from pratique.worker.job import Job
from pratique.worker.processes import Ended, OnLine, Stop
from pratique.worker.variables import is_mappable, mapped

MAX_ISSUES: Final = 100
"""Of one step; what comes after stays in its log."""
MAX_SUMMARIES: Final = 10
_REPORT_EVERY: Final = 0.5
"""Seconds between two reports of how far a step is."""
_ORDER: Final = (Result.SUCCEEDED, Result.SUCCEEDED_WITH_ISSUES, Result.SKIPPED, Result.FAILED, Result.CANCELED)


@dataclass(frozen=True)
class Outcome:
    """How the work of a step ended."""

    result: Result
    reason: str = ""


DONE: Final = Outcome(Result.SUCCEEDED)


def failed(reason: str) -> Outcome:
    """The outcome of a step that failed, with the reason for people."""
    return Outcome(Result.FAILED, reason)


class StepRun:
    """A step at work; one object for all its attempts."""

    def __init__(self, job: Job, number: int, step: Step, title: str) -> None:
        self.job = job
        self.step = step
        self.asked = Result.SUCCEEDED
        """The worst result that its output asked for."""
        self._log = job.reporter.log(number)
        self._record = Record(
            0, number, job.masker.masked(title), StepState.PENDING, reference=step.name, task=step.task or step.kind
        )
        self._reported = 0.0

    # --- what the rest of the worker asks ---------------------------------------------------------------------------

    @property
    def variables(self) -> RunVariables:
        """As they are now."""
        return self.job.variables.now

    @property
    def title(self) -> str:
        """Its name for people."""
        return self._record.name

    @property
    def is_debugging(self) -> bool:
        """Whether `system.debug` is on."""
        return self.variables.text("system.debug").strip().lower() == "true"

    def environment(self) -> dict[str, str]:
        """What its processes get: the variables of the job, then its own `env`."""
        own = mapped(self.step.env, self.variables)
        for name, value in own.items():
            if not is_mappable(name, value):
                self.warn(f"the environment variable {name} cannot be given to a process: it is too long, or no name")
        return {**self.job.environment(), **{name: own[name] for name in own if is_mappable(name, own[name])}}

    def folder(self, given: str) -> Path:
        """The working folder: `given` below the sources, made when it is not there."""
        default = Path(self.variables.text("System.DefaultWorkingDirectory"))
        folder = default / given.strip()
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    # --- its life ---------------------------------------------------------------------------------------------------

    def begin(self, now: datetime) -> None:
        self._report(state=StepState.RUNNING, started_at=now)

    def attempt(self, number: int) -> None:
        """Begin attempt `number`, counted from 1."""
        self.asked = Result.SUCCEEDED
        self._report(attempt=number)

    def end(self, outcome: Outcome, now: datetime, *, continues_on_error: bool = False) -> None:
        """Report how it ended, and close its log; a failure that does not count is an issue."""
        if outcome.result is Result.FAILED and outcome.reason:
            self.error(outcome.reason)
        self._log.close()
        is_let_pass = outcome.result is Result.FAILED and continues_on_error
        self._report(
            state=StepState.COMPLETED,
            result=Result.SUCCEEDED_WITH_ISSUES if is_let_pass else outcome.result,
            reason=self.job.masker.masked(outcome.reason),
            finished_at=now,
            percent=100 if outcome.result is not Result.SKIPPED else 0,
        )

    def skip(self, reason: str) -> None:
        self.say(reason)
        self.end(Outcome(Result.SKIPPED, reason), utc_now())

    # --- what it says -----------------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Write our own words into its log; no command in them acts, nor looks as if it did."""
        for line in text.splitlines() or [""]:
            self._log.write(deactivated(line))

    def print(self, line: str) -> None:
        """Write a line of its output into its log."""
        self._log.write(line)

    def error(self, message: str) -> None:
        self.issue(Issue("error", message))

    def warn(self, message: str) -> None:
        self.issue(Issue("warning", message))

    def debug(self, message: str) -> None:
        """Write for who looks for a mistake; shown only with `system.debug`."""
        if self.is_debugging:
            self.say(f"##[debug]{message}")

    def issue(self, issue: Issue) -> None:
        """Note an error or a warning in the record and the log."""
        self.say(f"##[{issue.type}]{issue.message}")
        if len(self._record.issues) < MAX_ISSUES:
            mask = self.job.masker.masked
            shown = replace(issue, message=mask(issue.message), code=mask(issue.code), source=mask(issue.source))
            self._report(issues=(*self._record.issues, shown))

    # --- what its output asks for -----------------------------------------------------------------------------------

    def ask(self, result: Result) -> None:
        """Take note that its output wants this result; the worst counts."""
        self.asked = max(self.asked, result, key=_ORDER.index)

    def progress(self, percent: int, operation: str) -> None:
        """Take note how far it is; the platform hears of it now and then."""
        self._record = replace(
            self._record, percent=max(0, min(100, percent)), operation=self.job.masker.masked(operation)
        )
        if time.monotonic() - self._reported >= _REPORT_EVERY:
            self._report()

    def output_was_set(self) -> None:
        self._report(outputs=self.job.variables.outputs_of(self.step.name))

    def tag(self, tag: str) -> None:
        self._report(tags=(*self._record.tags, self.job.masker.masked(tag)))

    def number_run(self, number: str) -> None:
        """Give the run another number."""
        self._report(build_number=self.job.masker.masked(number))

    def summarise(self, markdown: str) -> None:
        if len(self._record.summaries) == MAX_SUMMARIES:
            self.warn(f"a step has at most {MAX_SUMMARIES} summaries; this one is not kept")
            return
        self._report(summaries=(*self._record.summaries, self.job.masker.masked(markdown)))

    def attach(self, attachment: Attachment) -> None:
        self._report(attachments=(*self._record.attachments, attachment))

    def tested(self, suite: Suite) -> None:
        self._report(tests=(*self._record.tests, suite))

    def covered(self, coverage: Coverage) -> None:
        self._report(coverage=coverage)

    # --- its processes ----------------------------------------------------------------------------------------------

    def run(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        on_line: OnLine,
        deadline: float | None,
        keeps_errors_apart: bool = False,
    ) -> Ended:
        """Run a process of this step; a cancel of the job ends it, unless the job is cancelled already."""
        job = self.job
        moments = [moment for moment in (deadline, job.last_moment) if moment is not None]
        return processes.run(
            argv,
            environment=environment,
            folder=folder,
            on_line=on_line,
            keeps_errors_apart=keeps_errors_apart,
            deadline=min(moments, default=None),
            cancellation=None if job.last_moment is not None else job.cancellation,
        )

    def outcome(self, ended: Ended, what: str) -> Outcome:
        """What the end of a process means for the step."""
        if ended.is_held:
            self.warn(f"something that {what} left running still holds its output; what it prints is not kept")
        match ended.stopped:
            case Stop.CANCELED:
                return Outcome(Result.CANCELED, self.job.cancellation.reason)
            case Stop.TIMED_OUT if self.job.last_moment is not None:
                return Outcome(Result.CANCELED, "the time that a cancelled job has is over")
            case Stop.TIMED_OUT:
                return failed("the step ran longer than its timeoutInMinutes")
        return DONE if ended.code == 0 else failed(f"{what} exited with code {ended.code}")

    def _report(self, **changes: object) -> None:
        self._record = replace(self._record, **changes)  # type: ignore[arg-type]
        self._reported = time.monotonic()
        self.job.reporter.record(self._record)


def worst(outcome: Outcome, asked: Result) -> Outcome:
    """`outcome`, unless the output of the step asked for something worse."""
    if _ORDER.index(asked) <= _ORDER.index(outcome.result):
        return outcome
    return Outcome(asked, f"the step asked for the result {asked.value}" if asked is Result.FAILED else "")
