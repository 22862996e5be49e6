"""Which values the original model takes in each column, found out by asking it.

A converted graph answers whatever numbers it gets. The original refuses many: a
missing one, an infinity, one that no 32 bits can hold before a forest, one that
has no logarithm. So from a row that the original predicts each column is walked
up and down; where it begins to refuse, the exact border is searched by halves.
Beyond what both models must agree on (1e30) the last number that was tried has to
do. All columns take their steps together, because one call for a row costs nearly
as much as one for hundreds.
"""

import math
import struct
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np

from pratique_serving.columns import build
from pratique_serving.errors import Refused
from pratique_serving.graph import describe
from pratique_serving.onnx_rows import Plan, Rows
from pratique_serving.tables import Column, Table

WHOLE = {"long": 2**63, "integer": 2**31}
"""Types of whole numbers, and the first one that is too large for each."""

PROVEN = 1e30
"""As far as this both models must agree in every column, or there is no converted one."""

UNKNOWN = "a word that nobody knows"
_LAST_OF_32_BITS = 3.4028235677973362e38
_LAST = 1.7976931348623157e308
_OVERFLOWING = (1e300, 1e302, 1e304, 1e305, 1e306, 1e307, 3e307, 1e308, 1.5e308)
_FAR = (_LAST_OF_32_BITS, float(np.nextafter(_LAST_OF_32_BITS, np.inf)), 1e100, *_OVERFLOWING, _LAST, math.inf)
_NEAR = (0.0, 1e-9, 0.5, 1.0, 1e6, 1e12, 1e16, 1e20, PROVEN)
_WHOLE_NEAR = (0, 1, 10**6, 2**31 - 1, 2**53 + 1, 2**63 - 1)
_EXACT_FAR = (_LAST_OF_32_BITS, _LAST)
"""Of the numbers of `_FAR` those whose neighbour is one as well: a column that ends there, ends just there."""

# Rows that the original is asked for at once, and those of which it is not worth while to ask for some together.
_AT_ONCE = 1000
_FEW = 8


class Limits(NamedTuple):
    """Of one column."""

    nulls: bool = True
    unknown: bool = True
    least: float = -math.inf
    most: float = math.inf

    def allow(self, value: Any) -> bool:
        """Whether a number is between them; words always are."""
        return not isinstance(value, (int, float)) or self.least <= value <= self.most


class Original:
    """The model as it was trained, asked with rows as a request has them."""

    def __init__(self, model: Any, columns: Sequence[Column]) -> None:
        self._model = model
        self.columns = tuple(columns)
        self.names = tuple(column.name for column in columns)
        self._decides = hasattr(model, "classes_")

    @property
    def decides(self) -> bool:
        """Whether an answer is one of a few, and not a measure; known once there was an answer."""
        return self._decides

    def answers(self, rows: List[List[Any]]) -> Any:
        """One for each row; raises whatever the model raises."""
        answers = np.asarray(self._model.predict(self._frame(rows)))
        self._decides = self._decides or answers.dtype.kind != "f"
        return answers

    def chances(self, rows: List[List[Any]]) -> Any:
        """The probabilities of its classes; None where there are none."""
        if not hasattr(self._model, "predict_proba"):
            return None
        chances = self._model.predict_proba(self._frame(rows))
        return chances if isinstance(chances, np.ndarray) else None

    def scores(self, rows: List[List[Any]]) -> Any:
        """What the answers are decided by: numbers, some for each row."""
        scores = self.chances(rows)
        if scores is None and hasattr(self._model, "decision_function"):
            scores = self._model.decision_function(self._frame(rows))
        elif scores is None:
            scores = self.answers(rows)
        made = np.asarray(scores)
        return made.astype(np.float64).reshape(len(rows), -1) if made.dtype.kind in "fiub" else None

    def takes(self, row: List[Any]) -> bool:
        """Whether it predicts this row."""
        return not self.complaint(row)

    def complaint(self, row: List[Any]) -> str:
        """What it says against this row."""
        try:
            self.answers([row])
        # Whatever the model raises, it does not predict this row.
        except Exception as error:  # noqa: BLE001
            return f"{type(error).__name__}: {error}".splitlines()[0]
        return ""

    def takes_each(self, rows: List[List[Any]]) -> List[bool]:
        """Of each row, whether it predicts it; which of many is refused is found out by halves."""
        found: List[bool] = []
        for at in range(0, len(rows), _AT_ONCE):
            found += self._takes_each(rows[at : at + _AT_ONCE])
        return found

    def _takes_each(self, rows: List[List[Any]]) -> List[bool]:
        try:
            self.answers(rows)
        # One of them is refused, and which is found out.
        except Exception:  # noqa: BLE001
            if len(rows) <= _FEW:
                return [len(rows) > 1 and self.takes(row) for row in rows]
            half = len(rows) // 2
            return self._takes_each(rows[:half]) + self._takes_each(rows[half:])
        return [True] * len(rows)

    def split(self, rows: List[List[Any]]) -> Tuple[List[List[Any]], List[List[Any]]]:
        """Those that it predicts, and those that it refuses."""
        each = self.takes_each(rows)
        taken = [row for row, is_taken in zip(rows, each) if is_taken]
        return taken, [row for row, is_taken in zip(rows, each) if not is_taken]

    def _frame(self, rows: List[List[Any]]) -> Any:
        return build(self.columns, Table(self.names, rows))


