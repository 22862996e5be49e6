"""Delivery runs: how far they are, and their live log."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Query
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from pratique.base.clock import iso, utc_now
from pratique.base.errors import NotFound
from pratique.control import delivery_runs, delivery_units
from pratique.control.actor import Actor
from pratique.engine import delivery_logs
from pratique.store import deliveries
from pratique.store import delivery_runs as rows
from pratique.store import delivery_units as unit_rows
from pratique.store.database import Transaction
from pratique.store.delivery_runs import JobRow, Run, StageRow, Wanted
from pratique.store.delivery_units import StepRow, UnitRow
from pratique.web.api.fields import AS_TEXT, RequestBody, Wait
from pratique.web.api.growing_logs import answered, followed, pieces
from pratique.web.auth import KNOWN, allow_somewhere
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/delivery", tags=["delivery"])
Reader = Annotated[Actor, Depends(allow_somewhere("deliveries/read"))]
Runner = Annotated[Actor, Depends(allow_somewhere("deliveries/run"))]
Known = Annotated[Actor, Depends(KNOWN)]
_MOST: Final = 1 << 62
"""No log is longer, and no file can be read beyond twice that."""
Tags = Annotated[list[Annotated[str, Field(max_length=400)]], Field(max_length=200)]


class TagsBody(RequestBody):
    """Tags to add and to remove."""

    add: Tags = Field(default_factory=list)
    remove: Tags = Field(default_factory=list)


class ArtifactBody(RequestBody):
    """What an artifact is made of."""

    manifest: Annotated[str, Field(max_length=64)]


def document(tx: Transaction, run: Run, platform: Platform) -> dict[str, Any]:
    """A run as Azure DevOps prints it."""
    delivery = deliveries.by_id(tx, run.delivery)
    own = run.sources[0] if run.sources else {}
    message = run.system.get("Build.SourceVersionMessage")
    by = {"displayName": str(run.created_by.get("name", "")), "id": str(run.created_by.get("id", ""))}
    return {
        "id": run.id,
        "buildNumber": run.number,
        "appendCommitMessageToRunName": run.appends_message,
        "status": run.status,
        "result": run.result,
        "reason": run.reason[:1].lower() + run.reason[1:],
        "definition": {
            "id": run.delivery,
            "name": delivery.name if delivery else "",
            "path": delivery.folder if delivery else "\\",
            "type": "build",
        },
        "project": {"id": run.system.get("System.TeamProjectId", ""), "name": run.project},
        "sourceBranch": run.branch,
        "sourceVersion": run.version,
        "triggerInfo": {"ci.message": message} if message else {},
        "repository": {"id": own.get("name"), "name": own.get("name"), "type": own.get("type")},
        "parameters": dict(run.variables),
        "templateParameters": dict(run.parameters),
        "requestedBy": by,
        "requestedFor": by,
        "queueTime": iso(run.created_at),
        "startTime": iso(run.started_at) if run.started_at else None,
        "finishTime": iso(run.ended_at) if run.ended_at else None,
        "tags": list(run.tags),
        "validationResults": [{"message": one, "result": "warning"} for one in run.warnings],
        "uri": f"vstfs:///Build/Build/{run.id}",
        "url": f"{platform.door}/api/v1/delivery/runs/{run.id}",
    }


def _whole(tx: Transaction, run: Run, platform: Platform) -> dict[str, Any]:
    """A run with its stages, their jobs, and the steps of these."""
    units = unit_rows.of_run(tx, run.id)
    steps: dict[str, list[StepRow]] = {}
    for step in unit_rows.steps_of(tx, [unit.id for unit in units]):
        steps.setdefault(step.unit, []).append(step)
    jobs = rows.jobs_of(tx, run.id)
    stages = [
        {
            **_row(stage),
            "jobs": [
                {
                    **_row(job),
                    "environment": job.environment or None,
                    "units": [
                        _unit(unit, steps.get(unit.id, ()))
                        for unit in units
                        if (unit.stage, unit.job) == (job.stage, job.name)
                    ],
                }
                for job in jobs
                if job.stage == stage.name
            ],
        }
        for stage in rows.stages_of(tx, run.id)
    ]
    return {**document(tx, run, platform), "stages": stages}


def _row(row: StageRow | JobRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "displayName": row.display_name,
        "state": row.state,
        "result": row.result,
        "reason": row.reason or None,
        "startTime": iso(row.started_at) if row.started_at else None,
        "finishTime": iso(row.ended_at) if row.ended_at else None,
    }


def _unit(unit: UnitRow, steps: Sequence[StepRow]) -> dict[str, Any]:
    return {
        "id": unit.id,
        "name": unit.name,
        "attempt": unit.attempt,
        "state": unit.state,
        "result": unit.result,
        "reason": unit.reason or None,
        "startTime": iso(unit.started_at) if unit.started_at else None,
        "finishTime": iso(unit.ended_at) if unit.ended_at else None,
        "outputs": dict(unit.outputs),
        "steps": [
            {
                "number": step.number,
                "name": step.name,
                "task": step.record.get("task") or None,
                "state": step.state,
                "result": step.result,
                "reason": step.record.get("reason") or None,
                "issues": step.record.get("issues") or [],
                "startTime": iso(step.started_at) if step.started_at else None,
                "finishTime": iso(step.ended_at) if step.ended_at else None,
            }
            for step in steps
        ],
    }


@router.get("/projects/{project}/runs")
def newest(
    platform: Here,
    actor: Reader,
    project: str,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    delivery: Annotated[list[int] | None, Query()] = None,
    status: Annotated[list[str] | None, Query()] = None,
    result: Annotated[list[str] | None, Query()] = None,
    branch: str = "",
    reason: str = "",
    tag: Annotated[list[str] | None, Query()] = None,
) -> list[dict[str, Any]]:
    """The newest runs of a project; several values of one name mean any of them, several tags all of them."""
    wanted = Wanted(project, delivery or (), status or (), result or (), branch, reason)
    tags = {one.lower() for one in tag or ()}
    with platform.database.read() as tx:
        found = delivery_runs.newest(tx, actor, wanted, limit=1000 if tags else limit)
        chosen = [run for run in found if tags <= {one.lower() for one in run.tags}]
        return [document(tx, run, platform) for run in chosen[:limit]]


@router.get("/runs/{run}")
async def get(platform: Here, actor: Reader, run: int, wait: Wait = 0) -> dict[str, Any]:
    """One run; with `wait`, as soon as it has ended or that many seconds have passed."""
    found = await platform.bell.until(
        lambda: _get(platform, actor, run), lambda known: known.is_completed, seconds=wait
    )
    return await run_in_threadpool(_shown, platform, found)


@router.post("/runs/{run}/cancel")
def cancel(platform: Here, actor: Runner, run: int) -> dict[str, Any]:
    """Ask for the end of a run."""
    with platform.database.write() as tx:
        return document(tx, delivery_runs.cancel(tx, actor, run, now=utc_now()), platform)


@router.post("/runs/{run}/stages/{stage}/start")
def start_stage(platform: Here, actor: Runner, run: int, stage: str) -> dict[str, Any]:
    """Start a stage that waits for a person."""
    with platform.database.write() as tx:
        return document(tx, delivery_runs.trigger(tx, actor, run, stage, now=utc_now()), platform)


@router.post("/runs/{run}/tags")
def tag(platform: Here, actor: Runner, run: int, body: Annotated[TagsBody, Body()]) -> dict[str, Any]:
    """Add and remove tags."""
    with platform.database.write() as tx:
        return document(
            tx, delivery_runs.tag(tx, actor, run, add=body.add, remove=body.remove, now=utc_now()), platform
        )


@router.get("/runs/{run}/artifacts")
def artifacts(platform: Here, actor: Known, run: int) -> list[dict[str, Any]]:
    """What a run has published."""
    with platform.database.read() as tx:
        found = delivery_units.artifacts(tx, actor, run)
    return [{"name": one.name, "type": one.type, "manifest": one.manifest} for one in found]


@router.put("/runs/{run}/artifacts/{name}")
def add_artifact(
    platform: Here, actor: Known, run: int, name: str, body: Annotated[ArtifactBody, Body()]
) -> dict[str, Any]:
    """Publish what was uploaded."""
    with platform.database.write() as tx:
        made = delivery_units.add_artifact(tx, actor, run, name, body.manifest, now=utc_now())
    return {"name": made.name, "type": made.type, "manifest": made.manifest}


@router.get("/runs/{run}/expanded")
def expanded(platform: Here, actor: Reader, run: int) -> PlainTextResponse:
    """The file of the run with everything put in that was known when it was queued."""
    return PlainTextResponse(_get(platform, actor, run).text, headers=AS_TEXT)


@router.get("/runs/{run}/units/{unit}/logs/{step}")
def step_log(
    platform: Here, actor: Reader, run: int, unit: str, step: int, offset: Annotated[int, Query(ge=0, le=_MOST)] = 0
) -> StreamingResponse:
    """The log of one step from byte `offset`, as far as it has come."""
    _get(platform, actor, run)
    with platform.database.read() as tx:
        known = unit_rows.get(tx, unit)
    if known is None or known.run != run:
        raise NotFound(f"run {run} has no unit {unit!r}")
    log = delivery_logs.step_log(platform.home, run, unit, step)
    return answered(pieces(log, offset))


@router.get("/runs/{run}/stream")
async def stream(
    platform: Here, actor: Reader, run: int, offset: Annotated[int, Query(ge=0, le=_MOST)] = 0
) -> StreamingResponse:
    """The log of everything from byte `offset`, followed until the run has ended."""
    await run_in_threadpool(_get, platform, actor, run)
    return answered(followed(partial(_log_of, platform, actor, run), offset, platform.bell))


def _log_of(platform: Platform, actor: Actor, run: int) -> tuple[Path, bool]:
    return delivery_logs.stream_of(platform.home, run), _get(platform, actor, run).is_completed


def _get(platform: Platform, actor: Actor, run: int) -> Run:
    with platform.database.read() as tx:
        return delivery_runs.get(tx, actor, run)


def _shown(platform: Platform, run: Run) -> dict[str, Any]:
    with platform.database.read() as tx:
        return _whole(tx, run, platform)
