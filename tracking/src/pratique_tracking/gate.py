"""The innermost door: parts of MLflow that this platform does not run are not there, whoever asks.

Envoy and the API decide who may call what, by an allow-list. This is the belt
to those braces: even a request that reached the socket some other way finds no
workspace administration, no job runner, no model gateway, and no second way to
models and files. It also answers ``server-info`` as a server without
workspaces: the URL names the workspace, so MLflow's pages must not offer others.

And it hides MLflow's assistant in the page. The pages open its panel for
whoever comes to a local address, whatever the server says; no flag stops that,
and here it could never answer.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CLOSED = frozenset(
    {
        "workspaces", "webhooks", "gateway", "gateway-proxy", "assistant", "jobs", "mcp-servers", "demo",
        "genai", "scorer", "scorers", "prompt-optimization",
        "mlflow-artifacts", "registered-models", "model-versions",
    }
)  # fmt: skip
"""First words of MLflow's API that nobody may reach."""

_INFO = {
    "store_type": "SqlStore",
    "workspaces_enabled": False,
    "trace_archival_enabled": False,
    "multipart_uploads_enabled": False,
    "multipart_downloads_enabled": False,
    "features_enabled": {"gateway": False},
}

_HIDDEN = b"<style>[data-assistant-ui]{display:none!important}</style>"
_HEAD_ENDS = b"</head>"
_OF_THE_FILE = frozenset({b"content-length", b"etag", b"last-modified", b"accept-ranges"})
"""Headers that tell what is on the disk, not what is sent."""


def is_closed(path: str) -> bool:
    """Whether `path`, as the server sees it, belongs to a part that is not run here."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["gateway"]:
        return True
    if parts[:1] not in (["api"], ["ajax-api"]) or len(parts) < 3:
        return False
    words = parts[3:] if parts[2] == "preview" else parts[2:]
    first = words[1:2] if words[:1] == ["mlflow"] else words[:1]
    return not CLOSED.isdisjoint(first) or parts[-1] == "invoke"


def gated(app: App) -> App:
    """`app` behind the gate."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
        elif scope["path"].rstrip("/").endswith("/mlflow/server-info"):
            await _answer(send, 200, _INFO)
        elif is_closed(scope["path"]):
            said = {"error_code": "ENDPOINT_NOT_FOUND", "message": f"{scope['path']} is not served here"}
            await _answer(send, 404, said)
        elif scope["path"] == "/" and scope["method"] == "GET":
            await app(scope, receive, _without_assistant(send))
        else:
            await app(scope, receive, send)

    return call


def _without_assistant(send: Send) -> Send:
    """`send` for the one page that MLflow has: what is added to it hides the assistant."""
    begun: list[MutableMapping[str, Any]] = []
    page = bytearray()

    async def call(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            begun.append(message)
            return
        page.extend(message.get("body", b""))
        if message.get("more_body"):
            return
        body = bytes(page)
        if begun[0]["status"] == 200:
            body = body.replace(_HEAD_ENDS, _HIDDEN + _HEAD_ENDS, 1)
            kept = [(name, value) for name, value in begun[0]["headers"] if name.lower() not in _OF_THE_FILE]
            begun[0]["headers"] = [*kept, (b"content-length", str(len(body)).encode())]
        await send(begun[0])
        await send({"type": "http.response.body", "body": body})

    return call


async def _answer(send: Send, status: int, document: Any) -> None:
    body = json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
