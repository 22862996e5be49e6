"""A plain ONNX model, as anybody exports one: its inputs and outputs are tensors with names.

    {"input_data": {"columns": [names of inputs], "data": rows}}   a column for each input of shape (n,) or (n, 1)
    {"input_data": [[…], …]}, {"instances": …}, {"inputs": […]}    rows, for a model with one input
    {"input_data": {name: values}}, {"inputs": {name: values}}     tensors by name
    application/vnd.apache.arrow.…                                 a table, as the first
    /v2/models/NAME/infer                                          the Open Inference Protocol

With one output the answer is its values, with several an object of them by name.
A value takes the input's type where that changes nothing but its precision; a
shape that the model does not declare is the caller's mistake (400).
"""

import json
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from pratique_serving import arrow, log
from pratique_serving.errors import ModelFailed, Refused
from pratique_serving.models import Model
from pratique_serving.results import json_response
from pratique_serving.settings import Settings
from pratique_serving.swagger import describe
from pratique_serving.tables import FORMATS
from pratique_serving.wire import Request, Response

FAILED = "The model failed to predict. Check the logs for more info."

_TYPES = {
    "tensor(float)": ("FP32", np.float32),
    "tensor(double)": ("FP64", np.float64),
    "tensor(float16)": ("FP16", np.float16),
    "tensor(int8)": ("INT8", np.int8),
    "tensor(int16)": ("INT16", np.int16),
    "tensor(int32)": ("INT32", np.int32),
    "tensor(int64)": ("INT64", np.int64),
    "tensor(uint8)": ("UINT8", np.uint8),
    "tensor(uint16)": ("UINT16", np.uint16),
    "tensor(uint32)": ("UINT32", np.uint32),
    "tensor(uint64)": ("UINT64", np.uint64),
    "tensor(bool)": ("BOOL", np.bool_),
    "tensor(string)": ("BYTES", np.object_),
}


class Tensor(NamedTuple):
    """One input or output."""

    name: str
    datatype: str
    """In the words of the Open Inference Protocol."""
    dtype: Any
    shape: Tuple[Optional[int], ...]
    """None for a length that requests choose."""

    def described(self) -> Dict[str, Any]:
        """For the protocol's metadata."""
        return {
            "name": self.name,
            "datatype": self.datatype,
            "shape": [-1 if length is None else length for length in self.shape],
        }


