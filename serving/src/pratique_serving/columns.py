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

_KNOWS_TEXT = int(pd.__version__.partition(".")[0]) >= 3

PLAIN = frozenset({*_NUMBERS, "boolean", "string"})
"""The types of columns that are built here."""


def build(columns: Sequence[Column], table: Table) -> pd.DataFrame:
    """Raises Refused (400) for what the signature does not allow."""
    values = _by_name(table, [column.name for column in columns if column.is_required])
    made = {column.name: _array(column, values[column.name]) for column in columns if column.name in values}
    return pd.DataFrame(made, copy=False)


def matrix(columns: Sequence[Column], table: Table) -> Any:
    """Rows of numbers as `build` would make a frame of them, in 64 bits. Raises Refused (400) as it does."""
    values = _by_name(table, [column.name for column in columns])
    made = [_array(column, values[column.name]) for column in columns]
    return np.column_stack(made).astype(np.float64, copy=False)


def _by_name(table: Table, required: Sequence[str]) -> Dict[str, Tuple[Any, ...]]:
    """The values of each column of the table."""
    sent = frozenset(table.columns)
    missing = [name for name in required if name not in sent]
    if missing:
        raise Refused(400, f"the model is missing inputs {missing}")
    try:
        check_width(table)
    except ValueError as error:
        raise Refused(400, f"input_data cannot be read: {error}") from None
    values: List[Tuple[Any, ...]] = list(zip(*table.rows)) if table.rows else [()] * len(table.columns)
    return dict(zip(table.columns, values))


def sliceable(result: Any) -> Sequence[Any]:
    """Predictions that can be cut by their places."""
    return _ByPlace(result) if hasattr(result, "iloc") else result


def kinds_of(result: Any) -> object:
    """Of what types the predictions are, where numpy or pandas gives one to many of them."""
    if hasattr(result, "iloc") and hasattr(result, "columns"):
        return tuple(kind.kind for kind in result.dtypes)
    return getattr(getattr(result, "dtype", None), "kind", "")


def differs_in_company(columns: Sequence[Column], table: Table) -> bool:
    """Whether these rows may get columns of another type among others than alone, and the model other values.

    A column of truths with a gap is one of objects; and text that is nothing but gaps is no text for pandas 3.
    """
    if not any(None in row for row in table.rows):
        return False
    kinds = {column.name: column.type for column in columns}
    for place, name in enumerate(table.columns):
        kind = kinds.get(name)
        if kind == "boolean" or (kind == "string" and _KNOWS_TEXT):
            gaps = sum(row[place] is None for row in table.rows)
            if gaps and (kind == "boolean" or gaps == len(table.rows)):
                return True
    return False


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
    # A word or a whole number may be the code of something, and then the model may know no others.
    for changed in (frozenset({float, int, str}), _FRACTIONS, frozenset({float})):
        try:
            return _is_alike(predict, Table(example.columns, _mixed(example.rows, changed)))
        # Whatever the model raises: then its rows go one by one, as its author has tried them.
        except Exception:  # noqa: BLE001, S112
            continue
    return False


def _is_alike(predict: Callable[[Table], Any], table: Table) -> bool:
    together = predict(table)
    if len(together) != len(table.rows):
        return False
    alone = (predict(Table(table.columns, [row]))[0] for row in table.rows)
    return all(_agree(together[place], one) for place, one in enumerate(alone))


def _mixed(rows: List[List[Any]], changed: FrozenSet[type]) -> List[List[Any]]:
    """At most eight rows: those of the example, and then others with other values of these types."""
    some = [list(row) for row in rows[:4]]
    factors = (2.0, 0.5, 3.0, 0.25)
    return some + [
        [_other(value, factor) if type(value) in changed else value for value in some[0]] for factor in factors
    ]


def _other(value: Any, factor: float) -> Any:
    return f"{value}{factor}" if isinstance(value, str) else type(value)(value * factor)


def _agree(one: Any, other: Any) -> bool:
    """Also in their type: 1 is not 1.0, when the caller reads it."""
    first, second = np.asarray(one), np.asarray(other)
    if first.dtype.kind != second.dtype.kind:
        return False
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
