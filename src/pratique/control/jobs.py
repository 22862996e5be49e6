"""Jobs: create, look, cancel. What a reference means is decided when the job is made, never later."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from pratique.base.errors import AlreadyExists, Conflict, NotFound
from pratique.base.ids import new_id, new_job_name
from pratique.base.machine import Capacity, this_machine
from pratique.base.names import check_name
from pratique.base.settings import Settings
from pratique.control import assigned_identities, content, datastores, environments, inputs, pipelines, workspaces
from pratique.control.actor import Actor
from pratique.control.changes import check_changeable
from pratique.control.lookups import Lookups
from pratique.control.permissions import permit, workspace_scope
from pratique.control.plans import check_retries, plan, taken_by
from pratique.specs.bindings import bind_command
from pratique.specs.references import DatastorePath, parse_reference
from pratique.store import events, jobs
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.jobs import Job

_WORDS: Final = ("display_name", "description", "tags")
"""Keys of a spec that only people read; they may change, even while the job runs."""


def create(
    tx: Transaction,
    actor: Actor,
    workspace: str,
    spec: Mapping[str, Any],
    *,
    git: Mapping[str, str],
    now: datetime,
    machine: Capacity | None = None,
) -> Job:
    """Make the job that `spec` describes, values as `specs` gives them, and queue it; a pipeline with all its steps.

    `machine` is what jobs may take, by default what this machine has. Raises
    `AlreadyExists` for a name that is taken, `InvalidInput` for a command that
    binds what is not there, and `NotFound` for references to nothing.
    """
    workspaces.get(tx, actor, workspace)
    permit(actor, "jobs/write", workspace_scope(workspace))
    name = check_name("job", str(spec.get("name") or new_job_name()))
    room = machine or this_machine(Settings())
    whole = _pipeline if spec.get("type") == "pipeline" else _command
    rows = whole(tx, _Request(actor, workspace, name, spec, git, now), room)
    rows = [_as_somebody(tx, actor, row) for row in rows]
    if taken := jobs.taken_names(tx, workspace, [row.name for row in rows]):
        raise AlreadyExists(
            f"there is a job {min(taken)!r} already in workspace {workspace!r}",
            hint="leave the name out to get a new one",
        )
    jobs.add_all(tx, rows)
    named = sorted({row.resolved["identity"]["name"] for row in rows if row.resolved.get("identity")})
    tell(tx, actor, "Pratique.JobCreated", rows[0], now=now, data={"identities": named} if named else None)
    return rows[0]


@dataclass(frozen=True)
class _Request:
    """Who wants which job."""

    actor: Actor
    workspace: str
    name: str
    spec: Mapping[str, Any]
    git: Mapping[str, str]
    now: datetime

    def job(self, resolved: Mapping[str, Any], takes: Capacity, **values: Any) -> Job:
        """The row of the job itself."""
        facts: dict[str, Any] = {
            "id": new_id(), "workspace": self.workspace, "name": self.name,
            "spec": {**self.spec, "name": self.name}, "resolved": resolved, "git": dict(self.git),
            "status": "Queued", "attempt": 1, "run_id": pipelines.new_run_id(), "experiment_id": "",
            "cancel_requested": False, "is_archived": False, "error": None, "outputs": {}, "created_at": self.now,
            "started_at": None, "ended_at": None, "created_by": self.actor.to_document(),
            "cores": takes.cores, "memory": takes.memory,
        }  # fmt: skip
        return Job(**(facts | values))


def _as_somebody(tx: Transaction, actor: Actor, row: Job) -> Job:
    """`row` with whom it acts as, if its file names somebody."""
    found = assigned_identities.of_job(tx, actor, row.workspace, row.spec)
    return replace(row, resolved={**row.resolved, "identity": found}) if found else row


def _command(tx: Transaction, request: _Request, room: Capacity) -> list[Job]:
    check_retries(request.spec.get("properties") or {}, "properties")
    takes = taken_by(request.spec, room)
    return [request.job(_resolved(tx, request.workspace, request.spec, now=request.now), takes)]


def _pipeline(tx: Transaction, request: _Request, room: Capacity) -> list[Job]:
    planned = plan(tx, request.workspace, request.spec, room, now=request.now)
    pipeline = request.job(planned.resolved, planned.takes, type="pipeline")
    return pipelines.rows_of(planned, pipeline)


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
        if job.is_pipeline:
            pipelines.advance(tx, job.root or job.id, now=now)
    return get(tx, actor, workspace, name)


def steps(tx: Transaction, job: Job) -> list[Job]:
    """The steps of a pipeline in the order of its file; none of a job without steps."""
    if not job.is_pipeline:
        return []
    found = {step.step: step for step in jobs.children(tx, job)}
    written = [*(job.spec.get("jobs") or {}), *(job.resolved.get("order") or ())]
    return [found[name] for name in dict.fromkeys(written) if name in found]


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
    lookups = Lookups()
    given = spec.get("inputs") or {}
    values = {
        name: lookups.tried(f"inputs.{name}", partial(_given, tx, workspace, value, now))
        for name, value in given.items()
    }
    code = None
    if spec.get("code"):
        code = lookups.tried("code", lambda key: content.resolve(tx, workspace, str(spec["code"]), now=now, key=key))
    environment = lookups.tried("environment", lambda _: environments.resolve(tx, workspace, spec["environment"]))
    outputs = {name: dict(value or {}) for name, value in (spec.get("outputs") or {}).items()}
    for name, output in outputs.items():
        if output.get("path"):
            lookups.tried(f"outputs.{name}.path", partial(_check_place, tx, workspace, str(output["path"]), name))
    lookups.check("job")
    # A binding that cannot be resolved is the user's mistake, so it is found now and not when the job runs.
    bind_command(
        str(spec["command"]),
        inputs={name: None if value is None else "" for name, value in values.items()},
        outputs=dict.fromkeys(outputs, ""),
        name="",
    )
    return {
        "code": {"manifest": code.manifest.digest, "name": code.name} if code else None,
        "environment": environment,
        "inputs": values,
        "outputs": outputs,
    }


def _check_place(tx: Transaction, workspace: str, path: str, output: str, key: str) -> None:
    """Raise for a place in a datastore that cannot be written: now, and not when the work is done."""
    samples = {"${{name}}": "job", "${{output_name}}": output, "${{default_datastore}}": datastores.DEFAULT}
    for binding, sample in samples.items():
        path = path.replace(binding, sample)
    reference = parse_reference(path)
    if isinstance(reference, DatastorePath):
        datastores.check_writable(tx, workspace, reference, key=key)


def _given(tx: Transaction, workspace: str, value: Any, now: datetime, key: str) -> inputs.Given:
    return inputs.resolved(tx, workspace, key, value, now=now)