class OnnxTensors(Model):
    """Binds requests to a session."""

    speaks_protocol = True

    def __init__(self, session: Any, settings: Settings) -> None:
        self._session = session
        # A model may give a default to what it calls an input.
        initial = {given.name for given in session.get_overridable_initializers()}
        self._inputs = tuple(_tensor(given) for given in session.get_inputs() if given.name not in initial)
        self._outputs = tuple(given.name for given in session.get_outputs() if given.type in _TYPES)
        self.protocol_inputs = [tensor.described() for tensor in self._inputs]
        self.protocol_outputs = [
            _tensor(given).described() for given in session.get_outputs() if given.name in self._outputs
        ]
        if not self._outputs:
            kinds = ", ".join(given.type for given in session.get_outputs())
            raise ModelFailed(f"no output of the model is a tensor ({kinds}); export it without ZipMap")
        said = ", ".join(f"{tensor.name} ({tensor.datatype})" for tensor in self._inputs)
        self._specifications = describe(
            settings,
            {
                "type": "object",
                "properties": {"input_data": {"description": f"Rows, or values by name: {said}"}},
                "required": ["input_data"],
            },
        )

    def answer(self, request: Request, request_id: str) -> Response:
        if request.method == "OPTIONS":
            return Response(200, b"", [("Content-Type", "text/html; charset=utf-8")])
        if request.method != "POST":
            raise Refused(405, "Method not allowed")
        is_arrow = arrow.is_arrow(request.headers.get("content-type", ""))
        feed = self._read_arrow(request.body) if is_arrow else self._read(request.body)
        began = time.perf_counter()
        outputs = self._run(feed, request_id)
        took = time.perf_counter() - began
        named = {name: values.tolist() for name, values in zip(self._outputs, outputs)}
        result = named if len(named) > 1 else next(iter(named.values()))
        response = json_response(200, {"predictions": result} if request.path == "/invocations" else result)
        response.headers.append(("x-ms-run-fn-exec-ms", f"{took * 1000:.3f}"))
        response.rows = len(outputs[0]) if outputs[0].ndim else 1
        return response

    def swagger(self, version: str) -> Dict[str, Any]:
        return self._specifications.of_version(version)

    def _run(self, feed: Dict[str, Any], request_id: str) -> List[Any]:
        try:
            outputs: List[Any] = self._session.run(list(self._outputs), feed)
        # Whatever the session raises: the caller gets 500, the log the traceback.
        except Exception as error:  # noqa: BLE001
            log.say_place(f"the session failed, request {request_id}", error)
            raise Refused(500, FAILED, run_failed=True) from None
        return outputs

    def _read(self, body: bytes) -> Dict[str, Any]:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refused(400, f"The request body is not JSON: {error}") from None
        found = [name for name in FORMATS if name in document] if isinstance(document, dict) else []
        if len(found) != 1:
            raise Refused(400, f"The request body must be a JSON object with exactly one of {', '.join(FORMATS)}.")
        try:
            return self._feed(document[found[0]])
        except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
            raise Refused(400, f"{found[0]} cannot be read: {error}") from None

    def _read_arrow(self, body: bytes) -> Dict[str, Any]:
        names, columns = arrow.read(body)
        try:
            return self._from_frame(list(names), arrow.rows_of(columns))
        except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
            raise Refused(400, f"The Arrow table cannot be used: {error}") from None

    def _feed(self, value: Any) -> Dict[str, Any]:
        if isinstance(value, dict) and "data" in value and set(value) <= {"columns", "index", "data"}:
            return self._from_frame(value.get("columns"), value["data"])
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            return self._from_frame(list(value[0]), [[row[name] for name in value[0]] for row in value])
        if isinstance(value, dict):
            return self._named(value)
        return {self._only().name: _array(self._only(), value)}

    def _named(self, values: Dict[str, Any]) -> Dict[str, Any]:
        missing = [tensor.name for tensor in self._inputs if tensor.name not in values]
        if missing:
            raise ValueError(f"the model is missing inputs {missing}")
        return {tensor.name: _array(tensor, values[tensor.name]) for tensor in self._inputs}

    def _from_frame(self, columns: Optional[List[str]], rows: List[List[Any]]) -> Dict[str, Any]:
        """Columns that are called like the inputs, else rows of the only input."""
        if columns is not None and len(set(columns)) != len(columns):
            raise ValueError("a column is named twice")
        if columns is None or (len(self._inputs) == 1 and self._inputs[0].name not in columns):
            return {self._only().name: _array(self._only(), rows)}
        if any(len(row) != len(columns) for row in rows):
            raise ValueError(f"each row must be a list of {len(columns)} values")
        values = dict(zip(columns, zip(*rows))) if rows else dict.fromkeys(columns, ())
        return self._named({name: list(column) for name, column in values.items()})

    def _only(self) -> Tensor:
        if len(self._inputs) != 1:
            names = [tensor.name for tensor in self._inputs]
            raise ValueError(f"the model has several inputs, so name the values: {names}")
        return self._inputs[0]


def _tensor(given: Any) -> Tensor:
    """Raises ModelFailed for what is no tensor of plain values."""
    if given.type not in _TYPES:
        raise ModelFailed(f"{given.name!r} is a {given.type}, which no request can carry")
    datatype, dtype = _TYPES[given.type]
    shape = tuple(length if isinstance(length, int) else None for length in given.shape or ())
    return Tensor(given.name, datatype, dtype, shape)


def _array(tensor: Tensor, values: Any) -> Any:
    """Raises ValueError or TypeError for values of another type or shape."""
    made = np.array(values, dtype=object) if tensor.dtype is np.object_ else np.array(values)
    if made.dtype.kind == "O" and tensor.dtype is not np.object_:
        made = np.array(values, dtype=np.float64) if tensor.dtype in (np.float32, np.float64, np.float16) else made
    if made.ndim == 1 and len(tensor.shape) == 2 and tensor.shape[1] in (None, 1):
        made = made.reshape(-1, 1)
    if made.ndim == 2 and len(tensor.shape) == 1 and made.shape[1] == 1:
        made = made.reshape(-1)
    _check_shape(tensor, made.shape)
    if made.size == 0:
        raise ValueError("there are no rows to predict")
    return _of_type(tensor, made)


def _check_shape(tensor: Tensor, shape: Tuple[int, ...]) -> None:
    fits = len(shape) == len(tensor.shape) and all(
        wanted in (None, length) for length, wanted in zip(shape, tensor.shape)
    )
    if not fits:
        raise ValueError(f"{tensor.name!r} must have the shape {tensor.described()['shape']}, not {list(shape)}")


def _of_type(tensor: Tensor, made: Any) -> Any:
    kind = made.dtype.kind
    if tensor.dtype is np.object_:
        if all(isinstance(value, str) for value in made.flat):
            return made
    elif tensor.dtype is np.bool_:
        if kind == "b":
            return made
    elif np.dtype(tensor.dtype).kind == "f":
        if kind in "iuf":
            return made.astype(tensor.dtype)
    elif kind in "iuf":
        narrowed = made.astype(tensor.dtype)
        if (narrowed == made).all():
            return narrowed
    raise ValueError(f"{tensor.name!r} must be of type {tensor.datatype}")
