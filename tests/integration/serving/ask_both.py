"""Run inside an environment with MLflow: the answers of MLflow's scoring server and of ours to `mlflow_contract`.

python ask_both.py MODELS      prints [[model, request, [status, body], [status, body]], …]

Both are asked in this process, without sockets, because what is compared is what they make of a body.
"""

import asyncio
import json
import logging
import os
import runpy
import sys
import warnings
from pathlib import Path
from typing import Any

import mlflow.pyfunc
from mlflow.pyfunc import scoring_server

from pratique_serving.models import load_model
from pratique_serving.routes import Call, Routes
from pratique_serving.settings import read_settings
from pratique_serving.wire import Request

Said = tuple[int, Any]


def main(models: str) -> None:
    warnings.simplefilter("ignore")
    logging.disable()
    found = []
    for model in runpy.run_path(str(Path(__file__).with_name("mlflow_contract.py")))["MODELS"]:
        folder = os.path.join(models, model.name)
        app = scoring_server.init(mlflow.pyfunc.load_model(folder))
        settings = read_settings({"PRATIQUE_MLFLOW_MODEL": folder})
        routes = Routes(settings)
        routes.become_ready(load_model(settings))
        for ask in model.asks:
            body = (ask.body if isinstance(ask.body, str) else json.dumps(ask.body)).encode()
            found.append([model.name, ask.name, of_mlflow(app, body, ask.kind), of_ours(routes, body, ask.kind)])
    json.dump(found, sys.stdout)


def of_mlflow(app: Any, body: bytes, kind: str) -> Said:
    """The answer of an application of MLflow's; one that ends without any is 500, as its server makes it."""
    said: dict[str, Any] = {"body": b""}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: dict[str, Any]) -> None:
        said["status"] = message.get("status", said.get("status"))
        said["body"] += message.get("body", b"")

    scope = {
        "type": "http", "method": "POST", "path": "/invocations", "raw_path": b"/invocations", "query_string": b"",
        "headers": [(b"content-type", kind.encode())], "http_version": "1.1", "scheme": "http",
        "server": ("localhost", 1), "client": ("localhost", 1), "asgi": {"version": "3.0"},
    }  # fmt: skip
    try:
        asyncio.run(app(scope, receive, send))
    # What it does not answer itself, SystemExit among it.
    except BaseException:  # noqa: BLE001
        return 500, "none"
    return said["status"], value_of(said["body"])


def of_ours(routes: Routes, body: bytes, kind: str) -> Said:
    taken = routes.take(Request("POST", "/invocations", "", {"content-type": kind}, body, False))
    response = routes.perform([taken])[0] if isinstance(taken, Call) else taken
    return response.status, value_of(response.body)


def value_of(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()


if __name__ == "__main__":
    main(sys.argv[1])
