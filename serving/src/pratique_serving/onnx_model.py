"""A converted model (see `convert`): answers like the model it was made of, without its libraries.

The environment needs `onnxruntime` and numpy, nothing else. Requests that come
while the session works are given to it together, if the conversion has shown
that rows do not influence one another.
"""

import os
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

from pratique_serving import log
from pratique_serving.errors import ModelFailed, Refused
from pratique_serving.models import Model
from pratique_serving.onnx_rows import MOST_AT_ONCE, Plan, Rows
from pratique_serving.results import json_response, refusal
from pratique_serving.settings import Settings
from pratique_serving.swagger import Specifications, describe_columns
from pratique_serving.tables import Frames, Table
from pratique_serving.wire import Request, Response

FAILED = "The model failed to predict. Check the logs for more info."

# Requests that are computed at once; each has its own answer.
MOST_TOGETHER = 64


def load(settings: Settings) -> Model:
    """Raises ModelFailed when there is no such file."""
    path = settings.onnx_model
    if not os.path.isfile(path):
        raise ModelFailed(f"there is no converted model {path} (PRATIQUE_ONNX_MODEL)")
    return OnnxModel(Rows(path), settings)


class OnnxModel(Model):
    """Binds requests to a session."""

    def __init__(self, rows: Rows, settings: Settings) -> None:
        self._rows = rows
        self._frames = Frames([column.name for column in rows.columns])
        self._specifications = describe_columns(settings, rows.columns)
        self.most_together = MOST_TOGETHER if rows.is_row_wise else 1

    def answer(self, request: Request, request_id: str) -> Response:
        if request.method == "OPTIONS":
            return Response(200, b"", [("Content-Type", "text/html; charset=utf-8")])
        table = self._read(request)
        began = time.perf_counter()
        predictions = self._predict(self._rows.plan(table.columns), table.rows, request_id)
        return _respond(request, predictions, time.perf_counter() - began)

    def answer_together(self, requests: Sequence[Request], request_ids: Sequence[str]) -> List[Response]:
        tables: List[Optional[Table]] = []
        columns: Tuple[str, ...] = ()
        rows: List[List[Any]] = []
        try:
            for request in requests:
                table = self._read(request)
                if columns and table.columns != columns:
                    raise Refused(400, "not alike")
                columns = table.columns
                tables.append(table)
                rows += table.rows
            if len(rows) > MOST_AT_ONCE:
                raise Refused(413, "too many for one call")
            began = time.perf_counter()
            predictions = self._rows.predict(self._rows.plan(columns), rows)
            took = time.perf_counter() - began
        # One of them is unusual or wrong, and must not be the others' trouble.
        except Exception:  # noqa: BLE001
            return [self._answer_alone(request, name) for request, name in zip(requests, request_ids)]
        responses = []
        at = 0
        for request, table in zip(requests, tables):
            count = len(table.rows) if table else 0
            responses.append(_respond(request, predictions[at : at + count], took))
            at += count
        return responses

    def swagger(self, version: str) -> Dict[str, Any]:
        return self._specifications.of_version(version)

    def _answer_alone(self, request: Request, request_id: str) -> Response:
        try:
            return self.answer(request, request_id)
        except Refused as error:
            return refusal(error)

    def _read(self, request: Request) -> Table:
        if request.method != "POST":
            raise Refused(405, "Method not allowed")
        return self._frames.read(request.body, request.headers.get("content-type", ""))

    def _predict(self, plan: Plan, rows: List[List[Any]], request_id: str) -> List[Any]:
        try:
            return self._rows.predict(plan, rows)
        except Refused:
            raise
        # Whatever the session raises: the caller gets 500, the log the traceback.
        except Exception as error:  # noqa: BLE001
            log.say_traceback(f"the session failed, request {request_id}", error)
            raise Refused(500, FAILED, run_failed=True) from None


def _respond(request: Request, predictions: List[Any], took: float) -> Response:
    response = json_response(200, {"predictions": predictions} if request.path == "/invocations" else predictions)
    response.headers.append(("x-ms-run-fn-exec-ms", f"{took * 1000:.3f}"))
    return response
