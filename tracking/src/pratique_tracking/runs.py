"""Many runs in one request and one transaction: what the platform writes about the steps of a pipeline.

    POST /pratique/runs   {"experiment": NAME, "make": [RUN…], "change": [RUN…]}  ──►  {"experiment_id": ID}

    RUN   {"run_id", "name", "user", "status", "start_time", "end_time", "tags": {…}}

MLflow's own API makes one run a request, with seven transactions each. A run
that is there already is not made again, so a request whose answer was lost can
be sent once more. The door does not lead here: only who may open the socket can
ask, and that is the platform.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pratique_tracking.gate import App, Receive, Scope, Send

PATH = "/pratique/runs"
_WORKSPACE = b"x-mlflow-workspace"


def with_batches(app: App) -> App:
    """`app`, and this one route before it."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await app(scope, receive, send)
            return
        workspace = next((value for name, value in scope["headers"] if name == _WORKSPACE), b"").decode()
        body = await _body(receive)
        status, said = await asyncio.to_thread(_answer, workspace, body)
        text = json.dumps(said).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    return call


async def _body(receive: Receive) -> bytes:
    parts = bytearray()
    while True:
        message = await receive()
        parts.extend(message.get("body", b""))
        if not message.get("more_body"):
            return bytes(parts)


def _answer(workspace: str, body: bytes) -> tuple[int, dict[str, Any]]:
    from mlflow.exceptions import MlflowException
    from mlflow.server.handlers import _get_tracking_store
    from mlflow.utils.workspace_context import WorkspaceContext

    wanted = json.loads(body)
    try:
        with WorkspaceContext(workspace):
            store = _get_tracking_store()
            experiment = _experiment(store, wanted["experiment"])
            _write_surely(store, experiment, wanted.get("make", ()), wanted.get("change", ()))
    except MlflowException as error:
        return error.get_http_status_code(), {"error_code": error.error_code, "message": error.message}
    return 200, {"experiment_id": str(experiment.experiment_id)}


def _experiment(store: Any, name: str) -> Any:
    """The experiment called `name`, made when it is not there."""
    from mlflow.exceptions import MlflowException

    found = store.get_experiment_by_name(name)
    if found is None:
        try:
            store.create_experiment(name)
        except MlflowException:  # Somebody was faster, or it is really wrong: then there is none below.
            if store.get_experiment_by_name(name) is None:
                raise
        found = store.get_experiment_by_name(name)
    return found


def _write_surely(
    store: Any, experiment: Any, made: Sequence[Mapping[str, Any]], changed: Sequence[Mapping[str, Any]]
) -> None:
    """Write, also while an earlier sending of the same request, whose sender was killed, is still at it."""
    from mlflow.exceptions import MlflowException

    try:
        write_runs(store, experiment, made, changed)
    except MlflowException as error:
        if "IntegrityError" not in str(error):
            raise
        write_runs(store, experiment, made, changed)


def _there(session: Any, asked: Sequence[Mapping[str, Any]]) -> set[str]:
    """The ids of those of `asked` that are runs already."""
    from mlflow.store.tracking.dbmodels.models import SqlRun
    from sqlalchemy import select

    ids = [run["run_id"] for run in asked]
    found: set[str] = set()
    for start in range(0, len(ids), 500):
        wanted = select(SqlRun.run_uuid).where(SqlRun.run_uuid.in_(ids[start : start + 500]))
        found.update(row.run_uuid for row in session.execute(wanted))
    return found


def write_runs(
    store: Any, experiment: Any, made: Sequence[Mapping[str, Any]], changed: Sequence[Mapping[str, Any]]
) -> None:
    """Make and change runs of `experiment` in one transaction."""
    from mlflow.store.tracking.dbmodels.models import SqlRun, SqlTag
    from sqlalchemy import insert, update

    with store.ManagedSessionMaker(read_only=False) as session:
        known = _there(session, made)
        new = [run for run in made if run["run_id"] not in known]
        if new:
            session.execute(insert(SqlRun), [_run_row(run, experiment) for run in new])
            session.execute(insert(SqlTag), [row for run in new for row in _tag_rows(run)])
        for run in changed:
            values = {"status": run["status"], "start_time": run["start_time"], "end_time": run["end_time"]}
            mine = (SqlRun.run_uuid == run["run_id"], SqlRun.experiment_id == int(experiment.experiment_id))
            session.execute(update(SqlRun).where(*mine).values(**values))
            for row in _tag_rows({"run_id": run["run_id"], "tags": run.get("tags") or {}}):
                session.merge(SqlTag(**row))


def _run_row(run: Mapping[str, Any], experiment: Any) -> dict[str, Any]:
    return {
        "run_uuid": run["run_id"],
        "name": run["name"],
        "experiment_id": int(experiment.experiment_id),
        "artifact_uri": f"{experiment.artifact_location.rstrip('/')}/{run['run_id']}/artifacts",
        "user_id": run["user"],
        "status": run["status"],
        "start_time": run["start_time"],
        "end_time": run["end_time"],
        "source_type": "UNKNOWN",
        "source_name": "",
        "entry_point_name": "",
        "source_version": "",
        "lifecycle_stage": "active",
    }


def _tag_rows(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"run_uuid": run["run_id"], "key": key, "value": value} for key, value in run["tags"].items()]
