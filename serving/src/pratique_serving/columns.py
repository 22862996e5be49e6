"""Rows of plain values as the DataFrame that a signature describes, built once and column by column.

For signatures of plain columns only. Values take the signature's types where no
value changes: 3 is a double and 3.0 a long, but 1.5 is no long and "false" no
boolean. Other columns than the signature's are left out, its own come in its
order; both is what MLflow does.
"""

from typing import Any, Callable, Dict, FrozenSet, List, Sequence, Tuple

import numpy as np
import pandas as pd

from pratique_serving.errors import Refused
from pratique_serving.tables import Column, Table, check_width

_NUMBERS: Dict[str, "np.dtype[Any]"] = {
    "double": np.dtype("float64"),
    "float": np.dtype("float32"),
    "long": np.dtype("int64"),
    "integer": np.dtype("int32"),
}
_FRACTIONS: FrozenSet[type] = frozenset({int, float})
_WHOLE: FrozenSet[type] = frozenset({int})
_NONE = type(None)

PLAIN = frozenset({*_NUMBERS, "boolean", "string"})
"""The types of columns that are built here."""


def build(columns: Sequence[Column], table: Table) -> pd.DataFrame:
    """Raises Refused (400) for what the signature does not allow."""
    places = {name: place for place, name in enumerate(table.columns)}
    missing = [column.name for column in columns if column.is_required and column.name not in places]
    if missing:
        raise Refused(400, f"the model is missing inputs {missing}")
    width = len(table.columns)
    try:
        check_width(table)
    except ValueError as error:
        raise Refused(400, f"input_data cannot be read: {error}") from None
    values: List[Tuple[Any, ...]] = list(zip(*table.rows)) if table.rows else [()] * width
    made = {column.name: _array(column, values[places[column.name]]) for column in columns if column.name in places}
    return pd.DataFrame(made, copy=False)


def matrix(columns: Sequence[Column], table: Table) -> Any:
    """Rows of numbers as `build` would make a frame of them, in 64 bits. Raises Refused (400) as it does."""
    missing = [column.name for column in columns if column.name not in table.columns]
    if missing:
        raise Refused(400, f"the model is missing inputs {missing}")
    try:
        check_width(table)
    except ValueError as error:
        raise Refused(400, f"input_data cannot be read: {error}") from None
    values: List[Tuple[Any, ...]] = list(zip(*table.rows)) if table.rows else [()] * len(table.columns)
    made = [_array(column, values[table.columns.index(column.name)]) for column in columns]
    return np.column_stack(made).astype(np.float64, copy=False)


def sliceable(result: Any) -> Sequence[Any]:
    """Predictions that can be cut by their places."""
    return _ByPlace(result) if hasattr(result, "iloc") else result


class _ByPlace(Sequence[Any]):
    """A frame or series, cut by places and not by labels."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def __len__(self) -> int:
        return len(self._frame)

    def __getitem__(self, place: Any) -> Any:
        return self._frame.iloc[place]


def is_row_wise(predict: Callable[[Table], Any], example: Table) -> bool:
    """Whether rows predicted together and one by one agree.

    The example's rows are mixed to some more, so that one row is enough to see a
    model that ranks, centres or counts. Fractions may differ by rounding.
    """
    rows = _mixed(example.rows)
    try:
        together = predict(Table(example.columns, rows))
        if len(together) != len(rows):
            return False
        return all(_agree(together[place], predict(Table(example.columns, [row]))[0]) for place, row in enumerate(rows))
    # Whatever the model raises: then its rows go one by one, as its author has tried them.
    except Exception:  # noqa: BLE001
        return False


def _mixed(rows: List[List[Any]]) -> List[List[Any]]:
    """At most eight rows: those of the example, and then others with larger and smaller numbers."""
    some = [list(row) for row in rows[:4]]
    changed = [
        [value * factor if type(value) is float else value for value in some[0]] for factor in (2.0, 0.5, 3.0, 0.25)
    ]
    return some + changed


def _agree(one: Any, other: Any) -> bool:
    first, second = np.asarray(one), np.asarray(other)
    if first.dtype.kind == "f" and second.dtype.kind == "f":
        return bool(np.allclose(first, second, rtol=1e-9, atol=1e-12, equal_nan=True))
    return bool(np.array_equal(first, second))


def _array(column: Column, values: Tuple[Any, ...]) -> Any:
    kinds = set(map(type, values))
    kind = column.type
    try:
        if kind in _NUMBERS:
            return _numbers(column, values, kinds)
        wanted: type = str if kind == "string" else bool
        if kinds <= {wanted}:
            return np.array(values, dtype=object if kind == "string" else bool)
        if kinds <= {wanted, _NONE}:
            return np.array(values, dtype=object)
    except OverflowError:
        pass
    raise _refused(column)


def _numbers(column: Column, values: Tuple[Any, ...], kinds: "set[type]") -> Any:
    wanted = _NUMBERS[column.type]
    if wanted.kind == "f":
        if kinds <= _FRACTIONS:
            return np.array(values, dtype=wanted)
        if kinds <= {*_FRACTIONS, _NONE}:
            return np.array([np.nan if value is None else value for value in values], dtype=wanted)
    elif kinds <= _WHOLE:
        return np.array(values, dtype=wanted)
    elif kinds <= _FRACTIONS and all(value == value // 1 for value in values):
        return np.array([int(value) for value in values], dtype=wanted)
    raise _refused(column)


def _refused(column: Column) -> Refused:
    return Refused(400, f"the column {column.name!r} must be of type {column.type}")
