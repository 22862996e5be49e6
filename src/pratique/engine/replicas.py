"""The process behind a deployment: its files, its start, its readiness, its restart.

    <home>/replicas/<deployment>/files-of/<generation>/       model and code, written once per generation
    <home>/replicas/<deployment>/files-of/<generation>.json   which Python runs them, with which variables
    <home>/replicas/<deployment>/<generation>-<start>/        one start: shim files and console.log

What a generation runs is written down, so that it can be started again as it
was, whatever has been wished since. The socket belongs to the generation and
not to the start, so that a restart changes nothing for the gateway.
"""

import http.client
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import ComputeFailed
from pratique.base.home import Home
from pratique.base.unix_http import UnixConnection
from pratique.compute.sources import package_copy
from pratique.compute.task import Exited, Lost, Observation, Running, Task
from pratique.engine import packages, views
from pratique.engine.abandon import while_wanted
from pratique.engine.failures import how_ended
from pratique.engine.tails import last_lines
from pratique.engine.workbench import Workbench
from pratique.store import deployments, holdings
from pratique.store.deployments import OnlineDeployment

GRACE: Final = timedelta(seconds=10)
READY_TIMEOUT: Final = timedelta(minutes=10)
"""How long a model may take to load, as long as its process lives."""
_INIT_FAILED: Final = 70
"""The model server's exit code when the script or the model could not be loaded."""
_FIRST_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.05
"""Seconds between two questions whether it is ready: few for a model that loads at once, long for one that takes its
time."""
_CHECK_EVERY: Final = 0.25
_ANSWERS_WITHIN: Final = 2.0
_KEPT_STARTS: Final = 5
_FILES: Final = "files-of"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Launch:
    """What one generation runs."""

    python: str
    environment: Mapping[str, str]


def socket_of(home: Home, deployment_id: str, generation: int) -> Path:
    """Where the replica of one generation listens; short, because the kernel takes 107 bytes."""
    return home.socket(f"r{deployment_id.replace('-', '')[-16:]}-{generation}")


def log_of(home: Home, deployment_id: str, generation: int, number: int) -> Path:
    """What one start says."""
    return home.replica(deployment_id, generation, number) / "console.log"


def prepare(bench: Workbench, deployment: OnlineDeployment, *, say: Say, check: Callable[[], None]) -> None:
    """Write down everything that this generation runs; a second call finds it.

    `check` is asked while an environment is built, and ends the wait by raising.
    """
    python = while_wanted(lambda tell: _python(bench, deployment, tell), say=say, check=check)
    _write_files(bench, deployment)
    launch = Launch(str(python), _environment(bench, deployment, python))
    _write_private(_launch_file(bench.home, deployment.id, deployment.generation), json.dumps(asdict(launch)))


def start(bench: Workbench, deployment: OnlineDeployment, generation: int, number: int) -> Observation:
    """Start the replica of a generation that was prepared, for the `number`-th time; finds it when it runs already."""
    launch = _read_launch(bench.home, deployment.id, generation)
    folder = bench.home.replica(deployment.id, generation, number)
    files, scratch = _files(bench.home, deployment.id, generation), folder / "tmp"
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    return bench.compute.start(
        Task(
            folder=folder,
            argv=(launch.python, "-m", "pratique_serving"),
            environment=launch.environment,
            working_folder=files,
            log=log_of(bench.home, deployment.id, generation, number),
            socket=socket_of(bench.home, deployment.id, generation),
            grace=GRACE,
            view=views.of_replica(files, Path(launch.python), bench.home.sources, scratch),
        )
    )


