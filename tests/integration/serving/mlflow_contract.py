"""Models of MLflow and requests that MLflow's own server and ours must answer alike.

Read by the test that asks both, by the script that makes the models' answers, and by the generator of
docs/reference/scoring-contract.md. `differs` says why an answer is another one here, on purpose; the test then makes
sure that it still is. An error's words are never compared, its status is.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

JSON, CSV = "application/json", "text/csv"

CHANGED = "400: a value is not changed to fit its column; there it is cut, wrapped or made of text"
UNNAMED = "rows without names take the signature's"
EMPTY = "400: a table without rows is refused"
NULL = "null: NaN is no JSON, and most clients refuse it"
ITSELF = "500: a model that raises is no mistake of the caller"
RAGGED = "400: rows of other lengths are refused, not filled up or repeated"
DECODED = "base64 is decoded in every format, and checked"
UTC = "a moment with a zone is taken as it is in UTC"
RECORDS = "records are a table, or tensors by their names"
MISSING = "a missing value stays one; there it becomes text or false"
PLAIN = "pandas values become JSON"
ONE = "one name, or none, is enough for one input"
LISTS = "lists stay lists in every format"
HINTS = "every format reaches a model of type hints"
JSON_ANYWAY = "whatever is not CSV or Arrow is read as JSON in UTF-8; there 415"
TWICE = "400: a column that is named twice is refused, as in JSON; there the second has another name"
PARAMS = "400: params that are no object are refused; there they are ignored"


class Ask(NamedTuple):
    """One request."""

    name: str
    body: Any
    """Sent as JSON, but for text."""
    kind: str = JSON
    differs: str = ""


class Model(NamedTuple):
    """A model by its name in `contract_models.py`, and what it is asked."""

    name: str
    what: str
    asks: tuple[Ask, ...]


def split(columns: list[Any] | None, *rows: list[Any]) -> dict[str, Any]:
    named = {"columns": columns} if columns is not None else {}
    return {"dataframe_split": {**named, "data": list(rows)}}


def forms(columns: list[str], rows: list[list[Any]], differs: str = "") -> Iterator[Ask]:
    """The same rows in each format; without names they are refused there."""
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    yield Ask("a split frame", split(columns, *rows))
    yield Ask("another order", split(columns[::-1], *[row[::-1] for row in rows]))
    yield Ask("an extra column", split([*columns, "more"], *[[*row, 9] for row in rows]))
    yield Ask("records", {"dataframe_records": records})
    yield Ask("columns", {"inputs": {name: [row[name] for row in records] for name in columns}}, differs=differs)
    yield Ask("objects", {"inputs": records}, differs=differs)
    yield Ask("rows", {"inputs": rows}, differs=UNNAMED)
    yield Ask("a missing column", split(columns[1:], *[row[1:] for row in rows]))
    yield Ask("rows too wide", split(columns, *[[*row, 1] for row in rows]))
    yield Ask("no rows", split(columns), differs=EMPTY)


def values(column: str, row: dict[str, Any], *pairs: tuple[Any, str]) -> Iterator[Ask]:
    for value, differs in pairs:
        name = f"{column} = {str(value)[:24]!r}" if isinstance(value, str) else f"{column} = {str(value)[:24]}"
        yield Ask(name, {"dataframe_records": [{**row, column: value}]}, differs=differs)


def by_both(name: str, body: Any, differs: str = "") -> Iterator[Ask]:
    for key in ("inputs", "instances"):
        yield Ask(f"{name} as {key}", {key: body}, differs=differs)


ROW = {"count": 3, "small": 7, "amount": 2.5, "ratio": 0.25, "flag": True, "text": "a"}
NAMES = list(ROW)
LINE = "count,small,amount,ratio,flag,text\n3,7,2.5,0.25,True,a\n"

COLUMNS = (
    *forms(NAMES, [list(ROW.values()), [4, 8, 3.5, 0.1, False, "ä"]]),
    *values("count", ROW, (3.0, ""), (None, ""), (1.5, CHANGED), ("3", CHANGED), (2**63, CHANGED), (True, CHANGED)),
    *values("count", ROW, ("x", ""), ([1], ""), (2**70, "")),
    *values("small", ROW, (7.0, ""), (2**40, CHANGED), (None, "")),
    *values("amount", ROW, (3, ""), (None, ""), (2**70, ""), (1e300, ""), ("3", CHANGED), ("x", ""), (True, CHANGED)),
    *values("ratio", ROW, (1, ""), (None, "")),
    *values("flag", ROW, (False, ""), (1, CHANGED), ("false", CHANGED), (None, MISSING)),
    *values("text", ROW, ("", ""), (None, ""), (3, CHANGED)),
    Ask("CSV", LINE, CSV),
    Ask("CSV with another column", "more," + LINE.replace("\n3", "\n9,3"), CSV),
    Ask("CSV with a quoted text", LINE.replace(",a\n", ',"a,\nb"\n'), CSV),
    Ask("CSV with a hole in whole numbers", LINE.replace("\n3", "\n"), CSV),
    Ask("CSV with a word among numbers", LINE.replace("2.5", "much"), CSV),
    Ask("CSV with a missing number", LINE.replace("2.5", "NA"), CSV),
    Ask("CSV with a missing column", "count\n3\n", CSV),
    Ask("CSV of a spreadsheet", "\ufeff" + LINE, CSV),
    Ask("CSV with a column twice", "count," + LINE.replace("\n3", "\n9,3"), CSV, differs=TWICE),
    Ask("CSV of nothing", "", CSV),
    Ask("CSV of names only", f"{','.join(NAMES)}\n", CSV, differs=EMPTY),
    Ask("JSON of nothing", ""),
    Ask("no JSON", "{"),
    Ask("a list", "[]"),
    Ask("no format", {"data": []}),
    Ask("two formats", {"inputs": [], "instances": []}),
    Ask("a name beside the format", {**split(NAMES, list(ROW.values())), "id": 3}),
    Ask("params nobody declared", {**split(NAMES, list(ROW.values())), "params": {"a": 1}}),
    Ask("params that are a list", {**split(NAMES, list(ROW.values())), "params": []}, differs=PARAMS),
    Ask("another type of content", split(NAMES, list(ROW.values())), "text/plain", differs=JSON_ANYWAY),
    Ask("a row too short", split(NAMES, list(ROW.values()), [1])),
    Ask("a number for rows", {"inputs": 3}),
    Ask("null for rows", {"inputs": None}),
)

OPTIONAL = (
    Ask("all of them", split(list("abcd"), [1.0, 2.0, "x", 3])),
    *(
        Ask(f"only {' and '.join(names)}", split(list(names), [1.0, *["x"] * (len(names) - 1)]))
        for names in ("a", "ac")
    ),
    Ask("without what is required", split(["b"], [2.0])),
    Ask("null in an optional number", split(list("abcd"), [1.0, None, "x", 3])),
    Ask("null in an optional text", split(list("abcd"), [1.0, 2.0, None, 3])),
    Ask("null in an optional whole number", split(list("abcd"), [1.0, 2.0, "x", None])),
)

MOMENT, BLOB = "2026-01-02T03:04:05", "AP94"
DATES = (
    *(Ask(f"the moment {text!r}", split(["moment", "blob"], [text, BLOB])) for text in (MOMENT, "2026-01-02", "x", "")),
    Ask("null for a moment", split(["moment", "blob"], [None, BLOB])),
    Ask("a moment with Z", split(["moment", "blob"], [f"{MOMENT}Z", BLOB]), differs=UTC),
    Ask("a moment with an offset", split(["moment", "blob"], [f"{MOMENT}+02:00", BLOB]), differs=UTC),
    Ask("bytes in columns", {"inputs": {"moment": [MOMENT], "blob": [BLOB]}}, differs=DECODED),
    Ask("no base64", split(["moment", "blob"], [MOMENT, "ä"]), differs=DECODED),
    Ask("CSV", f"moment,blob\n{MOMENT},{BLOB}\n", CSV, differs="200: moments and bytes are read from a CSV as well"),
)

UNNAMED_COLUMNS = (
    Ask("a split frame", split(["x", "y"], [1.0, 2.0])),
    Ask("without names", split(None, [1.0, 2.0])),
    Ask("whole numbers", split(None, [1, 2])),
    *by_both("rows", [[1.0, 2.0], [3.0, 4.0]]),
    *by_both("too few", [[1.0]]),
    *by_both("texts", [["a", "b"]]),
    Ask("columns", {"inputs": {"x": [1.0], "y": [2.0]}}, differs=ONE),
    Ask("CSV", "x,y\n1.0,2.0\n", CSV),
)

TEXT = (
    *by_both("texts", ["a", "b"]),
    *by_both("one text", "a"),
    *by_both("null", ["a", None], MISSING),
    *by_both("numbers", [1, 2], CHANGED),
    Ask("a split frame", split(["text"], ["a"])),
    Ask("records", {"dataframe_records": [{"text": "a"}]}),
)


def params(*given: tuple[Any, str]) -> Iterator[Ask]:
    for value, differs in given:
        yield Ask(f"params {value}", {"inputs": {"a": [1.0]}, "params": value}, differs=differs)


PARAMETERS = (
    Ask("none", {"inputs": {"a": [1.0]}}),
    *params(*[({"factor": value}, "") for value in (2.5, 2, "much", None, True, [1.0])]),
    *params(*[({"count": value}, "") for value in (4, 4.0, 4.5, "4", None)]),
    *params(*[({"name": value}, "") for value in ("y", 3, None)]),
    *params(({"flag": True}, ""), ({"flag": 1}, ""), ({"unknown": 1}, ""), ({}, ""), (None, "")),
    *params(*[({"many": value}, "") for value in ([1.5], 3, ["a"], [[1]])]),
    *params(*[({"when": value}, "") for value in ("2026-05-06T00:00:00", "x")]),
)

UNSIGNED = (
    *by_both("rows", [[1, 2], [3, 4]]),
    *by_both("texts", ["a", "b"]),
    *by_both("one text", "a"),
    *by_both("a number", 3),
    *by_both("columns", {"x": [1, 2], "y": ["a", "b"]}),
    *by_both("nested columns", {"x": [[1, 2], [3, 4]]}),
    *by_both("objects", [{"x": 1, "y": "a"}], RECORDS),
    *by_both("ragged rows", [[1], [1, 2]]),
    Ask("a split frame", split(["a", "b"], [1, "x"], [2, None])),
    Ask("a split frame without names", split(None, [1, "x"])),
    Ask("records", {"dataframe_records": [{"a": 1, "b": None}, {"a": 2.5, "b": "x"}]}),
    Ask("CSV", "a,b\n1,x\n2,\n", CSV),
    Ask("messages", {"messages": [{"role": "user", "content": "hello"}]}),
    Ask("a prompt", {"prompt": "hello", "temperature": 0.5}),
)

TENSOR = (
    *by_both("rows", [[1, 2], [3, 4.5]]),
    *by_both("rows too wide", [[1, 2, 3]]),
    *by_both("one row", [1, 2]),
    *by_both("texts", [["a", "b"]]),
    *by_both("null", [[None, 1]]),
    *by_both("ragged", [[1], [1, 2]]),
    *by_both("by a name", {"x": [[1, 2]]}, ONE),
    Ask("a split frame", split(["a", "b"], [1, 2])),
    Ask("records", {"dataframe_records": [{"a": 1, "b": 2}]}),
    Ask("CSV", "a,b\n1,2\n", CSV, differs="200: a table is a tensor, as a split frame is"),
)

PARTS: dict[str, list[Any]] = {"x": [[1, 2], [3, 4]], "ids": [[1], [2]], "image": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]}
WHOLE = [{name: PARTS[name][row] for name in PARTS} for row in range(2)]
TENSORS = (
    *by_both("named", PARTS),
    *by_both("another order", dict(reversed(PARTS.items()))),
    *by_both("one is missing", {"x": PARTS["x"], "image": PARTS["image"]}),
    *by_both("one is too many", {**PARTS, "more": [1, 2]}),
    *by_both("another shape", {**PARTS, "x": [[1, 2, 3], [1, 2, 3]]}),
    *by_both("texts", {**PARTS, "x": [["a", "b"], ["c", "d"]]}),
    *by_both("without the last length of 1", {**PARTS, "ids": [1, 2]}, "200: it may be left out"),
    Ask("records as inputs", {"inputs": WHOLE}, differs=RECORDS),
    Ask("records as instances", {"instances": WHOLE}),
    *by_both("rows", [[1, 2]]),
)

RESULTS = (
    *("frame", "frame_index", "frame_ints", "frame_dates", "frame_lists", "frame_nullable", "frame_empty", "series"),
    *("series_named", "dict", "dict_arrays", "dict_of_whole", "texts", "objects", "mixed", "tuple", "array1", "array2"),
    *("array3", "array_of_text", "array_of_true", "array_of_dates", "array_0d", "whole", "float32", "text", "true"),
    *("none", "moment", "day", "timestamp", "huge", "set", "object"),
)
RESULTS_UNLIKE = (
    ("frame_nan", NULL),
    ("array_nan", NULL),
    ("raises", ITSELF),
    ("dict_of_series", PLAIN),
    ("bytes_inside", "base64 without line breaks"),
)

NESTED = {"tags": ["a", "b"], "who": {"name": "x", "age": 3}, "amount": 1.0}


def nested(name: str, value: dict[str, Any], differs: str = "") -> Iterator[Ask]:
    yield Ask(f"{name}, records", {"dataframe_records": [value]})
    yield Ask(f"{name}, inputs", {"inputs": [value]}, differs=differs)


OBJECTS = (
    *nested("all of it", NESTED, LISTS),
    *nested("without what is optional", {**NESTED, "who": {"name": "x"}}, LISTS),
    *nested("without what is required", {**NESTED, "who": {"age": 3}}),
    *nested("a member nobody knows", {**NESTED, "who": {"name": "x", "more": 1}}),
    *nested("a member of another type", {**NESTED, "who": {"name": 3}}),
    *nested("text for a list", {**NESTED, "tags": "a"}),
    Ask("the lists of columns", {"inputs": {name: [value] for name, value in NESTED.items()}}, differs=LISTS),
    Ask("one row bare", {"inputs": NESTED}, differs=LISTS),
)
MAPS = (
    *nested("a map", {"weights": {"a": 1.0}, "id": "x"}),
    *nested("of texts", {"weights": {"a": "b"}, "id": "x"}),
    *nested("a list", {"weights": [1.0], "id": "x"}),
)

HINTED = (
    Ask("texts", {"inputs": ["a", "b"]}),
    Ask("no texts", {"inputs": []}),
    Ask("lists", {"inputs": [["a"]]}),
    Ask("one text", {"inputs": "a"}),
    Ask("numbers", {"inputs": [1]}),
    Ask("as instances", {"instances": ["a"]}, differs=HINTS),
    Ask("a split frame", split(["text"], ["a"]), differs=HINTS),
)

BOARD = ["a", "b", "c"]
POINT = [0.5, -1.0, 2.0]


def of_numbers(of_sklearn: bool = False, is_repeated: bool = True, is_empty: bool = False) -> tuple[Ask, ...]:
    """For a model of three numbers."""
    fails = ITSELF if of_sklearn else ""
    empty = EMPTY if is_empty else ""
    everything = [one if one.name != "no rows" else one._replace(differs=empty) for one in forms(BOARD, [POINT, POINT])]
    return (
        *everything,
        *values("a", dict(zip(BOARD, POINT, strict=True)), (1, ""), ("1", CHANGED), (True, CHANGED), ("x", "")),
        Ask("null", split(BOARD, [None, 1.0, 2.0]), differs=fails),
        Ask("CSV", "c,a,b\n1,2,3\n", CSV),
        Ask("three rows by an index", {"dataframe_split": {"columns": BOARD, "index": [1, 2, 3], "data": [POINT]}},
            differs=RAGGED if is_repeated else ""),
    )  # fmt: skip


MODELS = (
    Model("columns", "a column of each type", COLUMNS),
    Model("optional", "optional columns", OPTIONAL),
    Model("dates", "moments and bytes", DATES),
    Model("unnamed", "two columns without names", UNNAMED_COLUMNS),
    Model("text", "one text without a name", TEXT),
    Model("parameters", "parameters with defaults", PARAMETERS),
    Model("unsigned", "no signature", UNSIGNED),
    Model("tensor", "one tensor of (-1, 2)", TENSOR),
    Model("tensors", "three named tensors", TENSORS),
    Model("results", "answers of every type",
          (*(Ask(f"answers {name}", {"dataframe_records": [{"what": name}]}) for name in RESULTS),
           *(Ask(f"answers {name}", {"dataframe_records": [{"what": name}]}, JSON, why)
             for name, why in RESULTS_UNLIKE))),
    Model("objects", "a list, an object and a number", OBJECTS),
    Model("maps", "a map", MAPS),
    Model("hinted", "made of the type hint list[str]", HINTED),
    Model("coded", "models from code, with a parameter", (
        Ask("its default", {"inputs": {"text": ["a"]}}),
        Ask("its parameter", {"inputs": {"text": ["a"]}, "params": {"mark": "?"}}),
        Ask("of another type", {"inputs": {"text": ["a"]}, "params": {"mark": 3}}),
    )),
    Model("files", "with an artifact and a module of its own", (
        Ask("known", {"inputs": {"key": ["a", "b"]}}),
        Ask("unknown", {"inputs": {"key": ["z"]}}, differs=ITSELF),
    )),
    Model("loader", "with a loader of its own", (
        Ask("numbers", {"inputs": {"a": [1.0, 2.0]}}),
        Ask("a text", {"inputs": {"a": ["x"]}}),
    )),
    Model("regression", "scikit-learn", of_numbers(of_sklearn=True)),
    Model("chances", "scikit-learn, predict_proba", of_numbers(of_sklearn=True)),
    Model("two", "scikit-learn, two outputs", of_numbers(of_sklearn=True)),
    Model("matrix", "scikit-learn, a tensor", (*by_both("rows", [POINT]), *by_both("a row too wide", [[*POINT, 1.0]]))),
    Model("xgboost", "xgboost", of_numbers(is_empty=True)),
    Model("lightgbm", "lightgbm", of_numbers()),
    Model("onnx", "onnx, a tensor", (*by_both("rows", [POINT]), *by_both("texts", [["a", "b", "c"]]))),
)  # fmt: skip
