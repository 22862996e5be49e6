"""The innermost door: parts of MLflow that this platform does not run are not there, whoever asks.

Envoy and the API decide who may call what, by an allow-list. This is the belt
to those braces: even a request that reached the socket some other way finds no
workspace administration, no job runner, no model gateway, and no second way to
models and files. It also answers ``server-info`` as a server without
workspaces: the URL names the workspace, so MLflow's pages must not offer others.
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


def is_closed(path: str) -> bool:
    """Whether `path`, as the server sees it, belongs to a part that is not run here."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["gateway"]:
        return True
    if parts[:1] not in (["api"], ["ajax-api"]) or len(parts) < 3:
        return False
    words = parts[2:4] if parts[2] == "preview" else parts[2:]
    first = words[1] if words[0] == "mlflow" and len(words) > 1 else words[0]
    return first in CLOSED or parts[-1] == "invoke"


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
        else:
            await app(scope, receive, send)

    return call


async def _answer(send: Send, status: int, document: Any) -> None:
    body = json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
