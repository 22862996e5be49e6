"""Rows of plain values to the inputs of a converted model, and what its session answers.

The model's metadata (written by `graph`) says what each column is:

    {"name", "type", "required"}   a number; all of them together are the input `numbers`
    … "codes": {word: place}       text; the places together are the input `codes`
    … "null": place                of a missing text, where the original has learned that as if it were a word
    … "feeds": input               text that has an input of its own
    … "nulls": false               the original refuses a missing value here
    … "unknown": false             the original refuses a word that is not among the codes, or else these
    … "words": [word]              that it knows
    … "least", "most"              numbers beyond these the original refuses, or the proof does not reach

and `pratique.kind` what an answer is where ONNX has another type for it (`bool`, `float`, `int`), `pratique.table`
that it is a list for each row, even of one value.

A value that the signature does not allow is the caller's mistake (400), as it
is with the original.
"""

import json
import math
from itertools import chain
from operator import itemgetter
from typing import Any, Callable, Dict, FrozenSet, List, NamedTuple, Sequence, Tuple

import numpy as np
import onnxruntime

from pratique_serving.errors import ModelFailed, Refused
from pratique_serving.tables import Column

_NUMBERS = frozenset({int, float})
_LISTS = frozenset({list})
_WHOLE = {"long": 2**63, "integer": 2**31}
_KINDS = {"bool": np.bool_, "float": np.float64, "int": np.int64}

# Numbers up to here need no second look, whatever their column: the largest of the narrowest type of a column.
_ALL_FIT = {"integer": 2.0**31 - 1, "long": 2.0**63 - 1024}
_PROVEN = 1e30

# What stands for a missing text in an input of its own: a word that nobody can have learned.
MISSING = "\x00missing\x00"

# Plans that are remembered, and the letters that the names of their columns have: a caller may send any names besides
# those of the model.
_MOST_KEPT = 64
_LONGEST_KEPT = 64 * 1024

# Rows that are given to the session at once; more would only need more memory.
MOST_AT_ONCE = 1024


class _Field(NamedTuple):
    """One column as the metadata describes it."""

    column: Column
    codes: Dict[Any, int]
    feeds: str
    takes_nulls: bool
    takes_unknown: bool
    least: float
    most: float
    words: FrozenSet[str]
    """The only ones that an input of its own takes; empty where it takes all."""


class Plan(NamedTuple):
    """Where a request with certain columns has the model's."""

    width: int
    numbers: Callable[[Sequence[Any]], Tuple[Any, ...]]
    words: Tuple[Tuple[int, Callable[[Any, int], int]], ...]
    texts: Tuple[Tuple[int, "_Field"], ...]
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
        self.outputs: List[Dict[str, Any]] = json.loads(described.get("pratique.outputs", "[]"))
        self.is_row_wise = described.get("pratique.row_wise") == "true"
        self._kind = _KINDS.get(described.get("pratique.kind", ""))
        self._is_table = described.get("pratique.table") == "true"
        types = {given.name: given.type for given in self.session.get_inputs()}
        self._is_narrow = types.get("numbers") == "tensor(float)"
        self._has_numbers = "numbers" in types
        self._has_codes = "codes" in types
        self._numeric = [field for field in self._fields if field.column.type != "string"]
        self._count = len(self._numeric)
        self._whole = [place for place, field in enumerate(self._numeric) if field.column.type in _WHOLE]
        self._short = [place for place, field in enumerate(self._numeric) if field.column.type == "float"]
        self._plain = _largest_plain(self._numeric)
        self._plans: Dict[Tuple[str, ...], Plan] = {}

    @property
    def columns(self) -> Tuple[Column, ...]:
        return tuple(field.column for field in self._fields)

    @property
    def words(self) -> Dict[str, List[str]]:
        """Those that it knows, by column."""
        known = {field.column.name: [word for word in field.codes if word is not None] for field in self._fields}
        return {name: words for name, words in known.items() if words}

    @property
    def answer_type(self) -> str:
        """ONNX's name of it."""
        return next(str(one.type) for one in self.session.get_outputs() if one.name == self._answer[0])

    def plan(self, columns: Tuple[str, ...]) -> Plan:
        """Raises Refused (400) when the model misses one of its columns."""
        plan = self._plans.get(columns)
        if plan is None:
            plan = self._make_plan(columns)
            if sum(map(len, columns)) <= _LONGEST_KEPT:
                if len(self._plans) >= _MOST_KEPT:
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
        if answer.ndim == 2 and answer.shape[1] == 1 and not self._is_table:
            answer = answer[:, 0]
        if self._kind is not None:
            answer = answer.astype(self._kind)
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
            for place, field in plan.texts:
                inputs[field.feeds] = np.array([[_text(field, row[place])] for row in rows], dtype=object)
        except TypeError:
            raise Refused(400, "A column of text has a value that is a list or an object.") from None
        return inputs

    def _numbers(self, plan: Plan, rows: List[List[Any]]) -> Any:
        flat = list(chain.from_iterable(map(plan.numbers, rows)))
        # The length of them all is at least the size of the largest; NaN is not less than anything.
        if not (_NUMBERS.issuperset(map(type, flat)) and _length(flat) <= self._plain):
            flat = self._looked_at(flat)
        values = np.array(flat, np.float64).reshape(len(rows), self._count)
        if self._whole:
            self._check_whole(values)
        if self._short:
            values[:, self._short] = values[:, self._short].astype(np.float32)
        return values.astype(np.float32) if self._is_narrow else values

    def _looked_at(self, flat: List[Any]) -> List[float]:
        """Value by value, because there is one that is unusual. Missing numbers are NaN."""
        return [_number(value, self._numeric[place % self._count]) for place, value in enumerate(flat)]

    def _check_whole(self, values: Any) -> None:
        whole = values[:, self._whole]
        wrong = whole != np.rint(whole)
        if wrong.any():
            raise _mistyped(self._numeric[self._whole[int(np.argwhere(wrong)[0][1])]])

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

    def _make_plan(self, columns: Tuple[str, ...]) -> Plan:
        places = {name: place for place, name in enumerate(columns)}
        missing = [field.column.name for field in self._fields if field.column.name not in places]
        if missing:
            raise Refused(400, f"the model is missing inputs {missing}")
        numbers = [places[field.column.name] for field in self._fields if field.column.type != "string"]
        words = sorted((field for field in self._fields if field.codes), key=lambda field: min(field.codes.values()))
        texts = tuple((places[field.column.name], field) for field in self._fields if field.feeds)
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
        {**described.get("codes", {}), **({None: described["null"]} if "null" in described else {})},
        described.get("feeds", ""),
        described.get("nulls", True),
        described.get("unknown", True),
        described.get("least", -math.inf),
        described.get("most", math.inf),
        frozenset(described.get("words", ())),
    )


