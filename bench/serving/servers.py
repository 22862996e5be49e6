"""The servers that are compared: how each is started, in an environment of its own, on one core."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.serving import door

HERE = Path(__file__).parent
APPS = HERE / "apps"
PACKAGE = HERE.parents[1] / "serving" / "src"
_LIMIT = 180.0


@dataclass(frozen=True)
class Kind:
    """One way to serve one model."""

    name: str
    peer: str
    """The lock file below peers/, and the environment made of it."""
    argv: tuple[str, ...]
    """PORT stands for the port, PYTHON for the environment's interpreter."""
    environment: Mapping[str, str] = field(default_factory=dict)
    path: str = "/score"
    key: str = "input_data"
    """What the frame is called in its body."""
    auth: str = ""
    """The key that callers need."""

    @property
    def collects(self) -> bool:
        """Whether it keeps what it predicts."""
        return "PRATIQUE_COLLECT" in self.environment


@dataclass(frozen=True)
class Server:
    """A running one."""

    kind: Kind
    port: int
    pid: int
    started_in: float
    """Seconds from the start of the process to the first answer."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.kind.path}"

    def cpu_seconds(self) -> float:
        """What it and everything it has started have used so far."""
        ticks = sum(sum(map(int, _stat(pid)[11:15])) for pid in _family(self.pid))
        return ticks / os.sysconf("SC_CLK_TCK")

    def dropped(self) -> int:
        """How many predictions were not collected, because the spool was too slow."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return int(next(line.split()[-1] for line in lines if line.startswith("pratique_collection_dropped_total")))

    def memory_mb(self) -> float:
        """Resident, of all its processes together."""
        page = os.sysconf("SC_PAGE_SIZE")
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in _family(self.pid)]
        return sum(pages) * page / 1e6


def azure(model: Path, script: str = "score.py") -> Kind:
    """Azure's own inference server, one worker as is its default."""
    argv = ("azmlinfsrv", "--entry_script", str(APPS / script), "--model_dir", str(model), "--port", "PORT")
    return Kind("Azure's inference server", "azure", argv, {"WORKER_COUNT": "1"})


def bare(model: Path) -> Kind:
    """The bound: `apps/bare.py`."""
    argv = (
        "uvicorn",
        "bare:app",
        "--app-dir",
        str(APPS),
        "--port",
        "PORT",
        "--log-level",
        "warning",
        "--no-access-log",
    )
    return Kind("the bare bound", "bare", (*argv, "--loop", "uvloop", "--http", "httptools"), {"MODEL": str(model)})


def ours(model: Path, name: str = "Pratique", **environment: str) -> Kind:
    """The model without a script; as a converted model where the folder holds one."""
    served = {"PRATIQUE_MLFLOW_MODEL": str(model / "mlflow"), "PYTHONPATH": str(PACKAGE), **environment}
    return Kind(name, "pratique", ("python", "-m", "pratique_serving", "--port", "PORT"), served)


def ours_onnx(model: Path, name: str = "Pratique, ONNX", **environment: str) -> Kind:
    """The converted model."""
    served = {"PRATIQUE_ONNX_MODEL": str(model / "model.onnx"), "PYTHONPATH": str(PACKAGE), **environment}
    return Kind(name, "pratique", ("python", "-m", "pratique_serving", "--port", "PORT"), served)


def ours_behind_door(model: Path) -> Kind:
    """The converted model behind the front door, which asks for a key; both on the one core."""
    return behind_door(ours_onnx(model), "Pratique, ONNX, behind the door")


def behind_door(kind: Kind, name: str, replicas: int = 1) -> Kind:
    """So many processes of one kind, behind the front door."""
    # Both are found from the root of the tree: the bench, and the model server that the scorer runs.
    path = os.pathsep.join([str(HERE.parents[1]), str(PACKAGE)])
    argv = (sys.executable, "-m", "bench.serving.door", "PORT", "PYTHON", str(replicas))
    environment = {**kind.environment, "PYTHONPATH": path}
    return Kind(name, kind.peer, argv, environment, path=door.PATH, auth=door.KEY)


