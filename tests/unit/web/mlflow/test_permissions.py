"""Which of MLflow's paths exist behind the door."""

import pytest

from pratique.control.permissions import ACTIONS
from pratique.web.mlflow.permissions import every_rule, permission_for


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("POST", "/api/2.0/mlflow/runs/create", "runs/write"),
        ("POST", "/api/2.0/mlflow/runs/search", "runs/read"),
        ("GET", "/ajax-api/2.0/mlflow/runs/get", "runs/read"),
        ("HEAD", "/ajax-api/2.0/mlflow/runs/get", "runs/read"),
        ("PATCH", "/api/2.0/mlflow/logged-models/m-1", "runs/write"),
        ("GET", "/ajax-api/3.0/mlflow/server-info", "runs/read"),
        ("POST", "/graphql", "runs/read"),
        ("GET", "/", "runs/read"),
        ("GET", "/static-files/static/js/main.js", "runs/read"),
        ("GET", "/get-artifact", "artifacts/read"),
        ("POST", "/api/2.0/preview/mlflow/registered-models/create", "models/write"),
        ("DELETE", "/api/2.0/mlflow/model-versions/delete", "models/delete"),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/r/artifacts/model.pkl", "artifacts/write"),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts", "artifacts/read"),
    ],
)
def test_what_clients_and_pages_use_is_there(method: str, path: str, action: str) -> None:
    assert permission_for(method, path) == action


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/ajax-api/3.0/mlflow/workspaces"),
        ("POST", "/api/3.0/mlflow/workspaces"),
        ("DELETE", "/api/3.0/mlflow/workspaces/dev"),
        ("POST", "/api/2.0/mlflow/webhooks"),
        ("POST", "/ajax-api/3.0/mlflow/jobs/"),
        ("GET", "/ajax-api/3.0/mlflow/assistant/status"),
        ("POST", "/gateway/mlflow/v1/chat/completions"),
        ("POST", "/ajax-api/3.0/mlflow/gateway/secrets/create"),
        ("POST", "/ajax-api/2.0/mlflow/gateway-proxy"),
        ("POST", "/ajax-api/3.0/mlflow/scorer/invoke"),
        ("POST", "/ajax-api/3.0/mlflow/demo/generate"),
        ("POST", "/ajax-api/2.0/mlflow/runs/create-promptlab-run"),
        ("POST", "/ajax-api/3.0/mlflow/ui-telemetry"),
        ("GET", "/api/2.0/mlflow/users/get"),
        ("POST", "/api/2.0/mlflow/artifacts/presigned-upload-url"),
        # Written in another way.
        ("POST", "/api%2f3.0/mlflow/workspaces"),
        ("POST", "/api/2.0/mlflow/runs%2fcreate"),
        ("POST", "/api/2.0/mlflow/../mlflow/runs/create"),
        ("POST", "//api/2.0/mlflow/runs/create"),
        ("POST", "/api/2.0/mlflow/runs/create/"),
        ("POST", "/API/2.0/mlflow/runs/create"),
        ("POST", "/api/2.0/mlflow/runs/create\n"),
        ("POST", "/api/2x0/mlflow/runs/create"),
        ("post", "/api/2.0/mlflow/runs/create"),
        # Another method than the one that is meant.
        ("GET", "/api/2.0/mlflow/runs/create"),
        ("DELETE", "/api/2.0/mlflow/experiments/delete"),
        ("TRACE", "/"),
        ("OPTIONS", "/api/2.0/mlflow/runs/get"),
        ("GET", ""),
    ],
)
def test_everything_else_is_denied(method: str, path: str) -> None:
    assert permission_for(method, path) is None


def test_every_rule_names_an_action_of_the_permission_table() -> None:
    assert {action for _, _, action in every_rule()} <= ACTIONS


def test_nothing_that_changes_is_a_read_except_what_only_asks() -> None:
    asking = ("search", "batchGetInfos", "metrics", "correlation", "latest", "graphql", "datasets")
    changing = [row for row in every_rule() if row[0] != "GET" and row[2].endswith("/read")]
    assert [row for row in changing if not any(word in row[1] for word in asking)] == []