def find(original: Original, base: List[Any]) -> List[Limits]:
    """Of each column, from a row that the original predicts."""
    found = {place: _of_words(original, base, place) for place in range(len(base))}
    numeric = [place for place, column in enumerate(original.columns) if column.type not in ("string", "boolean")]
    steps = {place: _steps(original.columns[place], base[place]) for place in numeric}
    most = _reach(original, base, {place: up for place, (up, _) in steps.items()}, math.inf)
    least = _reach(original, base, {place: down for place, (_, down) in steps.items()}, -math.inf)
    gaps = [place for place in numeric if original.columns[place].type not in WHOLE]
    nulls = dict(zip(gaps, original.takes_each([with_value(base, place, None) for place in gaps])))
    found.update({place: Limits(nulls.get(place, False), True, least[place], most[place]) for place in numeric})
    return list(found.values())


def with_value(row: List[Any], place: int, value: Any) -> List[Any]:
    """The row with another value in one column."""
    return [*row[:place], value, *row[place + 1 :]]


def _of_words(original: Original, base: List[Any], place: int) -> Limits:
    """Each in a call of its own: a column may be of another type where nothing but a missing value is in it."""
    kind = original.columns[place].type
    if kind not in ("string", "boolean"):
        return Limits()
    nulls = original.takes(with_value(base, place, None))
    return Limits(nulls, kind == "boolean" or original.takes(with_value(base, place, UNKNOWN)))


def _steps(column: Column, start: Any) -> Tuple[List[Any], List[Any]]:
    """Values above and below the start, the nearest first."""
    steps: Sequence[Any] = _WHOLE_NEAR if column.type in WHOLE else (*_NEAR, *_FAR)
    both = {*steps, *(-step for step in steps)}
    if column.type in WHOLE:
        both = {step for step in [*both, -WHOLE[column.type]] if -WHOLE[column.type] <= step < WHOLE[column.type]}
    return sorted(step for step in both if step > start), sorted((step for step in both if step < start), reverse=True)


def _reach(original: Original, base: List[Any], steps: Dict[int, List[Any]], end: float) -> Dict[int, float]:
    """Of each column, by its place, the last number on its way that is taken; `end` when all are."""
    good: Dict[int, Any] = {place: base[place] for place in steps}
    bad: Dict[int, Any] = {}
    for number in range(max(map(len, steps.values()), default=0)):
        walking = [place for place, way in steps.items() if place not in bad and number < len(way)]
        rows = [with_value(base, place, steps[place][number]) for place in walking]
        for place, is_taken in zip(walking, original.takes_each(rows)):
            (good if is_taken else bad)[place] = steps[place][number]
    found = {place: float(good[place]) if place in bad else end for place in steps}
    near = {place: (good[place], bad[place]) for place in bad if abs(good[place]) < PROVEN}
    return {**found, **_borders(original, base, near)}


def _borders(original: Original, base: List[Any], between: Dict[int, Tuple[Any, Any]]) -> Dict[int, float]:
    """Of each column the last one that is taken between a value that is and one that is not.

    Columns that go through the same part of a model mostly end alike: what was found is tried for the next one.
    """
    known: Dict[Tuple[int, int], None] = {}
    found = {}
    for place, (good, bad) in between.items():
        is_whole = isinstance(good, int) and isinstance(bad, int)
        low, high = (good, bad) if is_whole else (_rank(good), _rank(bad))

        def takes(number: int, place: int = place, is_whole: bool = is_whole) -> bool:
            return original.takes(with_value(base, place, number if is_whole else _of_rank(number)))

        for last, first in known:
            is_between = min(low, high) <= min(last, first) and max(last, first) <= max(low, high)
            if is_between and (last == low or takes(last)) and (first == high or not takes(first)):
                low, high = last, first
                break
        while abs(high - low) > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if takes(middle) else (low, middle)
        known[low, high] = None
        found[place] = float(low if is_whole else _of_rank(low))
    return found


