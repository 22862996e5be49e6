"""What the front door asks before it lets a request through to MLflow."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from pratique.base.clock import utc_now
from pratique.control import principals, roles
from pratique.control.actor import PLATFORM
from pratique.control.credentials import new_credential
from pratique.store import workspaces
from pratique.web.auth import session_cookie
from pratique.web.platform import Platform

Bearer = Callable[..., dict[str, str]]
ASK = "/internal/authorize"
SEARCH = f"{ASK}/mlflow/dev/api/2.0/mlflow/runs/search"
CREATE = f"{ASK}/mlflow/dev/api/2.0/mlflow/runs/create"
DOOR = "http://127.0.0.1:7070"


def test_the_door_learns_who_asks(call: Any, bearer: Bearer) -> None:
    answer = call("POST", SEARCH, headers=bearer("bob", "Reader", "/workspaces/dev"))
    assert (answer.status_code, answer.headers["x-pratique-actor"], answer.content) == (200, "bob", b"")


def test_the_door_learns_what_mlflow_knows_the_workspace_by(call: Any, bearer: Bearer, platform: Platform) -> None:
    said = call("POST", SEARCH, headers={**bearer("ann", "Owner"), "x-pratique-tracking": "qa-1"})
    with platform.database.read() as tx:
        assert said.headers["x-pratique-tracking"] == workspaces.tracking_of(tx, "dev") != "dev"
    gone = call("POST", SEARCH.replace("/dev/", "/gone/"), headers=bearer("eve", "Owner"))
    assert (gone.status_code, "x-pratique-tracking" in gone.headers) == (404, False)


def test_the_name_that_a_caller_gives_itself_is_not_believed(call: Any, bearer: Bearer) -> None:
    headers = {**bearer("bob", "Reader"), "x-pratique-actor": "ann"}
    assert call("POST", SEARCH, headers=headers).headers["x-pratique-actor"] == "bob"


def test_a_role_in_another_workspace_does_not_count(call: Any, bearer: Bearer) -> None:
    bob = bearer("bob", "Owner", "/workspaces/qa-1")
    assert call("POST", SEARCH, headers=bob).status_code == 403
    assert call("POST", SEARCH.replace("/dev/", "/qa-1/"), headers=bob).status_code == 200


def test_a_reader_reads_and_does_not_write(call: Any, bearer: Bearer) -> None:
    bob = bearer("bob", "Reader", "/workspaces/dev")
    assert [call("POST", path, headers=bob).status_code for path in (SEARCH, CREATE)] == [200, 403]
    assert call("POST", CREATE, headers=bearer("eve", "Contributor", "/workspaces/dev")).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_without_a_proof_every_method_is_refused_in_json(call: Any, method: str) -> None:
    answer = call(method, SEARCH)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "x-pratique-actor" not in answer.headers
    if method != "HEAD":
        assert answer.json()["error"]["code"] == "Unauthenticated"


@pytest.mark.parametrize(
    "path",
    [
        "/mlflow/dev/api/2.0/mlflow/workspaces/list",
        "/mlflow/dev/api/3.0/mlflow/webhooks/list",
        "/mlflow/dev/api/2.0/mlflow/jobs/search",
        "/mlflow/dev/gateway/x",
        "/mlflow/dev/api/9.0/mlflow/runs/search",
        "/mlflow/dev/api/2.0/mlflow/runs/search/",
        "/mlflow/dev/api/2.0/mlflow//runs/search",
        "/mlflow/dev/x/%2e%2e/api/2.0/mlflow/runs/search",
        "/mlflow/dev/%61pi/2.0/mlflow/runs/search",
        "/mlflow/dev/api%2f2.0/mlflow/runs/search",
        "/mlflow/dev/api/2.0/mlflow/runs/search%3Fx",
        "/mlflow/dev/api/2.0/mlflow/runs/search;x",
        "/mlflow/dev%2f..%2fqa-1/api/2.0/mlflow/runs/search",
        "/mlflow/%64ev/api/2.0/mlflow/runs/search",
        "/mlflow/dev",
        "/mlflow/",
        "/mlflow",
        "/mlflow//api/2.0/mlflow/runs/search",
        "/mlflow/%2e%2e/dev/api/2.0/mlflow/runs/search",
        "/mlflow/DEV/api/2.0/mlflow/runs/search",
        "/mlflow/default/api/2.0/mlflow/runs/search",
        "/api/2.0/mlflow/runs/search",
        "/api/v1/users",
        "/",
    ],
)
def test_what_mlflow_is_not_asked_for_is_refused_even_to_an_owner(call: Any, bearer: Bearer, path: str) -> None:
    ann = bearer("ann", "Owner")
    for method in ("GET", "POST", "DELETE"):
        if (method, path) != ("GET", "/mlflow/dev"):  # The first page of the UI.
            assert call(method, ASK + path, headers=ann).status_code in (403, 404), method


def test_a_query_changes_nothing(call: Any, bearer: Bearer) -> None:
    bob = bearer("bob", "Reader", "/workspaces/dev")
    assert (
        call("GET", f"{ASK}/mlflow/dev/api/2.0/mlflow/runs/get?run_id=1&x=/../../qa-1", headers=bob).status_code == 200
    )


def test_a_person_without_a_session_is_told_how_to_get_one(call: Any) -> None:
    answer = call("GET", f"{ASK}/mlflow/dev/", headers={"Accept": "text/html,application/xhtml+xml"})
    assert (answer.status_code, answer.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert "pratique open" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_session_sees_the_pages_and_its_scripts_may_search(call: Any, bearer: Bearer, platform: Platform) -> None:
    link = call("POST", "/api/v1/links", headers=bearer("bob", "Reader", "/workspaces/dev")).json()["url"]
    call("GET", link.removeprefix(DOOR))
    assert session_cookie(platform) in call.cookies
    assert call("GET", f"{ASK}/mlflow/dev/").status_code == 200
    assert call("POST", SEARCH, headers={"Origin": DOOR}).status_code == 200
    for origin in ("http://127.0.0.1:7071", "null"):
        assert call("POST", SEARCH, headers={"Origin": origin}).status_code == 403
    assert call("POST", SEARCH).status_code == 403


def test_an_old_client_comes_in_with_id_and_secret(call: Any, platform: Platform) -> None:
    now = utc_now()
    credential = new_credential(now=now)
    with platform.database.write() as tx:
        principals.create_service_principal(tx, PLATFORM, "robot", credential=credential, now=now)
        roles.assign(tx, PLATFORM, role="Contributor", assignee="robot", scope="/workspaces/dev", now=now)
    pair = base64.b64encode(f"robot:{credential.secret}".encode()).decode()
    for _ in range(3):
        assert call("POST", CREATE, headers={"Authorization": f"Basic {pair}"}).status_code == 200
