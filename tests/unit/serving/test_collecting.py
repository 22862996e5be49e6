"""The spool: what is written, what is left out, what is dropped."""

import json
import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pratique_serving import collecting, log
from pratique_serving.collecting import Spool
from pratique_serving.identifiers import Identifiers
from pratique_serving.monitoring import BasicCorrelationContext, Collector, CorrelationContext, collect_into
from pratique_serving.routes import Call
from pratique_serving.tables import Column
from pratique_serving.wire import Request, Response

BODY = b'{"input_data": {"columns": ["age", "name"],\n "data": [[41, "Ada"]]}}'


def spool(folder: Path, *, sampling: float = 1.0, redacted: frozenset[str] = frozenset()) -> Spool:
    return Spool(str(folder / "spool"), sampling, redacted, {"deployment": "d", "model": "m"})


def call(
    body: bytes = BODY, headers: Mapping[str, str] = {}, request_id: str = "R", began: float = 5.0, path: str = "/score"
) -> Call:
    return Call(Request("POST", path, "", dict(headers), body, False), Identifiers(request_id), began, began + 60)


def note(opened: Spool, body: bytes = BODY, request_id: str = "R") -> None:
    one = call(body, {"traceparent": "00-ab-cd-01"}, request_id, 100.0)
    opened.note([one], [Response(200, b'["good"]')], 100.0125)


def records(folder: Path) -> list[tuple[dict[str, Any], list[bytes]]]:
    assert not list((folder / "spool").glob("*.part"))
    return [record for path in sorted((folder / "spool").glob("*.spool")) for record in collecting.read(str(path))]


def predictions(folder: Path) -> list[tuple[dict[str, Any], list[bytes]]]:
    return [record for record in records(folder) if record[1]]


def test_a_prediction_is_kept_as_it_came_and_went(tmp_path: Path) -> None:
    opened = spool(tmp_path)
    note(opened)
    note(opened, b"\x00\n}", 'say "R"')
    opened.close()
    (first, bodies), (second, odd) = records(tmp_path)
    assert bodies == [BODY, b'["good"]']
    assert first["kind"] == "prediction"
    assert (first["id"], first["trace"], first["status"], first["latency_ms"]) == ("R", "00-ab-cd-01", 200, 12.5)
    assert (first["deployment"], first["model"]) == ("d", "m")
    assert (second["id"], odd[0]) == ('say "R"', b"\x00\n}")


def test_predictions_of_several_batches_keep_their_order_and_what_is_said_of_each(tmp_path: Path) -> None:
    opened = spool(tmp_path)
    kinds = ["application/json", "text/csv; charset=utf-8", "application/vnd.apache.arrow.stream"]
    expected = []
    for number in range(3 * collecting.BATCH + 5):
        headers = {"content-type": kinds[number % 3]} if number < 100 else {}
        sent, said = b"\n" * (number % 7), b"%d" % number
        large = b"x" * collecting.BATCH_BYTES if number == 10 else b""
        one = call(sent + large, headers, f"R{number}")
        opened.note([one], [Response(200 + number % 2, said)], 5.0 + number / 1000)
        form = ("", "csv", "arrow")[number % 3] if number < 100 else ""
        expected.append((f"R{number}", 200 + number % 2, float(number), form, [sent + large, said]))
    opened.close()
    found = [
        (head["id"], head["status"], head["latency_ms"], next((form for form in ("csv", "arrow") if form in head), ""))
        for head, _ in records(tmp_path)
    ]
    assert found == [one[:4] for one in expected]
    assert [parts for _, parts in records(tmp_path)] == [one[4] for one in expected]
    assert opened.collected == len(expected)


def test_what_was_computed_together_is_kept_apart_and_a_description_is_no_prediction(tmp_path: Path) -> None:
    opened = spool(tmp_path)
    calls = [call(b"1", request_id="A"), call(b"", request_id="B", path="/swagger.json"), call(b"2", request_id="C")]
    opened.note(calls, [Response(200, b"one"), Response(200, b"{}"), Response(400, b"two")], 6.0)
    opened.close()
    assert [(head["id"], head["status"], parts) for head, parts in records(tmp_path)] == [
        ("A", 200, [b"1", b"one"]),
        ("C", 400, [b"2", b"two"]),
    ]


