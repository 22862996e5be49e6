"""The processes behind a deployment: their files, their starts, their readiness.

    <home>/replicas/<deployment>/files-of/<revision>/             model and code, written once per revision
    <home>/replicas/<deployment>/files-of/<revision>.json         which Python runs them, with which variables
    <home>/replicas/<deployment>/<revision>-<slot>-<start>/       one start: shim files and console.log

What a revision runs is written down, so that it can be started again as it
was, whatever has been wished since. Every start hashes these files again, and
asks whether the workspace still lets the model be loaded (`engine.written`). The
socket belongs to the slot and not to the start, so that a restart changes
nothing for the gateway.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from pratique.base.clock import utc_now
from pratique.base.errors import ComputeFailed
from pratique.base.home import Home
from pratique.compute.cgroups import Limits
from pratique.compute.sources import package_copy
from pratique.compute.task import Exited, Lost, Observation, Running, Task
from pratique.content.hashing import digests_in, hash_file
from pratique.content.manifest import Manifest
from pratique.control import managed_identities, promotion
from pratique.engine import collection, conversion, grpc_sockets, packages, views, written
from pratique.engine.abandon import while_wanted
from pratique.engine.failures import how_ended
from pratique.engine.probes import Probe
from pratique.engine.tails import last_lines
from pratique.engine.workbench import Workbench
from pratique.specs.network import KEY as NETWORK
from pratique.specs.network import MACHINE, has_network
from pratique.specs.sizes import bytes_of, cores_of, size_of
from pratique.store import deployments, holdings
from pratique.store import replicas as replica_rows
from pratique.store.deployments import OnlineDeployment
from pratique.store.replicas import Replica

GRACE: Final = timedelta(seconds=10)
"""How long a replica may take to end beyond the longest of its requests."""
_INIT_FAILED: Final = 70
"""The model server's exit code when the script or the model could not be loaded."""
_USED_UP: Final = 71
"""… and when the model kept so much memory that no call could be answered any more."""
_HUNG: Final = 72
"""… and when a call of the model did not end."""
_FIRST_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.02
"""Seconds between two questions whether it is ready: few for a model that loads at once, long for one that takes its
time."""
_CHECK_EVERY: Final = 0.25
_KEPT_STARTS: Final = 5
_GIVEN_UP: Final = timedelta(milliseconds=500)
"""How long after its time limit a call is interrupted: the caller has been told by the door then."""
_GIVEN_UP_FOR_GOOD: Final = timedelta(milliseconds=1500)
"""How long after that its process is ended, when the call has not heard of it."""
_FILES: Final = "files-of"
DEFAULT_TIMEOUT: Final = timedelta(milliseconds=5000)
"""Azure's default of `request_settings.request_timeout_ms`."""
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
    cores: float | None = None
    """How many processors each replica may use; None for whatever there is."""
    memory: int | None = None
    """… and how many bytes of memory."""


def socket_of(home: Home, replica: Replica) -> Path:
    """Where a replica listens; short, because the kernel takes 107 bytes."""
    return home.socket(f"r{replica.deployment_id.replace('-', '')[-16:]}-{replica.revision}-{replica.slot}")


def folder_of(home: Home, replica: Replica) -> Path:
    """Where the start of a replica is that counts."""
    return home.replica(replica.deployment_id, replica.revision, replica.slot, replica.start)


def log_of(home: Home, replica: Replica) -> Path:
    """What that start says."""
    return folder_of(home, replica) / "console.log"


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
    faster = while_wanted(lambda tell: _converted(bench, deployment, tell), say=say, check=check)
    python = (
        faster.python if faster else while_wanted(lambda tell: _python(bench, deployment, tell), say=say, check=check)
    )
    _write_files(bench, deployment)
    environment = _environment(bench, deployment, python)
    if faster:
        file = _files(bench.home, deployment.id, deployment.revision) / "converted.onnx"
        shutil.copyfile(faster.file, file)
        environment["PRATIQUE_ONNX_MODEL"] = str(file)
    grace = request_timeout(deployment.spec) + GRACE
    launch = Launch(str(python), environment, grace.total_seconds(), grpc_sockets.is_wished(deployment.spec))
    files = digests_in(_files(bench.home, deployment.id, deployment.revision))
    network = has_network(deployment.spec, otherwise=False)
    if not has_network(deployment.spec, otherwise=True):
        views.check_kept_from_network(bench.compute.sandbox, deployment.spec)
    launch = replace(launch, workspace=deployment.workspace, model=model, files=files, has_network=network)
    limits = _limits(deployment.spec)
    launch = replace(launch, cores=limits.cores, memory=limits.memory)
    if bench.compute.sandbox.is_in_force and not network:
        say(f"network: none; the tag {NETWORK}: {MACHINE} gives it the machine's")
    text = written.sealed(json.dumps(asdict(launch)))
    _write_private(_launch_file(bench.home, deployment.id, deployment.revision), text)


