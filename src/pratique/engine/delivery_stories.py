"""What is said in the log of a run while it goes on: stages, jobs and steps as they begin and end."""

from collections.abc import Iterator
from datetime import datetime

from pratique.base.home import Home
from pratique.control.delivery_progress import Written, in_order
from pratique.control.delivery_units import Taken
from pratique.delivery.records import JOB, Record, StepState
from pratique.delivery.run.outcomes import Result
from pratique.engine import delivery_logs
from pratique.engine.delivery_logs import label
from pratique.store.delivery_runs import JobRow, StageRow
from pratique.store.delivery_units import UnitRow

_WORDS = {
    Result.SUCCEEDED: "succeeded",
    Result.SUCCEEDED_WITH_ISSUES: "succeeded with issues",
    Result.FAILED: "failed",
    Result.CANCELED: "canceled",
    Result.SKIPPED: "skipped",
}


def tell_written(home: Home, written: Written, now: datetime) -> None:
    """Say what was decided."""
    lines = [line for row in in_order([*written.stages, *written.jobs]) for line in _of_row(row)]
    if written.run.is_completed:
        lines.append(f"run {written.run.id} ({written.run.number}): {written.run.result}")
    delivery_logs.tell(home, written.run.id, lines, now)


def _of_row(row: StageRow | JobRow) -> Iterator[str]:
    name = label(row.stage, row.name) if isinstance(row, JobRow) else label(row.name, "")
    if row.state == "waiting":
        yield f"{name or 'the stage'}: waits; {row.reason}"
    elif row.result and name:
        yield f"{name}: {_ended(row)}"


def _ended(row: StageRow | JobRow) -> str:
    result = Result(row.result or Result.SKIPPED)
    seconds = (row.ended_at - row.started_at).total_seconds() if row.started_at and row.ended_at else None
    took = f" after {seconds:.1f} s" if seconds is not None and result is not Result.SKIPPED else ""
    because = f", because {row.reason}" if row.decided and row.reason else ""
    return f"{_WORDS[result]}{took}{because}"


def tell_records(home: Home, taken: Taken, now: datetime) -> None:
    """Say which steps began and ended."""
    for record in taken.records:
        delivery_logs.tell(home, taken.run.id, list(_said(home, taken.unit, record, now)), now)


def _said(home: Home, unit: UnitRow, record: Record, now: datetime) -> Iterator[str]:
    name = label(unit.stage, unit.job, unit.name)
    if record.step == JOB:
        if record.state is StepState.COMPLETED and record.result is not Result.SUCCEEDED and record.reason:
            yield f"{name}: {record.reason}"
        return
    title = f"{name} › {record.name}"
    if record.result is not Result.SKIPPED:
        delivery_logs.begin(home, unit, record.step, title, now)
    if record.state is StepState.COMPLETED:
        delivery_logs.close(home, unit, record.step)
        for issue in record.issues:
            yield f"{title}: {issue.type}: {issue.message}"
        yield f"{title}: {_result(record)}"


def _result(record: Record) -> str:
    word = _WORDS[record.result or Result.SUCCEEDED]
    seconds = (
        (record.finished_at - record.started_at).total_seconds() if record.started_at and record.finished_at else None
    )
    took = f" after {seconds:.1f} s" if seconds is not None and record.result is not Result.SKIPPED else ""
    return f"{word}{took}" + (f": {record.reason}" if record.reason else "")


def tell_lost(home: Home, unit: UnitRow, reason: str, now: datetime) -> None:
    """Say that a worker ended without a word, after all that it had said."""
    delivery_logs.close_all(home, unit)
    delivery_logs.tell(home, unit.run, [f"{label(unit.stage, unit.job, unit.name)}: {reason}"], now)
