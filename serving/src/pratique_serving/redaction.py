"""Leaves the values of named columns out of what is collected, in whatever form they come.

    frames, records, instances, lists by name    {"name": …}, {"columns": [… "name" …], "data": [[…]]}
    rows without names                           by their places, where the model has a signature
    tensors of the Open Inference Protocol       {"name": "name", "datatype": …, "data": […]}
    JSON within a text                           what a script that returns `json.dumps(…)` answers
    CSV                                          by its first line
    Arrow                                        as a frame

What cannot be read as one of these is left out as a whole: binary tensors, text.
"""

import csv
import io
import json
from typing import Any, Dict, FrozenSet, List, Sequence, Tuple

from pratique_serving import arrow
from pratique_serving.tables import FORMATS

REDACTED = "redacted"

_OF_TENSOR = frozenset({"name", "shape", "datatype"})


class Redaction:
    """Which columns are left out."""

    def __init__(self, names: FrozenSet[str]) -> None:
        self._names = names
        self._width = 0
        self._places: FrozenSet[int] = frozenset()
        """Of rows whose values have no names, when they are so wide as the signature."""

    def __bool__(self) -> bool:
        return bool(self._names)

    def know(self, columns: Sequence[str]) -> None:
        """The model's own columns, in the order of its signature."""
        self._width = len(columns)
        self._places = frozenset(place for place, name in enumerate(columns) if name in self._names)

    def of_body(self, body: bytes, form: str) -> Tuple[bytes, str]:
        """What is kept of a body, and in which form that is: csv, arrow, or nothing for JSON."""
        try:
            if form == "csv":
                return self._csv(body), form
            if form == "arrow":
                names, columns = arrow.read(body)
                return self._json({"input_data": {"columns": [*names], "data": arrow.rows_of(columns)}}), ""
            return self._json(json.loads(body)), ""
        # Whatever is wrong with it: what cannot be read cannot be known to be free of them.
        except Exception:  # noqa: BLE001
            return REDACTED.encode(), ""

    def of_answer(self, body: bytes, status: int) -> bytes:
        """What is kept of an answer; the words of an error may quote a value."""
        return self.of_body(body, "")[0] if status < 400 else REDACTED.encode()

    def of(self, value: Any) -> Any:
        """A value of JSON without them."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self.of(part) for part in value]
        if not isinstance(value, dict):
            return value
        if value.keys() >= _OF_TENSOR:
            return self._tensor(value)
        shown = {name: _hidden(part) if name in self._names else self.of(part) for name, part in value.items()}
        columns, rows = value.get("columns"), value.get("data")
        if isinstance(columns, list) and isinstance(rows, list):
            hidden = frozenset(place for place, name in enumerate(columns) if str(name) in self._names)
            shown.update(columns=columns, data=[self._row(row, hidden, len(columns)) for row in rows])
            return shown
        for form in (*FORMATS, "data"):
            if self._places and isinstance(value.get(form), list):
                shown[form] = [self._row(row, self._places, self._width) for row in value[form]]
        return shown

    def _json(self, document: Any) -> bytes:
        return json.dumps(self.of(document)).encode()

    def _text(self, text: str) -> str:
        if text.lstrip()[:1] not in ("{", "["):
            return text
        try:
            return json.dumps(self.of(json.loads(text)))
        except ValueError:
            return text

    def _row(self, row: Any, hidden: FrozenSet[int], width: int) -> Any:
        """A row by the places of its values; one that is not a list has names, or nobody knows whose value it is."""
        if isinstance(row, list):
            if len(row) > width:
                return [REDACTED] * len(row) if hidden else row
            return [REDACTED if place in hidden else self.of(value) for place, value in enumerate(row)]
        return REDACTED if hidden and not isinstance(row, dict) else self.of(row)

    def _tensor(self, tensor: Dict[str, Any]) -> Dict[str, Any]:
        data, shape = tensor.get("data"), tensor["shape"]
        if not isinstance(data, list):
            return tensor
        if tensor["name"] in self._names:
            return {**tensor, "data": [REDACTED] * _count(data)}
        if self._places and isinstance(shape, list) and shape[1:] == [self._width]:
            flat: List[Any] = [self._row(row, self._places, self._width) for row in _rows(data, self._width)]
            return {**tensor, "data": [value for row in flat for value in row]}
        return {**tensor, "data": [self.of(part) for part in data]}

    def _csv(self, body: bytes) -> bytes:
        lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True))
        names = lines[0]
        hidden = frozenset(place for place, name in enumerate(names) if name.strip() in self._names)
        shown = io.StringIO(newline="")
        csv.writer(shown).writerows([names, *(self._row(line, hidden, len(names)) for line in lines[1:])])
        return shown.getvalue().encode()


def _hidden(value: Any) -> Any:
    """In the place of a value, and of each in a list, so that there are as many as in the lists beside it."""
    return [REDACTED] * len(value) if isinstance(value, list) else REDACTED


def _count(data: Any) -> int:
    return sum(map(_count, data)) if isinstance(data, list) else 1


def _rows(data: List[Any], width: int) -> List[Any]:
    """The rows of a table that may be flat."""
    if data and isinstance(data[0], list):
        return data
    return [data[at : at + width] for at in range(0, len(data), width)]
