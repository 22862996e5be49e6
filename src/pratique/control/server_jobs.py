"""Jobs without an agent: the engine walks their steps itself, from row to row, and nothing is held while one waits.

    queued ─► the steps in order ─► completed
              a step that waits, for its time or for an answer, is a row with `look_at`
              a step that calls an API says so: whoever looks makes the call, and says what came back

Every look begins at the rows, so a server that is killed goes on where it was.
A call of which nobody knows whether it arrived is made again only where that
changes nothing (GET), and fails its step elsewhere.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from pratique.base.errors import NotFound
from pratique.control import delivery_units, validations
from pratique.control.delivery_state import seal_context
from pratique.control.delivery_units import Here, Taken
from pratique.delivery.expressions.macros import Variable
from pratique.delivery.expressions.values import folded
from pratique.delivery.masking import Masker
from pratique.delivery.message import JobMessage
from pratique.delivery.pipeline import Step
from pratique.delivery.records import JOB, Issue, Record, StepState
from pratique.delivery.run.outcomes import Result
from pratique.delivery.run.server_tasks import LONGEST_QUESTION, REPEATABLE, Call, Delay, Ending, Question, order_of
from pratique.delivery.run.steps import job_status, step_verdict
from pratique.delivery.run.variables import RunVariables
from pratique.delivery.tasks import rule_of
from pratique.store import delivery_runs
from pratique.store import delivery_units as unit_rows
from pratique.store.database import Transaction
from pratique.store.delivery_runs import Run
from pratique.store.delivery_units import StepRow
from pratique.store.sealing import Sealer

_AFTERWARDS: Final = "after the cancel"
"""What a step does that began when the end of its job was wished already."""
_OVER: Final = "the time that a cancelled job has is over"
_TOO_LONG: Final = "the step ran longer than its timeoutInMinutes"
_UNANSWERED: Final = "nobody answered in time"


@dataclass(frozen=True)
class Wanted:
    """An API that a step has to call before more can be said."""

    unit: str
    step: int
    call: Call


@dataclass(frozen=True)
class Seen:
    """What a look at a unit came to: what was written, what its log says, and what has to be asked outside."""

    taken: Taken
    said: Mapping[int, tuple[str, ...]]
    """Lines, by step."""
    wanted: Wanted | None


@dataclass(frozen=True)
class _Wait:
    """A step waits: until then, or for an answer alone."""

    until: datetime | None


_Found: TypeAlias = Ending | Call | _Wait


def look(
    tx: Transaction,
    unit: str,
    sealer: Sealer,
    *,
    door: str,
    now: datetime,
    heard: tuple[int, Ending] | None = None,
) -> Seen | None:
    """Bring a unit as far as it goes; None when it has ended.

    `heard` is what came of the call that was wanted last, with its step. `door`
    is the platform's own origin.
    """
    row = unit_rows.get(tx, unit)
    run = delivery_runs.get(tx, row.run) if row else None
    if row is None or run is None or row.message is None or row.state == delivery_runs.COMPLETED:
        return None
    message = JobMessage.of_document(json.loads(sealer.open(row.message, context=seal_context(row.id))))
    return _Walk(tx, Here(run, row), message, door, now, heard).done(sealer)


class _Walk:
    """One look at one unit."""

    def __init__(
        self,
        tx: Transaction,
        at: Here,
        message: JobMessage,
        door: str,
        now: datetime,
        heard: tuple[int, Ending] | None,
    ) -> None:
        self._tx = tx
        self._run: Run = at.run
        self._unit = replace(at.unit, started_at=at.unit.started_at or now)
        self._message = message
        self._door = door
        self._now = now
        self._heard = dict([heard] if heard else [])
        self._masked = Masker(message.secrets()).masked
        self._known = {row.number: row for row in unit_rows.steps_of(tx, [at.unit.id])}
        self._records: list[Record] = []
        self._said: dict[int, tuple[str, ...]] = {}
        self._canceled_at, self._canceled_because = self._cancel()

    def done(self, sealer: Sealer) -> Seen:
        """Walk, and write what came of it."""
        look_at, call = self._walk()
        at = Here(self._run, replace(self._unit, look_at=look_at))
        if not self._records:
            unit_rows.change(self._tx, self._unit.id, look_at=look_at)
            return Seen(Taken(self._run, at.unit, ()), {}, call)
        taken = delivery_units.report(self._tx, at, self._records, sealer, now=self._now)
        return Seen(taken, self._said, call)

    # --- the job ----------------------------------------------------------------------------------------------------

    def _walk(self) -> tuple[datetime | None, Wanted | None]:
        """Walk the steps; when to look again, and what is wanted before."""
        if self._unit.state == "queued":
            if self._canceled_at is not None:
                self._end_job(Result.CANCELED, "the run was cancelled before it began")
                return None, None
            self._record(JOB, self._job_name(), state=StepState.RUNNING)
        status = Result.SUCCEEDED
        for number, step in enumerate(self._message.steps):
            known = self._known.get(number)
            if known is not None and known.state == delivery_runs.COMPLETED:
                status = job_status(status, Result(known.result or Result.FAILED), continues_on_error=False)
                continue
            found = self._begun(number, step, status) if known is None else self._gone_on(number, step, known)
            match found:
                case Call():
                    # Until the answer is written it is due: whoever comes after a kill finds it.
                    return self._now, Wanted(self._unit.id, number, found)
                case _Wait():
                    return self._next(found.until), None
                case Ending():
                    status = self._end(number, step, known, found, status)
        is_canceled = self._canceled_at is not None
        self._end_job(Result.CANCELED if is_canceled else status, self._canceled_because if is_canceled else "")
        return None, None

    def _cancel(self) -> tuple[datetime | None, str]:
        """Since when the job is to end, and why: somebody wished it, or its time is over."""
        wished = self._unit.cancel_requested_at
        minutes = self._unit.timeout
        over = self._started + timedelta(minutes=minutes) if minutes else None
        if over is not None and over <= self._now and (wished is None or over < wished):
            return over, f"the job ran longer than the {minutes} minutes of its timeoutInMinutes"
        return wished, "the run was cancelled" if wished is not None else ""

    @property
    def _started(self) -> datetime:
        return self._unit.started_at or self._now

    def _next(self, until: datetime | None) -> datetime | None:
        """When to look again if nothing happens before."""
        if self._canceled_at is not None:
            last: datetime | None = self._canceled_at + timedelta(minutes=self._unit.cancel_timeout)
        else:
            last = self._started + timedelta(minutes=self._unit.timeout) if self._unit.timeout else None
        return min((moment for moment in (until, last) if moment is not None), default=None)

    def _job_name(self) -> str:
        return self._message.unit.display_name or self._message.unit.job

    def _end_job(self, result: Result, reason: str) -> None:
        issues = (Issue("error", reason),) if reason else ()
        self._record(
            JOB, self._job_name(), state=StepState.COMPLETED, result=result, reason=reason, issues=issues,
            started_at=self._started, finished_at=self._now,
        )  # fmt: skip

    # --- its steps --------------------------------------------------------------------------------------------------

    def _begun(self, number: int, step: Step, status: Result) -> _Found:
        is_canceled = self._canceled_at is not None
        verdict = step_verdict(step, self._variables(status), status, is_canceled=is_canceled)
        if verdict.error:
            return Ending(Result.FAILED, f"the condition {verdict}")
        if not verdict.holds:
            reason = "enabled: false" if verdict.condition == "enabled: false" else f"skipped: {verdict}"
            return Ending(Result.SKIPPED, reason, (*verdict.trace, reason))
        self._record(
            number, self._title(step), state=StepState.RUNNING, reference=step.name, task=step.task,
            started_at=self._now, operation=_AFTERWARDS if is_canceled else "",
        )  # fmt: skip
        return self._ordered(number, step, self._now)

    def _gone_on(self, number: int, step: Step, known: StepRow) -> _Found:
        began = known.started_at or self._now
        if heard := self._heard.get(number):
            return heard
        if ending := self._cut_off(known):
            if asked := validations.of_step(self._tx, self._unit, number):
                validations.withdraw(self._tx, asked, ending.reason, now=self._now)
            return ending
        return self._ordered(number, step, began, is_again=True)

    def _cut_off(self, known: StepRow) -> Ending | None:
        """How a cancel ends a step; None for one that goes on, because it began after it."""
        if self._canceled_at is None:
            return None
        if known.record.get("operation") != _AFTERWARDS:
            return Ending(Result.CANCELED, self._canceled_because)
        is_over = self._now >= self._canceled_at + timedelta(minutes=self._unit.cancel_timeout)
        return Ending(Result.CANCELED, _OVER) if is_over else None

    def _ordered(self, number: int, step: Step, began: datetime, *, is_again: bool = False) -> _Found:
        """What a step that `began` then comes to now."""
        variables = self._variables(Result.SUCCEEDED)
        minutes = variables.number(step.timeout, 0)
        deadline = began + timedelta(minutes=minutes) if minutes else None
        order = order_of(step, variables, self._message.connections, door=self._door)
        match order:
            case Delay():
                return self._delayed(began + timedelta(minutes=order.minutes), deadline)
            case Question():
                latest = began + timedelta(minutes=LONGEST_QUESTION)
                return self._asked(number, order, min(deadline or latest, latest))
            case Call() if is_again and order.method not in REPEATABLE:
                said = f"the server ended while {order.url} was called, and whether that arrived is not known"
                return Ending(Result.FAILED, said)
            case _:
                return order

    def _delayed(self, until: datetime, deadline: datetime | None) -> _Found:
        if self._now >= until:
            return Ending(Result.SUCCEEDED)
        if deadline is not None and self._now >= deadline:
            return Ending(Result.FAILED, _TOO_LONG)
        return _Wait(min(until, deadline or until))

    def _asked(self, number: int, question: Question, deadline: datetime) -> _Found:
        row = validations.of_step(self._tx, self._unit, number)
        if row is None:
            return self._ask(number, question, deadline)
        if row.state == "passed":
            return Ending(Result.SUCCEEDED, lines=(row.reason,))
        if row.state != "waiting":
            return Ending(Result.FAILED, row.reason or row.state)
        if self._now < deadline:
            return _Wait(deadline)
        validations.expire(self._tx, row, _UNANSWERED, now=self._now)
        if question.resumes:
            return Ending(Result.SUCCEEDED, lines=(f"{_UNANSWERED}: it goes on, as onTimeout says",))
        return Ending(Result.FAILED, _UNANSWERED)

    def _ask(self, number: int, question: Question, deadline: datetime) -> _Found:
        try:
            row = validations.ask(
                self._tx, self._run, self._unit, number, approvers=question.approvers,
                allows_self=question.allows_self, instructions=self._masked(question.instructions),
                expires_at=deadline, now=self._now,
            )  # fmt: skip
        except NotFound as error:
            return Ending(Result.FAILED, f"approvers: {error.message}")
        who = ", ".join(question.approvers) or "whoever may run this pipeline"
        told = [f"for the attention of {', '.join(question.notified)}"] if question.notified else []
        self._say(
            number, *told, question.instructions, f"waits for {who}: pratique pipelines approval show --id {row.id}"
        )  # fmt: skip
        return _Wait(deadline)

    def _end(self, number: int, step: Step, known: StepRow | None, ending: Ending, status: Result) -> Result:
        """Record how a step ended; the status of the job after it."""
        continues = self._variables(status).switch(step.continue_on_error, default=False)
        is_let_pass = ending.result is Result.FAILED and continues
        reason = self._masked(ending.reason)
        is_failure = ending.result is Result.FAILED
        lines = [*ending.lines, *([f"##[error]{ending.reason}"] if is_failure else [])]
        self._say(number, *lines)
        is_skipped = ending.result is Result.SKIPPED
        began = known.started_at if known else self._now
        self._record(
            number, self._title(step), state=StepState.COMPLETED, reference=step.name, task=step.task,
            result=Result.SUCCEEDED_WITH_ISSUES if is_let_pass else ending.result, reason=reason,
            issues=(Issue("error", reason),) if is_failure else (),
            started_at=None if is_skipped else began, finished_at=self._now, percent=0 if is_skipped else 100,
        )  # fmt: skip
        return job_status(status, ending.result, continues_on_error=continues)

    def _record(self, number: int, name: str, **facts: Any) -> None:
        sequence = self._unit.sequence + len(self._records) + 1
        self._records.append(Record(sequence, number, self._masked(name), **facts))

    def _say(self, number: int, *lines: str) -> None:
        said = tuple(self._masked(line) for text in lines for line in text.splitlines() or [""])
        self._said[number] = self._said.get(number, ()) + said

    def _title(self, step: Step) -> str:
        if step.display_name:
            return self._variables(Result.SUCCEEDED).replaced(step.display_name)
        return rule_of(step.task).name if step.task else "Task"

    def _variables(self, status: Result) -> RunVariables:
        own = (
            Variable("Agent.JobStatus", status.value),
            Variable("System.AccessToken", self._message.access_token, is_secret=True),
        )
        return RunVariables({folded(one.name): one for one in (*self._message.variables, *own)})
