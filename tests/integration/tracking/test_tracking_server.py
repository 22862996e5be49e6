"""The MLflow server behind the real door."""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pytest

from pratique.base.clock import utc_now
from pratique.base.errors import NotFound
from pratique.control import workspaces
from pratique.control.actor import PLATFORM
from pratique.control.workspaces import tracking_of
from pratique.tracking.client import Run, RunRow, RunsClient

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def client(house: Any) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {house.token}"}
    with httpx.Client(base_url=house.door, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
def runs(house: Any) -> RunsClient:
    return RunsClient(house.platform.tracking_socket, partial(tracking_of, house.platform.database))


def ask(client: httpx.Client, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
    answer = client.request(method, path, json=body)
    try:
        return answer.status_code, answer.json()
    except json.JSONDecodeError:
        return answer.status_code, answer.text


def made_run(runs: RunsClient, workspace: str, experiment: str, name: str) -> Run:
    """A run as the platform makes one."""
    run_id = uuid.uuid4().hex
    runs.write_runs(workspace, experiment, make=[RunRow(run_id, name, "ada", "RUNNING", NOW, None, {"b": "c"})])
    return runs.get_run(workspace, run_id)


def test_the_platform_writes_a_run_that_a_client_reads(client: httpx.Client, runs: RunsClient) -> None:
    made = made_run(runs, "dev", "jobs", "brave_boat")
    assert made.artifact_root == f"{made.experiment_id}/{made.run_id}/artifacts"
    runs.write_runs("dev", "jobs", change=[RunRow(made.run_id, "brave_boat", "ada", "FINISHED", NOW, NOW, {})])
    _, said = ask(client, "GET", f"/mlflow/dev/api/2.0/mlflow/runs/get?run_id={made.run_id}")
    info = said["run"]["info"]
    assert (info["run_name"], info["status"], info["start_time"]) == ("brave_boat", "FINISHED", 1772366400000)
    with pytest.raises(NotFound):
        runs.get_run("qua", made.run_id)


def test_many_runs_are_made_once_and_ended_in_one_request_that_no_caller_can_make(
    client: httpx.Client, runs: RunsClient
) -> None:
    rows = [RunRow(f"{number:032x}", f"step-{number}", "ada", "SCHEDULED", NOW, None, {"a": "b"}) for number in (7, 8)]
    experiment = runs.write_runs("dev", "steps", make=rows)
    assert runs.write_runs("dev", "steps", make=rows) == experiment
    runs.write_runs("dev", "steps", change=[replace(rows[0], status="FINISHED", ended=NOW, tags={"a": "c"})])
    first, second = (runs.get_run("dev", row.run_id) for row in rows)
    assert (first.status, first.tags["a"], first.experiment_id) == ("FINISHED", "c", experiment)
    assert (second.status, second.tags["mlflow.runName"]) == ("SCHEDULED", "step-8")
    assert second.artifact_root == f"{experiment}/{second.run_id}/artifacts"
    with pytest.raises(NotFound):
        runs.get_run("qua", first.run_id)
    assert ask(client, "POST", "/mlflow/dev/pratique/runs", {"experiment": "steps"})[0] == 404


def test_a_run_answers_to_the_name_of_its_job_in_its_workspace(client: httpx.Client, runs: RunsClient) -> None:
    run_id = uuid.uuid4().hex
    tags = {"azureml.job": "brave_oar_1"}
    runs.write_runs("dev", "jobs", make=[RunRow(run_id, "shown", "ada", "RUNNING", NOW, None, tags)])
    api = "/mlflow/dev/api/2.0/mlflow"
    metric = {"run_id": "brave_oar_1", "key": "auc", "value": 0.5, "timestamp": 1, "step": 0}
    assert ask(client, "POST", f"{api}/runs/log-metric", metric)[0] == 200
    _, said = ask(client, "GET", f"{api}/runs/get?run_id=brave_oar_1")
    assert (said["run"]["info"]["run_id"], said["run"]["data"]["metrics"][0]["value"]) == (run_id, 0.5)
    for path in ("dev/api/2.0/mlflow/runs/get?run_id=brave_oar_2", "qua/api/2.0/mlflow/runs/get?run_id=brave_oar_1"):
        assert ask(client, "GET", f"/mlflow/{path}")[0] == 404


def test_experiment_zero_belongs_to_each_workspace(client: httpx.Client) -> None:
    ids = [
        ask(client, "POST", f"/mlflow/{name}/api/2.0/mlflow/runs/create", {"experiment_id": "0"})[1]["run"]["info"][
            "experiment_id"
        ]
        for name in ("dev", "qua", "dev")
    ]
    assert ids[0] == ids[2] != ids[1]
    assert "0" not in ids


def test_a_header_of_the_caller_does_not_choose_the_workspace(client: httpx.Client, runs: RunsClient) -> None:
    made = made_run(runs, "qua", "hidden", "x")
    answer = client.get(
        "/mlflow/dev/api/2.0/mlflow/runs/get",
        params={"run_id": made.run_id},
        headers={"X-MLFLOW-WORKSPACE": "qua"},
    )
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "ajax-api/3.0/mlflow/workspaces"),
        ("POST", "api/3.0/mlflow/workspaces"),
        ("POST", "ajax-api/3.0/mlflow/jobs/search"),
        ("GET", "ajax-api/3.0/mlflow/assistant/status"),
        ("POST", "gateway/mlflow/v1/chat/completions"),
        ("POST", "api/2.0/mlflow/webhooks"),
        ("POST", "api%2f3.0/mlflow/workspaces"),
    ],
)
def test_what_is_not_on_the_list_is_refused(client: httpx.Client, method: str, path: str) -> None:
    assert client.request(method, f"/mlflow/dev/{path}").status_code in (400, 403, 404)


