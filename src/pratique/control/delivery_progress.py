"""What a run comes to, written down: decisions of its plan, units to start, stages and jobs that ended.

    look     rows → what happened            in a reading transaction
    decide   the plan, by `delivery.run`     in none
    write    rows and events                 in one, if nothing happened meanwhile

A stage that is ready asks its checks while decisions are written. Where they
answer at once, more can be decided at once: `Written.goes_on` says so.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from pratique.base.ids import new_id
from pratique.control import checks, pipeline_resources, service_connections
from pratique.control.actor import PLATFORM
from pratique.control.delivery_runs import event_of
from pratique.control.delivery_sources import repository_sources
from pratique.control.delivery_state import Rows, outputs_of, seal_context
from pratique.control.delivery_usage import connection_names
from pratique.control.grants import token_of_access, token_of_checkout
from pratique.control.model_gate import NOTHING, Gathered
from pratique.control.tokens import LONGEST, Issuer
from pratique.delivery.expressions.macros import Variable
from pratique.delivery.message import GIT, Connection, JobMessage, RepositorySource, RunFacts, UnitFacts
from pratique.delivery.pipeline import Job, Pipeline, Stage, Step
from pratique.delivery.run.masking import masked
from pratique.delivery.run.needs import needs_of, resolved
from pratique.delivery.run.outcomes import Admission, Result, RunState
from pratique.delivery.run.plan import Action, Decision, applied, settled
from pratique.delivery.run.results import job_result, run_result, stage_result
from pratique.delivery.run.variables import RunInputs
from pratique.store import asked_checks, deliveries, delivery_runs, delivery_units, events
from pratique.store.database import Transaction
from pratique.store.delivery_runs import JobRow, Run, StageRow
from pratique.store.delivery_units import UnitRow
from pratique.store.events import Event
from pratique.store.leases import Lease
from pratique.store.sealing import Sealer

RESULTS: Final = {
    Result.SUCCEEDED: "succeeded",
    Result.SUCCEEDED_WITH_ISSUES: "partiallySucceeded",
    Result.FAILED: "failed",
    Result.CANCELED: "canceled",
    Result.SKIPPED: "succeeded",
}
"""How a run says its result."""


@dataclass(frozen=True)
class Outlook:
    """What follows from what happened."""

    pipeline: Pipeline
    state: RunState
    """With everything that needed no doing."""
    recorded: tuple[Decision, ...]
    """What needed no doing: skips, failures."""
    todo: tuple[Decision, ...]
    result: Result | None


@dataclass(frozen=True)
class Written:
    """What was written, to be said where people read along."""

    run: Run
    stages: tuple[StageRow, ...]
    """Those that changed."""
    jobs: tuple[JobRow, ...]
    """Those that changed."""
    goes_on: bool
    """Whether checks answered at once, so that more can be decided."""


def outlook(pipeline: Pipeline, state: RunState, inputs: RunInputs) -> Outlook:
    """Decide what is next."""
    state, plan, recorded = settled(pipeline, state, inputs)
    return Outlook(pipeline, state, recorded, plan.decisions, plan.result)


def write(
    tx: Transaction,
    lease: Lease,
    rows: Rows,
    found: Outlook,
    sealer: Sealer,
    *,
    issuer: Issuer,
    tenant: str,
    gathered: Gathered = NOTHING,
    now: datetime,
) -> Written | None:
    """Write what was decided from `rows` and give the run back; None when the lease was lost.

    Something that happened meanwhile, a cancel for one, makes all of it void:
    then nothing is written, and `goes_on` says that it is to be decided again.
    `issuer` and `tenant` are for the tokens of service connections, `gathered` for checks.
    """
    run = delivery_runs.get(tx, rows.run.id)
    if run is None:
        return None
    if run.revision != rows.run.revision:
        held = delivery_runs.release(tx, lease)
        return Written(run, (), (), goes_on=True) if held else None
    connect = partial(service_connections.connections_for, tx, run, issuer=issuer, tenant=tenant, now=now)
    tokens = _Tokens(
        checkout=partial(token_of_checkout, issuer, lasting=LONGEST, now=now),
        access=partial(token_of_access, issuer, lasting=LONGEST, now=now),
    )
    writer = _Writer(tx, run, rows, found, sealer, connect, tokens, gathered, now)
    return writer.write(lease)


@dataclass(frozen=True)
class _Tokens:
    """What a unit is given, each by the id of the unit."""

    checkout: Callable[[str], str]
    access: Callable[[str], str]


class _Writer:
    def __init__(
        self,
        tx: Transaction,
        run: Run,
        rows: Rows,
        found: Outlook,
        sealer: Sealer,
        connect: Callable[..., tuple[Connection, ...]],
        tokens: _Tokens,
        gathered: Gathered,
        now: datetime,
    ) -> None:
        self._tx = tx
        self._run = run
        self._rows = rows
        self._found = found
        self._sealer = sealer
        self._connect = connect
        self._tokens = tokens
        self._gathered = gathered
        self._now = now
        self._state = found.state
        self._reasons = {(one.stage, one.job): self._why(one) for one in (*found.todo, *found.recorded)}
        self._secrets = _secrets(rows, sealer)
        self._events: list[Event] = []

    def write(self, lease: Lease) -> Written | None:
        asked = self._ask_checks()
        self._start_units()
        # What the state says of rows, once units have begun and checks have answered.
        stages = tuple(self._changed_stages())
        jobs = tuple(self._changed_jobs())
        result = run_result(self._found.pipeline, self._state)
        run = self._run_after(
            result, has_begun=any(stage.state != "pending" for stage in (*self._rows.stages, *stages))
        )
        values = {
            "status": run.status, "result": run.result, "started_at": run.started_at, "ended_at": run.ended_at,
            "settled": run.revision - (1 if asked else 0),
        }  # fmt: skip
        if not delivery_runs.release(self._tx, lease, **values):
            return None
        for stage in stages:
            delivery_runs.change_stage(self._tx, run.id, stage.name, **_values(stage, "run", "name"))
            if stage.state == "completed":
                checks.stage_ended(self._tx, run.id, stage.name)
        for job in jobs:
            delivery_runs.change_job(self._tx, run.id, job.stage, job.name, **_values(job, "run", "stage", "name"))
        told = [*self._told(run, stages, jobs), *self._ended(run)]
        events.append_all(self._tx, [(event, self._now) for event in told])
        return Written(run, stages, jobs, goes_on=asked)

    def _why(self, decision: Decision) -> str:
        """The reason of a decision; of a stage that was refused also what was said when that happened."""
        admission = self._state.stage(decision.stage).admission
        if decision.job or decision.action is not Action.FAIL or admission is not Admission.REJECTED:
            return decision.reason
        rows = asked_checks.of_run(self._tx, self._run.id, decision.stage)
        said = "; ".join(row.reason for row in rows if row.state == "failed" and row.reason)
        return f"{decision.reason}: {said}" if said else decision.reason

    # --- doing

    def _ask_checks(self) -> bool:
        """Ask the checks of every stage that is ready; whether one of them has answered."""
        answered = False
        for decision in self._found.todo:
            stage = self._found.pipeline.stage(decision.stage)
            if decision.action is not Action.CHECK or stage is None:
                continue
            needs, _ = resolved(needs_of(self._found.pipeline, stage), decision.variables)
            admission = checks.ask(self._tx, self._run, stage, needs, gathered=self._gathered, now=self._now)
            if admission is not None:
                answered = True
                known = self._state.stage(stage.name)
                self._state = self._state.with_stage(stage.name, replace(known, admission=admission))
        return answered

    def _start_units(self) -> None:
        """Write what is to be started, with the message of each sealed."""
        starts = [one for one in self._found.todo if one.action is Action.START and one.unit is not None]
        if not starts:
            return
        delivery = deliveries.by_id(self._tx, self._run.delivery)
        name = delivery.name if delivery else ""
        units = []
        for decision in starts:
            self._state = applied(self._state, decision)
            unit = new_id()
            units.append(self._unit(decision, self._message(decision, name, unit), unit))
        delivery_units.add(self._tx, units)

    def _unit(self, decision: Decision, message: JobMessage, unit: str) -> UnitRow:
        assert decision.unit is not None  # noqa: S101 - a start has a unit.
        text = json.dumps(message.to_document())
        return UnitRow(
            id=unit, run=self._run.id, stage=decision.stage, job=decision.job, name=decision.unit.name, attempt=1,
            state="queued", result=None, reason=self._said(decision.reason), sequence=0,
            message=self._sealer.seal(text, context=seal_context(unit)), outputs={}, secret_outputs=None,
            timeout=decision.timeout, cancel_timeout=decision.cancel_timeout,
            # A unit that begins after the cancel runs because its condition wanted that.
            cancel_requested_at=None, created_at=self._now, runs_on_server=decision.unit.pool.is_server,
            look_at=self._now if decision.unit.pool.is_server else None,
        )  # fmt: skip

    def _message(self, decision: Decision, delivery: str, identity: str) -> JobMessage:
        assert decision.unit is not None  # noqa: S101 - a start has a unit.
        run, unit = self._run, decision.unit
        stage, job = self._places(decision)
        facts = RunFacts(
            id=run.id, number=run.number, project=run.project, delivery=delivery, reason=run.reason,
            requested_for=str(run.created_by.get("name", "")),
        )  # fmt: skip
        return JobMessage(
            run=facts,
            unit=UnitFacts(stage.name, job.name, unit.name, 1, job.display_name or job.name, unit.hook),
            steps=unit.steps,
            variables=(*decision.variables.found.values(), Variable("System.JobId", identity, is_readonly=True)),
            repositories=() if unit.pool.is_server else self._repositories(identity),
            connections=self._connections(decision, unit.steps, identity),
            pipelines=pipeline_resources.runs_of(run, self._found.pipeline.resources.pipelines),
            access_token=self._tokens.access(identity),
            timeout=decision.timeout,
            cancel_timeout=decision.cancel_timeout,
            workspace_clean=job.workspace_clean,
            masked=tuple(sorted(self._secrets)),
        )

    def _repositories(self, unit: str) -> tuple[RepositorySource, ...]:
        """The repositories of the run; hosted ones with what opens them for this unit."""
        return tuple(
            replace(one, token=self._tokens.checkout(unit)) if one.type == GIT else one
            for one in repository_sources(self._run.sources)
        )

    def _connections(self, decision: Decision, steps: Sequence[Step], unit: str) -> tuple[Connection, ...]:
        """What the unit is given of the service connections that its steps name."""
        names = connection_names(steps, decision.variables)
        limit = timedelta(minutes=decision.timeout + decision.cancel_timeout) if decision.timeout else None
        return self._connect(unit, names, lasting=limit) if names else ()

    def _places(self, decision: Decision) -> tuple[Stage, Job]:
        stage = self._found.pipeline.stage(decision.stage)
        job = stage.job(decision.job) if stage else None
        assert stage is not None and job is not None  # noqa: S101, PT018 - a decision is about what is in the file.
        return stage, job

    # --- what rows say

    def _changed_stages(self) -> Iterator[StageRow]:
        for row in self._rows.stages:
            stage = self._found.pipeline.stage(row.name)
            known = self._state.stage(row.name)
            if stage is None or row.state == "completed":
                continue
            result = stage_result(stage, self._state)
            state = self._state_of_stage(row, known.jobs, result)
            changed = replace(
                row,
                state=state,
                result=result.value if result else None,
                decided=known.result.value if known.result else None,
                admission=known.admission.value if known.admission else None,
                outlives_cancel=known.outlives_cancel,
                reason=self._said(self._reasons.get((row.name, ""), row.reason)),
                started_at=row.started_at or (self._now if state == "running" or known.jobs else None),
                ended_at=self._now if result else None,
            )
            if changed != row:
                yield changed

    def _state_of_stage(self, row: StageRow, jobs: Mapping[str, Any], result: Result | None) -> str:
        if result is not None:
            return "completed"
        if jobs:
            return "running"
        waits = any(
            one.stage == row.name and not one.job and one.action in (Action.CHECK, Action.TRIGGER)
            for one in self._found.todo
        )
        return "waiting" if waits and self._state.stage(row.name).admission is None else row.state

    def _changed_jobs(self) -> Iterator[JobRow]:
        for row in self._rows.jobs:
            stage = self._found.pipeline.stage(row.stage)
            job = stage.job(row.name) if stage else None
            if stage is None or job is None or row.state == "completed":
                continue
            known = self._state.job(row.stage, row.name)
            result = job_result(job, known)
            if result is None and self._state.stage(row.stage).result is not None:
                result = Result.SKIPPED
            changed = replace(
                row,
                state="completed" if result else "running" if known.units else row.state,
                result=result.value if result else None,
                decided=known.result.value if known.result else None,
                expected=list(known.expected),
                continues_on_error=known.continues_on_error,
                reason=self._said(self._reasons.get((row.stage, row.name), row.reason)),
                started_at=row.started_at or (self._now if known.units else None),
                ended_at=self._now if result else None,
            )
            if changed != row:
                yield changed

    def _run_after(self, result: Result | None, *, has_begun: bool) -> Run:
        run = self._run
        if result is not None:
            started = run.started_at or self._now
            return replace(run, status="completed", result=RESULTS[result], started_at=started, ended_at=self._now)
        if has_begun and run.status == "notStarted":
            return replace(run, status="inProgress", started_at=self._now)
        return run

    def _said(self, reason: str) -> str:
        return masked(reason, self._secrets)

    # --- events

    def _told(self, run: Run, stages: tuple[StageRow, ...], jobs: tuple[JobRow, ...]) -> Iterator[Event]:
        before = {stage.name: stage.state for stage in self._rows.stages}
        earlier = {(job.stage, job.name): job.state for job in self._rows.jobs}
        if run.status != self._run.status and self._run.status == "notStarted":
            yield event_of(PLATFORM, "Pratique.DeliveryRunStarted", run)
        changed: list[StageRow | JobRow] = [one for one in stages if one.state != before[one.name]]
        changed += [one for one in jobs if one.state != earlier[one.stage, one.name]]
        for one in in_order(changed):
            place = {"stage": one.stage, "job": one.name} if isinstance(one, JobRow) else {"stage": one.name}
            if kind := (_OF_JOB if isinstance(one, JobRow) else _OF_STAGE).get(one.state):
                yield event_of(PLATFORM, kind, run, {**place, **_outcome(one)})

    def _ended(self, run: Run) -> Iterator[Event]:
        if run.is_completed:
            by = run.canceled_by or {}
            facts = {"result": run.result} | ({"canceled_by": by.get("name")} if by else {})
            yield event_of(PLATFORM, "Pratique.DeliveryRunCompleted", run, facts)


def in_order(changed: Sequence[StageRow | JobRow]) -> list[StageRow | JobRow]:
    """What changed in one moment as it is told: jobs that ended, their stages, then stages and jobs that began."""
    return sorted(changed, key=lambda one: ((one.result is None), (one.result is None) != isinstance(one, StageRow)))


_OF_STAGE: Final = {
    "running": "Pratique.DeliveryStageStarted",
    "waiting": "Pratique.DeliveryStageWaiting",
    "completed": "Pratique.DeliveryStageCompleted",
}
_OF_JOB: Final = {"running": "Pratique.DeliveryJobStarted", "completed": "Pratique.DeliveryJobCompleted"}


def _outcome(row: StageRow | JobRow) -> dict[str, Any]:
    return {"result": row.result, "reason": row.reason} if row.result else {"reason": row.reason}


def _secrets(rows: Rows, sealer: Sealer) -> frozenset[str]:
    """The values of secret outputs of the run, which no reason and no later log may show."""
    found: set[str] = set()
    for unit in rows.units:
        if unit.secret_outputs:
            known = outputs_of(unit, sealer)
            found.update(value for name, value in known.items() if name not in unit.outputs)
    return frozenset(found - {""})


def _values(row: Any, *without: str) -> dict[str, Any]:
    """The columns of a row but its keys."""
    return {name: value for name, value in vars(row).items() if name not in (*without, "position", "display_name")}
