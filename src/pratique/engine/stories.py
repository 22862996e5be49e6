"""The log of a pipeline: when which step began, ended or was reused. Rows say how it is; this is for reading along."""

from datetime import datetime
from pathlib import Path

from pratique.base.clock import iso
from pratique.base.home import Home
from pratique.control.pipelines import Progress
from pratique.engine.tails import add_lines
from pratique.store.jobs import Job


def tell_progress(home: Home, progress: Progress, now: datetime) -> None:
    """Say what an advance changed."""
    lines = [f"step {job.step}: {said}" for job in progress.changed if job.parent and (said := _said(job))]
    _write(home, progress.root, lines, now)


def tell_step(home: Home, step: Job, said: str, now: datetime) -> None:
    """Say something about one step of the pipeline."""
    if step.root:
        _append(home.job_attempt(step.root, 1) / "stream.log", [f"step {step.step}: {said}"], now)


def tell_story(home: Home, pipeline: Job, said: str, now: datetime) -> None:
    """Say something about the pipeline itself."""
    _write(home, pipeline, [f"pipeline {pipeline.name}: {said}"], now)


def ended(step: Job) -> str:
    """How a step ended, for a line of the log."""
    seconds = (step.ended_at - step.started_at).total_seconds() if step.ended_at and step.started_at else None
    took = f" after {seconds:.1f} s" if seconds is not None and step.reused_from is None else ""
    said = str((step.error or {}).get("message") or "")
    return step.status.lower() + took + (f": {said}" if said else "")


def _said(job: Job) -> str:
    """What the change of a step is worth saying; empty for what only prepares another."""
    if job.reused_from is not None:
        return "reused, it was run before with the same inputs"
    if job.is_terminal:
        return ended(job)
    return "started" if job.is_pipeline and job.status == "Running" else ""


def _write(home: Home, pipeline: Job, lines: list[str], now: datetime) -> None:
    _append(home.job_attempt(pipeline.id, 1) / "stream.log", lines, now)


def _append(log: Path, lines: list[str], now: datetime) -> None:
    """Add lines with their time."""
    if lines:
        add_lines(log, "".join(f"[{iso(now)}] {line}\n" for line in lines))
