"""What a revision of a deployment runs, written down: model and code, which Python, with which variables.

    <home>/replicas/<deployment>/files-of/<revision>/        model and code, written once per revision
    <home>/replicas/<deployment>/files-of/<revision>.json    the `Launch`, sealed

So its replicas can be started again as they were, whatever has been wished
since; and what they are started from can be compared with what was written
(`engine.written`).
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pratique.base.clock import utc_now
from pratique.base.errors import ComputeFailed
from pratique.base.home import Home
from pratique.compute.cgroups import Limits
from pratique.compute.sources import package_copy
from pratique.content.hashing import digests_in, hash_file
from pratique.content.manifest import Manifest
from pratique.control import managed_identities, promotion
from pratique.engine import collection, conversion, grpc_sockets, packages, views, written
from pratique.engine.abandon import while_wanted
from pratique.engine.workbench import Workbench
from pratique.specs.network import KEY as NETWORK
from pratique.specs.network import MACHINE, has_network
from pratique.specs.sizes import bytes_of, cores_of, size_of
from pratique.store import holdings
from pratique.store.deployments import OnlineDeployment

GRACE: Final = timedelta(seconds=10)
"""How long a replica may take to end beyond the longest of its requests."""
DEFAULT_TIMEOUT: Final = timedelta(milliseconds=5000)
"""Azure's default of `request_settings.request_timeout_ms`."""
_GIVEN_UP: Final = timedelta(milliseconds=500)
"""How long after its time limit a call is interrupted: the caller has been told by the door then."""
_GIVEN_UP_FOR_GOOD: Final = timedelta(milliseconds=1500)
"""How long after that its process is ended, when the call has not heard of it."""
_FILES: Final = "files-of"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Launch:
    """What one revision runs."""

    python: str
    environment: Mapping[str, str]
    grace: float
    """Seconds that a replica may take to end: its longest request, and a little."""
    speaks_grpc: bool = False
    """Whether each replica listens on a second socket."""
    workspace: str = ""
    model: str = ""
    """The manifest of the model, by digest; empty when there is none."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The SHA-256 of every file that was written for it, by its path in the folder of the revision."""
    has_network: bool = False
    asks_for_tokens: bool = False
    """Whether each replica, without a network, reaches the place where its identity gets tokens."""
    cores: float | None = None
    """How many processors each replica may use; None for whatever there is."""
    memory: int | None = None
    """… and how many bytes of memory."""
    onnx: str = ""
    """What came of the wish to have its model served as ONNX; empty where nobody wished it."""


def request_timeout(spec: Mapping[str, Any]) -> timedelta:
    """How long a request may take by the `request_settings` of a deployment."""
    milliseconds = (spec.get("request_settings") or {}).get("request_timeout_ms")
    return timedelta(milliseconds=int(milliseconds)) if milliseconds else DEFAULT_TIMEOUT


def prepare(bench: Workbench, deployment: OnlineDeployment, *, say: Say, check: Callable[[], None]) -> None:
    """Write down everything that the wished revision runs; a second call finds it.

    `check` is asked while an environment is built, and ends the wait by raising.
    """
    model = str((deployment.resolved.get("model") or {}).get("manifest") or "")
    while_wanted(lambda _: written.check_model(bench, deployment.workspace, model), say=say, check=check)
    outcome = while_wanted(lambda tell: _converted(bench, deployment, tell), say=say, check=check)
    onnx = outcome.file if outcome else None
    python = while_wanted(lambda tell: _python(bench, deployment, onnx, tell), say=say, check=check)
    _write_files(bench, deployment)
    environment = _environment(bench, deployment, python)
    if onnx:
        file = files_of(bench.home, deployment.id, deployment.revision) / "converted.onnx"
        shutil.copyfile(onnx, file)
        environment["PRATIQUE_ONNX_MODEL"] = str(file)
    grace = request_timeout(deployment.spec) + GRACE
    launch = Launch(str(python), environment, grace.total_seconds(), grpc_sockets.is_wished(deployment.spec))
    files = digests_in(files_of(bench.home, deployment.id, deployment.revision))
    network = has_network(deployment.spec, otherwise=False)
    if not has_network(deployment.spec, otherwise=True):
        views.check_kept_from_network(bench.compute.sandbox, deployment.spec)
    launch = replace(launch, workspace=deployment.workspace, model=model, files=files, has_network=network)
    launch = replace(launch, asks_for_tokens=not network and _asks_for_tokens(bench, deployment))
    limits = _limits(deployment.spec)
    launch = replace(launch, cores=limits.cores, memory=limits.memory, onnx=outcome.sentence if outcome else "")
    if bench.compute.sandbox.is_in_force and not network:
        besides = " but for tokens of its identity" if launch.asks_for_tokens else ""
        say(f"network: none{besides}; the tag {NETWORK}: {MACHINE} gives it the machine's")
    text = written.sealed(json.dumps(asdict(launch)))
    _write_private(_launch_file(bench.home, deployment.id, deployment.revision), text)


