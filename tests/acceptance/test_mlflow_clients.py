"""Unmodified clients of MLflow, of three ages, work with a workspace by its tracking URI and a token."""

import dataclasses
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from pratique.base.errors import ComputeFailed
from pratique.base.home import Home
from pratique.compute.environments import Environments
from pratique.compute.interpreters import find_interpreter
from pratique.specs.packages import from_conda, from_requirements

from .installation import SHARED_ENVIRONMENTS, Answer, Installation, prepare_workspace, until, write

TOUR: Final = Path(__file__).parents[1] / "integration" / "tracking" / "tour.py"
EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "credit-risk"
HERE: Final = "clients"
ELSEWHERE: Final = "elsewhere"
OLD: Final = {
    "1.30.1": ("3.10", "mlflow-skinny==1.30.1 scikit-learn<1.3 numpy<1.25 pandas<2 setuptools<81 protobuf<5"),
    "2.17.2": ("3.11", "mlflow-skinny==2.17.2 scikit-learn<1.6 numpy<2.1 pandas<2.3 setuptools<81"),
}
"""Version of MLflow: the Python and the packages of its time."""
SCORE: Final = "def init():\n    pass\n\n\ndef run(raw):\n    return 'still here'\n"
BLUE: Final = """\
name: blue
endpoint_name: {endpoint}
model: azureml:{model}:1
environment: azureml:plain@latest
code_configuration:
  code: score
  scoring_script: score.py
instance_type: Standard_DS3_v2
instance_count: 1
"""


@pytest.fixture(scope="module")
def project(platform: Installation) -> Path:
    """Two workspaces of one group; the folder of the first one's files."""
    project = prepare_workspace(platform, HERE)
    platform.do("ml", "workspace", "create", "-n", ELSEWHERE, "-g", "acceptance")
    # MLflow comes up behind the verbs; whoever asks for it waits at the door.
    until(lambda: mlflow(platform, "GET", "experiments/get?experiment_id=0").status == 200, "MLflow answers")
    return project


@pytest.fixture(scope="module")
def reader(platform: Installation, project: Path) -> str:
    """The token of a program that may read the first workspace, and nothing else anywhere."""
    scope = platform.get("ml", "workspace", "show", "-n", HERE, "-g", "acceptance")["id"]
    made = platform.get("ad", "sp", "create-for-rbac", "-n", "reader", "--role", "Reader", "--scopes", scope)
    form = f"grant_type=client_credentials&client_id={made['appId']}&client_secret={made['password']}"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = platform.ask("POST", "/oauth2/token", headers=kind, body=form.encode())
    return str(answer.document["access_token"])