def start(bench: Workbench, replica: Replica) -> Observation:
    """Start a replica of a revision that was prepared; finds it when it runs already.

    Raises `ComputeFailed` when a file of it is no longer what was written, or its model may not be loaded any more.
    """
    launch = _read_launch(bench.home, replica.deployment_id, replica.revision)
    files = _files(bench.home, replica.deployment_id, replica.revision)
    seen: Mapping[Path, bytes] = {}
    if not isinstance(observe(bench, replica), Running):
        seen = check(bench, replica)
    scratch = folder_of(bench.home, replica) / "tmp"
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    grpc = grpc_sockets.socket_of(bench.home, replica) if launch.speaks_grpc else None
    if grpc is not None:
        grpc.parent.mkdir(mode=0o700, exist_ok=True)
    return bench.compute.start(
        Task(
            folder=folder_of(bench.home, replica),
            argv=(launch.python, "-m", "pratique_serving"),
            environment={**launch.environment, **({"PRATIQUE_GRPC": f"unix:{grpc}"} if grpc else {})},
            working_folder=files,
            log=log_of(bench.home, replica),
            socket=socket_of(bench.home, replica),
            keeps_socket=True,
            grace=timedelta(seconds=launch.grace),
            seen=seen,
            limits=Limits(launch.cores, launch.memory),
            view=views.of_replica(
                files,
                Path(launch.python),
                bench.home.sources,
                scratch,
                spool=launch.environment.get("PRATIQUE_COLLECT"),
                door=grpc.parent if grpc else None,
                has_network=launch.has_network,
            ),
        )
    )


def check(bench: Workbench, replica: Replica) -> Mapping[Path, bytes]:
    """Raise `ComputeFailed` unless the files of a replica are those that were written, and its model may be loaded now.

    Returns what the kernel says of the files while they are as they were read.
    """
    launch = _read_launch(bench.home, replica.deployment_id, replica.revision)
    seen = written.check_files(_files(bench.home, replica.deployment_id, replica.revision), launch.files)
    written.check_model(bench, launch.workspace, launch.model)
    return seen


def await_ready(
    bench: Workbench,
    starting: Sequence[Replica],
    probe: Probe,
    *,
    tell: Callable[[Replica], None],
    check: Callable[[], None],
) -> float:
    """Wait until all of `starting` say that they are ready and return the seconds that took.

    `tell` hears of each at once. Raises `ComputeFailed` with the last lines of
    its log when one ends first or never gets ready, and whatever `check` raises
    when they are no longer wanted.
    """
    began, pause, checked = time.monotonic(), _FIRST_PAUSE, 0.0
    waiting, in_a_row = list(starting), dict.fromkeys((replica.slot for replica in starting), 0)
    while waiting:
        waited = time.monotonic() - began
        for replica in list(waiting):
            in_a_row[replica.slot] = in_a_row[replica.slot] + 1 if _is_ready(bench, replica, probe, waited) else 0
            if in_a_row[replica.slot] >= probe.success_threshold:
                waiting.remove(replica)
                tell(replica)
        if waited - checked > _CHECK_EVERY:
            check()
            checked = waited
        if waiting:
            time.sleep(pause)
            pause = min(1.3 * pause, _LONGEST_PAUSE)
    return time.monotonic() - began


def _is_ready(bench: Workbench, replica: Replica, probe: Probe, waited: float) -> bool:
    """Whether a starting replica passes `probe`; raises `ComputeFailed` when it never will."""
    why = probe.failure(socket_of(bench.home, replica))
    if not why:
        return True
    folder = folder_of(bench.home, replica)
    seen = bench.compute.observe(folder)
    if not isinstance(seen, Running):
        raise _failure(folder, _how(seen))
    if waited > probe.patience.total_seconds():
        bench.compute.stop(folder, grace=GRACE)
        raise _failure(folder, f"was not ready after {waited:.0f} s and was stopped; {why}")
    return False


