"""What a `path:` means on this side: content that the workspace holds, under a base name.

The client has already replaced local paths by uploads. What is left names
something that the platform knows: an upload, an output of a job, files of a
run, a place in a datastore. A path of the server's disk is none of these and cannot be said.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from pratique.base.errors import InvalidInput, NotFound, NotYet, Problem
from pratique.content.manifest import Manifest
from pratique.control import artifacts, datastores
from pratique.specs.job import IMPLICIT_OUTPUTS
from pratique.specs.references import Asset, DatastorePath, JobOutput, RunPath, Upload, Url, parse_reference
from pratique.store import holdings, jobs
from pratique.store.database import Transaction
from pratique.store.jobs import Job


@dataclass(frozen=True)
class Held:
    """Content with the name that it had where it came from; `AZUREML_MODEL_DIR` contains that name."""

    manifest: Manifest
    name: str

    @property
    def reference(self) -> str:
        """How a stored spec names it."""
        return f"upload:{self.manifest.digest}/{self.name}"

    @property
    def is_file(self) -> bool:
        """Whether it was one file rather than a folder."""
        return len(self.manifest.entries) == 1 and self.manifest.entries[0].path == self.name


def pin(tx: Transaction, workspace: str, path: str, *, now: datetime, key: str = "path") -> Upload:
    """What `path` names, by digest; an upload of 100,000 files is not read for that. Raises what `resolve` raises."""
    match reference := parse_reference(path):
        case Upload() if holdings.held(tx, workspace, "manifest", [reference.digest]):
            return reference
    held = resolve(tx, workspace, path, now=now, key=key)
    return Upload(held.manifest.digest, held.name)


def resolve(tx: Transaction, workspace: str, path: str, *, now: datetime, key: str = "path") -> Held:
    """The content that `path` names, held by `workspace` from now on.

    Raises `NotFound` for what the workspace does not have, `NotYet` for places
    that this version does not read, and `InvalidInput` for anything else; each
    names `key`.
    """
    match reference := parse_reference(path):
        case Upload():
            return Held(_manifest(tx, workspace, reference.digest, key), reference.name)
        case JobOutput():
            return _kept(tx, workspace, _of_job(tx, workspace, reference, key), now)
        case RunPath():
            return _kept(tx, workspace, _of_run(tx, workspace, reference, key), now)
        case DatastorePath():
            found = datastores.resolve(tx, workspace, reference, key=key)
            name = PurePosixPath(reference.path).name or reference.datastore
            return _kept(tx, workspace, Held(found, name), now)
    is_elsewhere = isinstance(reference, Url) or (isinstance(reference, Asset) and reference.registry)
    said = f"{path!r} is not something that a workspace can read" + (" in this version" if is_elsewhere else "")
    hint = (
        "nothing is fetched from elsewhere: download it, and give its local path"
        if isinstance(reference, Url)
        else "a local path, azureml://datastores/<datastore>/paths/<path>, "
        "azureml://jobs/<job>/outputs/<name>/paths/<path> or runs:/<run>/<path>"
    )
    kind = NotYet if is_elsewhere else InvalidInput
    raise kind(said, hint=hint, problems=[Problem(said, key=key, hint=hint)])


def _of_run(tx: Transaction, workspace: str, reference: RunPath, key: str) -> Held:
    try:
        found = artifacts.of_run(tx, workspace, reference.run_id, reference.path)
    except NotFound as error:
        place = f" at {reference.path!r}" if reference.path else ""
        raise NotFound(f"{key}: run {reference.run_id!r} of workspace {workspace!r} has nothing{place}") from error
    return Held(found, PurePosixPath(reference.path).name or "artifacts")


def _of_job(tx: Transaction, workspace: str, reference: JobOutput, key: str) -> Held:
    job = jobs.get(tx, workspace, reference.job)
    if job is None:
        raise NotFound(
            f"{key}: there is no job {reference.job!r} in workspace {workspace!r}",
            hint=f"pratique ml job list --workspace-name {workspace}",
        )
    whole, name = _output_of(tx, job, reference.output, key)
    try:
        found = whole.subtree(reference.path)
    except NotFound:
        found = Manifest(())
    if not found.entries:
        place = f" at {reference.path!r}" if reference.path else ""
        raise NotFound(
            f"{key}: output {reference.output!r} of job {job.name!r} has nothing{place}",
            hint=f"pratique ml job download --name {job.name} --output-name {reference.output} shows what it has",
        )
    return Held(found, PurePosixPath(reference.path).name or name)


def _output_of(tx: Transaction, job: Job, output: str, key: str) -> tuple[Manifest, str]:
    """All files of one output, and the name of their folder."""
    if output in IMPLICIT_OUTPUTS:
        if job.reused_from and (origin := jobs.by_id(tx, job.reused_from)):
            job = origin
        if not job.experiment_id:
            raise NotFound(f"{key}: job {job.name!r} has not started and has no files yet")
        return artifacts.of_run(tx, job.workspace, job.run_id, ""), "artifacts"
    if written := job.outputs.get(output):
        return _manifest(tx, job.workspace, written["manifest"], key), str(written["name"])
    if output in (job.resolved.get("outputs") or {}):
        raise NotFound(f"{key}: output {output!r} of job {job.name!r} is not there: the job is {job.status}")
    known = ", ".join(["artifacts", *job.outputs])
    raise NotFound(f"{key}: job {job.name!r} has no output {output!r}; it has {known}")


def _kept(tx: Transaction, workspace: str, held: Held, now: datetime) -> Held:
    """`held`, with its manifest written down, so that it can be named by its digest from now on."""
    holdings.add_manifest(tx, workspace, held.manifest, now=now)
    return held


def _manifest(tx: Transaction, workspace: str, digest: str, key: str) -> Manifest:
    if found := holdings.manifest(tx, workspace, digest):
        return found
    raise NotFound(f"{key}: workspace {workspace!r} holds no content {digest}", hint="upload the files again")
