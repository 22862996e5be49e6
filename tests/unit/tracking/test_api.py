"""How the tracking server asks the API, and which workspaces it believes in."""

import io
import json
from typing import Any

import pytest

from pratique_tracking.api import Api, ApiError
from pratique_tracking.workspaces import WORKSPACES_PATH, WorkspaceNames


@pytest.fixture
def api(server: Any) -> Api:
    return Api(str(server.path), "the-token")


def test_the_api_is_asked_with_the_services_token(server: Any, api: Api) -> None:
    server.answers["POST /x"] = (200, {"a": 1})
    assert api.call("POST", "/x", query={"q": "a b"}, body={"b": 2}) == {"a": 1}
    method, path, headers, body = server.asked[0]
    assert (method, path, json.loads(body)) == ("POST", "/x?q=a+b", {"b": 2})
    assert headers["Authorization"] == "Bearer the-token"


def test_files_go_and_come_in_pieces(server: Any, api: Api) -> None:
    content = bytes(range(256)) * 10_000
    server.answers["PUT /files/a%20b.bin"] = (200, {})
    server.answers["GET /files/a%20b.bin"] = (200, content)
    api.upload("/files/a b.bin", io.BytesIO(content), len(content))
    assert server.asked[0][3] == content
    into = io.BytesIO()
    api.download("/files/a b.bin", into)
    assert into.getvalue() == content


@pytest.mark.parametrize(
    ("said", "code", "message"),
    [
        ({"error_code": "PERMISSION_DENIED", "message": "no"}, "PERMISSION_DENIED", "no"),
        ({"error": {"code": "Forbidden", "message": "no"}}, "INTERNAL_ERROR", "no"),
        (b"<html>", "INTERNAL_ERROR", "<html>"),
    ],
)
def test_a_refusal_keeps_its_words(server: Any, api: Api, said: Any, code: str, message: str) -> None:
    server.answers["GET /x"] = (403, said)
    with pytest.raises(ApiError) as caught:
        api.call("GET", "/x")
    assert (caught.value.status, caught.value.code, caught.value.message) == (403, code, message)


def test_an_api_that_is_down_is_said(tmp_path: Any) -> None:
    with pytest.raises(ApiError, match="does not answer") as caught:
        Api(str(tmp_path / "none"), "t").call("GET", "/x")
    assert caught.value.code == "TEMPORARILY_UNAVAILABLE"


def test_workspaces_are_asked_for_once_and_a_new_one_at_once(server: Any, api: Api) -> None:
    server.answers[f"GET {WORKSPACES_PATH}"] = (200, {"workspaces": {"dev": "dev-1"}})
    names = WorkspaceNames(api)
    for _ in range(5):
        assert names.contains("dev-1")
    assert len(server.asked) == 1
    server.answers[f"GET {WORKSPACES_PATH}"] = (200, {"workspaces": {"dev": "dev-2", "new": "new-1"}})
    assert names.contains("new-1")
    assert names.all() == {"dev-2", "new-1"}
    assert [names.called(one) for one in ("dev-1", "dev-2", "new-1")] == ["dev", "dev", "new"]
    assert not names.contains("dev-1")
    assert not names.contains("nope")
