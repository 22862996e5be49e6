"""Rows of plain values to the inputs of a converted model, and what its session answers.

The model's metadata (written by `graph`) says what each column is:

    {"name", "type", "required"}   a number; all of them together are the input `numbers`
    … "codes": {word: place}       text; the places together are the input `codes`
    … "feeds": input               text that has an input of its own
    … "nulls": false               the original refuses a missing value here
    … "unknown": false             the original refuses a word that is not among the codes

A value that the signature does not allow is the caller's mistake (400), as it
is with the original.
"""

import json
import math
from itertools import chain
from operator import itemgetter
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
import onnxruntime

from pratique_serving.errors import ModelFailed, Refused
from pratique_serving.tables import Column

_NUMBERS = frozenset({int, float})
_LISTS = frozenset({list})
_WHOLE = {"long": 2.0**63, "integer": 2.0**31}

# Rows that are given to the session at once; more would only need more memory.
MOST_AT_ONCE = 1024


class _Field(NamedTuple):
    """One column as the metadata describes it."""

    column: Column
    codes: Dict[Any, int]
    feeds: str
    takes_nulls: bool
    takes_unknown: bool


class Plan(NamedTuple):
    """Where a request with certain columns has the model's."""

    width: int
    numbers: Callable[[Sequence[Any]], Tuple[Any, ...]]
    words: Tuple[Tuple[int, Callable[[Any, int], int]], ...]
    texts: Tuple[Tuple[int, str], ...]
    places: Dict[str, int]


def open_session(path: str, shares_weights: bool = False) -> Any:
    """Single-threaded, because the number of threads can change an answer.

    With `shares_weights` it packs nothing anew: what lies in a file beside the model stays mapped, so that processes
    share its pages.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False
    if shares_weights:
        options.add_session_config_entry("session.disable_prepacking", "1")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def is_converted(session: Any) -> bool:
    """Whether the conversion made the model, so that it says what its columns are."""
    return "pratique.columns" in session.get_modelmeta().custom_metadata_map


class Rows:
    """One session of a converted model."""

    def __init__(self, path: str, session: Any = None) -> None:
        self.session = open_session(path) if session is None else session
        described = self.session.get_modelmeta().custom_metadata_map
        if not is_converted(self.session):
            raise ModelFailed(f"{path} was not made by the conversion: it does not say what its columns are")
        self._fields = tuple(_field(one) for one in json.loads(described["pratique.columns"]))
        self._answer = [described["pratique.answer"]]
        self.is_row_wise = described.get("pratique.row_wise") == "true"
        types = {given.name: given.type for given in self.session.get_inputs()}
        self._element = np.float32 if types.get("numbers") == "tensor(float)" else np.float64
        self._has_numbers = "numbers" in types
        self._has_codes = "codes" in types
        numbers = [field for field in self._fields if field.column.type != "string"]
        self._count = len(numbers)
        self._whole = [place for place, field in enumerate(numbers) if field.column.type in _WHOLE]
        self._most = [_WHOLE[field.column.type] for field in numbers if field.column.type in _WHOLE]
        self._short = [place for place, field in enumerate(numbers) if field.column.type == "float"]
        self._plans: Dict[Tuple[str, ...], Plan] = {}

    @property
    def columns(self) -> Tuple[Column, ...]:
        return tuple(field.column for field in self._fields)

    def plan(self, columns: Tuple[str, ...]) -> Plan:
        """Raises Refused (400) when the model misses one of its columns."""
        plan = self._plans.get(columns)
        if plan is None:
            plan = self._make_plan(columns)
            if len(self._plans) >= 64:
                self._plans.clear()
            self._plans[columns] = plan
        return plan

    def predict(self, plan: Plan, rows: List[List[Any]]) -> List[Any]:
        """One prediction for each row, as plain values. Raises Refused (400)."""
        if len(rows) <= MOST_AT_ONCE:
            return self._predict(plan, rows)
        parts = [self._predict(plan, rows[at : at + MOST_AT_ONCE]) for at in range(0, len(rows), MOST_AT_ONCE)]
        return list(chain.from_iterable(parts))

    def _predict(self, plan: Plan, rows: List[List[Any]]) -> List[Any]:
        answer = self.session.run(self._answer, self.feed(plan, rows))[0]
        if answer.ndim == 2 and answer.shape[1] == 1:
            answer = answer[:, 0]
        predictions: List[Any] = answer.tolist()
        return predictions

    def feed(self, plan: Plan, rows: List[List[Any]]) -> Dict[str, Any]:
        """The session's inputs. Raises Refused (400) for a value that the signature does not allow."""
        if not _LISTS.issuperset(map(type, rows)) or any(len(row) != plan.width for row in rows):
            raise Refused(400, f"input_data cannot be read: each row must be a list of {plan.width} values")
        inputs: Dict[str, Any] = {}
        if self._has_numbers:
            inputs["numbers"] = self._numbers(plan, rows)
        try:
            if self._has_codes:
                inputs["codes"] = self._codes(plan, rows)
            for place, name in plan.texts:
                inputs[name] = np.array([[self._text(name, row[place])] for row in rows], dtype=object)
        except TypeError:
            raise Refused(400, "A column of text has a value that is a list or an object.") from None
        return inputs

    def _numbers(self, plan: Plan, rows: List[List[Any]]) -> Any:
        flat = list(chain.from_iterable(map(plan.numbers, rows)))
        try:
            if not (_NUMBERS.issuperset(map(type, flat)) and math.isfinite(sum(flat))):
                flat = self._looked_at(flat)
            values = np.array(flat, self._element).reshape(len(rows), self._count)
        except OverflowError:
            raise Refused(400, "A number is too large.") from None
        if self._whole and len(rows):
            self._check_whole(values)
        if self._short:
            values[:, self._short] = values[:, self._short].astype(np.float32)
        return values

    def _looked_at(self, flat: List[Any]) -> List[float]:
        """Value by value, because there is one that is unusual. Missing numbers are NaN."""
        fields = [field for field in self._fields if field.column.type != "string"]
        looked = []
        for place, value in enumerate(flat):
            field = fields[place % self._count]
            looked.append(_number(value, field))
        return looked

    def _check_whole(self, values: Any) -> None:
        whole = values[:, self._whole]
        wrong = (whole != np.rint(whole)) | (np.abs(whole) > self._most)
        if wrong.any():
            numbers = [field.column for field in self._fields if field.column.type != "string"]
            column = numbers[self._whole[int(np.argwhere(wrong)[0][1])]]
            raise Refused(400, f"the column {column.name!r} must be of type {column.type}")

    def _codes(self, plan: Plan, rows: List[List[Any]]) -> Any:
        words = plan.words
        codes = [code(row[place], -1) for row in rows for place, code in words]
        if -1 in codes:
            self._look_at_unknown(plan, rows)
        return np.array(codes, np.int64).reshape(len(rows), len(words))

    def _look_at_unknown(self, plan: Plan, rows: List[List[Any]]) -> None:
        """A word may be unknown if the original takes it; a number in a column of text never is."""
        for field in self._fields:
            if not field.codes:
                continue
            place = plan.places[field.column.name]
            for row in rows:
                if row[place] not in field.codes:
                    _check_unknown(field, row[place])

    def _text(self, name: str, value: Any) -> str:
        if isinstance(value, str):
            return value
        raise Refused(400, f"the column {name!r} must be of type string")

    def _make_plan(self, columns: Tuple[str, ...]) -> Plan:
        places = {name: place for place, name in enumerate(columns)}
        missing = [field.column.name for field in self._fields if field.column.name not in places]
        if missing:
            raise Refused(400, f"the model is missing inputs {missing}")
        numbers = [places[field.column.name] for field in self._fields if field.column.type != "string"]
        words = sorted((field for field in self._fields if field.codes), key=lambda field: min(field.codes.values()))
        texts = tuple((places[field.column.name], field.feeds) for field in self._fields if field.feeds)
        return Plan(
            len(columns),
            _picker(numbers),
            tuple((places[field.column.name], field.codes.get) for field in words),
            texts,
            places,
        )


