"""The Open Inference Protocol, version 2, over HTTP: what its clients send, and what they expect.

    GET  /v2                          what this server is
    GET  /v2/health/live, /v2/health/ready
    GET  /v2/models/NAME              inputs and outputs;  …/ready
    POST /v2/models/NAME/infer        also …/versions/VERSION/infer

Tensors come in JSON, or as raw bytes behind it (the binary extension: the header
`Inference-Header-Content-Length` says where they begin). A tensor of shape
(rows,) or (rows, 1) is the column of its name; a single one of (rows, n) is rows
of values in the order of the signature. Answers are JSON.
"""

import array
import json
import struct
import sys
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from pratique_serving.errors import Refused

PREFIX = "/v2"

_CODES = {
    "BOOL": "B",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "FP32": "f",
    "FP64": "d",
}
# More than numpy has; each is a list within a list.
_MOST_DIMENSIONS = 64

_OF_COLUMNS = {"double": "FP64", "float": "FP32", "long": "INT64", "integer": "INT32", "boolean": "BOOL"}

_OF_TENSORS = {
    "bool": "BOOL", "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64", "uint8": "UINT8",
    "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64", "float16": "FP16", "float32": "FP32", "float64": "FP64",
}  # fmt: skip


class Target(NamedTuple):
    """What an address below /v2 means."""

    model: str
    verb: str
    """`infer`, `ready`, or nothing for the model's description."""


def target_of(path: str) -> Target:
    """Of ``/v2/models/NAME[/versions/VERSION][/VERB]``. Raises Refused (404)."""
    parts = path.split("/")[3:]
    if len(parts) >= 3 and parts[1] == "versions":
        parts = [parts[0], *parts[3:]]
    if not path.startswith(f"{PREFIX}/models/") or not 1 <= len(parts) <= 2 or not parts[0]:
        raise Refused(404, "There is no such address in the protocol.")
    verb = parts[1] if len(parts) == 2 else ""
    if verb not in ("", "infer", "ready"):
        raise Refused(404, "There is no such address in the protocol.")
    return Target(parts[0], verb)


def read(body: bytes, headers: Dict[str, str]) -> Tuple[bytes, str]:
    """The body as MLflow's `inputs`, and the caller's id of the request. Raises Refused (400)."""
    try:
        length = int(headers.get("inference-header-content-length", len(body)))
        if not 0 <= length <= len(body):
            raise ValueError("Inference-Header-Content-Length is not within the body")
        document = json.loads(body[:length])
        tensors = _tensors(document["inputs"], memoryview(body)[length:])
        given = document.get("id", "")
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, struct.error) as error:
        raise Refused(400, f"The inference request cannot be read: {type(error).__name__}: {error}") from None
    if len(tensors) == 1 and _is_table(next(iter(tensors.values()))):
        return json.dumps({"inputs": next(iter(tensors.values()))}).encode(), str(given)
    return json.dumps({"inputs": tensors}).encode(), str(given)


def answer(model: str, request_id: str, predictions: Any, declared: Sequence[Dict[str, Any]] = ()) -> Dict[str, Any]:
    """`predictions`, plain values, as outputs; named as `declared`, and of that type where the values allow it."""
    are_rows = isinstance(predictions, list) and bool(predictions) and all(isinstance(row, dict) for row in predictions)
    if len(declared) == 1 and not are_rows and not isinstance(predictions, dict):
        predictions = {declared[0]["name"]: predictions}
    if are_rows:
        named: Dict[str, Any] = {str(name): [row.get(name) for row in predictions] for name in predictions[0]}
    elif isinstance(predictions, dict):
        named = {str(name): values for name, values in predictions.items()}
    else:
        named = {"predictions": predictions}
    outputs = [_output(name, values if isinstance(values, list) else [values]) for name, values in named.items()]
    kinds = {one["name"]: one["datatype"] for one in declared}
    outputs = [{**output, "datatype": _declared_or_found(kinds.get(output["name"], ""), output)} for output in outputs]
    return {"model_name": model, "id": request_id, "outputs": outputs}


