"""Approvals and checks of the environments that a stage deploys to: asked, judged, written down.

    ask            when a stage is ready, and again whenever something happened to its run
    stage_ended    gives its locks back, and wakes who waits for them
    withdraw       when the run is cancelled: nothing that is answered afterwards counts
    run_ended      both, for all of a run
    wake_due       when the time of something that waits is over

What a check says is decided by `delivery.run.admission`; here are the rows. A
stage that waits is rows which nobody reads: no process, no connection.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from pratique.base.errors import Forbidden, InvalidInput
from pratique.base.ids import new_id
from pratique.control import delivery_usage, stage_environments
from pratique.control.actor import PLATFORM
from pratique.control.approval_bindings import binding, differences
from pratique.control.delivery_state import pipeline_of
from pratique.control.model_gate import NOTHING, Gathered, Wanted, candidate, champion, evidence, trained_by
from pratique.control.permissions import project_scope
from pratique.delivery.graph import all_before
from pratique.delivery.pipeline import Stage
from pratique.delivery.run import admission
from pratique.delivery.run.admission import Answer, Check, Contest, Facts, Outcome, State
from pratique.delivery.run.needs import Kind
from pratique.delivery.run.outcomes import Admission
from pratique.store import asked_checks, delivery_runs, events
from pratique.store import stage_environments as environment_rows
from pratique.store.asked_checks import AskedCheck
from pratique.store.database import Transaction
from pratique.store.delivery_runs import Run
from pratique.store.events import Event
from pratique.store.stage_environments import EnvironmentCheck, StageEnvironment

_USAGE: Final = "usage"
"""The kind of the row that says why a stage may not use what it names."""


def ask(
    tx: Transaction,
    run: Run,
    stage: Stage,
    needs: frozenset[tuple[Kind, str]],
    *,
    gathered: Gathered = NOTHING,
    now: datetime,
) -> Admission | None:
    """What the checks of everything that `stage` uses say of it; None when somebody has to answer first.

    Called in the transaction that settles the run, and again whenever something
    happened to it while it has no answer: asking twice changes nothing. `gathered`
    is what was asked outside, which is never done in a transaction.
    """
    rows = asked_checks.of_run(tx, run.id, stage.name)
    if not rows:
        if refusal := _refused(tx, run, needs):
            _refuse(tx, run, stage, refusal, now)
            return Admission.REJECTED
        rows = _begun(tx, run, stage, needs, now)
    before = stages_before(run, stage)
    while True:
        found = admission.outcome([check_of(row) for row in rows], _facts(tx, run, stage, rows, gathered), now)
        if not found.asked:
            break
        rows = [_opened(tx, run, stage, row, before, now) if row.id in found.asked else row for row in rows]
    if found.admission is Admission.ADMITTED and (changed := _changed(tx, run, stage, rows, before)):
        _ask_again(tx, run, rows, changed, now)
        return None
    if found.admission is Admission.ADMITTED and not _take_locks(tx, run, stage, rows):
        return None
    _write(tx, run, rows, found, now)
    if found.admission is None and any(one.asks_outside for one in found.found.values()):
        delivery_runs.touch(tx, run.id)  # Whoever settles it next has asked.
    return found.admission


def wanted(tx: Transaction, run: Run, *, now: datetime) -> Wanted:
    """What has to be asked outside before the checks of `run` can be judged; nothing for most runs."""
    waiting = [row for row in asked_checks.of_run(tx, run.id) if row.state == "waiting"]
    gates = [row.settings for row in waiting if row.kind == admission.MODEL_GATE]
    versions = [one for gate in gates for one in (candidate(tx, run, gate), champion(tx, run, gate)) if one]
    return Wanted(
        frozenset(trained for one in versions if (trained := trained_by(tx, one))),
        tuple(row for row in waiting if row.kind == admission.REST and (row.look_at is None or row.look_at <= now)),
    )


def stage_ended(tx: Transaction, run: int, stage: str) -> None:
    """Give back the locks of a stage, and have those who wait for them looked at."""
    asked_checks.look_no_more(tx, run, stage)
    for environment in environment_rows.unlock(tx, run, stage):
        for waiting in asked_checks.waiting_for(tx, environment, kind=admission.EXCLUSIVE_LOCK):
            delivery_runs.touch(tx, waiting.run)


def run_ended(tx: Transaction, run: Run, *, now: datetime) -> None:
    """Nothing of a run is asked any more, and no lock is held by it."""
    withdraw(tx, run, reason="the run has ended", now=now)
    for row in delivery_runs.stages_of(tx, run.id):
        stage_ended(tx, run.id, row.name)


def withdraw(tx: Transaction, run: Run, *, reason: str, now: datetime) -> None:
    """End every question of a run that is still open: an answer that comes later changes nothing."""
    for row in asked_checks.withdraw(tx, run.id, reason=reason, now=now):
        if row.kind in admission.ASKED_OF_PEOPLE:
            tell(tx, PLATFORM.to_document(), "Pratique.ApprovalWithdrawn", row, now=now, data={"reason": reason})


def wake_due(tx: Transaction, *, now: datetime) -> int:
    """Have every run looked at of which a check has to be judged again by now; how many."""
    due = asked_checks.due(tx, now=now)
    for run in due:
        delivery_runs.touch(tx, run)
    return len(due)


def check_of(row: AskedCheck) -> Check:
    """A row as it is judged; what was withdrawn or voided is over."""
    state = State(row.state) if row.state in {*State} else State.FAILED
    answers = tuple(_answer(one, row.asked_at) for one in row.answers)
    requested = str(row.requested_by.get("id", ""))
    return Check(row.id, row.kind, row.settings, state, requested, row.expires_at, answers)


def _answer(said: Mapping[str, Any], asked_at: datetime) -> Answer:
    entries = tuple(said.get("entries") or ())
    return Answer(str(said["who"]), str(said["name"]), bool(said["approves"]), str(said["comment"]), asked_at, entries)


def tell(
    tx: Transaction,
    actor: Mapping[str, Any],
    kind: str,
    row: AskedCheck,
    *,
    now: datetime,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write an event about one check of a stage."""
    facts = {
        "run": row.run, "stage": row.stage, "environment": row.environment, "kind": row.kind, **(data or {}),
    }  # fmt: skip
    event = Event(kind, f"approvals/{row.id}", project_scope(row.project), actor, facts)
    events.append(tx, event, now=now)


