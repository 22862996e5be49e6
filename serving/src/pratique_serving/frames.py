"""Request bodies for MLflow models: JSON to what `predict` takes.

    {"input_data": …, "params": {…}}      Azure
    {"dataframe_split": …}                MLflow
    {"dataframe_records": …}              MLflow
    {"inputs": …} or {"instances": …}     TensorFlow Serving, as MLflow reads it

`input_data` is a split frame (`columns`, `data`, perhaps `index`), a list, or a
dict of lists. What that becomes depends on the model's signature: a DataFrame
where it names columns, arrays where it names tensors, and what the body has where
it was made of type hints, which MLflow checks then.

    {"messages": …}, {"prompt": …} or {"input": …}      MLflow, to models that chat: as it is

Columns take the signature's types only where no value changes: 3 is a double and
3.0 a long, but 1.5 is no long and "false" no boolean. What remains (arrays,
objects, shapes of tensors, parameters) is left to MLflow, which enforces it.
A table in Arrow's format has columns as well (see `arrow`), and so has a CSV.
"""

import base64
import io
import json
from typing import Any, Dict, FrozenSet, List, NamedTuple, Optional, Tuple

import numpy as np
import pandas as pd

from pratique_serving import arrow, tables
from pratique_serving.errors import Refused

FORMATS = ("input_data", "dataframe_split", "dataframe_records", "inputs", "instances")

_CHATS = frozenset({"messages", "prompt", "input"})

_NUMBERS = {"integer": "int32", "long": "int64", "float": "float32", "double": "float64"}
_PLAIN: Dict[str, Tuple[type, ...]] = {"string": (str,), "boolean": (bool, np.bool_)}


class Column(NamedTuple):
    """One input of a signature: a column, or a tensor."""

    name: Optional[str]
    type: str
    """MLflow's name for a column's type, numpy's for a tensor's."""
    is_required: bool
    shape: Tuple[int, ...] = ()
    """Of a tensor; -1 is any length."""


class Signature(NamedTuple):
    """The inputs a model declares."""

    inputs: Tuple[Column, ...]
    is_tensors: bool
    is_of_type_hints: bool = False
    params: FrozenSet[str] = frozenset()
    """The names of its parameters."""


class Parsed(NamedTuple):
    """What `predict` takes."""

    data: Any
    params: Optional[Dict[str, Any]]
    is_chat: bool = False
    """Whether it came without a format around it; MLflow then answers without `predictions` around it."""


