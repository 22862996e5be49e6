"""Runs, as the platform writes them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import Conflict, InternalError, NotFound, Unavailable
from pratique.tracking.client import RunRow, RunsClient
from pratique.tracking.server import is_ready

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LONG = timedelta(seconds=60)
API = "/api/2.0/mlflow"
RUN = {
    "info": {
        "run_id": "ab",
        "experiment_id": "3",
        "artifact_uri": "mlflow-artifacts:/3/ab/artifacts",
        "status": "RUNNING",
    },
    "data": {"metrics": [{"key": "auc", "value": 0.8}], "params": [{"key": "lr", "value": "0.1"}]},
}


def test_runs_are_made_and_changed_in_the_workspace_and_experiment_of_their_jobs(server: Any) -> None:
    server.answers["POST /pratique/runs"] = (200, {"experiment_id": "3"})
    row = RunRow("ab", "brave_boat", "ada", "RUNNING", NOW, None, {"a": "1"})
    assert RunsClient(server.path, "{}-1".format).write_runs("dev", "credit risk", make=[row]) == "3"
    ((_, _, headers, body),) = server.asked
    assert (headers["X-Pratique-Tracking"], headers["Host"]) == ("dev-1", "localhost")
    said = json.loads(body)
    assert (said["experiment"], said["change"]) == ("credit risk", [])
    assert said["make"] == [
        {
            "run_id": "ab", "name": "brave_boat", "user": "ada", "status": "RUNNING",
            "start_time": 1772366400000, "end_time": None,
            "tags": {"a": "1", "mlflow.user": "ada", "mlflow.runName": "brave_boat"},
        }
    ]  # fmt: skip


def test_metrics_and_params_are_read(server: Any) -> None:
    server.answers[f"GET {API}/runs/get"] = (200, {"run": RUN})
    found = RunsClient(server.path, "{}-1".format).get_run("dev", "ab")
    assert (found.metrics, found.params, found.tags) == ({"auc": 0.8}, {"lr": "0.1"}, {})


def test_the_run_of_a_logged_model_is_known(server: Any) -> None:
    server.answers[f"GET {API}/logged-models/m-1"] = (200, {"model": {"info": {"source_run_id": "ab"}}})
    server.answers[f"GET {API}/logged-models/m-2"] = (200, {"model": {"info": {}}})
    runs = RunsClient(server.path, "{}-1".format)
    assert (runs.run_of_model("dev", "m-1"), runs.run_of_model("dev", "m-2")) == ("ab", "")


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"}, NotFound),
        (400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "no"}, NotFound),
        (400, {"error_code": "INVALID_STATE", "message": "no"}, Conflict),
        (500, b"<html>", InternalError),
    ],
)
def test_what_mlflow_refuses_is_an_error_of_ours(server: Any, status: int, said: Any, kind: type) -> None:
    server.answers[f"GET {API}/runs/get"] = (status, said)
    with pytest.raises(kind):
        RunsClient(server.path, "{}-1".format).get_run("dev", "ab")


def test_a_server_that_is_not_up_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        RunsClient(tmp_path / "none", str).get_run("dev", "ab")
    assert not is_ready(tmp_path / "none", LONG)


def test_a_server_is_ready_when_it_says_ok(server: Any) -> None:
    assert not is_ready(server.path, LONG)
    server.answers["GET /health"] = (200, b"OK")
    assert is_ready(server.path, LONG)