def await_ready(bench: Workbench, deployment: OnlineDeployment, number: int, *, check: Callable[[], None]) -> float:
    """Wait until the replica says that it is ready and return the seconds that took.

    Raises `ComputeFailed` with the last lines of its log when it ends first or
    never gets ready, and whatever `check` raises when it is no longer wanted.
    """
    began, pause, checked = time.monotonic(), _FIRST_PAUSE, 0.0
    folder = bench.home.replica(deployment.id, deployment.generation, number)
    path = socket_of(bench.home, deployment.id, deployment.generation)
    while not _answers_ready(path):
        waited = time.monotonic() - began
        seen = bench.compute.observe(folder)
        if not isinstance(seen, Running):
            raise _failure(folder, _how(seen))
        if waited > READY_TIMEOUT.total_seconds():
            bench.compute.stop(folder, grace=GRACE)
            raise _failure(folder, f"was not ready after {waited:.0f} s and was stopped")
        if waited - checked > _CHECK_EVERY:
            check()
            checked = waited
        time.sleep(pause)
        pause = min(1.3 * pause, _LONGEST_PAUSE)
    return time.monotonic() - began


def observe(bench: Workbench, deployment: OnlineDeployment, generation: int, number: int) -> Observation:
    """How one start of a replica is doing."""
    return bench.compute.observe(bench.home.replica(deployment.id, generation, number))


def stop_generation(bench: Workbench, deployment_id: str, generation: int) -> None:
    """Stop every start of one generation and remove its files; the logs stay."""
    for start_generation, folder in _starts(bench.home, deployment_id):
        if start_generation == generation:
            bench.compute.stop(folder, grace=GRACE)
    shutil.rmtree(_files(bench.home, deployment_id, generation), ignore_errors=True)
    _launch_file(bench.home, deployment_id, generation).unlink(missing_ok=True)


def others(home: Home, deployment_id: str, generation: int) -> list[int]:
    """Generations other than `generation` that have files or were started."""
    root = home.replicas / deployment_id / _FILES
    prepared = {int(path.stem) for path in root.glob("*") if path.stem.isdecimal()}
    started = {found for found, _ in _starts(home, deployment_id)}
    return sorted((prepared | started) - {generation})


def remove(bench: Workbench, deployment_id: str) -> None:
    """Stop every replica of a deployment and remove all its files."""
    for _, folder in _starts(bench.home, deployment_id):
        bench.compute.stop(folder, grace=GRACE)
    shutil.rmtree(bench.home.replicas / deployment_id, ignore_errors=True)


def forget_old_starts(bench: Workbench, deployment_id: str) -> None:
    """Remove the logs of all but the newest starts that have ended."""
    for _, folder in list(_starts(bench.home, deployment_id))[:-_KEPT_STARTS]:
        if not isinstance(bench.compute.observe(folder), Running):
            shutil.rmtree(folder, ignore_errors=True)


def sweep(bench: Workbench) -> None:
    """Stop and remove what an engine that was killed left of deployments and generations that are gone.

    What is still worked on is left to the deployer.
    """
    # The folders first: whatever is wished after that has no folder among them.
    found = [(path.name, others(bench.home, path.name, 0)) for path in bench.home.replicas.glob("*")]
    with bench.database.read() as tx:
        rows = {row.id: row for row in deployments.every(tx)}
    for deployment_id, generations in found:
        row = rows.get(deployment_id)
        if row is None:
            remove(bench, deployment_id)
        elif row.provisioning_state in ("Succeeded", "Failed"):
            for generation in generations:
                if generation not in (row.applied, row.generation):
                    stop_generation(bench, deployment_id, generation)


def why_ended(bench: Workbench, deployment: OnlineDeployment, generation: int, number: int) -> ComputeFailed:
    """The error that tells how a start ended, with the last lines of its log."""
    folder = bench.home.replica(deployment.id, generation, number)
    return _failure(folder, _how(bench.compute.observe(folder)))


def _starts(home: Home, deployment_id: str) -> Iterator[tuple[int, Path]]:
    """Every start with its generation, the oldest first."""
    found = []
    for folder in (home.replicas / deployment_id).glob("*-*"):
        generation, _, number = folder.name.partition("-")
        if generation.isdecimal() and number.isdecimal():
            found.append((int(generation), int(number), folder))
    for generation_of, _, folder in sorted(found):
        yield generation_of, folder


def _files(home: Home, deployment_id: str, generation: int) -> Path:
    return home.replicas / deployment_id / _FILES / str(generation)


def _launch_file(home: Home, deployment_id: str, generation: int) -> Path:
    return _files(home, deployment_id, generation).with_suffix(".json")


