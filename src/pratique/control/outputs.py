"""What a job has made: where it is kept besides the content store, and the assets that it becomes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pratique.control import assets, datastores
from pratique.control.actor import Actor, Grant
from pratique.control.assets import Kind, Origin
from pratique.control.permissions import workspace_scope
from pratique.specs.job import MODEL_TYPES
from pratique.specs.references import DatastorePath, parse_reference
from pratique.store import assets as rows
from pratique.store import holdings
from pratique.store.database import Transaction
from pratique.store.jobs import Job


def register(
    tx: Transaction, job: Job, made: Mapping[str, Any], *, now: datetime, earlier: Job | None = None
) -> dict[str, Any]:
    """Keep each output of `job` where its spec wants it, and register those that name an asset.

    Returns `made` with the versions. Of a reused step, what `earlier` registered
    under the same name stays the version; nothing was made anew.
    """
    found = {name: dict(output) for name, output in made.items()}
    for name, output in found.items():
        wanted = job.resolved["outputs"][name]
        if wanted.get("path"):
            output["path"] = _kept(tx, job, name, str(wanted["path"]), output, now=now)
        if wanted.get("name"):
            kept = _registered_before(tx, job, name, wanted, earlier) if earlier else None
            output["asset"] = kept or _registered(tx, job, name, wanted, output, now=now)
    return found


def reused(step: Job, earlier: Job) -> dict[str, Any]:
    """The outputs of `earlier` as those of `step`."""
    return {
        name: {
            **{key: earlier.outputs[name][key] for key in ("type", "manifest", "name")},
            "mode": wanted.get("mode"),
        }
        for name, wanted in step.resolved["outputs"].items()
    }


def are_there(tx: Transaction, workspace: str, made: Mapping[str, Any]) -> bool:
    """Whether the workspace still holds every output."""
    digests = [str(output["manifest"]) for output in made.values()]
    return not digests or holdings.held(tx, workspace, "manifest", digests) == set(digests)


def _kept(tx: Transaction, job: Job, name: str, path: str, output: Mapping[str, Any], *, now: datetime) -> str:
    """Lay an output at its `path` of a datastore; the path as it became."""
    known = {
        "${{name}}": job.name,
        "${{output_name}}": name,
        "${{default_datastore}}": datastores.DEFAULT,
    }
    for binding, value in known.items():
        path = path.replace(binding, value)
    reference = parse_reference(path)
    if isinstance(reference, DatastorePath):
        manifest = holdings.manifest(tx, job.workspace, output["manifest"])
        if manifest is not None:
            datastores.put(tx, job.workspace, reference, manifest, now=now, key=f"outputs.{name}.path")
    return str(reference)


def _registered_before(
    tx: Transaction, job: Job, name: str, wanted: Mapping[str, Any], earlier: Job
) -> dict[str, Any] | None:
    """The version that `earlier` registered, if this is what `job` wants and it is still there."""
    asset = (earlier.outputs.get(name) or {}).get("asset")
    if not asset or asset["name"] != wanted["name"] or wanted.get("version") not in (None, asset["version"]):
        return None
    return asset if rows.version(tx, job.workspace, asset["kind"], asset["name"], asset["version"]) else None


def _registered(
    tx: Transaction, job: Job, name: str, wanted: Mapping[str, Any], output: Mapping[str, Any], *, now: datetime
) -> dict[str, Any]:
    kind: Kind = "models" if output["type"] in MODEL_TYPES else "data"
    spec = {
        "name": wanted["name"],
        "version": wanted.get("version"),
        "type": output["type"],
        "path": f"upload:{output['manifest']}/{output['name']}",
    }
    origin = Origin(job_name=job.name, run_id=job.run_id, source=f"azureml://jobs/{job.name}/outputs/{name}")
    version = assets.create(tx, _author(job), job.workspace, kind, spec, now=now, origin=origin)
    return {"kind": kind, "name": version.name, "version": version.version}


def _author(job: Job) -> Actor:
    """Whoever made the job registers what it was asked to register, in that workspace and nowhere else."""
    by, grant = job.created_by, Grant("Contributor", workspace_scope(job.workspace))
    return Actor(str(by.get("id", "")), str(by.get("name", "")), by.get("type", "user"), (grant,), by.get("run"))