def observe(bench: Workbench, replica: Replica) -> Observation:
    """How a replica is doing."""
    return bench.compute.observe(folder_of(bench.home, replica))


def stop_all(bench: Workbench, many: Sequence[Replica]) -> None:
    """Stop replicas side by side; each finishes the requests that it has."""
    grace = max((_grace(bench.home, replica) for replica in many), default=GRACE)
    _stop_all(bench, [folder_of(bench.home, replica) for replica in many], grace=grace)
    for replica in many:
        grpc_sockets.forget(bench.home, replica)


def stop_revision(bench: Workbench, deployment_id: str, revision: int) -> None:
    """Stop every start of one revision and remove its files; the logs stay."""
    _stop_all(bench, [folder for found, folder in _starts(bench.home, deployment_id) if found == revision])
    grpc_sockets.forget_all(bench.home, deployment_id, revision)
    shutil.rmtree(_files(bench.home, deployment_id, revision), ignore_errors=True)
    _launch_file(bench.home, deployment_id, revision).unlink(missing_ok=True)


def _stop_all(bench: Workbench, folders: Sequence[Path], *, grace: timedelta = GRACE) -> None:
    """Stop them side by side, so that several which hang take no longer than one."""
    living = [folder for folder in folders if isinstance(bench.compute.observe(folder), Running)]
    with ThreadPoolExecutor(max_workers=len(living) or 1) as pool:
        for _ in pool.map(partial(bench.compute.stop, grace=grace), living):
            pass


def others(home: Home, deployment_id: str, revision: int) -> list[int]:
    """Revisions other than `revision` that have files or were started."""
    root = home.replicas / deployment_id / _FILES
    prepared = {int(path.stem) for path in root.glob("*") if path.stem.isdecimal()}
    started = {found for found, _ in _starts(home, deployment_id)}
    return sorted((prepared | started) - {revision})


def remove(bench: Workbench, deployment_id: str) -> None:
    """Stop every replica of a deployment and remove all its files."""
    _stop_all(bench, [folder for _, folder in _starts(bench.home, deployment_id)])
    grpc_sockets.forget_all(bench.home, deployment_id)
    shutil.rmtree(bench.home.replicas / deployment_id, ignore_errors=True)


def forget_old_starts(bench: Workbench, deployment_id: str, living: Iterable[Replica]) -> None:
    """Remove the logs of all but the newest starts that have ended; those of `living` replicas stay."""
    kept = {folder_of(bench.home, replica) for replica in living}
    ended = [folder for _, folder in _starts(bench.home, deployment_id) if folder not in kept]
    for folder in ended[: 1 - _KEPT_STARTS]:
        if not isinstance(bench.compute.observe(folder), Running):
            shutil.rmtree(folder, ignore_errors=True)


def sweep(bench: Workbench) -> None:
    """Stop and remove what an engine that was killed left of deployments, revisions and slots that are gone.

    What is still worked on is left to the deployer.
    """
    # The folders first: whatever is wished after that has no folder among them.
    found = [(path.name, others(bench.home, path.name, 0)) for path in bench.home.replicas.glob("*")]
    with bench.database.read() as tx:
        rows = {row.id: row for row in deployments.every(tx)}
        known = replica_rows.by_deployment(tx)
    for settled in (row for row in rows.values() if row.is_settled):
        _sweep_slots(bench, settled, known.get(settled.id, ()))
    for deployment_id, revisions in found:
        row = rows.get(deployment_id)
        if row is None:
            remove(bench, deployment_id)
        elif row.is_settled:
            for revision in revisions:
                if revision not in (row.applied, row.revision):
                    stop_revision(bench, deployment_id, revision)


def _sweep_slots(bench: Workbench, deployment: OnlineDeployment, known: Iterable[Replica]) -> None:
    """Stop and forget the replicas of what serves that are too many."""
    served = [replica for replica in known if replica.revision == deployment.applied]
    many = [replica for replica in served if not deployment.serves(replica.revision, replica.slot)]
    if many:
        stop_all(bench, many)
        with bench.database.write() as tx:
            for replica in many:
                replica_rows.remove(tx, replica)


def why_ended(bench: Workbench, replica: Replica, seen: Observation) -> ComputeFailed:
    """The error that tells how a replica ended, with the last lines of its log."""
    return _failure(folder_of(bench.home, replica), _how(seen))


