"""One attempt at a job: its folder, its environment, its MLflow run, and the command with its bindings resolved.

<home>/jobs/<id>/<attempt>/
  code/               the snapshot, and the working folder of the command
  inputs/<name>/      what the job reads
  outputs/<name>/     what it leaves
  home/, tmp/         its HOME and TMPDIR
  layer/              what it installs, above its environment
  stream.log          what the platform and the command say, in order
  lock, *.json        the shim's

When the job has ended and its results are stored, all folders go; the files stay.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from pratique.base.clock import utc_now
from pratique.base.errors import ComputeFailed
from pratique.base.machine import Capacity
from pratique.compute.cgroups import UNLIMITED, Limits
from pratique.compute.layer import lay
from pratique.compute.task import Task
from pratique.content.manifest import Manifest
from pratique.content.removal import remove_trees
from pratique.control import grants, managed_identities
from pratique.control.inputs import DIRECT
from pratique.control.plans import RETRIES
from pratique.engine import packages, runs, views, written
from pratique.engine.abandon import while_wanted
from pratique.engine.patience import patiently
from pratique.engine.stories import tell_step
from pratique.engine.tails import add_lines
from pratique.engine.workbench import Workbench
from pratique.specs.bindings import bind_command
from pratique.specs.job import MODEL_TYPES
from pratique.specs.network import MACHINE, has_network
from pratique.specs.sizes import size_of
from pratique.store import holdings, jobs, workspaces
from pratique.store.jobs import Job

_MLFLOW_WITHIN: Final = timedelta(minutes=5)
"""How long a job waits for MLflow: longer than its first start takes on a slow machine."""
_FOLDERS: Final = ("code", "inputs", "outputs", "home", "tmp", "layer")
_WRITTEN: Final = ("rw_mount", "download", "upload")
"""The modes of an input that the job may change: its own copy, in every mode."""
_TOKEN_LASTS: Final = timedelta(days=7)
"""It is refused earlier: as soon as the job has ended."""


@dataclass(frozen=True)
class Surroundings:
    """What the database says of what a job belongs to and has."""

    resource_group: str
    root: str
    """The name of its outermost pipeline; of a job of its own, its own."""
    manifests: Mapping[str, Manifest | None]
    """Its code and its inputs, by digest."""


class Attempt:
    """The places and the voice of one attempt."""

    def __init__(self, bench: Workbench, job: Job) -> None:
        self.bench = bench
        self.job = job
        """The row as it was last written."""
        self.folder = bench.home.job_attempt(job.id, job.attempt)
        self.has_network = has_network(job.spec, otherwise=bench.settings.job_network == MACHINE)
        """Whether the command shares the machine's network."""

    @property
    def log(self) -> Path:
        """Everything that the attempt says."""
        return self.folder / "stream.log"

    @property
    def code(self) -> Path:
        """The working folder of the command."""
        return self.folder / "code"

    def output(self, name: str) -> Path:
        """Where output `name` is left: a folder, or for a `uri_file` the file inside it."""
        place = self.folder / "outputs" / name
        return place / name if self.job.resolved["outputs"][name].get("type") == "uri_file" else place

    @cached_property
    def surroundings(self) -> Surroundings:
        """Read in one transaction, when they are first asked for."""
        job, found = self.job, self.job.resolved
        given = [found["code"], *(one for one in found["inputs"].values() if one and one.get("mode") != DIRECT)]
        digests = {one["manifest"] for one in given if one and "manifest" in one}
        with self.bench.database.read() as tx:
            workspace = workspaces.get(tx, job.workspace)
            root = jobs.name_of(tx, job.root) if job.root else None
            manifests = {digest: holdings.manifest(tx, job.workspace, digest) for digest in digests}
        return Surroundings(workspace.resource_group if workspace else "", root or job.name, manifests)

    def say(self, line: str) -> None:
        """Add a line of the platform's own to the log; a disk that is full keeps nothing from going on."""
        add_lines(self.log, f"[pratique] {line}\n")

    def tidy(self) -> None:
        """Remove what the command worked with; what it said stays."""
        remove_trees(worked_in(self.folder))


