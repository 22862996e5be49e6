"""Proof that a converted model says what the original says: both predict the same rows.

    examples    the input example that was stored with the model
    ordinary    values near the examples', and the words that the model knows, at random
    edges       each column in turn missing, unknown, zero, negative, very large and very small
    mixed       several columns at such an edge at once
    borders     both sides of places where the original's answer jumps, as close as 1e-12

A classifier must not change one decision. A regression may differ by rounding
only. What the original refuses (a missing number, an unknown word, a number
too large) the converted model must refuse too; that is found out first (see
`limits`), and written into it.
The session runs on one thread, here as later: another number of threads adds
up a forest in another order.
"""

import random
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import onnxruntime

from pratique_serving import borders, limits
from pratique_serving.graph import note
from pratique_serving.limits import Limits, Original, with_value
from pratique_serving.onnx_rows import Rows
from pratique_serving.tables import Column

ORDINARY = 4000
MIXED = 1500
SINGLY = 300
CLOSE = 1e-4
"""Of a regression: relative to the size of what is predicted, and for probabilities absolute."""
SEED = 20240229

# A decision that ONNX has in another type than the original.
_KINDS = {"b": "bool", "f": "float", "i": "int", "u": "int"}


class Proof(NamedTuple):
    """What came out."""

    holds: bool
    reason: str
    rows: int = 0
    flipped: Tuple[Dict[str, Any], ...] = ()
    """Rows whose decision changed: what was sent and both answers; at most twenty."""
    count_flipped: int = 0
    largest_difference: float = 0.0
    """Of probabilities; of a regression relative to the size of what it predicts."""
    row_wise: bool = False
    """Whether rows computed together and one by one are exactly the same."""
    refuses: Tuple[str, ...] = ()
    """What the original refuses, in words."""
    unproven: Tuple[str, ...] = ()
    """What the converted model refuses although the original answers, because they would differ there; in words."""

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
        lists: Dict[str, Any] = {"refuses": list(self.refuses), "unproven": list(self.unproven)}
        lists["flipped"] = [{key: _json(value) for key, value in one.items()} for one in self.flipped]
        return {**self._asdict(), **lists, "threads": 1, "seed": SEED, "onnxruntime": onnxruntime.__version__}


def prove(model: Any, path: str, columns: Sequence[Column], examples: Any, say: Callable[[str], None]) -> Proof:
    """Compare `model` with the file at `path`; what the original refuses is written into the file.

    `say` hears what is done next.
    """
    chance = random.Random(SEED)  # noqa: S311 - repeatable on purpose.
    original = Original(model, columns)
    learned = _words_in(model)
    words = {**learned, **Rows(path).words}
    known = _examples(columns, examples)
    ordinary = _ordinary(columns, known, words, model, chance)
    base = next((row for row in [*known, *ordinary[:50]] if original.takes(row)), None)
    if base is None:
        said = original.complaint((known or ordinary)[0])
        return Proof.impossible(f"the original model predicts no row that was tried ({said}); store an input example")
    say(f"finding out how far each of {len(columns)} columns goes")
    found = limits.find(original, base)
    within = [row for row in [*known, *ordinary] if all(map(Limits.allow, found, row))]
    edges = _edges(columns, base, words, found)
    mixed = _mixed(columns, within, found, chance)
    limits.write(path, columns, found, learned)
    found, unproven = _shorten(original, path, base, found)
    limits.write(path, columns, found, learned)
    say("looking for places where the answer jumps")
    near = borders.find(original, within, chance)
    rows = [*within, *limits.refused(columns, found, base), *edges, *mixed, *near]
    say(f"comparing {len(rows)} rows")
    proof = _compare(original, path, rows, len(within))
    return proof._replace(refuses=limits.in_words(columns, found), unproven=unproven)


def _compare(original: Original, path: str, rows: List[List[Any]], usual: int) -> Proof:
    """The first rows, so many as `usual`, are the ones that say how large an answer usually is."""
    rows, refused = original.split(rows)
    theirs = original.answers(rows)
    size = _size(theirs[:usual]) if not original.decides else 0.0
    _note_kind(path, theirs)
    converted = Rows(path)
    plan = converted.plan(original.names)
    answered = _answered(converted, plan, refused)
    if answered:
        said = f"{answered} of {len(refused)} rows are answered that the original refuses, as {refused[0]}"
        return Proof(False, said, len(rows) + len(refused))
    ours = converted.predict(plan, rows)
    if np.shape(ours) != theirs.shape:
        return Proof(False, f"the original answers with the shape {theirs.shape}, the converted with {np.shape(ours)}")
    wrong, largest = _differences(original, converted, plan, rows, ours, theirs, size)
    flipped = tuple(
        {"row": rows[place], "original": _plain(theirs[place]), "converted": ours[place]} for place in wrong[:20]
    )
    singly = [converted.predict(plan, [row])[0] for row in rows[:SINGLY]]
    row_wise = singly == ours[: len(singly)]
    if row_wise:
        note(path, {"pratique.row_wise": "true"})
    reason = f"{len(wrong)} of {len(rows)} rows are decided differently" if wrong else ""
    if not wrong and original.decides and largest > CLOSE * 10:
        reason = f"a probability differs by {largest:.2g}"
    return Proof(not reason, reason, len(rows), flipped, len(wrong), largest, row_wise)


