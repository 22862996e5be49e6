"""What a `path:` means on this side: content that the workspace holds, under a base name.

The client has already replaced local paths by uploads. What is left names
something that the platform knows: an upload, an output of a job, files of a
run. A path of the server's disk is none of these and cannot be said.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from pratique.base.errors import InvalidInput, NotFound, NotYet, Problem
from pratique.content.manifest import Manifest
from pratique.control import artifacts
from pratique.specs.references import JobOutput, RunPath, Upload, parse_reference
from pratique.store import holdings, jobs
from pratique.store.database import Transaction


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


def resolve(tx: Transaction, workspace: str, path: str, *, now: datetime, key: str = "path") -> Held:
    """The content that `path` names; raises `InvalidInput` or `NotFound`, both naming `key`."""
    reference = parse_reference(path)
    if isinstance(reference, Upload):
        return Held(_manifest(tx, workspace, reference.digest, key), reference.name)
    if isinstance(reference, JobOutput):
        return _kept(tx, workspace, _of_job(tx, workspace, reference, key), now)
    if isinstance(reference, RunPath):
        found = artifacts.of_run(tx, workspace, reference.run_id, reference.path)
        return _kept(tx, workspace, Held(found, PurePosixPath(reference.path).name or "artifacts"), now)
    said = f"{path!r} is not something that a workspace can read"
    hint = "a local path, azureml://jobs/<job>/outputs/<name>/paths/<path> or runs:/<run>/<path>"
    kind = (
        NotYet
        if path.startswith(("azureml://datastores", "azureml://registries", "http", "wasb", "abfs"))
        else InvalidInput
    )
    raise kind(said, hint=hint, problems=[Problem(said, key=key)])


def _of_job(tx: Transaction, workspace: str, reference: JobOutput, key: str) -> Held:
    job = jobs.get(tx, workspace, reference.job)
    if job is None:
        raise NotFound(f"{key}: there is no job {reference.job!r} in workspace {workspace!r}")
    inner = (reference.path or "").strip("/")
    if reference.output in ("artifacts", "default"):
        found = artifacts.of_run(tx, workspace, job.run_id, inner)
        held = Held(found, PurePosixPath(inner).name or "artifacts")
    elif output := job.outputs.get(reference.output):
        whole = _manifest(tx, workspace, output["manifest"], key)
        found = whole.subtree(inner) if inner else whole
        held = Held(found, PurePosixPath(inner).name or output["name"])
    else:
        known = ", ".join(["artifacts", *job.outputs])
        raise NotFound(f"{key}: job {job.name!r} has no output {reference.output!r}; it has {known}")
    if not held.manifest.entries:
        raise NotFound(f"{key}: job {job.name!r} left nothing at {inner!r} of output {reference.output!r}")
    return held


def _kept(tx: Transaction, workspace: str, held: Held, now: datetime) -> Held:
    """`held`, with its manifest written down, so that it can be named by its digest from now on."""
    holdings.add_manifest(tx, workspace, held.manifest, now=now)
    return held


def _manifest(tx: Transaction, workspace: str, digest: str, key: str) -> Manifest:
    if found := holdings.manifest(tx, workspace, digest):
        return found
    raise NotFound(f"{key}: workspace {workspace!r} holds no content {digest}", hint="upload the files again")
