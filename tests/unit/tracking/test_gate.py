"""The gate in front of MLflow: what is closed, and what is added to the page."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from pratique_tracking.gate import Receive, Scope, Send, gated, is_closed

Message = MutableMapping[str, Any]
PAGE = (b"<html><head><title>MLflow</title></he", b"ad><body></body></html>")
FILE_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"), (b"Content-Length", b"60"), (b"ETag", b'"of-the-file"'),
    (b"accept-ranges", b"bytes"),
]  # fmt: skip


def asked(path: str, method: str = "GET", status: int = 200, parts: tuple[bytes, ...] = PAGE) -> list[Message]:
    """What the gate sends when the app behind it would answer `parts`."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(FILE_HEADERS)})
        for number, part in enumerate(parts, start=1):
            await send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def ask() -> None:
        await gated(app)({"type": "http", "path": path, "method": method}, receive, send)

    asyncio.run(ask())
    return sent


@pytest.mark.parametrize(
    "path",
    [
        "/api/2.0/mlflow/registered-models/create",
        "/api/2.0/preview/mlflow/model-versions/create",
        "/api/2.0/mlflow-artifacts/artifacts/1/x",
        "/ajax-api/3.0/mlflow/assistant/config",
        "/ajax-api/3.0/mlflow/workspaces/dev",
        "//api//3.0/mlflow/jobs/search",
        "/gateway/mlflow/v1/chat/completions",
        "/api/3.0/mlflow/scorers/register",
    ],
)
def test_a_part_that_is_not_run_here_is_not_there(path: str) -> None:
    assert is_closed(path)
    assert [message.get("status") for message in asked(path)] == [404, None]


@pytest.mark.parametrize(
    "path", ["/", "/api/2.0/mlflow/runs/get", "/static-files/static/js/main.js", "/health", "/api", "/api/2.0/preview"]
)
def test_everything_else_is_open(path: str) -> None:
    assert not is_closed(path)


def test_the_page_comes_without_the_assistant_and_with_its_right_length() -> None:
    start, *bodies = asked("/")
    body = b"".join(message["body"] for message in bodies)
    assert b"<style>[data-assistant-ui]{display:none!important}</style></head><body>" in body
    headers = {name.lower(): value for name, value in start["headers"]}
    assert headers == {b"content-type": b"text/html; charset=utf-8", b"content-length": str(len(body)).encode()}


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/", "HEAD", 200), ("/", "GET", 304), ("/version", "GET", 200)]
)
def test_every_other_answer_passes_as_it_is(path: str, method: str, status: int) -> None:
    start, *bodies = asked(path, method, status)
    assert (start["status"], start["headers"]) == (status, FILE_HEADERS)
    assert b"".join(message["body"] for message in bodies) == b"".join(PAGE)


def test_the_pages_are_told_of_no_other_workspace() -> None:
    start, body = asked("/ajax-api/3.0/mlflow/server-info")
    assert start["status"] == 200
    assert b'"workspaces_enabled": false' in body["body"]
