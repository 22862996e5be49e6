"""The process behind a deployment: its files, its start, its readiness, its restart.

    <home>/replicas/<deployment>/files-of/<generation>/   model and code, written once per generation
    <home>/replicas/<deployment>/<generation>-<start>/    one start: shim files and console.log

The socket belongs to the generation and not to the start, so that a restart
changes nothing for the gateway.
"""

import http.client
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from pratique.base.errors import ComputeFailed
from pratique.base.home import Home
from pratique.base.unix_http import UnixConnection
from pratique.compute.sources import package_copy
from pratique.compute.task import Exited, Lost, Observation, Running, Task
from pratique.engine import packages
from pratique.engine.tails import last_lines
from pratique.engine.workbench import Workbench
from pratique.store import holdings
from pratique.store.deployments import OnlineDeployment

GRACE: Final = timedelta(seconds=10)
READY_TIMEOUT: Final = timedelta(minutes=10)
"""How long a model may take to load, as long as its process lives."""
_LOOK: Final = 0.01
_ANSWERS_WITHIN: Final = 2.0
Say = Callable[[str], None]


def socket_of(home: Home, deployment_id: str, generation: int) -> Path:
    """Where the replica of one generation listens; short, because the kernel takes 107 bytes."""
    return home.socket(f"r{deployment_id.replace('-', '')[-16:]}-{generation}")


def prepare(bench: Workbench, deployment: OnlineDeployment, *, say: Say) -> Path:
    """Write model and code of this generation and return the Python of its environment; a second call finds both."""
    python = _python(bench, deployment, say)
    _write_files(bench, deployment)
    return python


def start(bench: Workbench, deployment: OnlineDeployment, python: Path, number: int) -> Observation:
    """Start the replica, its `number`-th start of this generation; finds it when it runs already."""
    folder = bench.home.replica(deployment.id, deployment.generation, number)
    return bench.compute.start(
        Task(
            folder=folder,
            argv=(str(python), "-m", "pratique_serving"),
            environment=_environment(bench, deployment, python),
            working_folder=_files(bench.home, deployment),
            log=folder / "console.log",
            socket=socket_of(bench.home, deployment.id, deployment.generation),
            grace=GRACE,
        )
    )


def await_ready(bench: Workbench, deployment: OnlineDeployment, number: int, *, is_wanted: Callable[[], bool]) -> float:
    """Wait until the replica says that it is ready and return the seconds that took.

    Raises `ComputeFailed` with the last lines of its log when it ends first, never gets
    ready, or is no longer wanted.
    """
    began = time.monotonic()
    folder = bench.home.replica(deployment.id, deployment.generation, number)
    path = socket_of(bench.home, deployment.id, deployment.generation)
    while not _answers_ready(path):
        seen = bench.compute.observe(folder)
        waited = time.monotonic() - began
        if not isinstance(seen, Running):
            raise _failure(folder, _how(seen))
        if waited > READY_TIMEOUT.total_seconds() or not is_wanted():
            bench.compute.stop(folder, grace=GRACE)
            raise _failure(folder, f"was not ready after {waited:.0f} s and was stopped")
        time.sleep(_LOOK)
    return time.monotonic() - began


def observe(bench: Workbench, deployment: OnlineDeployment, generation: int, number: int) -> Observation:
    """How one start of a replica is doing."""
    return bench.compute.observe(bench.home.replica(deployment.id, generation, number))


def stop_generation(bench: Workbench, deployment_id: str, generation: int) -> None:
    """Stop every start of one generation and remove its files; logs stay until the deployment goes."""
    for folder in _starts(bench.home, deployment_id, f"{generation}-*"):
        bench.compute.stop(folder, grace=GRACE)
    shutil.rmtree(bench.home.replicas / deployment_id / "files-of" / str(generation), ignore_errors=True)


def remove(bench: Workbench, deployment_id: str) -> None:
    """Stop every replica of a deployment and remove all its files."""
    for folder in _starts(bench.home, deployment_id, "*-*"):
        bench.compute.stop(folder, grace=GRACE)
    shutil.rmtree(bench.home.replicas / deployment_id, ignore_errors=True)