def failed(bench: Workbench, replica: Replica, how: str) -> ComputeFailed:
    """The error that tells `how` a replica failed, with the last lines of its log."""
    return _failure(folder_of(bench.home, replica), how)


def _starts(home: Home, deployment_id: str) -> Iterator[tuple[int, Path]]:
    """Every start with its revision, the oldest first as far as their names tell."""
    found = []
    for folder in (home.replicas / deployment_id).glob("*-*-*"):
        numbers = folder.name.split("-")
        if all(number.isdecimal() for number in numbers):
            revision, slot, number = map(int, numbers)
            found.append((revision, number, slot, folder))
    for revision, _, _, folder in sorted(found):
        yield revision, folder


def _files(home: Home, deployment_id: str, revision: int) -> Path:
    return home.replicas / deployment_id / _FILES / str(revision)


def _launch_file(home: Home, deployment_id: str, revision: int) -> Path:
    return _files(home, deployment_id, revision).with_suffix(".json")


def _limits(spec: Mapping[str, Any]) -> Limits:
    """What its resources limit each replica to, else what the size that it names has."""
    wished = (spec.get("resources") or {}).get("limits") or {}
    cores, memory = size_of(str(spec.get("instance_type") or "")) or (0.0, 0)
    cores, memory = cores_of(wished.get("cpu"), cores), bytes_of(wished.get("memory"), memory)
    return Limits(cores or None, memory or None)


def _grace(home: Home, replica: Replica) -> timedelta:
    try:
        return timedelta(seconds=_read_launch(home, replica.deployment_id, replica.revision).grace)
    except ComputeFailed:
        return GRACE


def _read_launch(home: Home, deployment_id: str, revision: int) -> Launch:
    try:
        return Launch(**json.loads(written.unsealed(_launch_file(home, deployment_id, revision))))
    except (OSError, ValueError, TypeError) as error:
        raise ComputeFailed(
            f"the files of revision {revision} are gone, so it cannot be started again: {error}",
            hint="create the deployment again",
        ) from error


def _write_private(path: Path, text: str) -> None:
    """Write by rename, readable by this user only: variables may hold secrets."""
    handle, name = tempfile.mkstemp(dir=path.parent)  # Made 0600.
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    Path(name).replace(path)


def _write_files(bench: Workbench, deployment: OnlineDeployment) -> None:
    target = _files(bench.home, deployment.id, deployment.revision)
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


def _converted(bench: Workbench, deployment: OnlineDeployment, say: Say) -> conversion.Converted | None:
    """The deployment's model as ONNX, if it asks for that and the model can be converted."""
    if not conversion.is_wanted(deployment) or "model" not in deployment.resolved:
        return None
    return conversion.converted(bench, deployment, _manifest_of_model(bench, deployment), say)


def _python(bench: Workbench, deployment: OnlineDeployment, say: Say) -> Path:
    environment = deployment.resolved.get("environment")
    if environment:
        return packages.python_for(bench.environments, environment["spec"], logs=bench.home.logs, say=say)
    if "onnx" in (deployment.resolved.get("model") or {}):
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
    files = _files(bench.home, deployment.id, deployment.revision)
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
    """How its score script gets tokens of the endpoint's identity."""
    name = managed_identities.of_endpoint(deployment.workspace, deployment.endpoint)
    with bench.database.read() as tx:
        if managed_identities.find(tx, name) is None:
            return {}
        proof = managed_identities.proof_of_deployment(bench.issuer, deployment, now=utc_now())
        return managed_identities.variables(tx, bench.door, proof, name)


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


_EXITS: Final = {
    _INIT_FAILED: "failed while it loaded the model or ran init()",
    _USED_UP: "ended because the model kept all the memory that it may take (PRATIQUE_MEMORY_BYTES)",
    _HUNG: "ended because a call of the model went on for longer than it may (PRATIQUE_LONGEST_CALL_MS)",
}


def _how(seen: Observation) -> str:
    if isinstance(seen, Exited):
        return _EXITS.get(seen.code or 0) or how_ended(seen)
    if isinstance(seen, Lost):
        return f"was lost: {seen.reason}"
    return "did not start"


def _failure(folder: Path, how: str) -> ComputeFailed:
    return ComputeFailed(
        f"the model server {how}",
        hint="pratique ml online-deployment get-logs shows all that it printed",
        log_tail=last_lines(folder / "console.log", 20),
    )
