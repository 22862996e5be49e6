"""What replicas have collected, as Parquet."""

import base64
import json
import os
import struct
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pratique.signals.collected import convert, main
from pratique_serving.collecting import Spool
from pratique_serving.identifiers import Identifiers
from pratique_serving.routes import Call
from pratique_serving.wire import Request, Response

WHEN = 1_764_000_000.25  # 2025-11-24T16:00:00Z.
BOTH = {"model_inputs": 1.0, "model_outputs": 1.0}


def record(*bodies: bytes, **head: Any) -> bytes:
    """As the model server writes it."""
    facts = {
        "kind": "prediction",
        "id": "r1",
        "trace": "",
        "time": WHEN,
        "status": 200,
        "latency_ms": 1.5,
        "model": "m:1",
    }
    line = {**facts, **head, "sizes": [len(body) for body in bodies]}
    return json.dumps(line).encode() + b"\n" + b"".join(body + b"\n" for body in bodies)


def rows(path: Path) -> list[dict[str, Any]]:
    found = duckdb.read_parquet(str(path))
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def converted(tmp_path: Path, *records: bytes, **about: Any) -> tuple[dict[str, int], Path]:
    spool = tmp_path / "predictions-1-2-3.spool"
    spool.write_bytes(b"".join(records))
    return convert(spool, {"collections": BOTH, **about}, tmp_path / "out"), tmp_path / "out"


FRAME = {"input_data": {"columns": ["age", "name", "rich"], "data": [[41, "Ä", True], [None, "b", False]]}}


def test_inputs_and_outputs_become_tables_that_belong_together(tmp_path: Path) -> None:
    counts, out = converted(tmp_path, record(json.dumps(FRAME).encode(), b'["good","bad"]', latency_ms=2.0))
    assert counts == {"records": 1, "rows": 4, "dropped": 0}
    inputs = rows(out / "model_inputs/2025/11/24/16/predictions-1-2-3.parquet")
    outputs = rows(out / "model_outputs/2025/11/24/16/predictions-1-2-3.parquet")
    assert [(row["correlationid"], row["age"], row["name"], row["rich"]) for row in inputs] == [
        ("r1_0", 41, "Ä", True),
        ("r1_1", None, "b", False),
    ]
    assert [(row["correlationid"], row["prediction"]) for row in outputs] == [("r1_0", "good"), ("r1_1", "bad")]
    assert (inputs[0]["model"], inputs[0]["status"], inputs[0]["latency_ms"]) == ("m:1", 200, 2.0)
    assert inputs[0]["time"].isoformat() == "2025-11-24T16:00:00.250000"


@pytest.mark.parametrize(
    ("rate", "place"), [("day", "2025/11/24"), ("minute", "2025/11/24/16/00"), (None, "2025/11/24/16")]
)
def test_folders_cover_the_time_that_was_wished(tmp_path: Path, rate: str | None, place: str) -> None:
    _, out = converted(tmp_path, record(json.dumps(FRAME).encode(), b"[1,2]"), rolling_rate=rate)
    assert [
        path.parent.relative_to(out / "model_inputs").as_posix() for path in out.glob("model_inputs/**/*.parquet")
    ] == [place]


def test_what_cannot_be_read_as_rows_is_kept_as_it_came(tmp_path: Path) -> None:
    _, out = converted(tmp_path, record(b'{"data": [1]}', b"not JSON \xff"))
    assert rows(next(out.glob("model_inputs/**/*.parquet")))[0]["body"] == '{"data": [1]}'
    assert rows(next(out.glob("model_outputs/**/*.parquet")))[0]["body"] == "not JSON �"


