"""What MLflow is told about jobs: a run for each, nested as a pipeline and its steps are."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from pratique.engine.workbench import Workbench
from pratique.store.jobs import Job
from pratique.tracking.client import RunRow, Status

JOB_TAG: Final = "azureml.job"
STATUS: Final[Mapping[str, Status]] = {"Completed": "FINISHED", "Failed": "FAILED", "Canceled": "KILLED"}


def make(bench: Workbench, pipeline: Job, tree: Sequence[Job]) -> str:
    """Make the runs of `pipeline` and of all its steps; the id of their experiment. May be done again."""
    rows = [_row(job, tree, "SCHEDULED" if job.root else "RUNNING") for job in tree]
    return bench.runs.write_runs(pipeline.workspace, experiment_of(pipeline), make=rows)


def end(bench: Workbench, pipeline: Job, tree: Sequence[Job], status: str, now: datetime) -> None:
    """End the runs as the jobs of `tree` did, and that of `pipeline` with `status`. May be done again."""
    rows = [_row(job, tree, STATUS[status if job.id == pipeline.id else job.status], now) for job in tree]
    bench.runs.write_runs(pipeline.workspace, experiment_of(pipeline), change=rows)


def end_own(bench: Workbench, job: Job, status: str, now: datetime) -> str:
    """End the run of a job that is no step, made if it is not there; the id of its experiment. May be done again."""
    rows = [_row(job, [job], STATUS[status], now)]
    return bench.runs.write_runs(job.workspace, experiment_of(job), make=rows, change=rows)


def show_ended(bench: Workbench, pipeline: Job, tree: Sequence[Job], steps: Sequence[Job]) -> None:
    """End the runs of `steps` as they did, while their pipeline goes on. May be done again."""
    rows = [_row(job, tree, STATUS[job.status]) for job in steps]
    bench.runs.write_runs(pipeline.workspace, experiment_of(pipeline), change=rows)


def experiment_of(job: Job) -> str:
    """The name of the experiment that a job's run is in."""
    return str(job.spec.get("experiment_name") or "Default")


def title_of(job: Job) -> str:
    """What people call the run."""
    return str(job.spec.get("display_name") or job.step or job.name)


def tags_of(job: Job) -> dict[str, str]:
    """The tags of a job's run, without those that lead to others."""
    given = {str(key): str(value) for key, value in (job.spec.get("tags") or {}).items()}
    return {**given, **job.git, JOB_TAG: job.name}


def _row(job: Job, tree: Sequence[Job], status: Status, ended: datetime | None = None) -> RunRow:
    tags = tags_of(job)
    by_id = {row.id: row for row in tree}
    if job.parent in by_id:
        tags["mlflow.parentRunId"] = by_id[job.parent].run_id
    if job.root in by_id:
        tags["mlflow.rootRunId"] = by_id[job.root].run_id
    if job.reused_from is not None:
        tags["azureml.isreused"] = "true"
    user = str(job.created_by.get("name", ""))
    return RunRow(
        job.run_id, title_of(job), user, status, job.started_at or job.created_at, job.ended_at or ended, tags
    )
