"""A converted model (see `convert`): answers like the model it was made of, without its libraries.

The environment needs `onnxruntime` and numpy, nothing else. A file that was not
made by the conversion is served as the tensors that it names: `onnx_tensors`. Requests that come
while the session works are given to it together, if the conversion has shown
that rows do not influence one another.
"""

import os
import time
from typing import Any, Dict, List, Sequence

from pratique_serving import log
from pratique_serving.errors import ModelFailed, Refused
from pratique_serving.models import Model
from pratique_serving.onnx_rows import Plan, Rows, is_converted, open_session
from pratique_serving.onnx_tensors import OnnxTensors
from pratique_serving.results import json_response
from pratique_serving.settings import Settings
from pratique_serving.swagger import describe_columns
from pratique_serving.tables import Frames, Table, with_rows
from pratique_serving.together import MOST_TOGETHER, answer_together
from pratique_serving.wire import Request, Response

FAILED = "The model failed to predict. Check the logs for more info."


def load(settings: Settings) -> Model:
    """Raises ModelFailed when there is no such file, or it has inputs that no request can carry."""
    path = settings.onnx_model
    if not os.path.isfile(path):
        raise ModelFailed(f"there is no ONNX model {path} (PRATIQUE_ONNX_MODEL)")
    session = open_session(path, settings.shares_weights)
    if is_converted(session):
        return OnnxModel(Rows(path, session), settings)
    return OnnxTensors(session, settings)


class OnnxModel(Model):
    """Binds requests to a session."""

    speaks_protocol = True

    def __init__(self, rows: Rows, settings: Settings) -> None:
        self._rows = rows
        self._frames = Frames(rows.columns)
        self._specifications = describe_columns(settings, rows.columns)
        self.columns = rows.columns
        self.protocol_outputs = rows.outputs
        self.most_together = MOST_TOGETHER if rows.is_row_wise else 1

    def answer(self, request: Request, request_id: str) -> Response:
        if request.method == "OPTIONS":
            return Response(200, b"", [("Content-Type", "text/html; charset=utf-8")])
        table = self._read(request)
        began = time.perf_counter()
        predictions = self._predict(self._rows.plan(table.columns), table.rows, request_id)
        return _respond(request, predictions, time.perf_counter() - began)

    def answer_together(self, requests: Sequence[Request], request_ids: Sequence[str]) -> List[Response]:
        began = time.perf_counter()

        def respond(request: Request, predictions: Sequence[Any]) -> Response:
            return _respond(request, predictions, time.perf_counter() - began)

        return answer_together(requests, request_ids, self._read, self._predict_all, respond, self.answer)

    def _predict_all(self, table: Table) -> List[Any]:
        return self._rows.predict(self._rows.plan(table.columns), table.rows)

    def swagger(self, version: str) -> Dict[str, Any]:
        return self._specifications.of_version(version)

    def _read(self, request: Request) -> Table:
        if request.method != "POST":
            raise Refused(405, "Method not allowed")
        return with_rows(self._frames.read(request.body, request.headers.get("content-type", "")))

    def _predict(self, plan: Plan, rows: List[List[Any]], request_id: str) -> List[Any]:
        try:
            return self._rows.predict(plan, rows)
        except Refused:
            raise
        # Whatever the session raises: the caller gets 500, the log the place.
        except Exception as error:  # noqa: BLE001
            log.say_place(f"the session failed, request {request_id}", error)
            raise Refused(500, FAILED, run_failed=True) from None


def _respond(request: Request, predictions: Sequence[Any], took: float) -> Response:
    response = json_response(200, {"predictions": predictions} if request.path == "/invocations" else predictions)
    response.headers.append(("x-ms-run-fn-exec-ms", f"{took * 1000:.3f}"))
    response.rows = len(predictions)
    return response