def describe(
    model: str,
    columns: Sequence[Any],
    declared_inputs: Sequence[Dict[str, Any]] = (),
    declared_outputs: Sequence[Dict[str, Any]] = (),
) -> Dict[str, Any]:
    """The model's metadata; `columns` have `name` and `type` of an MLflow signature, what is declared comes first."""
    inputs = [*declared_inputs] or [
        {"name": column.name, "datatype": _OF_COLUMNS.get(column.type, "BYTES"), "shape": [-1, 1]} for column in columns
    ]
    outputs = [*declared_outputs] or [{"name": "predictions", "datatype": "BYTES", "shape": [-1]}]
    return {"name": model, "versions": [], "platform": "pratique", "inputs": inputs, "outputs": outputs}


def describe_tensor(name: str, kind: str, shape: Sequence[int]) -> Dict[str, Any]:
    """A tensor or column of that type, by numpy's or MLflow's name for it."""
    datatype = _OF_TENSORS.get(kind) or _OF_COLUMNS.get(kind, "BYTES")
    return {"name": name, "datatype": datatype, "shape": list(shape)}


def _declared_or_found(declared: str, output: Dict[str, Any]) -> str:
    """A signature may say what its model does not keep, and then the values have the word."""
    found: str = output["datatype"]
    is_number = declared.startswith(("FP", "INT", "UINT"))
    fits = (found == "INT64" and is_number) or (found == "FP64" and declared.startswith("FP"))
    return declared if declared and (fits or not output["data"]) else found


def _tensors(inputs: Any, rest: memoryview) -> Dict[str, Any]:
    tensors: Dict[str, Any] = {}
    at = 0
    for one in inputs:
        shape, kind = [int(size) for size in one["shape"]], one["datatype"]
        size = (one.get("parameters") or {}).get("binary_data_size")
        if size is None:
            values = _flat(one["data"])
        else:
            if not 0 <= size <= len(rest) - at:
                raise ValueError(f"{one['name']!r} is not within the body")
            values = _from_bytes(rest[at : at + size], kind)
            at += size
        count = 1
        for length in shape:
            count *= length
        if not 0 < len(shape) <= _MOST_DIMENSIONS or min(shape) < 0 or count != len(values):
            raise ValueError(f"{one['name']!r} has the shape {shape[:_MOST_DIMENSIONS]} and {len(values)} values")
        tensors[str(one["name"])] = _shaped(values, shape)
    if not tensors:
        raise ValueError("there are no inputs")
    return tensors


def _flat(data: Any) -> List[Any]:
    if not isinstance(data, list):
        raise TypeError("data must be a list")
    if not any(isinstance(value, list) for value in data):
        return data
    return [value for part in data for value in _flat(part)]


def _from_bytes(data: memoryview, kind: str) -> List[Any]:
    if kind == "BYTES":
        words, at = [], 0
        while at < len(data):
            (length,) = struct.unpack_from("<I", data, at)
            word = bytes(data[at + 4 : at + 4 + length])
            if len(word) != length:
                raise ValueError("a text is cut off")
            words.append(word.decode("utf-8"))
            at += 4 + length
        return words
    values = array.array(_CODES[kind])
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return [bool(value) for value in values] if kind == "BOOL" else values.tolist()


def _shaped(values: List[Any], shape: List[int]) -> List[Any]:
    """Nested as `shape` has it; a last length of 1 is left out, so that columns are plain lists."""
    if len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    for length in reversed(shape[1:]):
        values = [values[at : at + length] for at in range(0, len(values), max(length, 1))]
    return values


def _is_table(values: Any) -> bool:
    return bool(values) and isinstance(values[0], list)


def _output(name: str, values: List[Any]) -> Dict[str, Any]:
    flat = _flat(values)
    kind = _kind(flat)
    if kind == "BYTES":
        flat = [value if isinstance(value, str) or value is None else json.dumps(value) for value in flat]
    return {"name": name, "datatype": kind, "shape": _shape(values), "data": flat}


def _shape(values: List[Any]) -> List[int]:
    shape = [len(values)]
    while values and isinstance(values[0], list):
        values = values[0]
        shape.append(len(values))
    return shape


def _kind(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return "BOOL"
    if kinds == {int}:
        return "INT64"
    return "FP64" if kinds and kinds <= {int, float, type(None)} else "BYTES"
