"""Proof that a converted model says what the original says: both predict the same rows.

    examples    the input example that was stored with the model
    ordinary    values near the examples', and the words that the model knows, at random
    edges       each column in turn missing, unknown, zero, negative, very large and very small

A classifier must not change one decision. A regression may differ by rounding
only. What the original refuses (a missing number, an unknown word) the
converted model must refuse too; that is found out first, and written into it.
The session runs on one thread, here as later: another number of threads adds
up a forest in another order.
"""

import json
import random
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import onnx
import pandas as pd

from pratique_serving.onnx_rows import Rows
from pratique_serving.tables import Column

ORDINARY = 4000
SINGLY = 300
CLOSE = 1e-4
"""Of a regression: relative to the size of what is predicted, and for probabilities absolute."""
SEED = 20240229
_EXTREMES = (0.0, 1.0, -1.0, 0.5, 1e-9, -1e-9, 1e6, -1e6, 1e12, 1e30, -1e30)
_WHOLE_EXTREMES = (0.0, 1.0, -1.0, 1e6, -1e6, 2147483647.0)


class Proof(NamedTuple):
    """What came out."""

    holds: bool
    reason: str
    rows: int = 0
    flipped: Tuple[Dict[str, Any], ...] = ()
    """Rows whose decision changed: what was sent and both answers; at most twenty."""
    count_flipped: int = 0
    largest_difference: float = 0.0
    """Of probabilities, or of a regression."""
    row_wise: bool = False
    """Whether rows computed together and one by one are exactly the same."""
    refuses: Tuple[str, ...] = ()
    """What the original refuses, in words."""

    @staticmethod
    def impossible(reason: str) -> "Proof":
        """There is no converted model."""
        return Proof(False, reason)

    def sentence(self) -> str:
        """For people."""
        if self.holds:
            return f"converted: {self.rows} rows, no decision changed, largest difference {self.largest_difference:.2g}"
        return f"not converted: {self.reason}"

    def as_dict(self) -> Dict[str, Any]:
        """For the report."""
        threads = {"threads": 1, "seed": SEED}
        return {**self._asdict(), "flipped": list(self.flipped), "refuses": list(self.refuses), **threads}


def prove(model: Any, path: str, columns: Sequence[Column], examples: Any) -> Proof:
    """Compare `model` with the file at `path`; what the original refuses is written into the file."""
    chance = random.Random(SEED)  # noqa: S311 - repeatable on purpose.
    words = _words(path)
    base = _base(columns, examples, words, chance)
    if base is None:
        return Proof.impossible("no row was found that the original model predicts; store an input example with it")
    refuses = _find_refusals(model, path, columns, base)
    rows = [*_examples(columns, examples), *_ordinary(columns, examples, words, model, chance)]
    rows += _edges(columns, base, words, refuses)
    return _compare(model, path, columns, rows, refuses)


def _compare(
    model: Any, path: str, columns: Sequence[Column], rows: List[List[Any]], refuses: Dict[str, List[str]]
) -> Proof:
    frame = _frame(columns, rows)
    theirs = np.asarray(model.predict(frame))
    converted = Rows(path)
    plan = converted.plan(tuple(column.name for column in columns))
    ours = converted.predict(plan, rows)
    said = tuple(f"{name}: {what}" for name, whats in refuses.items() for what in whats)
    is_classifier = hasattr(model, "classes_")
    if is_classifier:
        wrong = [place for place, (one, other) in enumerate(zip(theirs.tolist(), ours)) if one != other]
        largest = _largest_of_probabilities(model, converted, plan, rows, frame)
    else:
        difference = np.abs(np.asarray(ours, float) - theirs.astype(float))
        bound = CLOSE * np.maximum(1.0, np.abs(theirs.astype(float)))
        wrong = np.flatnonzero(~(difference <= bound)).tolist()
        largest = float(difference.max(initial=0.0))
    flipped = tuple(
        {"row": rows[place], "original": _plain(theirs[place]), "converted": ours[place]} for place in wrong[:20]
    )
    singly = [converted.predict(plan, [row])[0] for row in rows[:SINGLY]]
    row_wise = singly == ours[: len(singly)]
    if row_wise:
        _note(path, {"pratique.row_wise": "true"})
    reason = f"{len(wrong)} of {len(rows)} rows are decided differently" if wrong else ""
    if not wrong and is_classifier and largest > CLOSE * 10:
        reason = f"a probability differs by {largest:.2g}"
    return Proof(not reason, reason, len(rows), flipped, len(wrong), largest, row_wise, said)


def _largest_of_probabilities(model: Any, converted: Rows, plan: Any, rows: List[List[Any]], frame: Any) -> float:
    names = [output.name for output in converted.session.get_outputs()]
    if not hasattr(model, "predict_proba") or len(names) < 2:
        return 0.0
    ours = np.concatenate(
        [
            converted.session.run([names[1]], converted.feed(plan, rows[at : at + 1000]))[0]
            for at in range(0, len(rows), 1000)
        ]
    )
    theirs = model.predict_proba(frame)
    return float(np.abs(ours - theirs).max()) if ours.shape == theirs.shape else float("inf")


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _frame(columns: Sequence[Column], rows: List[List[Any]]) -> pd.DataFrame:
    """As the model's signature has it."""
    kinds = {"double": "float64", "float": "float32", "long": "int64", "integer": "int32", "boolean": "bool"}
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    return frame.astype({column.name: kinds[column.type] for column in columns if column.type in kinds})