def _differences(
    original: Original, converted: Rows, plan: Any, rows: List[List[Any]], ours: List[Any], theirs: Any, size: float
) -> Tuple[List[int], float]:
    """The places of rows that are decided differently, and the largest difference of a number."""
    if original.decides:
        pairs = enumerate(zip(theirs.tolist(), ours))
        wrong = [place for place, (one, other) in pairs if not _alike(one, other)]
        return wrong, _largest_of_probabilities(original, converted, plan, rows)
    apart = _apart(np.asarray(ours, np.float64), theirs.astype(np.float64), size).reshape(len(rows), -1).max(axis=1)
    return np.flatnonzero(~(apart <= CLOSE)).tolist(), float(apart.max(initial=0.0))


def _size(answers: Any) -> float:
    """The usual size of a measure."""
    finite = np.abs(answers[np.isfinite(answers)])
    return float(np.median(finite)) if finite.size else 0.0


def _apart(ours: Any, theirs: Any, usual: float) -> Any:
    """Relative to what is predicted, and to the usual size of it where it is small. Equal infinities are equal."""
    size = np.maximum(np.maximum(np.abs(theirs), usual), np.finfo(np.float64).tiny)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(ours - theirs) / size
    return np.where((ours == theirs) | (np.isnan(ours) & np.isnan(theirs)), 0.0, apart)


def _alike(one: Any, other: Any) -> bool:
    """As JSON: 1 is neither 1.0 nor true."""
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return type(one) is type(other) and bool(one == other)


def _largest_of_probabilities(original: Original, converted: Rows, plan: Any, rows: List[List[Any]]) -> float:
    names = [output.name for output in converted.session.get_outputs()]
    theirs = original.chances(rows)
    if theirs is None or len(names) < 2:
        return 0.0
    parts = [rows[at : at + 1000] for at in range(0, len(rows), 1000)]
    ours = np.concatenate([converted.session.run([names[1]], converted.feed(plan, part))[0] for part in parts])
    if ours.shape != theirs.shape:
        return float("inf")
    apart = np.where(np.isnan(ours) & np.isnan(theirs), 0.0, np.abs(ours - theirs))
    return float(np.nan_to_num(apart, nan=np.inf).max())


def _note_kind(path: str, theirs: Any) -> None:
    """Write down what the answers are, where ONNX has another type or shape for them."""
    ours = Rows(path).answer_type
    kind = _KINDS.get(theirs.dtype.kind, "")
    is_same = {"tensor(int64)": "int", "tensor(double)": "float", "tensor(float)": "float"}.get(ours, "") == kind
    if kind and not is_same:
        note(path, {"pratique.kind": kind})
    if theirs.ndim == 2:
        note(path, {"pratique.table": "true"})


def _answered(converted: Rows, plan: Any, rows: List[List[Any]]) -> int:
    """How many of these rows the converted model does not refuse."""
    return sum(limits.is_answered(converted, plan, row) for row in rows[:SINGLY])


def _shorten(
    original: Original, path: str, base: List[Any], found: List[Limits]
) -> Tuple[List[Limits], Tuple[str, ...]]:
    """Beyond what all agree on (1e30) each column goes as far as both models agree, one number after the other."""
    tried = [
        (place, far) for place, column in enumerate(original.columns) for far in limits.beyond(column, found[place])
    ]
    alike = _agree_on(original, path, [with_value(base, place, far) for place, far in tried])
    shortened, said = list(found), []
    for (place, far), is_alike in zip(tried, alike):
        if shortened[place].allow(far) and not is_alike:
            shortened[place], words = limits.cut(original.columns[place], shortened[place], far)
            said.append(words)
    return shortened, tuple(said)