# --- asking ---------------------------------------------------------------------------------------------------------


def _begun(
    tx: Transaction, run: Run, stage: Stage, needs: frozenset[tuple[Kind, str]], now: datetime
) -> list[AskedCheck]:
    """The checks of the stage's environments as they are now; what is changed later is for later stages."""
    names = sorted(name for kind, name in needs if kind is Kind.ENVIRONMENT)
    environments = [stage_environments.ensure(tx, run.project, name, now=now) for name in names]
    rows = [
        _row(run, stage, environment, check, now)
        for environment in {one.id: one for one in environments}.values()
        for check in environment_rows.checks(tx, environment.id)
    ]
    asked_checks.add_all(tx, rows)
    return rows


def _row(run: Run, stage: Stage, environment: StageEnvironment, check: EnvironmentCheck, now: datetime) -> AskedCheck:
    settings = {**check.settings, "timeout_minutes": check.timeout_minutes}
    return AskedCheck(
        id=new_id(), run=run.id, stage=stage.name, environment_id=environment.id, environment=environment.name,
        project=run.project, check_id=check.id, kind=check.kind, settings=settings,
        requested_by=dict(run.created_by), bound={}, state="pending", reason="", answers=[], asked_at=now,
        expires_at=None, look_at=None, ended_at=None,
    )  # fmt: skip


def _opened(
    tx: Transaction, run: Run, stage: Stage, row: AskedCheck, before: Sequence[str], now: datetime
) -> AskedCheck:
    """A check whose turn has come: its time begins, and an approval says what it is for."""
    expires = now + timedelta(minutes=int(row.settings["timeout_minutes"]))
    bound = binding(tx, run, stage.name, before) if row.kind == admission.APPROVAL else {}
    look_at = now if row.kind == admission.REST else expires
    opened = replace(row, state="waiting", asked_at=now, expires_at=expires, look_at=look_at, bound=bound)
    asked_checks.change(tx, opened)
    if row.kind == admission.APPROVAL:
        tell(tx, PLATFORM.to_document(), "Pratique.ApprovalRequested", opened, now=now)
    return opened


def stages_before(run: Run, stage: Stage) -> list[str]:
    """Every stage that `stage` comes after."""
    pipeline = pipeline_of(run.text, run.path)
    names = {one.name.lower(): one.name for one in pipeline.stages}
    direct = {
        one.name: [names[name.lower()] for name in one.depends_on if name.lower() in names] for one in pipeline.stages
    }
    return sorted(all_before(stage.name, direct))


def _refused(tx: Transaction, run: Run, needs: frozenset[tuple[Kind, str]]) -> str:
    """Why the run may not use what the stage names; empty when it may."""
    try:
        delivery_usage.check(tx, run, delivery_usage.usage_of(needs))
    except (Forbidden, InvalidInput) as error:
        return "; ".join(problem.message for problem in error.problems) or error.message
    return ""


def _refuse(tx: Transaction, run: Run, stage: Stage, reason: str, now: datetime) -> None:
    row = AskedCheck(
        id=new_id(), run=run.id, stage=stage.name, environment_id=0, environment="", project=run.project, check_id=0,
        kind=_USAGE, settings={}, requested_by=dict(run.created_by), bound={}, state="failed", reason=reason,
        answers=[], asked_at=now, expires_at=None, look_at=None, ended_at=now,
    )  # fmt: skip
    asked_checks.add_all(tx, [row])
    tell(tx, PLATFORM.to_document(), "Pratique.CheckFailed", row, now=now, data={"reason": reason})


# --- judging --------------------------------------------------------------------------------------------------------