def test_the_time_of_a_prediction_is_that_of_its_answer(tmp_path: Path) -> None:
    opened = spool(tmp_path)
    before = time.time()
    opened.note([call(began=time.monotonic() - 60.5)], [Response(200, b"1")], time.monotonic() - 60)
    opened.close()
    [(head, _)] = records(tmp_path)
    assert -61 < head["time"] - before < -59


TENSOR = {"shape": [1], "datatype": "BYTES", "data": ["Ada"]}
WHOLE_TABLE = {"name": "all", "shape": [2, 2], "datatype": "BYTES", "data": [41, "Ada", 42, "Ada"]}


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (BODY, {"input_data": {"columns": ["age", "name"], "data": [[41, "redacted"]]}}),
        (b'{"instances": [{"age": 1, "name": "Ada"}]}', {"instances": [{"age": 1, "name": "redacted"}]}),
        (b'{"inputs": {"name": ["Ada"], "age": [1]}}', {"inputs": {"name": ["redacted"], "age": [1]}}),
        (b'{"a": {"b": [{"c": {"name": {"first": "Ada"}}}]}}', {"a": {"b": [{"c": {"name": "redacted"}}]}}),
        (b'{"input_data": [[41, "Ada"], [42, "Ada"]]}', {"input_data": [[41, "redacted"], [42, "redacted"]]}),
        (b'{"dataframe_split": {"data": [[41, "Ada"]]}}', {"dataframe_split": {"data": [[41, "redacted"]]}}),
        (b'{"input_data": [41, "Ada"]}', {"input_data": ["redacted", "redacted"]}),
        (b'{"columns": ["name"], "data": [{"name": "Ada"}]}', {"columns": ["name"], "data": [{"name": "redacted"}]}),
        (b'{"columns": ["name"], "data": [["x", "Ada"]]}', {"columns": ["name"], "data": [["redacted", "redacted"]]}),
        (b'{"columns": [["name"]], "data": [[1]]}', {"columns": [["name"]], "data": [[1]]}),
        (
            json.dumps({"inputs": [{"name": "name", **TENSOR}]}).encode(),
            {"inputs": [{"name": "name", **TENSOR, "data": ["redacted"]}]},
        ),
        (
            json.dumps({"inputs": [WHOLE_TABLE]}).encode(),
            {"inputs": [{**WHOLE_TABLE, "data": [41, "redacted", 42, "redacted"]}]},
        ),
        (json.dumps(json.dumps({"name": "Ada"})).encode(), json.dumps({"name": "redacted"})),
    ],
)
def test_redacted_columns_are_not_written_in_any_form_of_json(tmp_path: Path, body: bytes, kept: Any) -> None:
    opened = spool(tmp_path, redacted=frozenset({"name"}))
    opened.know([Column("age", "long"), Column("name", "string")])
    note(opened, body)
    opened.close()
    [(_, [found, _])] = predictions(tmp_path)
    assert json.loads(found) == kept
    assert b"Ada" not in found


@pytest.mark.parametrize(
    ("kind", "body", "kept"),
    [
        ("text/csv", b'age, name\n1,"Ada, B"\n2,x,Ada\n', b"age, name\r\n1,redacted\r\nredacted,redacted,redacted\r\n"),
        ("text/csv", b'age,name\n"Ada', b"redacted"),
        ("text/csv", b"\xef\xbb\xbfname\nAda\n", b"name\r\nredacted\r\n"),
        ("text/csv", b"", b"redacted"),
        ("application/octet-stream", b"\x00Ada", b"redacted"),
        ("application/json", b"[" * 100_000, b"redacted"),
        ("application/vnd.apache.arrow.stream", b"Ada", b"redacted"),
    ],
)
def test_redacted_columns_are_not_written_of_other_bodies(tmp_path: Path, kind: str, body: bytes, kept: bytes) -> None:
    opened = spool(tmp_path, redacted=frozenset({"name"}))
    opened.note([call(body, {"content-type": kind})], [Response(200, b"[1]")], 6.0)
    opened.close()
    [(_, [found, _])] = predictions(tmp_path)
    assert found == kept