def _agree_on(original: Original, path: str, rows: List[List[Any]]) -> List[bool]:
    """Of each row, whether both answer it, and alike; however large the answers to other rows are."""
    converted = Rows(path)
    plan = converted.plan(original.names)
    each = original.takes_each(rows)
    places = [place for place, row in enumerate(rows) if each[place] and limits.is_answered(converted, plan, row)]
    if not places:
        return [False] * len(rows)
    theirs = original.answers([rows[place] for place in places]).reshape(len(places), -1)
    ours = np.asarray([converted.predict(plan, [rows[place]]) for place in places]).reshape(theirs.shape)
    if original.decides:
        alike = ours.astype(theirs.dtype) == theirs
    else:
        usual = np.where(np.isfinite(theirs), np.abs(theirs), 0.0).max(axis=1, keepdims=True)
        alike = _apart(ours.astype(np.float64), theirs.astype(np.float64), usual) <= CLOSE
    agreed = {place for place, is_alike in zip(places, alike.all(axis=1)) if is_alike}
    return [place in agreed for place in range(len(rows))]


def _examples(columns: Sequence[Column], examples: Any) -> List[List[Any]]:
    if not hasattr(examples, "itertuples"):
        return []
    frame = examples.reindex(columns=[column.name for column in columns]).dropna()
    rows = [[_plain(value) for value in row] for row in frame.itertuples(index=False)]
    return [[_as_column(column, value) for column, value in zip(columns, row)] for row in rows]


def _json(value: Any) -> Any:
    """NaN and the infinities, which JSON does not have, in words."""
    if isinstance(value, list):
        return [_json(one) for one in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _as_column(column: Column, value: Any) -> Any:
    """3.0 in a column of whole numbers is 3, and 3 in one of fractions 3.0."""
    if column.type in limits.WHOLE and isinstance(value, float) and value.is_integer():
        return int(value)
    return float(value) if column.type in ("double", "float") and isinstance(value, int) else value


def _ordinary(
    columns: Sequence[Column], known: List[List[Any]], words: Dict[str, List[str]], model: Any, chance: random.Random
) -> List[List[Any]]:
    given = list(zip(*known)) or [()] * len(columns)
    near = _numbers_in(model, columns)
    values = [list(some) + near.get(column.name, []) for some, column in zip(given, columns)]
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
    return int(value) if column.type in limits.WHOLE else value


def _numbers_in(model: Any, columns: Sequence[Column]) -> Dict[str, List[float]]:
    """Where the model's scalers say that the values of a column are."""
    found: Dict[str, List[float]] = {}
    for part in parts(model):
        names, centre = getattr(part, "feature_names_in_", None), getattr(part, "mean_", None)
        spread = getattr(part, "scale_", None)
        if names is None or centre is None or spread is None or len(names) != len(centre):
            continue
        for name, middle, step in zip(names, centre, spread):
            found[str(name)] = [float(middle + step * times) for times in (-2, -1, -0.5, 0, 0.5, 1, 2, 3)]
    return {column.name: found[column.name] for column in columns if column.name in found}


def _words_in(model: Any) -> Dict[str, List[str]]:
    """Those that the model's encoders have learned, by column."""
    found: Dict[str, List[str]] = {}
    for part in parts(model):
        names, categories = getattr(part, "feature_names_in_", ()), getattr(part, "categories_", ())
        for name, learned in zip(names, categories if len(categories) == len(names) else ()):
            found[str(name)] = [word for word in learned if isinstance(word, str)]
    return {name: words for name, words in found.items() if words}


def parts(model: Any) -> List[Any]:
    """The estimator and those inside it."""
    found = [model]
    for part in found:
        inner = [step for _, step in getattr(part, "steps", [])]
        inner += [entry[1] for entry in getattr(part, "transformers_", []) if not isinstance(entry[1], str)]
        inner += [entry[1] for entry in getattr(part, "transformer_list", []) if not isinstance(entry[1], str)]
        inner += [part.estimator_] if hasattr(part, "estimator_") else []
        found += [one for one in inner if not any(one is known for known in found)]
    return found


def _edges(
    columns: Sequence[Column], base: List[Any], words: Dict[str, List[str]], found: List[Limits]
) -> List[List[Any]]:
    """The base row with one column at an edge."""
    rows = []
    for place, (column, limit) in enumerate(zip(columns, found)):
        values = [*words.get(column.name, []), *limits.edges(column, limit)]
        rows += [[*base[:place], value, *base[place + 1 :]] for value in values]
    return rows


def _mixed(
    columns: Sequence[Column],
    rows: List[List[Any]],
    found: List[Limits],
    chance: random.Random,
) -> List[List[Any]]:
    """Ordinary rows with about a third of their columns at an edge."""
    edges: List[Optional[List[Any]]] = [limits.edges(column, limit) or None for column, limit in zip(columns, found)]
    chosen = [chance.choice(rows) for _ in range(MIXED)] if rows else []
    return [
        [chance.choice(some) if some and chance.random() < 0.3 else value for value, some in zip(row, edges)]
        for row in chosen
    ]