def _largest_plain(numeric: Sequence[_Field]) -> float:
    """The size up to which no number needs a second look; below zero when every one does."""
    if any(field.column.type == "boolean" for field in numeric):
        return -1.0
    bounds = [min(-field.least, field.most, _ALL_FIT.get(field.column.type, _PROVEN)) for field in numeric]
    return min(bounds, default=_PROVEN)


def _length(flat: List[Any]) -> float:
    """As a vector: costs what adding them up would. A whole number that no fraction can hold has none."""
    try:
        return math.hypot(*flat)
    except OverflowError:
        return math.inf


def _picker(places: List[int]) -> Callable[[Sequence[Any]], Tuple[Any, ...]]:
    if len(places) == 1:
        only = places[0]
        return lambda row: (row[only],)
    return itemgetter(*places) if places else lambda row: ()  # noqa: ARG005 - one signature for all.


def _number(value: Any, field: _Field) -> float:
    """The same refusals as the original's columns have, and besides what it refuses beyond them."""
    kind, name = field.column.type, field.column.name
    if value is None and kind not in _WHOLE:
        if field.takes_nulls:
            return math.nan
        raise Refused(400, f"the column {name!r} takes no missing value")
    if kind == "boolean":
        if type(value) is bool:
            return float(value)
        raise _mistyped(field)
    if type(value) not in _NUMBERS:
        raise _mistyped(field)
    if kind in _WHOLE and (not -_WHOLE[kind] <= value < _WHOLE[kind] or value != int(value)):
        raise _mistyped(field)
    return _within(value, field)


def _within(value: Any, field: _Field) -> float:
    try:
        number = float(value)
    except OverflowError:
        raise _mistyped(field) from None
    if number != number:
        if field.takes_nulls:
            return number
        raise Refused(400, f"the column {field.column.name!r} takes no NaN")
    if not field.least <= number <= field.most:
        raise Refused(400, f"the column {field.column.name!r} takes numbers from {field.least:g} to {field.most:g}")
    return number


def _mistyped(field: _Field) -> Refused:
    return Refused(400, f"the column {field.column.name!r} must be of type {field.column.type}")


def _text(field: _Field, value: Any) -> str:
    if isinstance(value, str):
        if field.words and value not in field.words:
            raise Refused(400, f"the column {field.column.name!r} has a value that the model does not know")
        return _sendable(value)
    if value is not None:
        raise _mistyped(field)
    if not field.takes_nulls:
        raise Refused(400, f"the column {field.column.name!r} takes no missing value")
    return MISSING


def _sendable(text: str) -> str:
    """Half a character, which JSON can say, has no bytes; it is as unknown as the sign for what cannot be shown."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _check_unknown(field: _Field, value: Any) -> None:
    if value is None:
        if not field.takes_nulls:
            raise Refused(400, f"the column {field.column.name!r} takes no missing value")
    elif not isinstance(value, str):
        raise Refused(400, f"the column {field.column.name!r} must be of type string")
    elif not field.takes_unknown:
        raise Refused(400, f"the column {field.column.name!r} has a value that the model does not know")
