"""MLflow behind the door: one workspace for each prefix, an allow-list, and the API's permission."""

import pytest

from .conftest import House

TOKEN = {"authorization": "Bearer token", "cookie": "session=1"}


@pytest.fixture
def tracking(house: House) -> House:
    house.serve(workspaces=("team-a", "team-b"))
    return house


@pytest.mark.parametrize(
    ("method", "asked", "reached"),
    [
        ("POST", "/api/2.0/mlflow/runs/create", "/api/2.0/mlflow/runs/create"),
        ("POST", "/api/2.0/mlflow/runs/log-batch", "/api/2.0/mlflow/runs/log-batch"),
        ("GET", "/api/2.0/preview/mlflow/experiments/get?id=0", "/api/2.0/mlflow/experiments/get?id=0"),
        ("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk", "/ajax-api/2.0/mlflow/metrics/get-history-bulk"),
        ("GET", "/api/2.0/mlflow/artifacts/list?run_id=1", "/api/2.0/mlflow/artifacts/list?run_id=1"),
        ("POST", "/api/2.0/mlflow/logged-models", "/api/2.0/mlflow/logged-models"),
        ("PATCH", "/api/2.0/mlflow/logged-models/m-1/tags", "/api/2.0/mlflow/logged-models/m-1/tags"),
        ("POST", "/api/3.0/mlflow/traces/search", "/api/3.0/mlflow/traces/search"),
        ("GET", "/api/3.0/mlflow/server-info", "/api/3.0/mlflow/server-info"),
        ("POST", "/graphql", "/graphql"),
        ("GET", "/", "/"),
        ("GET", "/static-files/static/js/main.js", "/static-files/static/js/main.js"),
        ("GET", "/get-artifact?path=a.txt&run_uuid=1", "/get-artifact?path=a.txt&run_uuid=1"),
    ],
)  # fmt: skip
def test_a_path_of_tracking_reaches_mlflow_without_its_prefix(
    tracking: House, method: str, asked: str, reached: str
) -> None:
    answer = tracking.door(method, f"/mlflow/team-a{asked}", TOKEN | {"x-mlflow-workspace": "team-b"})
    assert answer.status == 200
    seen = tracking.mlflow.seen[-1]
    assert (seen.method, seen.path) == (method, reached)
    assert seen.headers["x-mlflow-workspace"] == "team-a"
    assert seen.headers["host"] == "localhost"
    assert not {"authorization", "cookie"} & set(seen.headers)


@pytest.mark.parametrize(
    "path",
    [
        "/api/3.0/mlflow/workspaces",
        "/ajax-api/3.0/mlflow/workspaces/team-b",
        "/api/2.0/mlflow/webhooks",
        "/api/2.0/mlflow/webhooks/1/test",
        "/api/3.0/mlflow/jobs/1",
        "/ajax-api/3.0/mlflow/gateway/secrets/create",
        "/ajax-api/2.0/mlflow/gateway-proxy",
        "/ajax-api/3.0/mlflow/assistant/chat",
        "/ajax-api/3.0/mlflow/issues/invoke",
        "/ajax-api/3.0/mlflow/scorer/invoke",
        "/ajax-api/2.0/mlflow/upload-artifact",
        "/api/2.0/mlflow/artifacts/presigned-upload-url",
        "/ajax-api/2.0/mlflow/runs/../webhooks",
        "/ajax-api/2.0/mlflow/runs/%2e%2e/webhooks",
        "/api/2.0/mlflow/runs/create/../../webhooks",
        "/api/2.0/mlflow/runs/x%252fy",
        "/api%2f3.0/mlflow/webhooks",
        "/api/2.0/mlflow/runs\\..\\webhooks",
        "/API/2.0/mlflow/runs/create",
        "/api/2.0/mlflow/runs/create;x",
        "/gateway/x",
        "/anything",
    ],
)
def test_what_is_not_on_the_list_is_refused_without_asking(tracking: House, path: str) -> None:
    assert tracking.door("POST", f"/mlflow/team-a{path}", TOKEN).status in (400, 404)
    assert tracking.mlflow.seen == tracking.api.seen == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/2.0/mlflow/registered-models/create",
        "/ajax-api/2.0/mlflow/model-versions/search?filter=x",
        "/api/2.0/preview/mlflow/registered-models/get-latest-versions",
        "/api/2.0/mlflow-artifacts/artifacts/1/run/artifacts/odd%20name%23.txt",
        "/api/2.0/mlflow-artifacts/artifacts?path=1",
        "/model-versions/get-artifact?path=x",
    ],
)
def test_registry_and_artifacts_are_the_apis_as_they_are(tracking: House, path: str) -> None:
    assert tracking.door("POST", f"/mlflow/team-a{path}", TOKEN).status == 200
    [seen] = tracking.api.seen
    assert seen.path == f"/mlflow/team-a{path}"
    assert seen.headers["authorization"] == "Bearer token"
    assert tracking.mlflow.seen == []


