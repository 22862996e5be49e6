"""Jobs: create, look, cancel. What a reference means is decided when the job is made, never later."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pratique.base.errors import AlreadyExists, Conflict, NotFound, NotYet, Problem
from pratique.base.ids import new_id, new_job_name
from pratique.base.names import check_name
from pratique.control import content, environments, workspaces
from pratique.control.actor import Actor
from pratique.control.assets import referenced
from pratique.control.changes import check_changeable
from pratique.control.permissions import permit, workspace_scope
from pratique.specs.bindings import bind_command
from pratique.specs.references import Asset, parse_reference
from pratique.store import events, jobs
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.jobs import Job

_WORDS: Final = ("display_name", "description", "tags")
"""Keys of a spec that only people read; they may change, even while the job runs."""
_LOCAL_MODES: Final = ("ro_mount", "rw_mount", "download")
"""How an input can be had on local compute: as a path."""


def create(
    tx: Transaction,
    actor: Actor,
    workspace: str,
    spec: Mapping[str, Any],
    *,
    git: Mapping[str, str],
    now: datetime,
) -> Job:
    """Make the command job that `spec` describes, values as `specs` gives them, and queue it.

    Raises `AlreadyExists` for a name that is taken, `InvalidInput` for a command
    that binds what is not there, and `NotFound` for references to nothing.
    """
    workspaces.get(tx, actor, workspace)
    permit(actor, "jobs/write", workspace_scope(workspace))
    name = check_name("job", str(spec.get("name") or new_job_name()))
    if jobs.get(tx, workspace, name):
        raise AlreadyExists(
            f"there is a job {name!r} already in workspace {workspace!r}", hint="leave the name out to get a new one"
        )
    job = Job(
        id=new_id(),
        workspace=workspace,
        name=name,
        spec={**spec, "name": name},
        resolved=_resolved(tx, workspace, spec, now=now),
        git=dict(git),
        status="Queued",
        attempt=1,
        run_id="",
        experiment_id="",
        cancel_requested=False,
        is_archived=False,
        error=None,
        outputs={},
        created_at=now,
        started_at=None,
        ended_at=None,
        created_by=actor.to_document(),
    )
    jobs.add(tx, job)
    tell(tx, actor, "Pratique.JobCreated", job, now=now)
    return job


def get(tx: Transaction, actor: Actor, workspace: str, name: str) -> Job:
    """The job called `name`; raises `NotFound`."""
    workspaces.get(tx, actor, workspace)
    permit(actor, "jobs/read", workspace_scope(workspace))
    if job := jobs.get(tx, workspace, name):
        return job
    raise NotFound(
        f"there is no job {name!r} in workspace {workspace!r}",
        hint=f"pratique ml job list --workspace-name {workspace}",
    )


def newest(tx: Transaction, actor: Actor, workspace: str, *, limit: int, archived: bool) -> list[Job]:
    """Up to `limit` jobs, newest first."""
    workspaces.get(tx, actor, workspace)
    permit(actor, "jobs/read", workspace_scope(workspace))
    return jobs.newest(tx, workspace, limit=limit, archived=archived)


def cancel(tx: Transaction, actor: Actor, workspace: str, name: str, *, now: datetime) -> Job:
    """Ask for the end of a job; asked for again it changes nothing. Raises `Conflict` for one that has ended."""
    job = get(tx, actor, workspace, name)
    permit(actor, "jobs/cancel", workspace_scope(workspace))
    if job.is_terminal:
        raise Conflict(
            f"job {name!r} is {job.status} and cannot be canceled", hint=f"pratique ml job show --name {name}"
        )
    if not job.cancel_requested:
        jobs.change(tx, job.id, cancel_requested=True)
        tell(tx, actor, "Pratique.JobCancelRequested", job, now=now)
    return get(tx, actor, workspace, name)


def update(
    tx: Transaction, actor: Actor, workspace: str, name: str, changes: Mapping[str, Any], *, now: datetime
) -> Job:
    """Change words about a job: display name, description, tags, or whether lists show it; each whole.

    What it runs never changes. Nothing is written when nothing changes.
    """
    job = get(tx, actor, workspace, name)
    permit(actor, "jobs/write", workspace_scope(workspace))
    check_changeable(changes, (*_WORDS, "is_archived"), what=name)
    spec = {**job.spec, **{key: value for key, value in changes.items() if key in _WORDS}}
    is_archived = bool(changes.get("is_archived", job.is_archived))
    if (spec, is_archived) == (job.spec, job.is_archived):
        return job
    jobs.change(tx, job.id, spec=spec, is_archived=is_archived)
    changed = sorted(key for key in changes if key in _WORDS and spec[key] != job.spec.get(key))
    if is_archived == job.is_archived:
        tell(tx, actor, "Pratique.JobUpdated", job, now=now, data={"changed": changed})
    else:
        kind = "Pratique.JobArchived" if is_archived else "Pratique.JobRestored"
        tell(tx, actor, kind, job, now=now, data={"changed": changed} if changed else None)
    return get(tx, actor, workspace, name)


def output(tx: Transaction, actor: Actor, workspace: str, name: str, output_name: str, *, now: datetime) -> str:
    """The manifest digest of one output; ``artifacts`` and ``default`` mean the files of the run."""
    job = get(tx, actor, workspace, name)
    held = content.resolve(tx, workspace, f"azureml://jobs/{job.name}/outputs/{output_name}", now=now, key="output")
    return held.manifest.digest


def tell(
    tx: Transaction,
    actor: Actor,
    event: str,
    job: Job,
    *,
    now: datetime,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write an event about `job`."""
    facts = {"name": job.name, "run_id": job.run_id, **(data or {})}
    scope = workspace_scope(job.workspace)
    events.append(tx, Event(event, f"jobs/{job.name}", scope, actor.to_document(), facts), now=now)