def mlflow(
    platform: Installation, method: str, path: str, body: Mapping[str, Any] | bytes = b"", *,
    workspace: str = HERE, token: str = "", headers: Mapping[str, str] | None = None,
) -> Answer:  # fmt: skip
    """One request of a client of MLflow, of the owner unless a `token` says otherwise."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"Content-Type": "application/json", **(headers or {})}
    path = path if path.startswith("/") else f"/mlflow/{workspace}/api/2.0/mlflow/{path}"
    return platform.ask(method, path, token=token or platform.token, headers=given, body=data)


def files(root: str, name: str) -> str:
    """Where a client reads and writes the file `name` below `root`."""
    return f"/mlflow/{HERE}/api/2.0/mlflow-artifacts/artifacts/{root}/{name}"


def tour(platform: Installation, python: Path) -> str:
    """What the tour said; fails with it when a step did."""
    uris = [f"{platform.door}/mlflow/{workspace}" for workspace in (HERE, ELSEWHERE)]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(platform.folder),
        "MLFLOW_TRACKING_TOKEN": platform.token,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    }
    done = subprocess.run(
        [python, TOUR, *uris], env=environment, capture_output=True, text=True, timeout=580, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def test_a_client_of_the_server_s_own_version_logs_registers_and_loads(platform: Installation, project: Path) -> None:
    # The environment of the example, because the demo's test has built it, or will find it.
    request = from_conda(yaml.safe_load((EXAMPLE / "conda.yml").read_text(encoding="utf-8")))
    environments = Environments(Home(platform.home).environments)
    assert "mlflow 3.17.2: " in tour(platform, environments.ensure(environments.lock(request)))


@pytest.mark.slow
@pytest.mark.parametrize("version", OLD)
def test_an_older_client_logs_registers_and_loads(platform: Installation, project: Path, version: str) -> None:
    wanted, packages = OLD[version]
    try:
        find_interpreter(wanted)
    except ComputeFailed as error:
        pytest.skip(f"NO CLIENT OF MLFLOW {version} IS TRIED: {error}")
    # Outside of the session's folder, so that the next session needs neither minutes nor a network.
    environments = Environments(SHARED_ENVIRONMENTS)
    request = dataclasses.replace(from_requirements("\n".join(packages.split())), python=wanted)
    assert f"mlflow {version}: " in tour(platform, environments.ensure(environments.lock(request)))


def test_nobody_is_let_in_without_a_token(platform: Installation, project: Path) -> None:
    path = f"/mlflow/{HERE}/api/2.0/mlflow/experiments/get?experiment_id=0"
    assert platform.ask("GET", path).status == 401
    assert platform.ask("GET", path, token="not.a.token").status == 401
    assert platform.ask("GET", files("0", "x")).status == 401


def test_a_reader_reads_and_does_not_write(platform: Installation, project: Path, reader: str) -> None:
    made = mlflow(platform, "POST", "runs/create", {"experiment_id": "0"}).document["run"]["info"]
    root = made["artifact_uri"].removeprefix("mlflow-artifacts:/")
    assert mlflow(platform, "PUT", files(root, "kept.txt"), b"kept").status == 200
    assert mlflow(platform, "POST", "registered-models/create", {"name": "readable"}).status == 200

    run_id = made["run_id"]
    assert mlflow(platform, "GET", f"runs/get?run_id={run_id}", token=reader).status == 200
    assert mlflow(platform, "GET", files(root, "kept.txt"), token=reader).body == b"kept"
    assert mlflow(platform, "GET", "registered-models/get?name=readable", token=reader).status == 200

    metric = {"run_id": run_id, "key": "auc", "value": 1.0, "timestamp": 1}
    version = {"name": "readable", "source": f"runs:/{run_id}/", "run_id": run_id}
    writes: list[tuple[str, str, Mapping[str, Any] | bytes]] = [
        ("POST", "runs/create", {"experiment_id": "0"}),
        ("POST", "runs/log-metric", metric),
        ("POST", "runs/delete", {"run_id": run_id}),
        ("POST", "experiments/create", {"name": "mine"}),
        ("PUT", files(root, "kept.txt"), b"changed"),
        ("DELETE", files(root, "kept.txt"), b""),
        ("POST", "registered-models/create", {"name": "mine"}),
        ("POST", "model-versions/create", version),
        ("DELETE", "registered-models/delete", {"name": "readable"}),
    ]
    assert [(*call[:2], mlflow(platform, *call, token=reader).status) for call in writes] == [
        (*call[:2], 403) for call in writes
    ]
    assert mlflow(platform, "GET", files(root, "kept.txt")).body == b"kept"


def test_another_workspace_is_closed_to_who_has_a_role_in_one_only(
    platform: Installation, project: Path, reader: str
) -> None:
    for path in ("experiments/get?experiment_id=0", "registered-models/search"):
        assert mlflow(platform, "GET", path, token=reader).status == 200
        assert mlflow(platform, "GET", path, token=reader, workspace=ELSEWHERE).status == 403
        assert mlflow(platform, "GET", path, token=reader, workspace="not-there").status == 404


def test_a_header_of_the_caller_names_no_workspace(platform: Installation, project: Path, reader: str) -> None:
    path = "experiments/get?experiment_id=0"
    here = mlflow(platform, "GET", path).document
    elsewhere = mlflow(platform, "GET", path, workspace=ELSEWHERE).document
    assert here != elsewhere
    for name in ("X-MLFLOW-WORKSPACE", "x-mlflow-workspace", "X_MLFLOW_WORKSPACE"):
        assert mlflow(platform, "GET", path, headers={name: ELSEWHERE}, token=reader).document == here


@pytest.mark.parametrize(
    "path",
    [
        "/mlflow/clients/api%2f2.0/mlflow/experiments/get?experiment_id=0",
        "/mlflow/clients%2fapi/2.0/mlflow/experiments/get?experiment_id=0",
        "/mlflow/clients/api/2.0/mlflow%5cexperiments/get?experiment_id=0",
        "/mlflow/clients/../elsewhere/api/2.0/mlflow/experiments/get?experiment_id=0",
        "/mlflow/clients/%2e%2e/elsewhere/api/2.0/mlflow/experiments/get?experiment_id=0",
        "/mlflow/clients/.%2e/elsewhere/api/2.0/mlflow/registered-models/search",
        "/mlflow/clients/%252e%252e/elsewhere/api/2.0/mlflow/experiments/get?experiment_id=0",
        "/mlflow/clients//..//elsewhere/api/2.0/mlflow/experiments/get?experiment_id=0",
        "/mlflow/clients/api/2.0/mlflow-artifacts/artifacts/..%2f..%2felsewhere/x",
        "/mlflow/clients/api/2.0/mlflow-artifacts/artifacts/%2e%2e/%2e%2e/x",
        "/mlflow/clients/ajax-api/3.0/mlflow/workspaces",
        "/mlflow/clients/api/3.0/mlflow/workspaces/elsewhere",
    ],
)
def test_no_spelling_of_a_path_leads_out_of_the_workspace(
    platform: Installation, project: Path, reader: str, path: str
) -> None:
    answer = mlflow(platform, "GET", path, token=reader)
    assert answer.status in (400, 403, 404), answer


@dataclass(frozen=True)
class Served:
    """A version of a model that a run has logged, and a deployment uses."""

    name: str
    run_root: str
    key: str

    @property
    def version(self) -> dict[str, str]:
        return {"name": self.name, "version": "1"}


@pytest.fixture(scope="module")
def served(platform: Installation, project: Path) -> Served:
    """Registered as a client does it, deployed as `az ml` does it."""
    made = mlflow(platform, "POST", "runs/create", {"experiment_id": "0"}).document["run"]["info"]
    root = made["artifact_uri"].removeprefix("mlflow-artifacts:/")
    assert mlflow(platform, "PUT", files(root, "model/weights.txt"), b"3 4 5").status == 200
    assert mlflow(platform, "POST", "registered-models/create", {"name": "served"}).status == 200
    said = {"name": "served", "source": f"runs:/{made['run_id']}/model", "run_id": made["run_id"]}
    version = mlflow(platform, "POST", "model-versions/create", said)
    assert version.document["model_version"]["version"] == "1"

    words = {"endpoint": "clients", "model": "served"}
    write(project, {"score/score.py": SCORE, "endpoint.yml": "name: clients\nauth_mode: key\n"})
    write(project, {"blue.yml": BLUE.format_map(words)})
    platform.do("ml", "online-endpoint", "create", "-f", "endpoint.yml", cwd=project)
    platform.do("ml", "online-deployment", "create", "-f", "blue.yml", "--all-traffic", cwd=project)
    keys = platform.get("ml", "online-endpoint", "get-credentials", "-n", "clients", cwd=project)
    return Served("served", root, keys["primaryKey"])


def test_a_registered_version_keeps_its_files_whatever_its_run_does(platform: Installation, served: Served) -> None:
    query = f"name={served.name}&version=1"
    uri = mlflow(platform, "GET", f"model-versions/get-download-uri?{query}").document["artifact_uri"]
    kept = files(uri.removeprefix("mlflow-artifacts:/"), "weights.txt")
    assert mlflow(platform, "PUT", kept, b"evil").status == 403
    assert mlflow(platform, "DELETE", kept).status == 403
    assert mlflow(platform, "PUT", files(served.run_root, "model/weights.txt"), b"later").status == 200
    assert mlflow(platform, "DELETE", files(served.run_root, "model/weights.txt")).status in (200, 204)
    assert mlflow(platform, "GET", kept).body == b"3 4 5"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "model-versions/delete", lambda it: it.version),
        ("DELETE", "registered-models/delete", lambda it: {"name": it.name}),
        ("POST", "registered-models/rename", lambda it: {"name": it.name, "new_name": "gone"}),
    ],
)
def test_a_version_that_is_deployed_stays(
    platform: Installation, served: Served, method: str, path: str, body: Callable[[Served], dict[str, str]]
) -> None:
    answer = mlflow(platform, method, path, body(served))
    assert answer.status == 409, answer
    assert "clients" in answer.document["message"], "says which deployment uses it"
    assert mlflow(platform, "GET", f"model-versions/get?name={served.name}&version=1").status == 200
    assert platform.score(HERE, "clients", served.key).document == "still here"


def test_a_version_goes_once_its_deployment_has_gone(platform: Installation, project: Path, served: Served) -> None:
    platform.do("ml", "online-endpoint", "delete", "-n", "clients", "--yes", cwd=project)
    assert mlflow(platform, "DELETE", "model-versions/delete", served.version).status == 200
    assert mlflow(platform, "GET", f"model-versions/get?name={served.name}&version=1").status == 404
