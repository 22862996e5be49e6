"""An MLflow model without a scoring script: a folder with an `MLmodel` file.

It needs mlflow (mlflow-skinny is enough) and pandas in the environment. `/score`
answers with the predictions themselves, as Azure does; `/invocations` with
``{"predictions": …}``, as MLflow does.

A model of a flavour that is known, whose signature names plain columns, is called
directly: see `flavours`. And where the stored input example shows that its rows do
not influence one another, requests that come while it works are given to it together.

What the model's signature does not allow is the caller's mistake, 400 with
MLflow's explanation. What the model raises is 500, with the traceback in the log.
"""

import base64
import json
import os
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import mlflow.pyfunc
import pandas as pd
from mlflow.exceptions import MlflowException

from pratique_serving import alarm, arrow, log, oip, tables
from pratique_serving.columns import PLAIN, build, differs_in_company, is_row_wise, kinds_of, sliceable
from pratique_serving.errors import ModelFailed, Refused
from pratique_serving.flavours import agree, native
from pratique_serving.frames import Column, Parsed, Signature, parse_arrow, parse_body, parse_csv
from pratique_serving.models import Model
from pratique_serving.results import INTERNAL, Unanswerable, json_response, refusal
from pratique_serving.settings import Settings
from pratique_serving.swagger import Specifications, describe, describe_columns
from pratique_serving.tables import Frames, Table, with_rows
from pratique_serving.together import MOST_TOGETHER, answer_together
from pratique_serving.wire import Request, Response

FAILED = "The model failed to predict. Check the logs for more info."

# MLflow's error codes for data that does not fit the signature.
CALLERS_MISTAKES = ("BAD_REQUEST", "INVALID_PARAMETER_VALUE")


def load(settings: Settings) -> Model:
    """Load the model; passes on whatever loading raises. Raises ModelFailed when the folder holds none."""
    folder = settings.mlflow_model
    if not os.path.isfile(os.path.join(folder, "MLmodel")):
        raise ModelFailed(f"{folder} holds no MLflow model: there is no file MLmodel in it")
    loaded = MlflowModel(mlflow.pyfunc.load_model(folder), settings)
    loaded.examine(_example(folder, loaded.metadata), settings.batches)
    return loaded