def worked_in(folder: Path) -> list[Path]:
    """What there is in an attempt's folder besides the files at its top."""
    return [folder / part for part in _FOLDERS if os.path.lexists(f"{folder}/{part}")]


def prepare(attempt: Attempt, check: Callable[[], None]) -> Task:
    """Make everything that the command needs and return the task; `check` raises when the job is not wanted.

    Done again from the start after a cut: what an earlier try left is removed first.
    """
    bench, job = attempt.bench, attempt.job
    attempt.say(f"job {job.name}: preparing")
    if not attempt.has_network:
        views.check_kept_from_network(bench.compute.sandbox, job.spec)
    python = _python(attempt, check)
    check()
    attempt.tidy()
    if models := _models_given(job):
        while_wanted(lambda _: _check_models(attempt, models), say=attempt.say, check=check)
    _write_files(attempt)
    check()
    if not job.experiment_id:
        patiently(lambda: _make_run(attempt), within=_MLFLOW_WITHIN, check=check)
    check()
    attempt.say(f"starting with {python}")
    return _task(attempt, python)


def _python(attempt: Attempt, check: Callable[[], None]) -> Path:
    """The Python of the job's environment, which is made when it is not there."""
    bench, environment = attempt.bench, attempt.job.resolved["environment"]["spec"]
    if python := packages.python_at_once(bench.environments, environment, say=attempt.say):
        return python
    tell_step(bench.home, attempt.job, "its environment is made ready first", utc_now())
    return while_wanted(
        lambda say: packages.python_for(bench.environments, environment, logs=bench.home.logs, say=say),
        say=attempt.say,
        check=check,
    )


def _task(attempt: Attempt, python: Path) -> Task:
    """The job's command as a process."""
    bench, job = attempt.bench, attempt.job
    timeout = (job.spec.get("limits") or {}).get("timeout")
    leading = () if attempt.has_network else _leading_to_door(attempt, python)
    return Task(
        folder=attempt.folder,
        argv=(*leading, "/bin/bash", "-c", command(attempt)),
        environment=environment_of(attempt, lay(python, attempt.folder / "layer"), python),
        working_folder=attempt.code,
        log=attempt.log,
        timeout=timedelta(seconds=float(timeout)) if timeout else None,
        limits=_limits(attempt),
        view=views.of_job(
            attempt.folder,
            python,
            written_inputs=_written_inputs(job),
            has_network=attempt.has_network,
            door=() if attempt.has_network else views.leading_through(bench.home.inside_door),
        ),
    )


def _leading_to_door(attempt: Attempt, python: Path) -> tuple[str, ...]:
    """What a command begins with that has no network: the port of the door is there all the same."""
    attempt.say("network: none but the platform's door")
    return views.leading_to(python, attempt.bench.door, attempt.bench.home.inside_door)


def _limits(attempt: Attempt) -> Limits:
    """What the size that the job names has, as far as this machine has it, which the log says where that is less.

    A job without a size takes what it gets.
    """
    job = attempt.job
    name = str((job.spec.get("resources") or {}).get("instance_type") or "")
    size = size_of(name)
    if size is None:
        return UNLIMITED
    wished, takes = Capacity(*size), Capacity(job.cores, job.memory)
    if not takes.holds(wished):
        attempt.say(f"{name} has {wished}; of this machine the job has {takes}")
    return Limits(takes.cores, takes.memory)


def _written_inputs(job: Job) -> list[str]:
    given = job.resolved["inputs"].items()
    return [name for name, one in given if one and one.get("mode") in _WRITTEN]


def _models_given(job: Job) -> dict[str, Mapping[str, Any]]:
    """The inputs that are models, registered ones or any files that the job calls one, by name.

    What a step of the same pipeline has made is none of them: the code that made it has run here, and nobody can
    have signed it. A URI is not ours to give or to keep.
    """
    given = {name: one for name, one in job.resolved["inputs"].items() if one and "manifest" in one}
    return {
        name: one
        for name, one in given.items()
        if "uri" not in one and (one["type"] in MODEL_TYPES or (one.get("asset") or {}).get("kind") == "models")
    }