def test_a_table_of_arrow_is_redacted_as_a_frame(tmp_path: Path) -> None:
    opened = spool(tmp_path, redacted=frozenset({"job"}))
    body = (Path(__file__).parent / "arrows" / "plain.arrows").read_bytes()
    opened.note([call(body, {"content-type": "application/vnd.apache.arrow.stream"})], [Response(200, b"[1]")], 6.0)
    opened.close()
    [(head, [found, _])] = predictions(tmp_path)
    frame = json.loads(found)["input_data"]
    assert [row[frame["columns"].index("job")] for row in frame["data"]] == ["redacted"] * 3
    assert "arrow" not in head


def test_the_words_of_a_refusal_may_quote_a_value_and_are_not_written(tmp_path: Path) -> None:
    opened = spool(tmp_path, redacted=frozenset({"name"}))
    opened.note([call()], [Response(400, b'{"message": "Ada is no number"}')], 6.0)
    opened.close()
    [(_, [_, said])] = predictions(tmp_path)
    assert said == b"redacted"


def test_a_file_says_first_what_the_columns_of_the_model_are(tmp_path: Path) -> None:
    opened = spool(tmp_path)
    opened.know([Column("age", "long"), Column("name", "string")])
    note(opened)
    opened.close()
    head, parts = records(tmp_path)[0]
    assert (head["columns"], parts) == ([["age", "long"], ["name", "string"]], [])


def test_headers_that_are_asked_for_are_kept_beside_the_bodies(tmp_path: Path) -> None:
    opened = spool(tmp_path)
    opened.headers = ("x-user", "x-other")
    calls = [call(headers={"x-user": "me", "cookie": "no"}), call()]
    opened.note(calls, [Response(200, b"1"), Response(200, b"1")], 6.0)
    opened.close()
    assert [head.get("headers") for head, _ in records(tmp_path)] == [{"x-user": "me"}, None]


def test_a_sample_is_a_share(tmp_path: Path) -> None:
    opened = spool(tmp_path, sampling=0.5)
    for number in range(1000):
        note(opened, request_id=f"R{number}")
    opened.close()
    assert 350 < opened.collected < 650
    assert len(records(tmp_path)) == opened.collected


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_script_and_its_calls_are_sampled_alike_whatever_their_contexts(tmp_path: Path, share: float) -> None:
    opened = spool(tmp_path, sampling=share)
    for number in range(200):
        log.begin("", f"R{number}")
        opened.note_own("mine", f"context {number}", [1])
        opened.note_own("mine", f"other {number}", [1])
        note(opened, request_id=f"R{number}")
    log.begin("")
    opened.close()
    kept = [head.get("request") or head["id"] for head, _ in records(tmp_path)]
    assert sorted(kept) == sorted(3 * sorted(set(kept)))
    assert {0.0: 0, 1.0: 200}.get(share, len(set(kept))) == len(set(kept))
    assert share != 0.5 or 60 < len(set(kept)) < 140


def test_what_the_disk_cannot_take_is_dropped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "MOST_WAITING_SIZE", 0)
    opened = spool(tmp_path)
    note(opened)
    opened.close()
    assert (opened.collected, opened.dropped) == (0, 1)


def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    opened = spool(tmp_path)
    note(opened)
    note(opened)
    opened.close()
    [path] = (tmp_path / "spool").glob("*.spool")
    path.write_bytes(path.read_bytes()[:-5])
    assert len(list(collecting.read(str(path)))) == 1


@pytest.mark.parametrize("kept", range(1, 700, 37))
def test_a_batch_that_was_cut_off_anywhere_is_read_as_far_as_it_goes(tmp_path: Path, kept: int) -> None:
    opened = spool(tmp_path)
    for number in range(5):
        note(opened, request_id=str(number))
    opened.close()
    [path] = (tmp_path / "spool").glob("*.spool")
    whole = path.read_bytes()
    assert len(whole) > 700
    path.write_bytes(whole[:kept])
    assert [head["id"] for head, _ in collecting.read(str(path))] == [
        str(number) for number in range(whole[:kept].count(b'["good"]\n'))
    ]


class Frame:
    """The part of a DataFrame that a collector uses."""

    def to_dict(self, orient: str) -> list[dict[str, object]]:
        assert orient == "records"
        return [{"age": 41, "name": "Ada"}]