def _resolved(tx: Transaction, workspace: str, spec: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """What the references of `spec` mean now, by digest, so that a later version changes nothing."""
    given = spec.get("inputs") or {}
    inputs = {name: _input(tx, workspace, f"inputs.{name}", value, now=now) for name, value in given.items()}
    outputs = {name: dict(value or {}) for name, value in (spec.get("outputs") or {}).items()}
    # A binding that cannot be resolved is the user's mistake, so it is found now and not when the job runs.
    bind_command(
        str(spec["command"]),
        inputs={name: None if value is None else "" for name, value in inputs.items()},
        outputs=dict.fromkeys(outputs, ""),
        name="",
    )
    code = content.resolve(tx, workspace, str(spec["code"]), now=now, key="code") if spec.get("code") else None
    return {
        "code": {"manifest": code.manifest.digest, "name": code.name} if code else None,
        "environment": environments.resolve(tx, workspace, spec["environment"]),
        "inputs": inputs,
        "outputs": outputs,
    }


def _input(tx: Transaction, workspace: str, key: str, value: Any, *, now: datetime) -> dict[str, Any] | None:
    """An input as the engine needs it: a literal, or content with its mode; None for an optional one left out."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return {"literal": value}
    if value.get("path") is None:
        literal = value.get("value", value.get("default"))
        return {"literal": literal} if literal is not None else None
    mode = str(value.get("mode") or "ro_mount")
    if mode not in _LOCAL_MODES:
        said, hint = f"mode {mode!r} is not available on local compute yet", f"use {' or '.join(_LOCAL_MODES)}"
        raise NotYet(said, hint=hint, problems=[Problem(said, key=f"{key}.mode", hint=hint)])
    held, asset = _content_of(tx, workspace, str(value["path"]), key, now=now)
    return {
        "type": str(value.get("type") or "uri_folder"),
        "mode": mode,
        "manifest": held.manifest.digest,
        "name": held.name,
        "is_file": held.is_file,
        "asset": asset,
    }


def _content_of(
    tx: Transaction, workspace: str, path: str, key: str, *, now: datetime
) -> tuple[content.Held, dict[str, str] | None]:
    """The files that an input names, and the asset that it names, if it does."""
    if not isinstance(parse_reference(path), Asset):
        return content.resolve(tx, workspace, path, now=now, key=key), None
    found = referenced(tx, workspace, ("data", "models"), path, key=key)
    held = content.resolve(tx, workspace, found.path, now=now, key=key)
    return held, {"kind": found.kind, "name": found.name, "version": found.version}
