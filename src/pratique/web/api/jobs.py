"""Jobs, and the live log of one."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Query
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from pratique.base.clock import iso, utc_now
from pratique.base.machine import this_machine
from pratique.control import jobs
from pratique.control.actor import Actor
from pratique.store import jobs as rows
from pratique.store.database import Transaction
from pratique.store.jobs import Job
from pratique.web.api.changes import JobChanges, read_changes
from pratique.web.api.fields import Wait, creation_context, present
from pratique.web.api.growing_logs import answered, followed
from pratique.web.api.specs import JobBody, read_spec
from pratique.web.auth import allow
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/workspaces/{workspace}/jobs", tags=["jobs"])
Reader = Annotated[Actor, Depends(allow("jobs/read"))]
Writer = Annotated[Actor, Depends(allow("jobs/write"))]
Canceler = Annotated[Actor, Depends(allow("jobs/cancel"))]
_MOST: Final = 1 << 62
"""No log is longer, and no file can be read beyond twice that."""


def document(job: Job, platform: Platform, steps: Sequence[Job] = (), parent: Job | None = None) -> dict[str, Any]:
    """A job as Azure prints it; a pipeline with its `steps`, a step with its `parent`."""
    spec = job.spec
    own = _of_pipeline(job, steps) if job.is_pipeline else _of_command(job)
    tracking = f"{platform.door}/mlflow/{job.workspace}"
    run = f"{tracking}/#/experiments/{job.experiment_id}/runs/{job.run_id}" if job.experiment_id else None
    return present(
        {
            "id": "azureml:" + platform.ids.inside(job.workspace, "jobs", job.name),
            "name": job.name,
            "type": job.type,
            "status": job.status,
            "display_name": spec.get("display_name") or job.name,
            "experiment_name": spec.get("experiment_name"),
            "description": spec.get("description"),
            **own,
            "inputs": spec.get("inputs") or {},
            "outputs": {**(spec.get("outputs") or {}), **_outputs(job)},
            "compute": spec.get("compute"),
            "tags": dict(spec.get("tags") or {}),
            "properties": {**(spec.get("properties") or {}), **job.git, **_properties(job, parent)},
            "parent_job_name": parent.name if parent else None,
            "services": {"Studio": {"endpoint": run}, "Tracking": {"endpoint": tracking}},
            "run_id": job.run_id or None,
            "error": job.error,
            "cancel_requested": job.cancel_requested or None,
            "is_archived": job.is_archived or None,
            "start_time": iso(job.started_at) if job.started_at else None,
            "end_time": iso(job.ended_at) if job.ended_at else None,
            "creation_context": creation_context(job.created_at, job.created_by),
        }
    )


def _of_command(job: Job) -> dict[str, Any]:
    spec = job.spec
    return {
        "command": spec.get("command"),
        "code": spec.get("code"),
        "environment": _environment(job),
        "environment_variables": spec.get("environment_variables"),
        "distribution": spec.get("distribution"),
        "limits": spec.get("limits"),
        "resources": spec.get("resources"),
    }


def _of_pipeline(job: Job, steps: Sequence[Job]) -> dict[str, Any]:
    """The steps as they were written, each with the name of its job and how it is."""
    written = job.spec.get("jobs") or {}
    return {
        "settings": job.spec.get("settings"),
        "component": job.spec.get("component"),
        "jobs": {
            step.step: {**written.get(step.step, {}), "type": step.type, "name": step.name, "status": step.status}
            for step in steps
        }
        or written,
    }


def _properties(job: Job, parent: Job | None) -> dict[str, str]:
    """What Azure says about a step."""
    if parent is None:
        return {"azureml.runsource": "azureml.PipelineRun"} if job.is_pipeline else {}
    found = {
        "azureml.runsource": "azureml.StepRun",
        "azureml.pipelinerunid": parent.name,
        "azureml.moduleName": job.step,
        "StepType": "PythonScriptStep" if job.type == "command" else "SubGraphCloudStep",
    }
    return found | ({"azureml.isreused": "true", **job_of_reuse(job)} if job.reused_from else {})


def job_of_reuse(job: Job) -> dict[str, str]:
    """Whose results a reused step has."""
    origin = job.resolved.get("reused") or {}
    return {
        key: str(origin[name])
        for key, name in (("azureml.reusedrunid", "job"), ("azureml.reusedpipelinerunid", "pipeline"))
        if origin.get(name)
    }


def _environment(job: Job) -> Any:
    """Which version it ran with; one that was given inline, or by another's name, as it was written."""
    found = job.resolved["environment"]
    return f"azureml:{found['name']}:{found['version']}" if found["name"] else job.spec.get("environment")


