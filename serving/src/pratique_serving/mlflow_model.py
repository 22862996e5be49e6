"""An MLflow model without a scoring script: a folder with an `MLmodel` file.

Loaded with `mlflow.pyfunc`, so it needs mlflow (mlflow-skinny is enough) and
pandas in the environment. `/score` answers with the predictions themselves, as
Azure does; `/invocations` with ``{"predictions": …}``, as MLflow does.

What the model's signature does not allow is the caller's mistake, 400 with
MLflow's explanation. What the model raises is 500, with the traceback in the log.
"""

import os
import time
from typing import Any, Dict, Optional

import mlflow.pyfunc
import pandas as pd
from mlflow.exceptions import MlflowException

from pratique_serving import log
from pratique_serving.errors import ModelFailed, Refused
from pratique_serving.frames import Column, Parsed, Signature, parse_body
from pratique_serving.models import Model
from pratique_serving.results import Unanswerable, json_response
from pratique_serving.settings import Settings
from pratique_serving.swagger import Specifications, describe
from pratique_serving.wire import Request, Response

FAILED = "The model failed to predict. Check the logs for more info."
INTERNAL = "An unexpected internal error occurred. Check the logs for more info."

# MLflow's error codes for data that does not fit the signature.
CALLERS_MISTAKES = ("BAD_REQUEST", "INVALID_PARAMETER_VALUE")


def load(settings: Settings) -> Model:
    """Load the model; passes on whatever loading raises. Raises ModelFailed when the folder holds none."""
    folder = settings.mlflow_model
    if not os.path.isfile(os.path.join(folder, "MLmodel")):
        raise ModelFailed(f"{folder} holds no MLflow model: there is no file MLmodel in it")
    return MlflowModel(mlflow.pyfunc.load_model(folder), settings)


class MlflowModel(Model):
    """Binds requests to `predict` and its results to responses."""

    def __init__(self, model: Any, settings: Settings) -> None:
        self._model = model
        self._signature = signature_of(model.metadata)
        self._takes_params = hasattr(model.metadata, "get_params_schema")
        self._specifications = _specifications(self._signature, settings)

    def answer(self, request: Request, request_id: str) -> Response:
        if request.method == "OPTIONS":
            return Response(200, b"", [("Content-Type", "text/html; charset=utf-8")])
        if request.method != "POST":
            raise Refused(405, "Method not allowed")
        parsed = parse_body(request.body, self._signature)
        began = time.perf_counter()
        result = self._predict(parsed, request_id)
        took = (time.perf_counter() - began) * 1000
        response = _respond(result, request, request_id)
        response.headers.append(("x-ms-run-fn-exec-ms", f"{took:.3f}"))
        return response

    def swagger(self, version: str) -> Dict[str, Any]:
        return self._specifications.of_version(version)

    def _predict(self, parsed: Parsed, request_id: str) -> Any:
        try:
            if parsed.params is None or not self._takes_params:
                return self._model.predict(parsed.data)
            return self._model.predict(parsed.data, params=parsed.params)
        except MlflowException as error:
            if getattr(error, "error_code", "") in CALLERS_MISTAKES:
                raise Refused(400, str(error)) from None
            log.say_traceback(f"predict() failed, request {request_id}", error)
        # Anything a model can raise, sys.exit() included: the caller gets 500, the log the traceback.
        except BaseException as error:  # noqa: BLE001
            log.say_traceback(f"predict() failed, request {request_id}", error)
        raise Refused(500, FAILED, run_failed=True)


def signature_of(metadata: Any) -> Optional[Signature]:
    """The declared inputs; None when the model was logged without a signature."""
    schema = metadata.get_input_schema()
    if schema is None or not schema.inputs:
        return None
    is_tensors = bool(schema.is_tensor_spec())
    return Signature(tuple(_column(spec) for spec in schema.inputs), is_tensors)


def _column(spec: Any) -> Column:
    # MLflow before 2.10 said `optional` where it says `required` now.
    is_required = getattr(spec, "required", not getattr(spec, "optional", False))
    return Column(spec.name, _type_name(spec.type), bool(is_required))


def _type_name(kind: Any) -> str:
    """``double`` of DataType.double, ``float64`` of a numpy dtype; what is nested has a name nobody asks for."""
    return str(getattr(kind, "name", kind))


def _respond(result: Any, request: Request, request_id: str) -> Response:
    if isinstance(result, pd.Series):
        result = result.to_frame()
    try:
        return json_response(200, {"predictions": result} if request.path == "/invocations" else result)
    except Unanswerable as error:
        log.say(f"{error}, request {request_id}")
        raise Refused(500, INTERNAL) from None


def _specifications(signature: Optional[Signature], settings: Settings) -> Specifications:
    if signature is None or signature.is_tensors:
        return describe(settings, {"type": "object", "properties": {"input_data": {}}, "required": ["input_data"]})
    columns = [str(column.name) for column in signature.inputs]
    types = ", ".join(f"{column.name} ({column.type})" for column in signature.inputs)
    frame = {
        "type": "object",
        "description": f"A split frame: {types}",
        "properties": {
            "columns": {"type": "array", "items": {"type": "string", "enum": columns}},
            "index": {"type": "array", "items": {"type": "integer"}},
            "data": {"type": "array", "items": {"type": "array", "items": {}, "maxItems": len(columns)}},
        },
        "required": ["columns", "data"],
    }
    return describe(settings, {"type": "object", "properties": {"input_data": frame}, "required": ["input_data"]})