def test_a_script_collects_frames_that_belong_together(tmp_path: Path) -> None:
    opened = spool(tmp_path, redacted=frozenset({"name"}))
    collect_into(opened)
    context = Collector(name="model_inputs").collect(Frame())
    assert isinstance(context, CorrelationContext)
    assert Collector(name="model_outputs").collect(Frame(), context) is context
    collect_into(None)
    opened.close()
    (first, data), (second, _) = records(tmp_path)
    assert (first["kind"], second["kind"]) == ("model_inputs", "model_outputs")
    assert first["id"] == second["id"] == context.get_id()
    assert json.loads(data[0]) == [{"age": 41, "name": "redacted"}]


def test_what_a_script_collects_has_the_id_of_its_request_and_the_version_of_the_model(tmp_path: Path) -> None:
    opened = spool(tmp_path)
    collect_into(opened)
    log.begin("00-ab-cd-01", "R")
    Collector(name="model_inputs").collect(Frame(), BasicCorrelationContext(id="mine"))
    log.begin("")
    collect_into(None)
    opened.close()
    [(head, _)] = records(tmp_path)
    assert (head["id"], head["request"], head["trace"], head["model"]) == ("mine", "R", "00-ab-cd-01", "m")


def test_errors_of_a_collector_go_where_they_go_on_azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[Exception] = []
    Collector(name="model_inputs", on_error=errors.append).collect(Frame())
    opened = spool(tmp_path)
    opened.only = frozenset({"model_inputs"})
    collect_into(opened)
    Collector(name="other", on_error=errors.append)
    Collector(name="", on_error=errors.append)
    Collector(name="model_inputs", on_error=errors.append).collect([1, 2])
    monkeypatch.setattr(collecting, "MOST_WAITING_SIZE", 0)
    Collector(name="model_inputs", on_error=errors.append).collect(Frame())
    with pytest.raises(Exception, match="collection other is not enabled"):
        Collector(name="other")
    with pytest.raises(TypeError, match=r"data type \(list\) not supported, supported types: pandas.DataFrame"):
        Collector(name="model_inputs").collect([1, 2])
    collect_into(None)
    opened.close()
    assert [str(error).partition(" (")[0] for error in errors] == [
        *["custom logging is not enabled, drop the data"] * 2,
        "collection other is not enabled, drop the data",
        "collection name is not provided",
        "data type",
        "message queue is full, drop the data",
    ]


class Scalar:
    """As numpy has them."""

    def tolist(self) -> int:
        return 7


class NaTType:
    """As pandas calls a time that is missing."""


def test_values_of_libraries_become_values_of_json(tmp_path: Path) -> None:
    class Odd:
        def to_dict(self, orient: str) -> list[dict[object, object]]:
            assert orient == "records"
            return [{"n": Scalar(), 1: NaTType(), "list": (1, {2: Scalar()}), "when": datetime(2026, 1, 2)}]

    opened = spool(tmp_path)
    collect_into(opened)
    Collector(name="model_inputs").collect(Odd())
    collect_into(None)
    opened.close()
    [(_, [data])] = records(tmp_path)
    assert json.loads(data) == [{"n": 7, "1": None, "list": [1, {"2": 7}], "when": "2026-01-02 00:00:00"}]


def test_a_disk_that_is_full_for_a_while_costs_what_came_meanwhile_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = spool(tmp_path)
    opened.know([Column("age", "long")])
    write = os.writev

    def fail(file: int, pieces: list[bytes]) -> int:
        write(file, [b"".join(pieces)[:20]])
        raise OSError(28, "No space left on device")

    note(opened, request_id="before")
    until(lambda: opened._written == 1)
    monkeypatch.setattr(os, "writev", fail)
    note(opened, request_id="meanwhile")
    until(lambda: opened.dropped == 1)
    monkeypatch.undo()
    note(opened, request_id="after")
    until(lambda: opened._written == 3)
    opened.close()
    found = records(tmp_path)
    assert [head["id"] for head, parts in found if parts] == ["before", "after"]
    assert [head["count"] for head, _ in found if head["kind"] == "dropped"] == [1]


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