def _outputs(job: Job) -> dict[str, Any]:
    path = f"azureml://jobs/{job.name}/outputs"
    return {
        name: {"type": output["type"], "path": f"{path}/{name}", "mode": output.get("mode", "rw_mount")}
        for name, output in job.outputs.items()
    }


def _whole(tx: Transaction, job: Job, platform: Platform) -> dict[str, Any]:
    """One job with what is said about its steps and its pipeline."""
    parent = rows.by_id(tx, job.parent) if job.parent else None
    return document(job, platform, jobs.steps(tx, job), parent)


@router.post("", status_code=201)
def create(platform: Here, actor: Writer, workspace: str, body: JobBody) -> dict[str, Any]:
    """Queue a job."""
    kind = "pipeline-job" if str(body.spec.get("type")).lower() == "pipeline" else "job"
    spec = read_spec(kind, body)
    machine = this_machine(platform.settings)
    with platform.database.write() as tx:
        job = jobs.create(tx, actor, workspace, spec, git=body.git, now=utc_now(), machine=machine)
        for one in (job, *jobs.steps(tx, job)):
            platform.check_environment_of(one.resolved)
        return _whole(tx, job, platform)


@router.get("")
def newest(
    platform: Here,
    actor: Reader,
    workspace: str,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    archived: bool = False,
    parent: str | None = None,
) -> list[dict[str, Any]]:
    """The newest jobs, or with `parent` the steps of that pipeline in the order of its file."""
    with platform.database.read() as tx:
        if parent is not None:
            pipeline = jobs.get(tx, actor, workspace, parent)
            return [document(step, platform, parent=pipeline) for step in jobs.steps(tx, pipeline)[:limit]]
        found = jobs.newest(tx, actor, workspace, limit=limit, archived=archived)
    return [document(job, platform) for job in found]


@router.get("/{name}")
async def get(
    platform: Here,
    actor: Reader,
    workspace: str,
    name: str,
    wait: Wait = 0,
) -> dict[str, Any]:
    """One job; with `wait`, as soon as it has ended or that many seconds have passed."""
    look = partial(_get, platform, actor, workspace, name)
    found = await run_in_threadpool(look)
    if wait and not found.is_terminal:
        bell = platform.beside_jobs if found.is_pipeline and not found.parent else platform.bell
        found = await bell.until(look, lambda job: job.is_terminal, seconds=wait)
    return await run_in_threadpool(_shown, platform, found)


@router.patch("/{name}")
def update(
    platform: Here, actor: Writer, workspace: str, name: str, body: Annotated[dict[str, Any], Body()]
) -> dict[str, Any]:
    """Change display name, description or tags, or whether lists show it (`is_archived`)."""
    changes = read_changes(JobChanges, body)
    with platform.database.write() as tx:
        return _whole(tx, jobs.update(tx, actor, workspace, name, changes, now=utc_now()), platform)


@router.post("/{name}/cancel")
def cancel(platform: Here, actor: Canceler, workspace: str, name: str) -> dict[str, Any]:
    """Ask for the end of a job."""
    with platform.database.write() as tx:
        return _whole(tx, jobs.cancel(tx, actor, workspace, name, now=utc_now()), platform)


@router.get("/{name}/outputs/{output}")
def output(platform: Here, actor: Reader, workspace: str, name: str, output: str) -> dict[str, Any]:
    """The manifest of one output; ``artifacts`` (or ``default``) is the run's folder."""
    with platform.database.write() as tx:
        return {"manifest": jobs.output(tx, actor, workspace, name, output, now=utc_now())}


@router.get("/{name}/stream")
async def stream(
    platform: Here, actor: Reader, workspace: str, name: str, offset: Annotated[int, Query(ge=0, le=_MOST)] = 0
) -> StreamingResponse:
    """The log from byte `offset`, followed until the job has ended."""
    await run_in_threadpool(_get, platform, actor, workspace, name)
    return answered(followed(partial(_log_of, platform, actor, workspace, name), offset, platform.bell))


def _log_of(platform: Platform, actor: Actor, workspace: str, name: str) -> tuple[Path, bool]:
    job = _get(platform, actor, workspace, name)
    # The log of an attempt begins with what those before it said, so an offset holds.
    return platform.home.job_attempt(job.id, job.attempt) / "stream.log", job.is_terminal


def _get(platform: Platform, actor: Actor, workspace: str, name: str) -> Job:
    with platform.database.read() as tx:
        return jobs.get(tx, actor, workspace, name)


def _shown(platform: Platform, job: Job) -> dict[str, Any]:
    with platform.database.read() as tx:
        return _whole(tx, job, platform)