def why_ended(bench: Workbench, deployment: OnlineDeployment, generation: int, number: int) -> ComputeFailed:
    """The error that tells how a start ended, with the last lines of its log."""
    folder = bench.home.replica(deployment.id, generation, number)
    return _failure(folder, _how(bench.compute.observe(folder)))


def _starts(home: Home, deployment_id: str, pattern: str) -> list[Path]:
    root = home.replicas / deployment_id
    return [folder for folder in root.glob(pattern) if folder.name != "files-of"]


def _files(home: Home, deployment: OnlineDeployment) -> Path:
    return home.replicas / deployment.id / "files-of" / str(deployment.generation)


def _write_files(bench: Workbench, deployment: OnlineDeployment) -> None:
    target = _files(bench.home, deployment)
    if target.is_dir():
        return
    making = target.with_name(f"{target.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    model, code = deployment.resolved.get("model"), deployment.resolved.get("code")
    with bench.database.read() as tx:
        found = {
            digest: holdings.manifest(tx, deployment.workspace, digest)
            for digest in ((model or {}).get("manifest"), (code or {}).get("manifest"))
            if digest
        }
    making.mkdir(mode=0o700, parents=True)
    (making / "model").mkdir()
    (making / "code").mkdir()
    for part, held in (("model", model), ("code", code)):
        manifest = found.get(held["manifest"]) if held else None
        if held and manifest:
            is_file = part == "model" and [entry.path for entry in manifest.entries] == [held["path_name"]]
            inner = making / part if part == "code" or is_file else making / part / held["path_name"]
            # A damaged or changed byte is found here, at the moment of use.
            if damaged := bench.blobs.verify(manifest):
                raise ComputeFailed(
                    f"the stored {part} was changed: {', '.join(damaged[:3])}",
                    hint="register it again; nothing was started",
                )
            bench.blobs.materialise(manifest, inner, writable=False)
    making.rename(target)


def _python(bench: Workbench, deployment: OnlineDeployment, say: Say) -> Path:
    environment = deployment.resolved.get("environment")
    if environment:
        return packages.python_for(bench.environments, environment["spec"], say=say)
    with bench.database.read() as tx:
        manifest = holdings.manifest(tx, deployment.workspace, deployment.resolved["model"]["manifest"])
    if manifest is None:
        raise ComputeFailed("the files of the model are gone")
    return packages.python_for_model(bench.environments, bench.blobs, manifest, say=say)


def _environment(bench: Workbench, deployment: OnlineDeployment, python: Path) -> dict[str, str]:
    files = _files(bench.home, deployment)
    model, code = deployment.resolved.get("model"), deployment.resolved.get("code")
    given = {str(key): str(value) for key, value in (deployment.spec.get("environment_variables") or {}).items()}
    own = {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(package_copy("pratique_serving", bench.home.sources)),
        "PYTHONUNBUFFERED": "1",
        "LANG": "C.UTF-8",
        "HOME": str(files),
        "AZUREML_MODEL_DIR": str(files / "model"),
        "AML_APP_ROOT": str(files / "code"),
        "AZUREML_SERVICE_NAME": deployment.endpoint,
        "PRATIQUE_DEPLOYMENT": f"{deployment.workspace}/{deployment.endpoint}/{deployment.name}",
    }
    if code:
        own["AZUREML_ENTRY_SCRIPT"] = code["scoring_script"]
    elif model:
        own["PRATIQUE_MLFLOW_MODEL"] = str(files / "model" / model["path_name"])
    return given | own


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
        if seen.code == 70:
            return "failed while it loaded the model or ran init()"
        return f"ended with exit code {seen.code}" if seen.signal is None else f"was killed by signal {seen.signal}"
    if isinstance(seen, Lost):
        return f"was lost: {seen.reason}"
    return "did not start"


def _failure(folder: Path, how: str) -> ComputeFailed:
    return ComputeFailed(
        f"the model server {how}",
        hint="pratique ml online-deployment get-logs shows all that it printed",
        log_tail=last_lines(folder / "console.log", 20),
    )
