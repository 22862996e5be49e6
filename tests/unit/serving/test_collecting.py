"""The spool: what is written, what is left out, what is dropped."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pratique_serving import collecting
from pratique_serving.collecting import Spool
from pratique_serving.identifiers import Identifiers
from pratique_serving.monitoring import Collector, CorrelationContext, collect_into
from pratique_serving.routes import Call
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


def test_redacted_columns_are_not_written_in_any_format(tmp_path: Path) -> None:
    opened = spool(tmp_path, redacted=frozenset({"name"}))
    note(opened)
    note(opened, b'{"dataframe_records": [{"age": 1, "name": "Ada"}], "params": {"name": "Ada"}}')
    note(opened, b'{"inputs": {"name": ["Ada"], "age": [1]}}')
    note(opened, b"age,name\n1,Ada\n")
    opened.close()
    found = records(tmp_path)
    assert len(found) == 4
    assert all(b"Ada" not in bodies[0] for _, bodies in found)
    assert json.loads(found[0][1][0])["input_data"]["data"] == [[41, "redacted"]]


def test_a_sample_is_a_share(tmp_path: Path) -> None:
    opened = spool(tmp_path, sampling=0.5)
    for _ in range(1000):
        note(opened)
    opened.close()
    assert 350 < opened.collected < 650
    assert len(records(tmp_path)) == opened.collected


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


def test_a_collector_never_fails_a_prediction(tmp_path: Path) -> None:
    opened = spool(tmp_path)
    collect_into(opened)
    errors: list[Exception] = []
    Collector(name="model_inputs", on_error=errors.append).collect([1, 2])
    Collector(name="model_inputs").collect(object())
    collect_into(None)
    opened.close()
    assert "expected a pandas DataFrame, got list" in str(errors[0])
    with pytest.raises(ValueError, match="needs a name"):
        Collector(name="")