def test_nobody_reaches_mlflow(house: Any) -> None:
    for path in ("/mlflow/dev/", "/mlflow/dev/api/2.0/mlflow/experiments/search?max_results=1"):
        assert httpx.get(house.door + path).status_code == 401


def test_an_unknown_workspace_is_not_there(client: httpx.Client) -> None:
    status, _ = ask(client, "POST", "/mlflow/nope/api/2.0/mlflow/runs/search", {"experiment_ids": ["0"]})
    assert status in (403, 404)


def test_the_pages_load_below_the_prefix(client: httpx.Client) -> None:
    page = client.get("/mlflow/dev/")
    assert (page.status_code, "MLflow" in page.text) == (200, True)
    script = page.text.split('src="')[1].split('"')[0]
    assert not script.startswith("/")
    assert client.get(f"/mlflow/dev/{script}").status_code == 200
    _, info = ask(client, "GET", "/mlflow/dev/ajax-api/3.0/mlflow/server-info")
    assert info["workspaces_enabled"] is False


def test_the_pages_show_files_and_models_of_a_run(client: httpx.Client, runs: RunsClient) -> None:
    made = made_run(runs, "dev", "pages", "x")
    files = "/mlflow/dev/api/2.0/mlflow-artifacts/artifacts"
    root = made.artifact_root
    client.put(f"{files}/{root}/model/MLmodel", content=b"flavors: {}\n").raise_for_status()
    client.put(f"{files}/{root}/a b.txt", content=b"hello").raise_for_status()
    api = "/mlflow/dev/api/2.0/mlflow"
    name = {"name": f"pages-{made.run_id[:8]}"}
    assert ask(client, "POST", f"{api}/registered-models/create", name)[0] == 200
    said = name | {"source": f"runs:/{made.run_id}/model", "run_id": made.run_id}
    assert ask(client, "POST", f"{api}/model-versions/create", said)[0] == 200

    pages = "/mlflow/dev/ajax-api/2.0/mlflow"
    _, listed = ask(client, "GET", f"{pages}/artifacts/list?run_id={made.run_id}")
    assert [(one["path"], one["is_dir"]) for one in listed["files"]] == [("a b.txt", False), ("model", True)]
    got = client.get("/mlflow/dev/get-artifact", params={"run_id": made.run_id, "path": "a b.txt"})
    assert got.content == b"hello"
    got = client.get("/mlflow/dev/model-versions/get-artifact", params=name | {"version": "1", "path": "MLmodel"})
    assert got.content == b"flavors: {}\n"
    query = (
        "query GetRun($data: MlflowGetRunInput!) "
        "{ mlflowGetRun(input: $data) { run { modelVersions { name version } } } }"
    )
    asked = {"operationName": "GetRun", "variables": {"data": {"runId": made.run_id}}, "query": query}
    _, answer = ask(client, "POST", "/mlflow/dev/graphql", asked)
    assert answer["data"]["mlflowGetRun"]["run"]["modelVersions"] == [name | {"version": "1"}]


