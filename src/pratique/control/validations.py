"""What a step without an agent asks people (ManualValidation): a row among the approvals of its run.

It is answered as they are, and admits nothing: what an approval of an
environment was given for counts for promotion, the answer to a step does not,
because whoever writes the file decides who is asked. A group that is asked is
whoever is in it when they answer; one answer is enough.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pratique.base.ids import new_id
from pratique.control import checks
from pratique.control.actor import PLATFORM
from pratique.control.approval_bindings import binding
from pratique.control.delivery_state import pipeline_of
from pratique.control.roles import find_assignee
from pratique.delivery.run.admission import VALIDATION
from pratique.store import asked_checks
from pratique.store.asked_checks import AskedCheck
from pratique.store.database import Transaction
from pratique.store.delivery_runs import Run
from pratique.store.delivery_units import UnitRow


def of_step(tx: Transaction, unit: UnitRow, step: int) -> AskedCheck | None:
    """What a step has asked."""
    for row in _of_stage(tx, unit):
        if (row.settings["unit"], row.settings["step"]) == (unit.id, step):
            return row
    return None


def ask(
    tx: Transaction,
    run: Run,
    unit: UnitRow,
    step: int,
    *,
    approvers: Sequence[str],
    allows_self: bool,
    instructions: str,
    expires_at: datetime,
    now: datetime,
) -> AskedCheck:
    """Ask people and groups, by name; nobody named is whoever may run the pipeline.

    Raises `NotFound` for one that is unknown.
    """
    ids = dict.fromkeys(find_assignee(tx, name).id for name in approvers)
    stage = pipeline_of(run.text, run.path).stage(unit.stage)
    before = checks.stages_before(run, stage) if stage else []
    settings = {
        "approvers": list(ids), "minimum": 1, "in_order": False, "allow_self": allows_self,
        "instructions": instructions, "unit": unit.id, "step": step, "job": unit.job,
    }  # fmt: skip
    row = AskedCheck(
        id=new_id(), run=run.id, stage=unit.stage, environment_id=0, environment="", project=run.project,
        check_id=-1 - len(_of_stage(tx, unit)), kind=VALIDATION, settings=settings,
        requested_by=dict(run.created_by), bound=binding(tx, run, unit.stage, before), state="waiting", reason="",
        answers=[], asked_at=now, expires_at=expires_at, look_at=None, ended_at=None,
    )  # fmt: skip
    asked_checks.add_all(tx, [row])
    checks.tell(tx, PLATFORM.to_document(), "Pratique.ApprovalRequested", row, now=now)
    return row


def expire(tx: Transaction, row: AskedCheck, reason: str, *, now: datetime) -> None:
    """Nobody answered in time."""
    _close(tx, row, "expired", "Pratique.CheckExpired", reason, now)


def withdraw(tx: Transaction, row: AskedCheck, reason: str, *, now: datetime) -> None:
    """Nobody is asked any more: an answer that comes later changes nothing."""
    if row.is_open:
        _close(tx, row, "withdrawn", "Pratique.ApprovalWithdrawn", reason, now)


def _close(tx: Transaction, row: AskedCheck, state: str, kind: str, reason: str, now: datetime) -> None:
    closed = replace(row, state=state, reason=reason, ended_at=now, look_at=None)
    asked_checks.change(tx, closed)
    checks.tell(tx, PLATFORM.to_document(), kind, closed, now=now, data={"reason": reason})


def _of_stage(tx: Transaction, unit: UnitRow) -> list[AskedCheck]:
    return [row for row in asked_checks.of_run(tx, unit.run, unit.stage) if row.kind == VALIDATION]