def ours_script(model: Path, script: str = "score.py", name: str = "Pratique, score.py") -> Kind:
    """The script that Azure's server runs."""
    served = {"AML_APP_ROOT": str(APPS), "AZUREML_ENTRY_SCRIPT": script, "AZUREML_MODEL_DIR": str(model)}
    argv = ("python", "-m", "pratique_serving", "--port", "PORT")
    return Kind(name, "pratique", argv, {**served, "PYTHONPATH": str(PACKAGE)})


def others(model: Path) -> list[Kind]:
    """The peers that serve the plain pipeline."""
    where = {"MODEL": str(model)}
    options = ("--port", "PORT", "--host", "127.0.0.1")
    fastapi = ("uvicorn", "fastapi_app:app", "--app-dir", str(APPS), "--port", "PORT", "--log-level", "warning")
    return [
        Kind("FastAPI + pandas", "fastapi", (*fastapi, "--no-access-log"), where),
        Kind("LitServe", "litserve", ("python", str(APPS / "litserve_app.py"), "PORT"), where),
        Kind(
            "BentoML",
            "bentoml",
            ("bentoml", "serve", "bentoml_app:Credit", "--working-dir", str(APPS), *options),
            {**where, "BENTOML_DO_NOT_TRACK": "True"},
        ),
        Kind(
            "MLflow's server",
            "mlflow",
            ("mlflow", "models", "serve", "-m", str(model / "mlflow"), "--env-manager", "local", *options),
            {"MLFLOW_MODELS_WORKERS": "1", "DO_NOT_TRACK": "true"},
            path="/invocations",
            key="dataframe_split",
        ),
        Kind("MLServer", "mlserver", ("mlserver", "start", "."), {**where, "PYTHONPATH": str(APPS)}),
    ]


@contextmanager
def started(kind: Kind, environments: Path, place: Path, *, core: str) -> Iterator[Server]:
    """Start it on one core (or ``0,1``) and end it, with everything it has started, afterwards."""
    port = _free_port()
    place.mkdir(parents=True, exist_ok=True)
    if kind.peer == "mlserver":
        _configure_mlserver(place, kind.environment["MODEL"], port)
    binaries = environments / kind.peer / "bin"
    meant = {"PORT": str(port), "PYTHON": str(binaries / "python")}
    program, *arguments = [meant.get(part, part) for part in kind.argv]
    began = time.monotonic()
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            ["taskset", "-c", core, str(binaries / program), *arguments],
            env={"PATH": f"{binaries}:/usr/bin:/bin", "HOME": str(place), "LANG": "C.UTF-8", **kind.environment},
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _await_answer(process, kind, port, place / "log")
        yield Server(kind, port, process.pid, time.monotonic() - began)
    finally:
        _end(process)


def _await_answer(process: subprocess.Popen[bytes], kind: Kind, port: int, log: Path) -> None:
    """Until it answers; a door until it leads to the model, which takes no GET."""
    path, not_yet = (kind.path, (404, 503)) if kind.auth else ("/", (503,))
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {kind.auth}"})
    until = time.monotonic() + _LIMIT
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError):
            try:
                with urllib.request.urlopen(asked, timeout=5):
                    return
            except urllib.error.HTTPError as error:
                if error.code not in not_yet:
                    return
        time.sleep(0.01)
    sys.exit(f"{log}: it does not answer:\n{log.read_text(errors='replace')[-4000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    family = _family(process.pid)
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(5)
    for pid in family:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _configure_mlserver(place: Path, model: str, port: int) -> None:
    (place / "settings.json").write_text(
        f'{{"http_port": {port}, "grpc_port": {_free_port()}, "metrics_port": {_free_port()}, "host": "127.0.0.1",'
        ' "parallel_workers": 0, "debug": false}'
    )
    settings = {
        "name": "credit",
        "implementation": "mlserver_app.Credit",
        "parameters": {"uri": f"{model}/model.joblib"},
    }
    (place / "model-settings.json").write_text(json.dumps(settings))


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _family(root: int) -> list[int]:
    """`root` and everything below it that still lives."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(path.name)] = int(_stat(int(path.name))[1])
    family = [root]
    for pid in family:
        family += [child for child, parent in parents.items() if parent == pid]
    return [pid for pid in family if pid in parents]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def allow_many_files() -> None:
    """wrk and the servers open many connections."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536), most))