def _check_models(attempt: Attempt, models: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise `ComputeFailed` unless the workspace lets each of them be loaded now."""
    for name, given in models.items():
        asset = given.get("asset")
        called = f"model {asset['name']}:{asset['version']}" if asset else "a model"
        written.check_model(attempt.bench, attempt.job.workspace, given["manifest"], what=f"input {name}, {called}")


def _write_files(attempt: Attempt) -> None:
    job = attempt.job
    attempt.code.mkdir(mode=0o700, parents=True)
    for part in ("outputs", "home", "tmp"):
        (attempt.folder / part).mkdir(mode=0o700)
    if code := job.resolved["code"]:
        _materialise(attempt, code["manifest"], attempt.code, writable=True)
    for part in ("outputs", "logs"):
        (attempt.code / part).mkdir(exist_ok=True)
    for name, given in job.resolved["inputs"].items():
        if given and "manifest" in given and given["mode"] != DIRECT:
            place = attempt.folder / "inputs" / name
            _materialise(attempt, given["manifest"], place, writable=given["mode"] in _WRITTEN)
    for name in job.resolved["outputs"]:
        place = attempt.folder / "outputs" / name
        place.mkdir(mode=0o700, parents=True)


def _materialise(attempt: Attempt, digest: str, target: Path, *, writable: bool) -> None:
    bench, manifest = attempt.bench, attempt.surroundings.manifests[digest]
    if manifest is None:
        raise ComputeFailed(f"the content {digest} that the job names is gone", hint="submit the job again")
    if damaged := bench.blobs.changed(manifest):
        first = next(entry for entry in manifest.entries if entry.path == damaged[0])
        raise ComputeFailed(
            f"what the job reads was changed in the store: {', '.join(damaged[:3])}",
            hint=f"nothing was started; bring {bench.blobs.path(first.digest)} back from a backup (its name is its "
            "SHA-256), or upload it again under another version",
        )
    bench.blobs.materialise(manifest, target, writable=writable)


def _make_run(attempt: Attempt) -> None:
    """Make the MLflow run of the job, unless it is there: its id was chosen with the job."""
    job = attempt.job
    attempt.job = replace(job, experiment_id=runs.make(attempt.bench, job, [job]))


def retries_of(job: Job) -> int:
    """How often the command of `job` is tried again when it fails."""
    return int((job.spec.get("properties") or {}).get(RETRIES) or 0)


def hand_on_log(attempt: Attempt) -> None:
    """Begin the log of the next attempt with what was said so far: whoever follows it reads on."""
    following = attempt.bench.home.job_attempt(attempt.job.id, attempt.job.attempt + 1)
    following.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(attempt.log, following / attempt.log.name)


def command(attempt: Attempt) -> str:
    """The command of the job with its bindings resolved, for bash."""
    job = attempt.job
    return bind_command(
        str(job.spec["command"]),
        inputs={name: _input_text(attempt, name, given) for name, given in job.resolved["inputs"].items()},
        outputs={name: str(attempt.output(name)) for name in job.resolved["outputs"]},
        name=job.name,
    )


def _input_text(attempt: Attempt, name: str, given: Mapping[str, Any] | None) -> str | None:
    """What stands for ``${{inputs.<name>}}``: a literal as Python prints it, a path or a URI; None when left out."""
    if given is None:
        return None
    if "literal" in given:
        return str(given["literal"])
    if given["mode"] == DIRECT:
        return str(given["uri"])
    place = attempt.folder / "inputs" / name
    return str(place / given["name"]) if given["is_file"] else str(place)


def environment_of(attempt: Attempt, *pythons: Path) -> dict[str, str]:
    """Every variable of the command; nothing else reaches it. What is beside the first of `pythons` is found first.

    The job's own `environment_variables` win, except over the platform's
    ``AZUREML_*`` and its token: what names the job cannot be forged, and whoever
    sends MLflow elsewhere must bring a token for that place, because ours is not
    handed to strangers.
    """
    wished = {str(key): str(value) for key, value in (attempt.job.spec.get("environment_variables") or {}).items()}
    fixed = _facts(attempt)
    if "MLFLOW_TRACKING_URI" not in wished:
        fixed["MLFLOW_TRACKING_TOKEN"] = _token(attempt)
    return {**_defaults(attempt, pythons), **wished, **fixed}


def _defaults(attempt: Attempt, pythons: Sequence[Path]) -> dict[str, str]:
    """What a command finds unless its job says otherwise."""
    bench, job = attempt.bench, attempt.job
    variables = {
        "PATH": ":".join([*dict.fromkeys(str(python.parent) for python in pythons), "/usr/local/bin:/usr/bin:/bin"]),
        "VIRTUAL_ENV": str(pythons[0].parent.parent),
        "HOME": str(attempt.folder / "home"),
        "TMPDIR": str(attempt.folder / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "GIT_PYTHON_REFRESH": "quiet",
        "MLFLOW_TRACKING_URI": f"{bench.door}/mlflow/{job.workspace}",
        "MLFLOW_RUN_ID": job.run_id,
        "MLFLOW_EXPERIMENT_ID": job.experiment_id,
        "MLFLOW_EXPERIMENT_NAME": runs.experiment_of(job),
        **_ranks(job),
    }
    variables |= {f"AZURE_ML_OUTPUT_{name}": str(attempt.output(name)) for name in job.resolved["outputs"]}
    for name, given in job.resolved["inputs"].items():
        if (text := _input_text(attempt, name, given)) is not None:
            variables[f"AZURE_ML_INPUT_{name}"] = text
    return variables


def _ranks(job: Job) -> dict[str, str]:
    """What a distributed command asks for its place among others: it is the only process, so it is the first of one."""
    kind = str((job.spec.get("distribution") or {}).get("type") or "").lower()
    port = str(20_000 + int(job.run_id[-4:], 16) % 20_000)
    if kind == "pytorch":
        ranks = {"RANK": "0", "LOCAL_RANK": "0", "NODE_RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}
        return {**ranks, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    if kind == "mpi":
        places = {"RANK": "0", "LOCAL_RANK": "0", "SIZE": "1", "LOCAL_SIZE": "1"}
        return {f"OMPI_COMM_WORLD_{name}": text for name, text in places.items()}
    if kind == "tensorflow":
        task = {"cluster": {"worker": [f"127.0.0.1:{port}"]}, "task": {"type": "worker", "index": 0}}
        return {"TF_CONFIG": json.dumps(task)}
    return {}


def _facts(attempt: Attempt) -> dict[str, str]:
    """Which job this is, as Azure says it."""
    bench, job, around = attempt.bench, attempt.job, attempt.surroundings
    return {
        **_identity(attempt),
        "AZUREML_RUN_ID": job.name,
        "AZUREML_ROOT_RUN_ID": around.root,
        "AZUREML_EXPERIMENT_ID": job.experiment_id,
        "AZUREML_ARM_SUBSCRIPTION": bench.home.subscription,
        "AZUREML_ARM_RESOURCEGROUP": around.resource_group,
        "AZUREML_ARM_WORKSPACE_NAME": job.workspace,
        "AZUREML_ARM_PROJECT_NAME": runs.experiment_of(job),
    }


def _identity(attempt: Attempt) -> dict[str, str]:
    """How a job that says so gets tokens of whom it acts as."""
    bench, job, now = attempt.bench, attempt.job, utc_now()
    if not managed_identities.is_asked_for(job.spec):
        return {}
    proof = managed_identities.proof_of_job(bench.issuer, job, lasting=_TOKEN_LASTS, now=now)
    with bench.database.write() as tx:
        managed_identities.ensure(tx, managed_identities.of_workspace(job.workspace), now=now)
        return managed_identities.variables(bench.door, proof, managed_identities.of_job(tx, job))


def _token(attempt: Attempt) -> str:
    """A token with the rights of this job and no more, that ends with it."""
    job, now = attempt.job, utc_now()
    return grants.token_of_job(attempt.bench.issuer, job, lasting=_TOKEN_LASTS, now=now)
