"""Starts MLflow's ASGI app in this one process, on a unix socket.

``mlflow server`` would start a parent, workers, a job runner and its workers:
2 GB and 24 s. This is the app alone. Its socket is either inherited as file
descriptor 3 (``LISTEN_FDS=1``, so that it outlives restarts and callers wait in
its backlog) or made at ``--socket``.

The platform says, in the environment:

    PRATIQUE_TRACKING_DATABASE   path of the SQLite file
    PRATIQUE_API_SOCKET          unix socket of the API
    PRATIQUE_API_TOKEN           the service's token for it
"""

import argparse
import functools
import os
import socket
import sqlite3
import warnings
from typing import Any

from pratique_tracking.api import Api
from pratique_tracking.artifacts import SCHEME, artifact_repository
from pratique_tracking.experiments import build_store, say_known_names
from pratique_tracking.gate import App, gated
from pratique_tracking.registry import build_registry
from pratique_tracking.runs import with_batches
from pratique_tracking.schema import make_schema
from pratique_tracking.workspaces import WorkspaceNames, named, provider

_INHERITED = 3
_BACKLOG = 1024


def main() -> None:
    """Serve until SIGTERM."""
    arguments = argparse.ArgumentParser(prog="pratique_tracking", description="MLflow's tracking server.")
    arguments.add_argument("--socket", help="make the listening socket here instead of inheriting it as fd 3")
    chosen = arguments.parse_args()
    listener = _make_listener(chosen.socket) if chosen.socket else _inherited_listener()
    database = os.environ["PRATIQUE_TRACKING_DATABASE"]
    prepare_environment(database)
    make_schema(database)
    _make_wal(database)
    _serve(named(with_batches(gated(build_app(Api.from_environment())))), listener)


def prepare_environment(database: str) -> None:
    """Tell MLflow, before it is imported, what it is: everything that it need not do is off."""
    os.environ.update(
        {
            "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{database}",
            "_MLFLOW_SERVER_REGISTRY_STORE": f"{SCHEME}:/",
            "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": f"{SCHEME}:/",
            "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
            "_MLFLOW_IN_JOB_EXECUTOR": "false",
            "_MLFLOW_SGI_NAME": "uvicorn",
            "MLFLOW_ENABLE_WORKSPACES": "true",
            "MLFLOW_WORKSPACE_STORE_URI": f"{SCHEME}:/",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_ENABLE_AI_GATEWAY": "false",
            "MLFLOW_ENABLE_REMOTE_ASSISTANT": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "GIT_PYTHON_REFRESH": "quiet",
        }
    )


def build_app(api: Api) -> App:
    """MLflow's FastAPI app with our four plugins in place; takes seconds, because it imports MLflow."""
    # Starlette deprecates the bridge that MLflow uses; that is between the two.
    warnings.filterwarnings("ignore", message="starlette.middleware.wsgi is deprecated")
    from mlflow.server import handlers
    from mlflow.store.artifact.artifact_repository_registry import _artifact_repository_registry
    from mlflow.tracking._workspace.registry import _get_workspace_store_registry

    names = WorkspaceNames(api)
    workspaces = provider(names)
    _get_workspace_store_registry().register(SCHEME, lambda workspace_uri: workspaces)  # noqa: ARG005 - by keyword.
    _artifact_repository_registry.register(SCHEME, artifact_repository(api, names))
    handlers._tracking_store_registry.register("sqlite", functools.partial(build_store, api, names))
    registry = build_registry(api, names)
    say_known_names(names)
    handlers._model_registry_store_registry.register(SCHEME, lambda store_uri: registry)  # noqa: ARG005 - by keyword.
    handlers.initialize_backend_stores(
        os.environ["_MLFLOW_SERVER_FILE_STORE"],
        os.environ["_MLFLOW_SERVER_REGISTRY_STORE"],
        os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"],
        workspace_store_uri=os.environ["MLFLOW_WORKSPACE_STORE_URI"],
    )

    from mlflow.server.fastapi_app import app

    return app  # type: ignore[no-any-return]


def _serve(app: App, listener: socket.socket) -> None:
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _inherited_listener() -> socket.socket:
    if os.environ.get("LISTEN_FDS") != "1":
        raise SystemExit("pratique_tracking: no inherited socket (LISTEN_FDS=1) and no --socket")
    return socket.socket(fileno=_INHERITED)


def _make_listener(path: str) -> socket.socket:
    if os.path.exists(path):
        os.unlink(path)
    listener: Any = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # The socket is for this user alone from its first moment on.
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    listener.listen(_BACKLOG)
    return listener  # type: ignore[no-any-return]


def _make_wal(database: str) -> None:
    """WAL is a property of the file: set it before MLflow opens it for the first time."""
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