def test_a_large_file_streams_in_constant_memory(client: httpx.Client, runs: RunsClient, house: Any) -> None:
    made = made_run(runs, "dev", "large", "z")
    path = f"/mlflow/dev/api/2.0/mlflow-artifacts/artifacts/{made.artifact_root}/large.bin"
    piece, count = bytes(range(256)) * 4096, 200

    def body() -> Any:
        for _ in range(count):
            yield piece

    before = resident_mb()
    client.put(path, content=body(), headers={"Content-Length": str(len(piece) * count)}).raise_for_status()
    received = 0
    with client.stream("GET", path) as answer:
        for chunk in answer.iter_bytes(1 << 20):
            received += len(chunk)
    assert received == len(piece) * count
    assert resident_mb() - before < 60, "the API, which runs in this process, kept the file in memory"


def resident_mb() -> float:
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))


def test_a_workspace_that_is_made_again_has_nothing_of_the_one_before(
    client: httpx.Client, runs: RunsClient, house: Any
) -> None:
    api, files = "/mlflow/qua/api/2.0/mlflow", "/mlflow/qua/api/2.0/mlflow-artifacts/artifacts"
    old = made_run(runs, "qua", "first", "old")
    assert client.put(f"{files}/{old.artifact_root}/secret.txt", content=b"old").status_code == 200
    assert client.get(f"{files}/{old.artifact_root}/secret.txt").content == b"old"
    with house.platform.database.write() as tx:
        workspaces.delete(tx, PLATFORM, "qua", now=utc_now())
        workspaces.create(tx, PLATFORM, {"name": "qua"}, group="team", now=utc_now())
    listed = f"{api}/experiments/search?max_results=100"
    assert [one["name"] for one in ask(client, "GET", listed)[1].get("experiments", [])] in ([], ["Default"])
    assert ask(client, "GET", f"{api}/experiments/get-by-name?experiment_name=first")[0] == 404
    for path in (f"runs/get?run_id={old.run_id}", f"experiments/get?experiment_id={old.experiment_id}"):
        assert ask(client, "GET", f"{api}/{path}")[0] == 404, path
    with pytest.raises(NotFound):
        runs.get_run("qua", old.run_id)
    assert client.get(f"{files}/{old.artifact_root}/secret.txt").status_code == 404
    assert ask(client, "GET", f"{api}/artifacts/list?run_id={old.run_id}")[0] == 404
    new = made_run(runs, "qua", "first", "new")
    _, said = ask(client, "GET", f"{api}/experiments/get?experiment_id={new.experiment_id}")
    assert (said["experiment"]["name"], said["experiment"].get("workspace", "qua")) == ("first", "qua")
    assert new.experiment_id != old.experiment_id


def test_a_caller_cannot_say_what_mlflow_knows_the_workspace_by(
    client: httpx.Client, runs: RunsClient, house: Any
) -> None:
    made = made_run(runs, "dev", "hidden", "mine")
    forged = {"X-Pratique-Tracking": tracking_of(house.platform.database, "dev")}
    answer = client.get(f"/mlflow/qua/api/2.0/mlflow/runs/get?run_id={made.run_id}", headers=forged)
    assert answer.status_code == 404
