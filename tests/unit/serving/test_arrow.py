"""Bodies in Arrow's format: what pyarrow wrote is read as it was meant, and no bytes do harm."""

import json
import random
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique_serving import arrow
from pratique_serving.errors import Refused
from pratique_serving.tables import Column, Frames, Table

BODIES = {path.name: path.read_bytes() for path in (Path(__file__).parent / "arrows").glob("*.arrow*")}
"""Made by `arrows/make.py`."""
ROWS: list[list[Any]] = [[41.5, "clerk", 2, True], [None, "Ä中", 3, None], [3.0, None, -4, False]]
NAMES = ("age", "job", "count", "good")


def refused(body: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        arrow.read(body)
    return caught.value


@pytest.mark.parametrize(("name", "rows"), [("plain.arrows", ROWS), ("plain.arrow", ROWS), ("sliced.arrows", ROWS[1:])])
def test_a_stream_and_a_file_are_rows_of_plain_values(name: str, rows: list[list[object]]) -> None:
    names, columns = arrow.read(BODIES[name])
    assert (names, arrow.rows_of(columns)) == (NAMES, rows)


def test_every_width_of_numbers_and_text_is_read() -> None:
    names, columns = arrow.read(BODIES["widths.arrows"])
    found = dict(zip(names, columns, strict=True))
    assert all(found[f"i{size}"] == [-1, None, 5] for size in (8, 16, 32, 64))
    assert all(found[f"u{size}"] == [1, 2**size - 1, None] for size in (8, 16, 32, 64))
    assert all(found[f"f{size}"] == [0.5, None, -2.0] for size in (16, 32, 64))
    assert (found["long"], found["nothing"]) == (["a", None, ""], [None] * 3)


def test_a_category_is_its_word() -> None:
    assert arrow.read(BODIES["categories.arrow"])[1] == [["clerk", None, "smith", "clerk"]]
    assert arrow.read(BODIES["categories.arrows"])[1] == [["clerk", None, "smith", "clerk", "thief", "smith"]]


def test_a_moment_is_text_as_in_json() -> None:
    names, columns = arrow.read(BODIES["moments.arrows"])
    found = dict(zip(names, columns, strict=True))
    moment = "1969-12-31T00:00:01"
    fractions = {"s": "", "ms": ".000", "us": ".000000", "ns": ".000000000", "zoned": ".000+00:00"}
    assert all(found[name] == [moment + fraction, None] for name, fraction in fractions.items())
    assert all(found[name] == ["1969-12-31", None] for name in ("day", "long day", "category"))


def test_a_moment_beyond_the_calendar_is_the_callers_mistake() -> None:
    assert refused(BODIES["late.arrows"]).status == 400


def test_lists_are_lists_as_in_json() -> None:
    names, columns = arrow.read(BODIES["lists.arrows"])
    assert dict(zip(names, columns, strict=True)) == {
        "plain": [[1, None], None, [], [3]],
        "long": [[1.5], [], None, [2.5, 3.5]],
        "pairs": [[1, 2], None, [3, 4], [5, None]],
        "nested": [[[1], []], [], None, [None]],
        "categories": [["b", "a"], [], ["b"], []],
    }


def test_a_table_without_rows_has_its_columns() -> None:
    assert arrow.read(BODIES["empty.arrows"]) == (NAMES, [[], [], [], []])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("compressed.arrows", "Compressed Arrow is not read"),
        ("structs.arrows", "the column 'pair' is of Arrow's type struct"),
    ],
)
def test_what_is_arrow_and_not_read_is_an_unsupported_media_type(name: str, words: str) -> None:
    error = refused(BODIES[name])
    assert error.status == 415
    assert words in error.message


@pytest.mark.parametrize("body", [b"", b"{}", b"ARROW1\0\0", BODIES["plain.arrow"][:-1], BODIES["plain.arrows"][8:]])
def test_what_is_no_arrow_is_the_callers_mistake(body: bytes) -> None:
    assert refused(body).status == 400


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
def test_a_body_that_was_cut_off_is_refused(cut: float) -> None:
    body = BODIES["plain.arrow"]
    assert refused(body[: int(len(body) * cut)]).status == 400


def test_more_values_than_bytes_are_refused_before_they_are_made() -> None:
    """A column of nulls takes no bytes, so its length can be anything."""
    body, rows = BODIES["widths.arrows"], struct.pack("<q", 3)
    for many in (10**6, 10**18):
        with suppress(ValueError):
            message = body.index(b"\xff\xff\xff\xff", 8)
            grown = body[:message] + body[message:].replace(rows, struct.pack("<q", many))
            assert refused(grown).status in (400, 413)


def test_a_body_with_the_type_of_arrow_is_a_table_for_every_model() -> None:
    frames = Frames([Column("age", "double"), Column("job", "string")])
    table = Table(NAMES, ROWS)
    assert frames.read(BODIES["plain.arrows"], "application/vnd.apache.arrow.stream") == table
    assert frames.read(BODIES["plain.arrow"], "application/vnd.apache.arrow.file") == table
    with pytest.raises(Refused):
        frames.read(json.dumps({"input_data": ROWS}).encode(), "application/vnd.apache.arrow.stream")
    with pytest.raises(Refused):
        frames.read(BODIES["plain.arrows"], "application/json")


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with suppress(Refused):
        arrow.read(data)


@settings(max_examples=600)
@given(st.sampled_from(sorted(BODIES)), st.integers(), st.integers(1, 6), st.binary(min_size=1, max_size=9))
def test_no_change_of_a_body_breaks_it(name: str, seed: int, changes: int, other: bytes) -> None:
    body, chance = bytearray(BODIES[name]), random.Random(seed)  # noqa: S311 - repeatable on purpose.
    for _ in range(changes):
        at = chance.randrange(len(body))
        body[at : at + chance.choice((0, len(other)))] = other
    with suppress(Refused):
        names, columns = arrow.read(bytes(body))
        assert len(names) == len(columns)
        assert sum(map(len, columns)) <= len(body) + 65_536


@settings(max_examples=600)
@given(st.sampled_from(sorted(BODIES)), st.integers(0, 10**6), st.sampled_from("bBhHiIqQ"), st.integers(-300, 2**33))
def test_no_length_or_offset_that_is_wrong_breaks_it(name: str, at: int, letter: str, number: int) -> None:
    body = bytearray(BODIES[name])
    wrong = struct.pack("<q", number)[: struct.calcsize(letter)]
    at %= len(body)
    body[at : at + len(wrong)] = wrong
    with suppress(Refused):
        arrow.read(bytes(body))
