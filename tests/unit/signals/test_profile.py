"""Profiles of tables: right numbers, and a clear word for what is no table."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pratique.base.errors import InvalidInput
from pratique.cli.profile_text import text_of
from pratique.signals.profile import MAX_COLUMNS, profile, tables_of


def profiled(tmp_path: Path, text: str | bytes, name: str = "t.csv") -> dict[str, Any]:
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = profile(tables_of(file))
    json.dumps(found, allow_nan=False)
    assert text_of(found)
    return found


def columns(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {column["name"]: column for column in found["columns"]}


def test_the_numbers_of_a_column_are_those_of_its_values(tmp_path: Path) -> None:
    found = profiled(tmp_path, "n,t\n" + "".join(f"{n},x{n % 3}\n" for n in range(101)))
    assert (found["rows"], found["files"], found["format"], found["header"]) == (101, 1, "csv", True)
    number, text = found["columns"]
    assert (number["type"], number["count"], number["missing"]) == ("integer", 101, 0)
    assert (number["min"], number["max"], number["mean"]) == (0, 100, 50.0)
    assert number["std"] == pytest.approx(29.300, abs=0.001)
    assert number["quantiles"]["0.5"] == pytest.approx(50, abs=1)
    assert sum(number["histogram"]["counts"]) == 101
    assert (len(number["histogram"]["edges"]), len(number["histogram"]["counts"])) == (21, 20)
    assert number["distinct"] == pytest.approx(101, rel=0.1)
    assert (text["type"], text["distinct"], text["min_length"], sorted(text["top"])) == (
        "text",
        3,
        2,
        ["x0", "x1", "x2"],
    )


def test_all_rows_decide_the_type_and_not_the_first_ones(tmp_path: Path) -> None:
    many = "1,2\n" * 30_000
    assert columns(profiled(tmp_path, f"a,b\n{many}1.5,x\n"))["a"]["type"] == "number"
    late = columns(profiled(tmp_path, f"a,b\n{many}word,2\n"))
    assert (late["a"]["type"], late["a"]["max_length"], late["b"]["type"]) == ("text", 4, "integer")


def test_nan_and_infinite_values_are_counted_apart(tmp_path: Path) -> None:
    column = columns(profiled(tmp_path, "a,b\n1.5,1\nnan,2\ninf,3\n-inf,4\n2.5,5\n,6\n"))["a"]
    assert (column["nan"], column["infinite"], column["missing"]) == (1, 2, 1)
    assert (column["min"], column["max"], column["mean"]) == (1.5, 2.5, 2.0)
    assert sum(column["histogram"]["counts"]) == 2


def test_a_column_without_a_value_says_so(tmp_path: Path) -> None:
    column = columns(profiled(tmp_path, "a,b\n1,\n2,\n"))["b"]
    assert (column["count"], column["missing"], column["distinct"]) == (0, 2, 0)


def test_values_whose_squares_are_no_numbers_have_no_deviation(tmp_path: Path) -> None:
    column = columns(profiled(tmp_path, "a\n1e308\n-1e308\n1e200\n"))["a"]
    assert (column["max"], column["std"]) == (1e308, None)


def test_a_constant_column_is_one_bin(tmp_path: Path) -> None:
    assert columns(profiled(tmp_path, "a,b\n7,1\n7,2\n"))["a"]["histogram"] == {"edges": [7.0, 7.0], "counts": [2]}


def test_days_and_truths_are_known(tmp_path: Path) -> None:
    found = columns(
        profiled(tmp_path, "d,t,f\n2026-01-02,2026-01-02 03:04:05,true\n2025-01-02,2026-01-02 03:04:06,false\n")
    )
    assert [found[name]["type"] for name in "dtf"] == ["date", "timestamp", "boolean"]
    assert (found["d"]["min"], found["t"]["max"]) == ("2025-01-02", "2026-01-02T03:04:06")


@pytest.mark.parametrize("text", ["a;b\n1;x\n", "a\tb\n1\tx\n", "a|b\n1|x\n", "\ufeffa,b\r\n1,x\r\n"])
def test_the_header_says_what_separates_the_columns(tmp_path: Path, text: str) -> None:
    assert [*columns(profiled(tmp_path, text))] == ["a", "b"]


def test_other_formats_give_the_same_numbers(tmp_path: Path) -> None:
    rows = [{"a": n, "b": f"x{n}"} for n in range(50)]
    lines = profiled(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "t.jsonl")
    tabbed = profiled(tmp_path, "a\tb\n" + "".join(f"{row['a']}\t{row['b']}\n" for row in rows), "t.tsv")
    place = tmp_path / "t.parquet"
    duckdb.sql(f"COPY (SELECT * FROM '{tmp_path / 't.jsonl'}') TO '{place}'")  # noqa: S608
    parquet = profile(tables_of(place))
    assert lines["columns"] == tabbed["columns"] == parquet["columns"]


def test_a_folder_of_files_is_one_table(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("x", "y"):
        (tmp_path / "data" / f"{name}.csv").write_text("a,b\n1,2\n")
    (tmp_path / "data" / "README.md").write_text("words")
    found = profile(tables_of(tmp_path / "data"))
    assert (found["rows"], found["files"]) == (2, 2)


def test_a_name_that_looks_like_a_statement_stays_a_name(tmp_path: Path) -> None:
    found = profiled(tmp_path, '"a""b",\'; DROP TABLE x; --\n1,2\n', "it's; --.csv")
    assert [column["name"] for column in found["columns"]] == ['a"b', "'; DROP TABLE x; --"]


def test_rows_without_names_are_said(tmp_path: Path) -> None:
    found = profiled(tmp_path, "1,2\n3,4\n5,6\n")
    assert (found["header"], found["rows"]) == (False, 3)
    assert "no names" in text_of(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is empty"),
        (b"a,b,c\n1,2,3\n4,5\n", r"t\.csv:3: expected 3 columns; got 2"),
        (b"a,b\n1,2\n3,4,5\n", r"t\.csv:3: expected 2 columns; got 3"),
        ("näme,x\n1,2\n".encode("latin1"), r"t\.csv:1: is not UTF-8"),
        ("name,x\nä,2\n".encode("latin1"), "is not UTF-8"),
        (b"a,b\n1," + b"x" * (5 << 20) + b"\n", "longer than 4 MB"),
        (
            ",".join(f"c{n}" for n in range(10_000)).encode() + b"\n",
            f"10,000 columns, and a profile is of at most {MAX_COLUMNS:,}",
        ),
    ],
)
def test_what_is_no_table_is_said(tmp_path: Path, text: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        profiled(tmp_path, text)


@pytest.mark.parametrize(
    ("name", "text"), [("t.jsonl", b'{"a":1}\n{"a":\n'), ("t.parquet", b"PAR1xxxx"), ("t.xlsx", b"PK")]
)
def test_another_format_that_is_broken_names_its_file(tmp_path: Path, name: str, text: bytes) -> None:
    with pytest.raises(InvalidInput, match=name):
        profiled(tmp_path, text, name)


def test_a_control_character_in_a_name_does_not_reach_the_terminal(tmp_path: Path) -> None:
    assert "\x1b" not in text_of(profiled(tmp_path, "a\x1b[31m,b\n1,2\n"))