def read(home: Home, deployment_id: str, revision: int) -> Launch:
    """What a revision that was prepared runs; raises `ComputeFailed` when that is gone."""
    try:
        return Launch(**json.loads(written.unsealed(_launch_file(home, deployment_id, revision))))
    except (OSError, ValueError, TypeError) as error:
        raise ComputeFailed(
            f"the files of revision {revision} are gone, so it cannot be started again: {error}",
            hint="create the deployment again",
        ) from error


def files_of(home: Home, deployment_id: str, revision: int) -> Path:
    """The folder of model and code of a revision."""
    return home.replicas / deployment_id / _FILES / str(revision)


def prepared(home: Home, deployment_id: str) -> set[int]:
    """The revisions of which something is written."""
    return {int(path.stem) for path in (home.replicas / deployment_id / _FILES).glob("*") if path.stem.isdecimal()}


def forget(home: Home, deployment_id: str, revision: int) -> None:
    """Remove what is written of a revision; it cannot be started again."""
    shutil.rmtree(files_of(home, deployment_id, revision), ignore_errors=True)
    _launch_file(home, deployment_id, revision).unlink(missing_ok=True)


def _launch_file(home: Home, deployment_id: str, revision: int) -> Path:
    return files_of(home, deployment_id, revision).with_suffix(".json")


def _limits(spec: Mapping[str, Any]) -> Limits:
    """What its resources limit each replica to, else what the size that it names has."""
    wished = (spec.get("resources") or {}).get("limits") or {}
    cores, memory = size_of(str(spec.get("instance_type") or "")) or (0.0, 0)
    cores, memory = cores_of(wished.get("cpu"), cores), bytes_of(wished.get("memory"), memory)
    return Limits(cores or None, memory or None)


def _write_private(path: Path, text: str) -> None:
    """Write by rename, readable by this user only: variables may hold secrets."""
    handle, name = tempfile.mkstemp(dir=path.parent)  # Made 0600.
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    Path(name).replace(path)