def parse_body(body: bytes, signature: Optional[Signature]) -> Parsed:
    """Raises Refused (400) for what is none of the formats."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"The request body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Refused(400, f"The request body must be a JSON object with {_one_of(FORMATS)}.")
    found = [name for name in FORMATS if name in document]
    if not found and not _CHATS.isdisjoint(document):
        return _parse_chat(document, signature)
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


def parse_csv(body: bytes, signature: Optional[Signature]) -> Parsed:
    """A CSV with a line of names. Raises Refused (400)."""
    try:
        if signature is None or signature.is_tensors or any(column.name is None for column in signature.inputs):
            return Parsed(_frame(pd.read_csv(io.BytesIO(body)), signature), None)
        # Moments and bytes are text until they are fitted.
        kinds = {*_NUMBERS, "boolean"}
        columns = [
            tables.Column(str(column.name), column.type if column.type in kinds else "string")
            for column in signature.inputs
        ]
        table = tables.Frames(columns).read(body, "text/csv")
        return Parsed(_frame(pd.DataFrame(table.rows, columns=list(table.columns)), signature), None)
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
        raise Refused(400, f"The CSV cannot be read: {error}") from None


def _parse_chat(document: Dict[str, Any], signature: Optional[Signature]) -> Parsed:
    declared = signature.params if signature is not None else frozenset()
    params = {name: value for name, value in document.items() if name in declared}
    return Parsed({name: value for name, value in document.items() if name not in declared}, params, is_chat=True)


def _one_of(names: Tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _build(form: str, value: Any, signature: Optional[Signature]) -> Any:
    if form == "dataframe_split" or (form == "input_data" and _is_split(value)):
        return _frame(_split(value, signature), signature)
    if form == "dataframe_records":
        return _frame(_of_records(value), signature)
    if signature is not None and signature.is_of_type_hints:
        return value
    if isinstance(value, dict):
        return _from_dict(value, signature)
    if isinstance(value, list):
        return _from_list(value, signature)
    if isinstance(value, (str, int, float)) and (signature is None or len(signature.inputs) == 1):
        return np.asarray(value) if signature is None else _from_list([value], signature)
    raise TypeError("expected an object or a list")


def _is_split(value: Any) -> bool:
    return isinstance(value, dict) and "data" in value and set(value) <= {"columns", "index", "data"}


def _split(value: Any, signature: Optional[Signature]) -> pd.DataFrame:
    if not _is_split(value) or not isinstance(value["data"], list):
        raise TypeError("expected an object with columns, data and perhaps index")
    rows, columns, index = value["data"], value.get("columns"), value.get("index")
    if columns is None and signature is not None and not signature.is_tensors:
        columns = _names_of(signature)
    if columns is not None and len(set(columns)) != len(columns):
        raise ValueError("a column is named twice")
    widths = {len(row) for row in rows if isinstance(row, list)} | ({len(columns)} if columns is not None else set())
    if len(widths) > 1:
        raise ValueError(f"each row must be a list of {len(columns) if columns is not None else len(rows[0])} values")
    if index is not None and len(index) != len(rows):
        raise ValueError(f"there are {len(rows)} rows and {len(index)} members of index")
    return pd.DataFrame(rows, columns=columns, index=index)


def _names_of(signature: Signature) -> Optional[List[Any]]:
    names = [column.name for column in signature.inputs]
    return None if None in names else names


def _of_records(value: Any) -> pd.DataFrame:
    return pd.DataFrame(value, columns=list(tables.names_of_records(value)))


def _from_dict(value: Dict[str, Any], signature: Optional[Signature]) -> Any:
    """Named lists: columns for a signature of columns, otherwise named tensors."""
    if signature is None:
        return {name: np.asarray(items) for name, items in value.items()}
    kinds = {column.name: column for column in signature.inputs}
    if signature.is_tensors:
        if len(value) == 1 and list(kinds) == [None]:
            return _tensor(next(iter(value.values())), signature.inputs[0])
        return {name: _tensor(items, kinds.get(name)) for name, items in value.items()}
    types = {name: column.type for name, column in kinds.items()}
    lists = {name: _as_list(items, types.get(name, "")) for name, items in value.items()}
    return _frame(pd.DataFrame(lists), signature)


def _tensor(items: Any, column: Optional[Column]) -> Any:
    """An array of the declared type; a last length of 1 may be left out."""
    if column is None:
        return np.asarray(items)
    array = np.asarray(items, dtype=column.type)
    is_flat = column.shape[-1:] == (1,) and array.ndim == len(column.shape) - 1
    return array[..., np.newaxis] if is_flat else array


def _as_list(items: Any, kind: str) -> List[Any]:
    """The values of a column; one value alone is a column of one, and where values are lists, a list of them may be."""
    nested = 0
    while kind.startswith("Array("):
        kind, nested = kind[len("Array(") :], nested + 1
    innermost, depth = items, 0
    while isinstance(innermost, list):
        depth += 1
        innermost = innermost[0] if innermost else None
    return items if depth > nested else [items]


def _from_list(value: List[Any], signature: Optional[Signature]) -> Any:
    if value and all(isinstance(row, dict) for row in value):
        if signature is not None and signature.is_tensors:
            return {column.name: _tensor([row[column.name] for row in value], column) for column in signature.inputs}
        return _frame(_of_records(value), signature)
    if signature is None:
        return np.asarray(value)
    if signature.is_tensors:
        return np.asarray(value, dtype=signature.inputs[0].type if len(signature.inputs) == 1 else None)
    return _frame(_unnamed_rows(value, signature), signature)


def _unnamed_rows(value: List[Any], signature: Signature) -> pd.DataFrame:
    """Rows without names take the signature's, in its order."""
    rows = [row if isinstance(row, list) else [row] for row in value]
    return pd.DataFrame(rows, columns=_names_of(signature))


def _frame(frame: pd.DataFrame, signature: Optional[Signature]) -> pd.DataFrame:
    """With the types of the signature. Raises Refused (400) when it has no rows, as every table that has none."""
    if not len(frame):
        raise Refused(400, tables.NO_ROWS)
    if signature is None:
        return frame
    if signature.is_tensors:
        return frame.astype(signature.inputs[0].type) if _names_of(signature) is None else frame
    if _names_of(signature) is None:
        return _fitted_by_place(frame, signature)
    missing = [column.name for column in signature.inputs if column.is_required and column.name not in frame.columns]
    if missing:
        raise ValueError(f"the model is missing inputs {missing}")
    for column in signature.inputs:
        if column.name in frame.columns:
            values = frame[column.name]
            fitted = _fitted(str(column.name), column.type, values)
            if fitted is not values:
                frame[column.name] = fitted
    return frame


def _fitted_by_place(frame: pd.DataFrame, signature: Signature) -> pd.DataFrame:
    """Where columns have no names; MLflow refuses it when there are more or fewer."""
    if frame.shape[1] != len(signature.inputs):
        return frame
    places = range(frame.shape[1])
    made = {place: _fitted(str(place), signature.inputs[place].type, frame.iloc[:, place]) for place in places}
    fitted = pd.DataFrame(made)
    fitted.columns = frame.columns
    return fitted


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
        # MLflow's moments have no zone; one that has a zone is the same moment in UTC.
        return pd.to_datetime(values, utc=True).dt.tz_localize(None).astype("datetime64[ns]")
    if kind == "binary":
        return values.map(lambda text: base64.b64decode(text, validate=True))
    return values


def _convert_numbers(values: pd.Series, wanted: "np.dtype[Any]") -> Optional[pd.Series]:
    if wanted.kind == "f":
        # JSON writes 3 for 3.0, and null for NaN. That float32 rounds is what every producer of JSON expects.
        is_number = values.dtype.kind in "iuf" or all(type(value) in (int, float) for value in values.dropna())
        return values.astype(wanted) if is_number else None
    if values.dtype.kind not in "iuf" or values.isna().any() or not np.isfinite(values).all():
        return None
    narrowed = values.astype(wanted)
    return narrowed if (narrowed == values).all() else None