def _facts(tx: Transaction, run: Run, stage: Stage, rows: Sequence[AskedCheck], gathered: Gathered) -> Facts:
    pipeline = pipeline_of(run.text, run.path)
    gates = [row for row in rows if row.kind == admission.MODEL_GATE and row.is_open]
    return Facts(
        run=run.id,
        stage=stage.name,
        branch=run.branch,
        lock_behavior=stage.lock_behavior or pipeline.lock_behavior,
        contests={row.id: _contest(tx, row) for row in rows if row.kind == admission.EXCLUSIVE_LOCK},
        candidates={row.id: evidence(tx, candidate(tx, run, row.settings), gathered.metrics) for row in gates},
        champions={row.id: evidence(tx, champion(tx, run, row.settings), gathered.metrics) for row in gates},
        replies=gathered.replies,
        due={row.id: row.look_at for row in rows},
    )


def _contest(tx: Transaction, row: AskedCheck) -> Contest:
    environment = environment_rows.get(tx, row.environment_id)
    held = (environment.lock_run, environment.lock_stage) if environment else (None, None)
    holder = (held[0], held[1]) if held[0] is not None and held[1] is not None else None
    waiting = asked_checks.waiting_for(tx, row.environment_id, kind=admission.EXCLUSIVE_LOCK)
    # Two that were approved at once are settled side by side: who comes to write first must not decide.
    soon = asked_checks.about_to_ask(tx, row.environment_id, kind=admission.EXCLUSIVE_LOCK)
    return Contest(holder, frozenset([*(one.run for one in waiting), *soon]))


# --- writing --------------------------------------------------------------------------------------------------------


def _write(tx: Transaction, run: Run, rows: Sequence[AskedCheck], found: Outcome, now: datetime) -> None:
    """What the checks have come to; a stage that has its answer has nothing open any more."""
    is_over = found.admission is not None
    for row in rows:
        said = found.found.get(row.id)
        if said is None or (said.state == row.state and not is_over):
            if is_over and row.is_open:
                reason = "the stage had its answer already"
                asked_checks.change(tx, replace(row, state="withdrawn", reason=reason, ended_at=now, look_at=None))
            elif said is not None and said.look_again != row.look_at:
                asked_checks.change(tx, replace(row, look_at=said.look_again, reason=said.reason or row.reason))
            continue
        _write_one(tx, row, said, is_over=is_over, now=now)
    del run


def _write_one(tx: Transaction, row: AskedCheck, said: admission.Found, *, is_over: bool, now: datetime) -> None:
    if said.state is State.WAITING and is_over:
        changed = replace(row, state="withdrawn", reason="another check ended it", ended_at=now, look_at=None)
    else:
        ended = None if said.state is State.WAITING else row.ended_at or now
        look_at = None if is_over else said.look_again
        reason = said.reason or row.reason
        changed = replace(row, state=said.state.value, reason=reason, ended_at=ended, look_at=look_at)
    if changed == row:
        return
    asked_checks.change(tx, changed)
    if changed.state != row.state and (kind := _TOLD.get(changed.state)):
        tell(tx, PLATFORM.to_document(), kind, changed, now=now, data={"reason": changed.reason})


_TOLD: Final[Mapping[str, str]] = {
    "passed": "Pratique.CheckPassed",
    "failed": "Pratique.CheckFailed",
    "expired": "Pratique.CheckExpired",
}


def _take_locks(tx: Transaction, run: Run, stage: Stage, rows: Sequence[AskedCheck]) -> bool:
    """Take every lock of the stage, or none."""
    wanted = sorted({row.environment_id for row in rows if row.kind == admission.EXCLUSIVE_LOCK})
    for environment in wanted:
        if not environment_rows.lock(tx, environment, run.id, stage.name):
            environment_rows.unlock(tx, run.id, stage.name)
            return False
    return True


def _changed(tx: Transaction, run: Run, stage: Stage, rows: Sequence[AskedCheck], before: Sequence[str]) -> list[str]:
    """What of an approval's binding is not what it was when somebody approved."""
    bound = [row.bound for row in rows if row.kind == admission.APPROVAL and row.bound]
    if not bound:
        return []
    now = binding(tx, run, stage.name, before)
    return sorted({part for one in bound for part in differences(one, now)})


def _ask_again(tx: Transaction, run: Run, rows: Sequence[AskedCheck], changed: Sequence[str], now: datetime) -> None:
    """What was approved is not what would run: the approvals are void, and asked anew for what is there now."""
    reason = f"what it was given for has changed ({', '.join(changed)}), so it is asked again"
    stage = rows[0].stage
    pipeline = pipeline_of(run.text, run.path).stage(stage)
    before = stages_before(run, pipeline) if pipeline else []
    for row in _approvals(rows):
        bound = binding(tx, run, stage, before)
        expires = now + timedelta(minutes=int(row.settings["timeout_minutes"]))
        asked = replace(
            row, state="waiting", reason=reason, answers=[], bound=bound, asked_at=now, expires_at=expires,
            look_at=expires, ended_at=None,
        )  # fmt: skip
        asked_checks.change(tx, asked)
        tell(tx, PLATFORM.to_document(), "Pratique.ApprovalVoided", asked, now=now, data={"reason": reason})


def _approvals(rows: Sequence[AskedCheck]) -> Iterator[AskedCheck]:
    return (row for row in rows if row.kind == admission.APPROVAL)