def _rank(number: float) -> int:
    """The place of a number among all numbers of 64 bits."""
    bits: int = struct.unpack("<q", struct.pack("<d", number))[0]
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)


def _of_rank(rank: int) -> float:
    number: float = struct.unpack("<d", struct.pack("<q", abs(rank)))[0]
    return number if rank >= 0 else -number


def edges(column: Column, limits: Limits) -> List[Any]:
    """Values of a column that a model may trip over, of those that the original takes."""
    missing = [None] if limits.nulls else []
    if column.type == "string":
        return [*(["", "unbekannt ä"] if limits.unknown else []), *missing]
    if column.type == "boolean":
        return [True, False, *missing]
    if column.type in WHOLE:
        most = WHOLE[column.type]
        whole = [step for step in _WHOLE_NEAR if step < most]
        return [step for step in [*whole, *(-step for step in whole), -most] if limits.allow(step)]
    near = [*_NEAR, *(-step for step in _NEAR[1:]), *(end for end in limits[2:] if abs(end) <= PROVEN)]
    return [*(step for step in near if limits.allow(step)), *missing]


def beyond(column: Column, limits: Limits) -> Iterator[float]:
    """Numbers of a column that the original takes and that are too large for any proof but their own."""
    if column.type not in ("double", "float"):
        return
    for sign in (1.0, -1.0):
        ends = [end for end in limits[2:] if end * sign > PROVEN]
        yield from sorted(
            {sign * far for far in [*_FAR, *(abs(end) for end in ends)] if limits.allow(sign * far)}, key=abs
        )


def cut(column: Column, limits: Limits, far: float) -> Tuple[Limits, str]:
    """The limits without `far`, and what is said of it."""
    last = max(step for step in (PROVEN, *_FAR) if step < abs(far))
    if far > 0:
        return limits._replace(most=last), f"{column.name}: above {last:g}"
    return limits._replace(least=-last), f"{column.name}: below {-last:g}"


def refused(columns: Sequence[Column], found: Sequence[Limits], base: List[Any]) -> List[List[Any]]:
    """Rows with a missing value or an unknown word in a column that takes none."""
    nulls = [with_value(base, place, None) for place, limits in enumerate(found) if not limits.nulls]
    texts = [place for place, column in enumerate(columns) if column.type == "string" and not found[place].unknown]
    return [*nulls, *(with_value(base, place, UNKNOWN) for place in texts)]


def write(path: str, columns: Sequence[Column], found: Sequence[Limits], words: Mapping[str, Sequence[str]]) -> None:
    """Into the metadata of the converted model; which words a column knows where it takes no others."""
    described: Dict[str, Dict[str, Any]] = {}
    for column, limits in zip(columns, found):
        ends = {"least": limits.least, "most": limits.most}
        described[column.name] = {"nulls": limits.nulls, "unknown": limits.unknown}
        if not limits.unknown and column.name in words:
            described[column.name]["words"] = list(words[column.name])
        described[column.name].update({name: end for name, end in ends.items() if math.isfinite(end)})
    describe(path, described)


def in_words(columns: Sequence[Column], found: Sequence[Limits]) -> Tuple[str, ...]:
    """What is refused; that no model of numbers takes an infinity is not said."""
    said = []
    for column, limits in zip(columns, found):
        said += [f"{column.name}: missing"] if not limits.nulls and column.type not in WHOLE else []
        said += [f"{column.name}: unknown"] if not limits.unknown else []
        said += [f"{column.name}: {_from(limits.most)}above {limits.most:g}"] if limits.most < _LAST else []
        said += [f"{column.name}: {_from(limits.least)}below {limits.least:g}"] if limits.least > -_LAST else []
    return tuple(said)


def _from(end: float) -> str:
    return "" if abs(end) < PROVEN or abs(end) in _EXACT_FAR else "somewhere "


def is_answered(converted: Rows, plan: Plan, row: List[Any]) -> bool:
    """Whether the converted model predicts this row."""
    try:
        converted.predict(plan, [row])
    except Refused:
        return False
    # The session refuses it: the caller gets an error too.
    except Exception:  # noqa: BLE001
        return False
    return True