def _read_launch(home: Home, deployment_id: str, generation: int) -> Launch:
    try:
        return Launch(**json.loads(_launch_file(home, deployment_id, generation).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ComputeFailed(
            f"the files of generation {generation} are gone, so it cannot be started again: {error}",
            hint="create the deployment again",
        ) from error


def _write_private(path: Path, text: str) -> None:
    """Write by rename, readable by this user only: variables may hold secrets."""
    handle, name = tempfile.mkstemp(dir=path.parent)  # Made 0600.
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    Path(name).replace(path)


def _write_files(bench: Workbench, deployment: OnlineDeployment) -> None:
    target = _files(bench.home, deployment.id, deployment.generation)
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
    if manifest is None:
        raise ComputeFailed(f"the files of the {part} are gone", hint=f"register the {part} again")
    # A damaged or changed byte is found here, at the moment of use.
    if damaged := bench.blobs.verify(manifest):
        raise ComputeFailed(
            f"the stored {part} was changed: {', '.join(damaged[:3])}", hint="register it again; nothing was started"
        )
    is_folder = part == "model" and [entry.path for entry in manifest.entries] != [held["path_name"]]
    bench.blobs.materialise(manifest, place / held["path_name"] if is_folder else place, writable=False)


def _python(bench: Workbench, deployment: OnlineDeployment, say: Say) -> Path:
    environment = deployment.resolved.get("environment")
    if environment:
        return packages.python_for(bench.environments, environment["spec"], logs=bench.home.logs, say=say)
    with bench.database.read() as tx:
        manifest = holdings.manifest(tx, deployment.workspace, deployment.resolved["model"]["manifest"])
    if manifest is None:
        raise ComputeFailed("the files of the model are gone", hint="register the model again")
    return packages.python_for_model(bench.environments, bench.blobs, manifest, logs=bench.home.logs, say=say)


def _environment(bench: Workbench, deployment: OnlineDeployment, python: Path) -> dict[str, str]:
    """Every variable of the replica.

    The deployment's own `environment_variables` win, except over what says which
    model and script this is.
    """
    files = _files(bench.home, deployment.id, deployment.generation)
    given = {str(key): str(value) for key, value in (deployment.spec.get("environment_variables") or {}).items()}
    defaults = {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "VIRTUAL_ENV": str(python.parent.parent),
        "PYTHONUNBUFFERED": "1",
        "LANG": "C.UTF-8",
        "HOME": str(files),
    }
    serving = str(package_copy("pratique_serving", bench.home.sources))
    fixed = {
        "PYTHONPATH": os.pathsep.join(part for part in (serving, given.get("PYTHONPATH")) if part),
        "AZUREML_MODEL_DIR": str(files / "model"),
        "AML_APP_ROOT": str(files / "code"),
        "AZUREML_SERVICE_NAME": deployment.endpoint,
        "PRATIQUE_DEPLOYMENT": f"{deployment.workspace}/{deployment.endpoint}/{deployment.name}",
    }
    return {**defaults, **given, **fixed, **_what_is_served(deployment, files)}


def _what_is_served(deployment: OnlineDeployment, files: Path) -> dict[str, str]:
    model, code = deployment.resolved.get("model"), deployment.resolved.get("code")
    if code:
        return {"AZUREML_ENTRY_SCRIPT": code["scoring_script"]}
    return {"PRATIQUE_MLFLOW_MODEL": str(files / "model" / model["path_name"])} if model else {}


def _answers_ready(path: Path) -> bool:
    connection = UnixConnection(path, timeout=_ANSWERS_WITHIN)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _how(seen: Observation) -> str:
    if isinstance(seen, Exited):
        return "failed while it loaded the model or ran init()" if seen.code == _INIT_FAILED else how_ended(seen)
    if isinstance(seen, Lost):
        return f"was lost: {seen.reason}"
    return "did not start"


def _failure(folder: Path, how: str) -> ComputeFailed:
    return ComputeFailed(
        f"the model server {how}",
        hint="pratique ml online-deployment get-logs shows all that it printed",
        log_tail=last_lines(folder / "console.log", 20),
    )