class MlflowModel(Model):
    """Binds requests to `predict` and its results to responses."""

    speaks_protocol = True

    def __init__(self, model: Any, settings: Settings) -> None:
        self._model = model
        self.metadata = model.metadata
        self._signature = signature_of(model.metadata)
        self._timeout = settings.scoring_timeout_ms / 1000
        self._takes_params = hasattr(model.metadata, "get_params_schema")
        self._specifications = _specifications(self._signature, settings)
        self.columns = self._signature.inputs if self._signature is not None else ()
        self.protocol_inputs = _tensors(self._signature)
        self.protocol_outputs = _outputs(model.metadata)
        self._columns = _plain_columns(self._signature)
        self._native = native(model, self._columns)
        self._frames = Frames(self._columns)
        self._kinds: object = None
        self._tell = log.say_traceback if _is_users_code(model.metadata) else log.say_place

    def examine(self, example: Optional[Table], batches: bool) -> None:
        """Call the model directly, and for several requests together, where `example` shows that it changes nothing."""
        if self._native is not None and not self._native.is_proven:
            if example is None or not self._says_the_same(example):
                self._native = None
            log.say(f"the model is called {'through MLflow' if self._native is None else 'directly'}")
        if self._native is None or example is None or not batches:
            return
        began = time.perf_counter()
        if is_row_wise(self._predict_table, example):
            self.most_together = MOST_TOGETHER
            self._kinds = kinds_of(self._predict(example))
        what = "together" if self.most_together > 1 else "one by one: the input example differs in company"
        log.say(f"requests are computed {what} (looked at for {time.perf_counter() - began:.3f} s)")

    def answer(self, request: Request, request_id: str) -> Response:
        if request.method == "OPTIONS":
            return Response(200, b"", [("Content-Type", "text/html; charset=utf-8")])
        if request.method != "POST":
            raise Refused(405, "Method not allowed")
        if self._native is not None and not _has_params(request):
            table, predict = self._read(request), self._native.predict
            prepared = self._native.prepare(table)
            return self._timed(request, request_id, lambda: predict(prepared), table)
        parsed = self._parse(request)
        if parsed.is_chat:
            request = request._replace(path="/score")
        return self._timed(request, request_id, lambda: self._call(parsed))

    def answer_together(self, requests: Sequence[Request], request_ids: Sequence[str]) -> List[Response]:
        began = time.perf_counter()

        def respond(request: Request, predictions: Sequence[Any]) -> Response:
            return _respond(predictions, request, "", time.perf_counter() - began)

        def predict(table: Table) -> Sequence[Any]:
            return alarm.within(self._timeout, self._predict_joined, table=table)

        try:
            return answer_together(requests, request_ids, self._read_plain, predict, respond, self.answer)
        except alarm.Overrun as error:
            log.say(
                f"predict() was interrupted{alarm.why(self._timeout)}, for {len(requests)} requests",
                log.place_of(error),
            )
            return [refusal(alarm.refused(self._timeout)) for _ in requests]

    def _parse(self, request: Request) -> Parsed:
        if _is_arrow(request):
            return parse_arrow(request.body, self._signature)
        is_csv = request.headers.get("content-type", "").startswith("text/csv")
        return (parse_csv if is_csv else parse_body)(request.body, self._signature)

    def _read(self, request: Request) -> Table:
        return with_rows(self._frames.read(request.body, request.headers.get("content-type", "")))

    def _read_plain(self, request: Request) -> Table:
        if request.method != "POST" or _has_params(request):
            raise Refused(405, "Method not allowed")
        table = self._read(request)
        if differs_in_company(self._columns, table):
            raise Refused(400, "its columns would have other types among others")
        return table

    def _predict(self, table: Table) -> Any:
        assert self._native is not None  # noqa: S101 - asked only where there is one.
        return self._native.predict(self._native.prepare(table))

    def _predict_table(self, table: Table) -> Sequence[Any]:
        return sliceable(self._predict(table))

    def _predict_joined(self, table: Table) -> Sequence[Any]:
        """As `_predict_table`, for rows of several requests: one of them may change the type of all predictions."""
        result = self._predict(table)
        if kinds_of(result) != self._kinds:
            raise Refused(500, "the predictions have another type than the example's")
        return sliceable(result)

    def _says_the_same(self, example: Table) -> bool:
        """Whether the direct call gives what MLflow's gives."""
        assert self._native is not None  # noqa: S101 - asked only where there is one.
        try:
            ours = self._native.predict(self._native.prepare(example))
            return agree(ours, self._model.predict(build(self._columns, example)))
        # Whatever is raised: then it is called as MLflow does.
        except Exception as error:  # noqa: BLE001
            log.say(f"the model cannot be called directly: {type(error).__name__}: {error}")
            return False

    def _timed(
        self, request: Request, request_id: str, predict: Callable[[], Any], table: Optional[Table] = None
    ) -> Response:
        began = time.perf_counter()
        result = self._predict_for(predict, request_id, table)
        return _respond(result, request, request_id, time.perf_counter() - began)

    def swagger(self, version: str) -> Dict[str, Any]:
        return self._specifications.of_version(version)

    def _call(self, parsed: Parsed) -> Any:
        if parsed.params is None or not self._takes_params:
            return self._model.predict(parsed.data)
        return self._model.predict(parsed.data, params=parsed.params)

    def _predict_for(self, predict: Callable[[], Any], request_id: str, table: Optional[Table]) -> Any:
        try:
            return alarm.within(self._timeout, predict)
        except alarm.Overrun as error:
            log.say(f"predict() was interrupted{alarm.why(self._timeout)}, request {request_id}", log.place_of(error))
            raise alarm.refused(self._timeout) from None
        except MlflowException as error:
            if getattr(error, "error_code", "") in CALLERS_MISTAKES:
                raise Refused(400, str(error)) from None
            self._tell(f"predict() failed, request {request_id}", error)
        # Anything a model can raise, sys.exit() included: the caller gets 500, the log the traceback.
        except BaseException as error:  # noqa: BLE001
            self._tell(f"predict() failed, request {request_id}", error)
        raise Refused(500, FAILED + _gaps(table), run_failed=True)


def _gaps(table: Optional[Table]) -> str:
    """What models most often fail for, said to the caller: which of them take a missing value nobody declares."""
    names = tables.columns_with_gaps(table) if table is not None else ()
    return f" Values are missing, or not finite, in: {', '.join(map(repr, names))}." if names else ""


def _is_arrow(request: Request) -> bool:
    return arrow.is_arrow(request.headers.get("content-type", ""))


def _has_params(request: Request) -> bool:
    """Whether it may have parameters of the model; a table in Arrow's format never has."""
    return b'"params"' in request.body and not _is_arrow(request)


def _is_users_code(metadata: Any) -> bool:
    """Whether somebody wrote the model's `predict` for it, who decides what it says; a library quotes what it gets."""
    loader = str(metadata.flavors.get("python_function", {}).get("loader_module", ""))
    return not loader.startswith("mlflow.") or loader.startswith("mlflow.pyfunc")