def _words(path: str) -> Dict[str, List[str]]:
    """The words that the converted model knows, by column."""
    return {field.column.name: list(field.codes) for field in Rows(path)._fields if field.codes}


def _examples(columns: Sequence[Column], examples: Any) -> List[List[Any]]:
    if examples is None:
        return []
    names = [column.name for column in columns]
    frame = pd.DataFrame(examples).reindex(columns=names).dropna()
    return [[_plain(value) for value in row] for row in frame.itertuples(index=False)]


def _base(
    columns: Sequence[Column], examples: Any, words: Dict[str, List[str]], chance: random.Random
) -> Optional[List[Any]]:
    """One quite ordinary row."""
    known = _examples(columns, examples)
    return known[0] if known else [_ordinary_value(column, [], words, chance) for column in columns]


def _find_refusals(model: Any, path: str, columns: Sequence[Column], base: List[Any]) -> Dict[str, List[str]]:
    """Columns in which the original takes no missing value, or no unknown word."""
    refuses: Dict[str, List[str]] = {}
    for place, column in enumerate(columns):
        if column.type == "string":
            tries: List[Tuple[str, Any]] = [("missing", None), ("unknown", "a word that nobody knows")]
        elif column.type in ("double", "float"):
            tries = [("missing", float("nan"))]
        else:
            continue
        for what, value in tries:
            if not _predicts(model, columns, [*base[:place], value, *base[place + 1 :]]):
                refuses.setdefault(column.name, []).append(what)
    _note_refusals(path, refuses)
    return refuses


def _predicts(model: Any, columns: Sequence[Column], row: List[Any]) -> bool:
    try:
        model.predict(_frame(columns, [row]))
    # Whatever the model raises, it does not predict this row.
    except Exception:  # noqa: BLE001
        return False
    return True


def _note_refusals(path: str, refuses: Dict[str, List[str]]) -> None:
    model = onnx.load(path)
    entry = next(one for one in model.metadata_props if one.key == "pratique.columns")
    described = json.loads(entry.value)
    for one in described:
        one["nulls"] = "missing" not in refuses.get(one["name"], ())
        one["unknown"] = "unknown" not in refuses.get(one["name"], ())
    entry.value = json.dumps(described)
    onnx.save(model, path)


def _note(path: str, values: Dict[str, str]) -> None:
    model = onnx.load(path)
    for key, value in values.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, path)


def _ordinary(
    columns: Sequence[Column], examples: Any, words: Dict[str, List[str]], model: Any, chance: random.Random
) -> List[List[Any]]:
    known = list(zip(*_examples(columns, examples))) or [()] * len(columns)
    near = _numbers_in(model, columns)
    values = [list(given) + near.get(column.name, []) for given, column in zip(known, columns)]
    return [
        [_ordinary_value(column, near, words, chance) for column, near in zip(columns, values)] for _ in range(ORDINARY)
    ]


def _ordinary_value(column: Column, known: List[Any], words: Dict[str, List[str]], chance: random.Random) -> Any:
    if column.type == "string":
        among = words.get(column.name) or [value for value in known if isinstance(value, str)] or ["a"]
        return chance.choice(among)
    if column.type == "boolean":
        return chance.random() < 0.5
    numbers = [float(value) for value in known] or [0.0, 1.0, 10.0, 100.0]
    value = chance.choice(numbers) * chance.choice((1.0, 1.0, chance.uniform(0.2, 3.0))) + chance.choice(
        (0.0, 0.0, 1.0)
    )
    return int(value) if column.type in ("long", "integer") else value


def _numbers_in(model: Any, columns: Sequence[Column]) -> Dict[str, List[float]]:
    """Where the model's scalers say that the values of a column are."""
    found: Dict[str, List[float]] = {}
    for part in _parts(model):
        names, centre = getattr(part, "feature_names_in_", None), getattr(part, "mean_", None)
        spread = getattr(part, "scale_", None)
        if names is None or centre is None or spread is None or len(names) != len(centre):
            continue
        for name, middle, step in zip(names, centre, spread):
            found[str(name)] = [float(middle + step * times) for times in (-2, -1, -0.5, 0, 0.5, 1, 2, 3)]
    return {column.name: found[column.name] for column in columns if column.name in found}


def _parts(model: Any) -> List[Any]:
    """The estimator and those inside it."""
    parts = [model]
    for part in parts:
        inner = [step for _, step in getattr(part, "steps", [])]
        inner += [entry[1] for entry in getattr(part, "transformers_", []) if not isinstance(entry[1], str)]
        inner += [part.estimator_] if hasattr(part, "estimator_") else []
        parts += [one for one in inner if not any(one is known for known in parts)]
    return parts


def _edges(
    columns: Sequence[Column], base: List[Any], words: Dict[str, List[str]], refuses: Dict[str, List[str]]
) -> List[List[Any]]:
    """The base row with one column at an extreme."""
    rows = []
    for place, column in enumerate(columns):
        refused = refuses.get(column.name, [])
        if column.type == "string":
            values: List[Any] = [*words.get(column.name, []), *([] if "unknown" in refused else ["", "unbekannt ä"])]
        elif column.type == "boolean":
            values = [True, False]
        elif column.type in ("long", "integer"):
            values = [int(value) for value in _WHOLE_EXTREMES]
        else:
            values = [*_EXTREMES, *([] if "missing" in refused else [float("nan")])]
        rows += [[*base[:place], value, *base[place + 1 :]] for value in values]
    return rows
