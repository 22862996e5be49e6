"""Request bodies for MLflow models: JSON to what `predict` takes.

    {"input_data": …, "params": {…}}      Azure
    {"dataframe_split": …}                MLflow
    {"dataframe_records": …}              MLflow
    {"inputs": …} or {"instances": …}     TensorFlow Serving, as MLflow reads it

`input_data` is a split frame (`columns`, `data`, perhaps `index`), a list, or a
dict of lists. What that becomes depends on the model's signature: a DataFrame
where it names columns, arrays where it names tensors.

Columns take the signature's types only where no value changes: 3 is a double and
3.0 a long, but 1.5 is no long and "false" no boolean. What remains (arrays,
objects, shapes of tensors, parameters) is left to MLflow, which enforces it.
A table in Arrow's format has columns as well (see `arrow`).
"""

import base64
import json
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import pandas as pd

from pratique_serving import arrow
from pratique_serving.errors import Refused

FORMATS = ("input_data", "dataframe_split", "dataframe_records", "inputs", "instances")

_NUMBERS = {"integer": "int32", "long": "int64", "float": "float32", "double": "float64"}
_PLAIN: Dict[str, Tuple[type, ...]] = {"string": (str,), "boolean": (bool, np.bool_)}


class Column(NamedTuple):
    """One input of a signature: a column, or a tensor."""

    name: Optional[str]
    type: str
    """MLflow's name for a column's type, numpy's for a tensor's."""
    is_required: bool


class Signature(NamedTuple):
    """The inputs a model declares."""

    inputs: Tuple[Column, ...]
    is_tensors: bool


class Parsed(NamedTuple):
    """What `predict` takes."""

    data: Any
    params: Optional[Dict[str, Any]]


def parse_body(body: bytes, signature: Optional[Signature]) -> Parsed:
    """Raises Refused (400) for what is none of the formats."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"The request body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Refused(400, f"The request body must be a JSON object with {_one_of(FORMATS)}.")
    found = [name for name in FORMATS if name in document]
    if len(found) != 1:
        raise Refused(400, f"The request body must have exactly one of {_one_of(FORMATS)}; it has {len(found)}.")
    params = document.get("params")
    if params is not None and not isinstance(params, dict):
        raise Refused(400, "params must be a JSON object.")
    try:
        return Parsed(_build(found[0], document[found[0]], signature), params)
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
        raise Refused(400, f"{found[0]} cannot be read: {error}") from None


def parse_arrow(body: bytes, signature: Optional[Signature]) -> Parsed:
    """A table in Arrow's format: columns, or named tensors where the signature has those.

    Raises Refused (400), and whatever `arrow.read` refuses.
    """
    names, columns = arrow.read(body)
    value = dict(zip(names, columns))
    try:
        is_tensors = signature is not None and signature.is_tensors
        return Parsed(_from_dict(value, signature) if is_tensors else _frame(pd.DataFrame(value), signature), None)
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
        raise Refused(400, f"The Arrow table cannot be used: {error}") from None


def _one_of(names: Tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _build(form: str, value: Any, signature: Optional[Signature]) -> Any:
    if form == "dataframe_split" or (form == "input_data" and _is_split(value)):
        return _frame(_split(value), signature)
    if form == "dataframe_records":
        return _frame(pd.DataFrame(_records(value)), signature)
    if isinstance(value, dict):
        return _from_dict(value, signature)
    if isinstance(value, list):
        return _from_list(value, signature)
    raise TypeError("expected an object or a list")


def _is_split(value: Any) -> bool:
    return isinstance(value, dict) and "data" in value and set(value) <= {"columns", "index", "data"}


def _split(value: Any) -> pd.DataFrame:
    if not _is_split(value):
        raise TypeError("expected an object with columns, data and perhaps index")
    columns = value.get("columns")
    if columns is not None and len(set(columns)) != len(columns):
        raise ValueError("a column is named twice")
    return pd.DataFrame(value["data"], columns=columns, index=value.get("index"))


def _records(value: Any) -> List[Dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise TypeError("expected a list of objects")
    return value


def _from_dict(value: Dict[str, Any], signature: Optional[Signature]) -> Any:
    """Named lists: columns for a signature of columns, otherwise named tensors."""
    if signature is not None and not signature.is_tensors:
        return _frame(pd.DataFrame({name: _as_list(items) for name, items in value.items()}), signature)
    types = {column.name: column.type for column in signature.inputs} if signature is not None else {}
    return {name: np.asarray(items, dtype=types.get(name)) for name, items in value.items()}


def _as_list(items: Any) -> List[Any]:
    return items if isinstance(items, list) else [items]


def _from_list(value: List[Any], signature: Optional[Signature]) -> Any:
    if value and all(isinstance(row, dict) for row in value):
        if signature is not None and signature.is_tensors:
            return {
                column.name: np.asarray([row[column.name] for row in value], dtype=column.type)
                for column in signature.inputs
            }
        return _frame(pd.DataFrame(value), signature)
    if signature is None:
        return np.asarray(value)
    if signature.is_tensors:
        return np.asarray(value, dtype=signature.inputs[0].type if len(signature.inputs) == 1 else None)
    return _frame(_unnamed_rows(value, signature), signature)


def _unnamed_rows(value: List[Any], signature: Signature) -> pd.DataFrame:
    """Rows without names take the signature's, in its order."""
    names = [column.name for column in signature.inputs]
    rows = [row if isinstance(row, list) else [row] for row in value]
    if None in names:
        return pd.DataFrame(rows)
    return pd.DataFrame(rows, columns=names)


def _frame(frame: pd.DataFrame, signature: Optional[Signature]) -> pd.DataFrame:
    if signature is None or signature.is_tensors:
        return frame
    missing = [column.name for column in signature.inputs if column.is_required and column.name not in frame.columns]
    if missing and None not in missing:
        raise ValueError(f"the model is missing inputs {missing}")
    for column in signature.inputs:
        if column.name is not None and column.name in frame.columns:
            values = frame[column.name]
            fitted = _fitted(column.name, column.type, values)
            if fitted is not values:
                frame[column.name] = fitted
    return frame


def _fitted(name: str, kind: str, values: pd.Series) -> pd.Series:
    try:
        fitted = _convert(kind, values)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"the column {name!r} must be of type {kind}: {error}") from None
    if fitted is None:
        raise ValueError(f"the column {name!r} must be of type {kind}")
    return fitted


def _convert(kind: str, values: pd.Series) -> Optional[pd.Series]:
    """The values in the signature's type; None when that would change one of them."""
    if kind in _NUMBERS:
        return _convert_numbers(values, np.dtype(_NUMBERS[kind]))
    if kind in _PLAIN:
        return values if all(isinstance(value, _PLAIN[kind]) for value in values.dropna()) else None
    if kind == "datetime":
        return pd.to_datetime(values).astype("datetime64[ns]")
    if kind == "binary":
        return values.map(lambda text: base64.b64decode(text, validate=True))
    return values


def _convert_numbers(values: pd.Series, wanted: "np.dtype[Any]") -> Optional[pd.Series]:
    if wanted.kind == "f":
        # JSON writes 3 for 3.0, and null for NaN. That float32 rounds is what every producer of JSON expects.
        return values.astype(wanted) if values.dtype.kind in "iuf" or values.isna().all() else None
    if values.dtype.kind not in "iuf" or values.isna().any() or not np.isfinite(values).all():
        return None
    narrowed = values.astype(wanted)
    return narrowed if (narrowed == values).all() else None