def _plain_columns(signature: Optional[Signature]) -> Tuple[tables.Column, ...]:
    """The columns of a signature, if every one of them is plain."""
    if signature is None or signature.is_tensors:
        return ()
    if any(column.name is None or column.type not in PLAIN for column in signature.inputs):
        return ()
    return tuple(tables.Column(str(column.name), column.type, column.is_required) for column in signature.inputs)


def _example(folder: str, metadata: Any) -> Optional[Table]:
    """The stored input example, if it is a split frame."""
    described = getattr(metadata, "saved_input_example_info", None) or {}
    if described.get("pandas_orient") != "split":
        return None
    try:
        with open(os.path.join(folder, described["artifact_path"]), encoding="utf-8") as file:
            document = json.load(file)
        return Table(tuple(document["columns"]), document["data"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.say(f"the input example cannot be read: {error}")
        return None


def signature_of(metadata: Any) -> Optional[Signature]:
    """The declared inputs; None when the model was logged without a signature."""
    schema = metadata.get_input_schema()
    if schema is None or not schema.inputs:
        return None
    is_tensors = bool(schema.is_tensor_spec())
    # Both came with later releases of MLflow.
    is_of_type_hints = bool(getattr(metadata, "_is_signature_from_type_hint", lambda: False)())
    params = getattr(metadata, "get_params_schema", lambda: None)()
    names = frozenset(param.name for param in params.params) if params is not None else frozenset()
    return Signature(tuple(_column(spec) for spec in schema.inputs), is_tensors, is_of_type_hints, names)


def _column(spec: Any) -> Column:
    # MLflow before 2.10 said `optional` where it says `required` now.
    is_required = getattr(spec, "required", not getattr(spec, "optional", False))
    return Column(spec.name, _type_name(spec.type), bool(is_required), tuple(getattr(spec, "shape", ())))


def _tensors(signature: Optional[Signature]) -> List[Dict[str, Any]]:
    """The inputs of a signature of tensors, in the words of the Open Inference Protocol."""
    if signature is None or not signature.is_tensors:
        return []
    return [oip.describe_tensor(column.name or "input", column.type, column.shape) for column in signature.inputs]


def _outputs(metadata: Any) -> List[Dict[str, Any]]:
    """The outputs of a signature, in the same words."""
    schema = metadata.get_output_schema()
    specs = schema.inputs if schema is not None else ()
    return [
        oip.describe_tensor(spec.name or "predictions", _type_name(spec.type), getattr(spec, "shape", (-1,)))
        for spec in specs
    ]


def _type_name(kind: Any) -> str:
    """``double`` of DataType.double, ``float64`` of a numpy dtype; what is nested has a name nobody asks for."""
    return str(getattr(kind, "name", kind))


def _respond(result: Any, request: Request, request_id: str, took: float) -> Response:
    if isinstance(result, pd.Series):
        result = result.to_frame()
    try:
        response = _said(result, request.path == "/invocations")
    except (Unanswerable, RecursionError) as error:
        log.say(f"{error}, request {request_id}")
        raise Refused(500, INTERNAL) from None
    response.headers.append(("x-ms-run-fn-exec-ms", f"{took * 1000:.3f}"))
    # An array of no dimensions has a length in name only.
    is_single = getattr(result, "ndim", None) == 0
    response.rows = len(result) if hasattr(result, "__len__") and not is_single else 0
    return response


def _said(result: Any, is_enveloped: bool) -> Response:
    """Raises Unanswerable, and RecursionError for what contains itself."""
    try:
        return json_response(200, {"predictions": result} if is_enveloped else result)
    except Unanswerable:
        text = _with_text_for_bytes(result)
    return json_response(200, {"predictions": text} if is_enveloped else text)


def _with_text_for_bytes(result: Any) -> Any:
    """With base64 for bytes, as MLflow's server has them."""
    if isinstance(result, bytes):
        return base64.b64encode(result).decode("ascii")
    if isinstance(result, dict):
        return {name: _with_text_for_bytes(value) for name, value in result.items()}
    if isinstance(result, (list, tuple)):
        return [_with_text_for_bytes(value) for value in result]
    if isinstance(result, pd.DataFrame):
        return _with_text_for_bytes(result.to_dict(orient="records"))
    return _with_text_for_bytes(result.tolist()) if hasattr(result, "tolist") else result


def _specifications(signature: Optional[Signature], settings: Settings) -> Specifications:
    if signature is None or signature.is_tensors:
        return describe(settings, {"type": "object", "properties": {"input_data": {}}, "required": ["input_data"]})
    columns = [tables.Column(str(column.name), column.type, column.is_required) for column in signature.inputs]
    return describe_columns(settings, columns)
