"""Bodies as rows: every format gives the same table, and what was remembered of one never changes another."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique_serving.errors import Refused
from pratique_serving.tables import Column, Frames, Table, columns_with_gaps

COLUMNS = (Column("age", "double"), Column("job", "string"), Column("count", "long"))
ROWS: list[list[Any]] = [[41.5, "clerk", 2], [None, "smith", 3]]
NAMES = [column.name for column in COLUMNS]
SPLIT = {"columns": NAMES, "data": ROWS}
RECORDS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
LISTS = {name: [row[name] for row in RECORDS] for name in NAMES}


def read(value: object, kind: str = "application/json") -> Table:
    return Frames(COLUMNS).read(json.dumps(value).encode(), kind)


@pytest.mark.parametrize(
    "body",
    [
        {"input_data": SPLIT},
        {"input_data": {**SPLIT, "index": [7, 8]}},
        {"input_data": ROWS},
        {"input_data": LISTS},
        {"input_data": RECORDS},
        {"dataframe_split": SPLIT},
        {"dataframe_records": RECORDS},
        {"inputs": LISTS},
        {"inputs": {name: [[value] for value in values] for name, values in LISTS.items()}},
        {"instances": RECORDS},
        {"input_data": SPLIT, "params": {}},
    ],
)
def test_every_format_is_the_same_table(body: object) -> None:
    assert read(body) == Table(tuple(NAMES), ROWS)


def test_csv_takes_the_types_of_the_columns() -> None:
    text = b"age,job,count,more\n41.5,007,2,x\n,smith,3.5,\n"
    table = Frames(COLUMNS).read(text, "text/csv; charset=utf-8")
    assert table.rows == [[41.5, "007", 2, "x"], [None, "smith", "3.5", None]]


def test_a_word_for_a_missing_number_is_one_only_among_numbers() -> None:
    table = Frames(COLUMNS).read(b"age,job,count\nNA,NA,null\n", "text/csv")
    assert table.rows == [[None, "NA", None]]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"input_data": 3}',
        b'{"input_data": [[1]], "inputs": []}',
        b'{"input_data": {"columns": ["age", "age"], "data": [[1, 2]]}}',
        b'{"input_data": {"columns": [["age"]], "data": [[1]]}}',
        b'{"input_data": {"columns": ["age"], "data": 3}}',
        b'{"input_data": {"columns": ["age"], "data": [[1, 2]]}}',
        b'{"input_data": {"columns": ["age"], "data": ["ab"]}}',
        b'{"input_data": {"columns": ["age"], "data": [[1]], "index": [1, 2]}}',
        b'{"input_data": {"age": [1], "job": ["a", "b"]}}',
        b'{"dataframe_records": [[1]]}',
        b'{"input_data": [[1, "a", 2]], "params": []}',
    ],
)
def test_what_is_none_of_the_formats_is_the_callers_mistake(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        Frames(COLUMNS).read(body, "application/json")
    assert caught.value.status == 400


@pytest.mark.parametrize("body", [b"", b"age,age2\n1\n"])
def test_a_csv_that_is_none_is_the_callers_mistake(body: bytes) -> None:
    with pytest.raises(Refused):
        Frames(COLUMNS).read(body, "text/csv")


def outcome(frames: Frames, body: bytes) -> object:
    try:
        return frames.read(body, "application/json")
    except Refused as error:
        return error.status


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "columns", "x"]), inner, max_size=2)
    ),
    max_leaves=6,
)


def twice(pair: tuple[object, object]) -> str:
    """`data` is there two times: the last one counts."""
    first, second = map(json.dumps, pair)
    return f'{{"input_data": {{"columns": {json.dumps(NAMES)}, "data": {first}, "data": {second}}}}}'


bodies = st.one_of(
    st.lists(st.lists(values, min_size=3, max_size=3), max_size=3).map(
        lambda rows: json.dumps({"input_data": {"columns": NAMES, "data": rows}})
    ),
    values.map(lambda value: json.dumps({"input_data": {"columns": NAMES, "data": value}})),
    values.map(lambda value: json.dumps({"input_data": {"data": value, "columns": NAMES}})),
    values.map(lambda value: json.dumps({"input_data": {"columns": NAMES, "data": [], "more": value}})),
    st.tuples(values, values).map(twice),
    st.text(max_size=20).map(lambda text: f'{{"input_data": {{"columns": {json.dumps(NAMES)}, "data": [{text}]}}}}'),
)


@given(st.lists(bodies, min_size=2, max_size=4))
def test_what_is_remembered_of_one_body_does_not_change_the_next(texts: list[str]) -> None:
    """The usual body first, so that its frame is known; each is then read as by a reader that knows nothing."""
    frames = Frames(COLUMNS)
    frames.read(json.dumps({"input_data": SPLIT}).encode(), "application/json")
    for text in texts:
        body = text.encode("utf-8", "replace")
        known, fresh = outcome(frames, body), outcome(Frames(COLUMNS), body)
        if isinstance(fresh, Table):
            assert known == fresh
        else:
            # Rows of the wrong width are refused when they become columns.
            assert known == fresh or (isinstance(known, Table) and not is_rectangle(known))


def test_a_csv_of_a_spreadsheet_begins_with_a_mark_that_is_no_part_of_a_name() -> None:
    assert Frames(COLUMNS).read("\ufeffage,job\n1,x\n".encode(), "text/csv").columns == ("age", "job")


def test_a_csv_names_no_column_twice() -> None:
    with pytest.raises(Refused, match="twice") as caught:
        Frames(COLUMNS).read(b"age,age\n1,2\n", "text/csv")
    assert caught.value.status == 400


def test_a_frame_around_no_values_is_not_remembered() -> None:
    text = '{"input_data": {"columns": ["age"], "data": []}, "more": {"data": %s}}'
    frames = Frames(COLUMNS)
    for more in ("[]", "[[1]]"):
        assert frames.read((text % more).encode(), "application/json").rows == []


def test_what_is_remembered_is_not_used_for_another_type() -> None:
    body, frames = json.dumps({"input_data": SPLIT}).encode(), Frames(COLUMNS)
    fresh = frames.read(body, "text/csv")
    frames.read(body, "application/json")
    assert frames.read(body, "text/csv") == fresh


def is_rectangle(table: Table) -> bool:
    return all(type(row) is list and len(row) == len(table.columns) for row in table.rows)


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    frames = Frames(COLUMNS)
    assert outcome(frames, data) in (400, outcome(frames, data))
    with contextlib.suppress(Refused):
        frames.read(data, "text/csv")


def test_records_that_would_be_a_huge_table_are_refused_before_it_is_made() -> None:
    body = json.dumps({"dataframe_records": [{f"a{number}": 1} for number in range(3000)]}).encode()
    with pytest.raises(Refused, match="3000 objects name 3000 columns") as caught:
        Frames(()).read(body, "application/json")
    assert caught.value.status == 400


def test_columns_in_which_a_value_is_missing_or_not_finite_are_named() -> None:
    table = Table(
        ("a", "b", "c", "d"), [[1, None, 1.5, "x"], [2, True, float("inf"), ""], [3, False, float("nan"), "y"]]
    )
    assert columns_with_gaps(table) == ["b", "c"]
    assert columns_with_gaps(Table((), [])) == []


def test_records_with_gaps_are_a_table() -> None:
    rows = [{"a": 1}, {"b": 2}] * 200
    found = Frames(()).read(json.dumps({"dataframe_records": rows}).encode(), "application/json")
    assert (found.columns, found.rows[:2]) == (("a", "b"), [[1, None], [None, 2]])