@pytest.mark.parametrize("path", ["/mlflow/team-z/", "/mlflow/", "/mlflow/team-a/../team-z/", "/mlflow/TEAM-A/"])
def test_a_workspace_which_is_not_there_is_404(tracking: House, path: str) -> None:
    assert tracking.door("GET", path, TOKEN).status == 404
    assert tracking.mlflow.seen == tracking.api.seen == []


def test_dots_lead_to_the_workspace_whose_permission_is_asked(tracking: House) -> None:
    assert tracking.door("GET", "/mlflow/team-a/../team-b/", TOKEN).status == 200
    assert tracking.api.seen[0].path == "/internal/authorize/mlflow/team-b/"
    assert tracking.mlflow.seen[0].headers["x-mlflow-workspace"] == "team-b"


def test_the_api_is_asked_with_credentials_method_and_path(tracking: House) -> None:
    browser = {"origin": "http://127.0.0.1", "sec-fetch-site": "same-origin", "accept": "text/html"}
    tracking.door("POST", "/mlflow/team-a/api/2.0/mlflow/runs/create?x=1", TOKEN | browser, b"the body")
    [asked] = tracking.api.seen
    assert (asked.method, asked.path) == ("POST", "/internal/authorize/mlflow/team-a/api/2.0/mlflow/runs/create?x=1")
    assert asked.size == 0, "what is logged is none of its business"
    assert asked.headers.items() >= (TOKEN | browser).items()


def test_what_the_api_says_about_the_caller_reaches_mlflow_and_what_the_caller_says_does_not(tracking: House) -> None:
    tracking.door("GET", "/mlflow/team-a/", {"x-pratique-actor": "root"})
    assert "x-pratique-actor" not in tracking.mlflow.seen[0].headers
    tracking.api.extra_headers["x-pratique-actor"] = "alice"
    tracking.door("GET", "/mlflow/team-a/", {"x-pratique-actor": "root"})
    assert tracking.mlflow.seen[1].headers["x-pratique-actor"] == "alice"


@pytest.mark.parametrize("status", [401, 403, 303])
def test_the_apis_refusal_is_the_answer_word_for_word(tracking: House, status: int) -> None:
    said = b'{"error": {"code": "Forbidden", "message": "ask \\"bob\\" first"}}'
    told = {"location": "/login", "www-authenticate": "Bearer", "x-secret": "no"}
    tracking.api.refusals["/internal/authorize"] = (status, told, said)
    answer = tracking.door("GET", "/mlflow/team-a/", TOKEN)
    assert (answer.status, answer.body) == (status, said)
    assert answer.headers["content-type"] == "application/json"
    assert (answer.headers["location"], answer.headers["www-authenticate"]) == ("/login", "Bearer")
    assert "x-secret" not in answer.headers
    assert tracking.mlflow.seen == []


@pytest.mark.parametrize(
    "path",
    ["/get-artifact?path=x.html", "/api/2.0/mlflow-artifacts/artifacts/1/x.html", "/model-versions/get-artifact"],
)
def test_no_browser_runs_an_artifact_in_the_origin_of_the_pages(tracking: House, path: str) -> None:
    answer = tracking.door("GET", f"/mlflow/team-a{path}", TOKEN)
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_mlflow_sets_no_cookie_at_the_door(tracking: House) -> None:
    answer = tracking.door("GET", "/mlflow/team-a/", TOKEN | {"x-test-answer": "set-cookie=a=b"})
    assert "set-cookie" not in answer.headers


def test_a_workspace_without_its_slash_leads_to_the_page(tracking: House) -> None:
    answer = tracking.door("GET", "/mlflow/team-a")
    assert answer.status == 307
    assert answer.headers["location"].endswith("/mlflow/team-a/")