def _field(described: Dict[str, Any]) -> _Field:
    column = Column(described["name"], described["type"], described.get("required", True))
    return _Field(
        column,
        described.get("codes", {}),
        described.get("feeds", ""),
        described.get("nulls", True),
        described.get("unknown", True),
    )


def _picker(places: List[int]) -> Callable[[Sequence[Any]], Tuple[Any, ...]]:
    if len(places) == 1:
        only = places[0]
        return lambda row: (row[only],)
    return itemgetter(*places) if places else lambda row: ()  # noqa: ARG005 - one signature for all.


def _number(value: Any, field: _Field) -> float:
    if value is None and field.takes_nulls and field.column.type in ("double", "float"):
        return math.nan
    if field.column.type == "boolean" and isinstance(value, bool):
        return float(value)
    if type(value) in _NUMBERS and field.column.type != "boolean":
        if field.takes_nulls or math.isfinite(value):
            return float(value)
        raise Refused(400, f"the column {field.column.name!r} takes no NaN and no infinity")
    if value is None:
        raise Refused(400, f"the column {field.column.name!r} takes no missing value")
    raise Refused(400, f"the column {field.column.name!r} must be of type {field.column.type}")


def _check_unknown(field: _Field, value: Any) -> None:
    if value is None:
        if not field.takes_nulls:
            raise Refused(400, f"the column {field.column.name!r} takes no missing value")
    elif not isinstance(value, str):
        raise Refused(400, f"the column {field.column.name!r} must be of type string")
    elif not field.takes_unknown:
        raise Refused(400, f"the column {field.column.name!r} has a value that the model does not know")