def test_mixed_and_nested_values_are_text_and_whole_numbers_with_fractions_are_fractions(tmp_path: Path) -> None:
    frame = {"columns": ["mixed", "nested", "number", "time"], "data": [[1, [1], 1, "x"], ["a", {"b": 2}, 0.5, "y"]]}
    _, out = converted(tmp_path, record(json.dumps({"dataframe_split": frame}).encode(), b"[1]"))
    [first, second] = rows(next(out.glob("model_inputs/**/*.parquet")))
    assert (first["mixed"], first["nested"], first["number"], first["time_"]) == ("1", "[1]", 1.0, "x")
    assert (second["mixed"], second["nested"], second["number"]) == ("a", '{"b": 2}', 0.5)


def test_numbers_that_no_column_of_integers_holds_are_fractions(tmp_path: Path) -> None:
    body = json.dumps({"inputs": {"a": [2**70], "b": [-(2**63)]}}).encode()
    _, out = converted(tmp_path, record(body, b"[NaN]"))
    [line] = rows(next(out.glob("model_inputs/**/*.parquet")))
    assert (line["a"], line["b"]) == (2.0**70, -(2**63))


def test_only_wanted_collections_are_written_and_a_share_is_the_same_requests_in_each(tmp_path: Path) -> None:
    records = [record(json.dumps(FRAME).encode(), b'["x","y"]', id=f"request-{number}") for number in range(200)]
    _, out = converted(tmp_path, *records, collections={"model_inputs": 1.0, "model_outputs": 0.25, "response": 0.25})
    sampled = {row["requestid"] for row in rows(next(out.glob("model_outputs/**/*.parquet")))}
    assert 20 < len(sampled) < 90
    assert {row["requestid"] for row in rows(next(out.glob("response/**/*.parquet")))} == sampled
    assert len(rows(next(out.glob("model_inputs/**/*.parquet")))) == 400
    assert not (out / "request").exists()


def test_what_a_script_collects_and_what_was_dropped(tmp_path: Path) -> None:
    own = record(b'[{"a": 1.5}, {"a": 2.5}]', kind="model_inputs", id="c")
    other = record(b'[{"a": 1.5}]', kind="not_wanted", id="c")
    counts, out = converted(tmp_path, own, other, record(kind="dropped", count=7))
    assert counts == {"records": 2, "rows": 2, "dropped": 7}
    assert [row["a"] for row in rows(next(out.glob("model_inputs/**/*.parquet")))] == [1.5, 2.5]


@pytest.mark.parametrize("name", ["prediction", "predictions", "dropped"])
def test_a_script_may_call_its_collection_as_records_are_called(tmp_path: Path, name: str) -> None:
    spool = Spool(str(tmp_path / "spool"), 1.0, frozenset(), {"deployment": "d", "model": "m:1"})
    spool.note_own(name, "c", [{"a": 1.5}])
    call = Call(Request("POST", "/score", "", {}, b"[[1]]", False), Identifiers("r1"), 1.0, 60.0)
    spool.note([call], [Response(200, b"[2]")], 1.25)
    spool.close()
    [file] = (tmp_path / "spool").glob("*.spool")
    counts = convert(file, {"collections": {name: 1.0, "model_outputs": 1.0}}, tmp_path / "out")
    assert counts == {"records": 2, "rows": 2, "dropped": 0}
    [own] = rows(next((tmp_path / "out" / name).rglob("*.parquet")))
    [answer] = rows(next((tmp_path / "out" / "model_outputs").rglob("*.parquet")))
    assert (own["a"], own["correlationid"]) == (1.5, "c_0")
    assert (answer["prediction"], answer["requestid"], answer["latency_ms"]) == (2, "r1", 250.0)


def test_csv_has_the_names_of_its_first_line(tmp_path: Path) -> None:
    _, out = converted(tmp_path, record(b"age,name\n41,x\n", b'{"predictions": [{"p": 1}]}', csv=True))
    assert rows(next(out.glob("model_inputs/**/*.parquet")))[0]["name"] == "x"
    assert rows(next(out.glob("model_outputs/**/*.parquet")))[0]["p"] == 1