def _write_files(bench: Workbench, deployment: OnlineDeployment) -> None:
    target = files_of(bench.home, deployment.id, deployment.revision)
    if target.is_dir():
        return
    making = target.with_name(f"{target.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700, parents=True)
    try:
        for part in ("model", "code"):
            (making / part).mkdir(mode=0o700)
            if held := deployment.resolved.get(part):
                _write_part(bench, deployment.workspace, part, held, making / part)
        making.rename(target)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _write_part(bench: Workbench, workspace: str, part: str, held: Mapping[str, Any], place: Path) -> None:
    """Model or code: a model lies in `place` under the name that its folder or file had, as on Azure."""
    with bench.database.read() as tx:
        manifest = holdings.manifest(tx, workspace, held["manifest"])
        is_guarded = promotion.is_approved_only(tx, workspace)
    if manifest is None:
        raise ComputeFailed(f"the files of the {part} are gone", hint=f"register the {part} again")
    # A damaged or changed byte is found here, at the moment of use.
    if damaged := bench.blobs.verify(manifest):
        raise _changed(bench, part, manifest, damaged)
    is_folder = part == "model" and [entry.path for entry in manifest.entries] != [held["path_name"]]
    target = place / held["path_name"] if is_folder else place
    bench.blobs.materialise(manifest, target, writable=False)
    if is_guarded:
        _check_written(bench, part, manifest, held["manifest"], target)


def _check_written(bench: Workbench, part: str, manifest: Manifest, approved: str, folder: Path) -> None:
    """Raise `ComputeFailed` unless the files that will be loaded are those of the digest that was approved."""
    if manifest.digest != approved:
        raise ComputeFailed(
            f"the list of files of the {part} is not the one that was approved: {manifest.digest[:12]} and not "
            f"{approved[:12]}",
            hint="nothing was started; restore the home from a backup",
        )
    entries = manifest.entries
    if changed := [entry.path for entry in entries if hash_file(folder / entry.path)[0] != entry.digest]:
        raise _changed(bench, part, manifest, changed)


def _changed(bench: Workbench, part: str, manifest: Manifest, paths: Sequence[str]) -> ComputeFailed:
    """The error that names files whose bytes are not what their digests say, and where sound ones belong."""
    first = next(entry for entry in manifest.entries if entry.path == paths[0])
    return ComputeFailed(
        f"the stored {part} was changed: {', '.join(paths[:3])}",
        hint=f"nothing was started; bring {bench.blobs.path(first.digest)} back from a backup (its name is its "
        f"SHA-256), or make a new version of the {part} and deploy that",
    )


def _converted(bench: Workbench, deployment: OnlineDeployment, say: Say) -> conversion.Conversion | None:
    """What came of converting the deployment's model to ONNX, if it asks for that."""
    if not conversion.is_wanted(deployment) or "model" not in deployment.resolved:
        return None
    return conversion.convert_for(bench, deployment, _manifest_of_model(bench, deployment), say)


def _python(bench: Workbench, deployment: OnlineDeployment, onnx: Path | None, say: Say) -> Path:
    environment = deployment.resolved.get("environment")
    if environment and not onnx:
        return packages.python_for(bench.environments, environment["spec"], logs=bench.home.logs, say=say)
    if onnx or "onnx" in (deployment.resolved.get("model") or {}):
        return conversion.runtime(bench, say, conversion.runtime_of(deployment))
    manifest = _manifest_of_model(bench, deployment)
    extra = grpc_sockets.PACKAGES if grpc_sockets.is_wished(deployment.spec) else ()
    return packages.python_for_model(
        bench.environments, bench.blobs, manifest, logs=bench.home.logs, say=say, extra=extra
    )


def _manifest_of_model(bench: Workbench, deployment: OnlineDeployment) -> Manifest:
    with bench.database.read() as tx:
        manifest = holdings.manifest(tx, deployment.workspace, deployment.resolved["model"]["manifest"])
    if manifest is None:
        raise ComputeFailed("the files of the model are gone", hint="register the model again")
    return manifest


def _environment(bench: Workbench, deployment: OnlineDeployment, python: Path) -> dict[str, str]:
    """Every variable of the replica.

    The deployment's own `environment_variables` win, except over what says which
    model and script this is.
    """
    files = files_of(bench.home, deployment.id, deployment.revision)
    given = {str(key): str(value) for key, value in (deployment.spec.get("environment_variables") or {}).items()}
    defaults = {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "VIRTUAL_ENV": str(python.parent.parent),
        "PYTHONUNBUFFERED": "1",
        "LANG": "C.UTF-8",
        "HOME": str(files),
        # A call that nobody waits for any more must not keep the next ones waiting.
        "PRATIQUE_REQUEST_TIMEOUT_MS": str(round(request_timeout(deployment.spec) / timedelta(milliseconds=1))),
        **_call_limits(given, request_timeout(deployment.spec) + _GIVEN_UP),
    }
    serving = str(package_copy("pratique_serving", bench.home.sources))
    fixed = {
        "PYTHONPATH": os.pathsep.join(part for part in (serving, given.get("PYTHONPATH")) if part),
        "AZUREML_MODEL_DIR": str(files / "model"),
        "AML_APP_ROOT": str(files / "code"),
        "AZUREML_SERVICE_NAME": deployment.endpoint,
        "PRATIQUE_DEPLOYMENT": f"{deployment.workspace}/{deployment.endpoint}/{deployment.name}",
        **_model_named(deployment),
        **_identity(bench, deployment),
        **collection.prepare(bench, deployment),
    }
    return {**defaults, **given, **fixed, **_what_is_served(deployment, files)}


def _call_limits(given: Mapping[str, str], interrupted: timedelta) -> dict[str, str]:
    """When a call is interrupted, and when its process is ended; both later, or never, when the deployment says so."""
    milliseconds = str(round(interrupted / timedelta(milliseconds=1)))
    limit = given.get("SCORING_TIMEOUT_MS", milliseconds)
    # What is no number the model server refuses, with the name of the variable.
    longest = int(limit) + round(_GIVEN_UP_FOR_GOOD / timedelta(milliseconds=1)) if limit.isdecimal() else 0
    return {"SCORING_TIMEOUT_MS": limit, "PRATIQUE_LONGEST_CALL_MS": str(longest if limit != "0" else 0)}


def _identity(bench: Workbench, deployment: OnlineDeployment) -> dict[str, str]:
    """How its score script gets tokens of the endpoint's identities."""
    with bench.database.read() as tx:
        found = managed_identities.of_deployment(tx, deployment)
    proof = managed_identities.proof_of_deployment(bench.issuer, deployment, now=utc_now())
    return managed_identities.variables(bench.door, proof, found)


def _asks_for_tokens(bench: Workbench, deployment: OnlineDeployment) -> bool:
    with bench.database.read() as tx:
        return managed_identities.is_of_use(tx, deployment, managed_identities.of_deployment(tx, deployment))


def _model_named(deployment: OnlineDeployment) -> dict[str, str]:
    """For metrics, and for what is collected; a model that was given inline has no name."""
    model = deployment.resolved.get("model") or {}
    return {"PRATIQUE_MODEL": f"{model['name']}:{model['version']}"} if model.get("name") else {}


def _what_is_served(deployment: OnlineDeployment, files: Path) -> dict[str, str]:
    model, code = deployment.resolved.get("model"), deployment.resolved.get("code")
    if code:
        return {"AZUREML_ENTRY_SCRIPT": code["scoring_script"]}
    if not model:
        return {}
    place = files / "model" / model["path_name"]
    if "onnx" not in model:
        return {"PRATIQUE_MLFLOW_MODEL": str(place)}
    return {"PRATIQUE_ONNX_MODEL": str(place / model["onnx"] if model["onnx"] != model["path_name"] else place)}
