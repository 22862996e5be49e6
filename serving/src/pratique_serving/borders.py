"""Rows on both sides of where the original's answer jumps: a tree's threshold, the edge of a bin.

Two values of one column that are answered differently are brought together by
halves, until hardly a number is between them. Where the answer jumps there, data
of real life lie as close as their decimals allow, and 32 bits in the place of 64
put them on the other side. Where it only passes a threshold slowly there is
nothing to be proven: the difference is as small as one wants.
"""

import random
from typing import Any, Callable, List, NamedTuple

import numpy as np

from pratique_serving.limits import WHOLE, Original
from pratique_serving.tables import Column

_PAIRS = 240
_HALVES = 40
_JUMP = 1e-3
"""Of the scores, relative to how far they are apart anywhere."""

Answers = Callable[[List[List[Any]]], List[Any]]


class _Pair(NamedTuple):
    row: List[Any]
    place: int
    low: Any
    high: Any

    def at(self, value: Any) -> List[Any]:
        return [*self.row[: self.place], value, *self.row[self.place + 1 :]]


def find(original: Original, rows: List[List[Any]], chance: random.Random) -> List[List[Any]]:
    """Two rows for each jump that was found, near some of these rows."""
    numeric = [place for place, column in enumerate(original.columns) if column.type not in ("string", "boolean")]
    if not numeric or not rows or original.scores(rows[:1]) is None:
        return []
    pairs = [_pair(rows, chance.choice(numeric), chance) for _ in range(_PAIRS)]
    half = len(pairs) // 2
    near = _brought_together(lambda some: original.answers(some).tolist(), original.columns, pairs[:half])
    near += _brought_together(lambda some: original.scores(some).tolist(), original.columns, pairs[half:])
    if not near:
        return []
    below, above = [pair.at(pair.low) for pair in near], [pair.at(pair.high) for pair in near]
    scores, others = original.scores(below), original.scores(above)
    jump = _JUMP * max(float(np.ptp(scores)), np.finfo(np.float64).tiny)
    jumps = np.abs(scores - others).max(axis=1) > jump
    return [row for pair in zip(below, above, jumps) if pair[2] for row in pair[:2]]


def _pair(rows: List[List[Any]], place: int, chance: random.Random) -> _Pair:
    row, other = chance.choice(rows), chance.choice(rows)
    return _Pair(row, place, row[place], other[place])


def _brought_together(answers: Answers, columns: Any, pairs: List[_Pair]) -> List[_Pair]:
    """Of the pairs those whose ends are answered differently, with ends that are neighbours."""
    known = [pair for pair in pairs if pair.low is not None and pair.high is not None and pair.low != pair.high]
    if not known:
        return []
    lows, highs = answers([pair.at(pair.low) for pair in known]), answers([pair.at(pair.high) for pair in known])
    some = [(pair, low) for pair, low, high in zip(known, lows, highs) if low != high]
    for _ in range(_HALVES if some else 0):
        middles = [_middle(columns[pair.place], pair) for pair, _ in some]
        found = answers([pair.at(middle) for (pair, _), middle in zip(some, middles)])
        some = [
            (pair._replace(low=middle) if answer == low else pair._replace(high=middle), low)
            for (pair, low), middle, answer in zip(some, middles, found)
        ]
    return [pair for pair, _ in some]


def _middle(column: Column, pair: _Pair) -> Any:
    if column.type in WHOLE:
        return (pair.low + pair.high) // 2
    return pair.low + (pair.high - pair.low) / 2