def test_as_a_program_it_says_what_it_did(tmp_path: Path) -> None:
    about, spool, out = tmp_path / "about.json", tmp_path / "it's one.spool", tmp_path / "out"
    about.write_text(json.dumps({"collections": BOTH, "rolling_rate": "year"}))
    spool.write_bytes(record(json.dumps(FRAME).encode(), b"[1,2]"))
    out.mkdir()
    assert main([str(about), str(out), str(spool)]) == 0
    assert json.loads((out / "outcome.json").read_text()) == {"records": 1, "rows": 4, "dropped": 0}
    assert (out / "files/model_inputs/2025/it's one.parquet").exists()


def test_a_table_of_arrow_has_its_columns_and_its_body_is_kept_as_bytes(tmp_path: Path) -> None:
    body = (Path(__file__).parents[1] / "serving" / "arrows" / "plain.arrows").read_bytes()
    wanted = {**BOTH, "request": 1.0}
    _, out = converted(tmp_path, record(body, b"[1,2,3]", arrow=True), collections=wanted)
    place = "2025/11/24/16/predictions-1-2-3.parquet"
    inputs = rows(out / "model_inputs" / place)
    assert [(row["age"], row["job"], row["count"], row["good"]) for row in inputs] == [
        (41.5, "clerk", 2, True),
        (None, "Ä中", 3, None),
        (3.0, None, -4, False),
    ]
    [kept] = rows(out / "request" / place)
    assert base64.b64decode(kept["base64"]) == body


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("body", "columns"),
    [
        (_json({"inputs": {"Age": [1], "age": [2]}}), {"Age": 1, "age_": 2}),
        (_json({"inputs": {"Time": [1], "time": [2], "time_": [3]}}), {"Time_": 1, "time__": 2, "time___": 3}),
        (_json({"inputs": {"": [1], "a\"b'c": [2], "x\0y": [3]}}), {"_": 1, "a\"b'c": 2, "x?y": 3}),
        (b'{"inputs": {"\\ud800": ["\\ud800"]}}', {"?": "?"}),
        (b'{"inputs": {"a": [1e999], "b": [' + b"9" * 400 + b"]}}", {"a": None, "b": None}),
        (b'{"dataframe_records": [{"a": 1}, {"b": 2}]}', {"a": 1, "b": None}),
        (_json({"input_data": [[1, "x"], [2]]}), {"0": 1, "1": "x"}),
        (_json({"input_data": {"data": [[1.5]]}}), {"0": 1.5}),
        (
            _json({"inputs": [{"name": "a", "shape": [2, 1], "datatype": "FP64", "data": [1.5, 2]}]}),
            {"a": 1.5},
        ),
        (
            _json({"inputs": [{"name": "a", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": 8}}]})
            + struct.pack("<d", 2.5),
            {"a": 2.5},
        ),
        (b"a,b\n" + b"x" * 200_000 + b",1\n", {"body": "a,b\n" + "x" * 200_000 + ",1\n"}),
        (b"[" * 100_000, {"body": "[" * 100_000}),
    ],
)
def test_whatever_is_sent_is_kept_and_keeps_nothing_else_from_it(
    tmp_path: Path, body: bytes, columns: dict[str, Any]
) -> None:
    csv = {"csv": True} if body.startswith(b"a,b") else {}
    _, out = converted(tmp_path, record(body, b"[" * 100_000, **csv), record(b'{"inputs": {"plain": [7]}}', b"[1]"))
    found = rows(next(out.glob("model_inputs/**/*.parquet")))
    assert {name: found[0][name] for name in columns} == columns
    assert found[-1]["plain"] == 7
    assert [row["prediction"] for row in rows(next(out.glob("model_outputs/**/*.parquet")))] == [None, 1]


@pytest.mark.parametrize("answer", [b"[]", b"{}", b'{"outputs": []}', b'{"predictions": []}'])
def test_answers_without_rows_leave_no_empty_files(tmp_path: Path, answer: bytes) -> None:
    counts, out = converted(tmp_path, record(b'{"inputs": []}', answer))
    assert counts["records"] == 1
    assert not list(out.glob("model_inputs/**/*.parquet"))


@pytest.mark.parametrize(
    "answer",
    [
        {"p": [[1.5], [2.5]], "q": ["x", "y"]},
        {
            "outputs": [
                {"name": "p", "shape": [2, 1], "datatype": "FP64", "data": [1.5, 2.5]},
                {"name": "q", "shape": [2], "datatype": "BYTES", "data": ["x", "y"]},
            ]
        },
    ],
)
def test_several_outputs_are_columns_of_the_same_rows(tmp_path: Path, answer: dict[str, Any]) -> None:
    _, out = converted(tmp_path, record(b'{"inputs": [1, 2]}', _json(answer)))
    found = rows(next(out.glob("model_outputs/**/*.parquet")))
    assert [(row["correlationid"], row["p"], row["q"]) for row in found] == [("r1_0", 1.5, "x"), ("r1_1", 2.5, "y")]


def test_columns_have_the_names_and_types_of_the_signature_also_where_values_do_not_show_them(tmp_path: Path) -> None:
    known = [["amount", "double"], ["count", "long"], ["name", "string"]]
    first = json.dumps({"kind": "columns", "columns": known, "sizes": []}).encode() + b"\n"
    unnamed, typed = (
        record(b'{"input_data": [[1, null, null]]}', b"[1]"),
        record(b"count,amount,name\n3,2,7\n", b"[1]", csv=True),
    )
    spool = tmp_path / "predictions-1-2-3.spool"
    spool.write_bytes(first + unnamed + typed)
    convert(spool, {"collections": BOTH}, tmp_path / "out")
    file = next((tmp_path / "out").glob("model_inputs/**/*.parquet"))
    assert [(row["amount"], row["count"], row["name"]) for row in rows(file)] == [(1.0, None, None), (2.0, 3, "7")]
    seen = duckdb.read_parquet(str(file))
    kinds = dict(zip(seen.columns, map(str, seen.types), strict=True))
    assert (kinds["amount"], kinds["count"], kinds["name"]) == ("DOUBLE", "BIGINT", "VARCHAR")


def test_of_very_many_columns_the_rarer_ones_are_together(tmp_path: Path) -> None:
    wide = {
        "dataframe_records": [{"often": 1, **{f"k{number}_{place}": 1 for place in range(5)}} for number in range(600)]
    }
    _, out = converted(tmp_path, record(_json(wide), b"[1]"))
    found = rows(next(out.glob("model_inputs/**/*.parquet")))
    assert [row["often"] for row in found] == [1] * 600
    assert len(found[0]) < 2050
    assert json.loads(found[-1]["others"]) == {f"k599_{place}": 1 for place in range(5)}


def test_the_calls_of_a_script_do_not_fill_what_it_collects_itself(tmp_path: Path) -> None:
    own = record(b'[{"a": 1.5}]', kind="model_inputs", id="c", request="r1")
    call = record(b'{"inputs": [[1]]}', b"[1]", headers={"x-user": "me"})
    _, out = converted(tmp_path, own, call, collections={**BOTH, "request": 1.0}, has_script=True)
    [line] = rows(next(out.glob("model_inputs/**/*.parquet")))
    assert (line["a"], line["requestid"], line["correlationid"], line["model"]) == (1.5, "r1", "c_0", "m:1")
    [request] = rows(next(out.glob("request/**/*.parquet")))
    assert (request["requestid"], json.loads(request["headers"])) == ("r1", {"x-user": "me"})
    assert not (out / "model_outputs").exists()


def test_a_disk_without_room_is_no_fault_of_the_spool(tmp_path: Path) -> None:
    about, spool, out = tmp_path / "about.json", tmp_path / "one.spool", tmp_path / "out"
    about.write_text(json.dumps({"collections": BOTH}))
    spool.write_bytes(record(_json(FRAME), b"[1,2]"))
    out.write_text("no folder can be made here")
    assert main([str(about), str(out), str(spool)]) == os.EX_TEMPFAIL
