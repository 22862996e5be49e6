"""A model that was converted to ONNX answers as the original does, and refuses what that refuses."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from .conftest import House, Scorer, Scorers, made_environment, run

ROOT = Path(__file__).parents[3]
BENCH = ROOT / "bench" / "serving"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    root = tmp_path_factory.mktemp("house")
    python = made_environment(root, BENCH / "peers" / "model.lock")
    csv = ROOT / "examples" / "credit-risk" / "data" / "german-credit.csv"
    run(python, BENCH / "train.py", csv, root / "models")
    run(python, Path(__file__).with_name("more_models.py"), csv, root / "models")
    return House(python, root / "models")


@pytest.fixture(scope="module")
def both(house: House, shared: Scorers) -> dict[str, Scorer]:
    """The random forest as it was trained, and converted."""
    folder = house.models / "rf"
    assert "no decision changed" in run(house.python, "-m", "pratique_serving.convert", folder / "mlflow", folder)
    served = {
        "original": shared.folder(house.python, PRATIQUE_MLFLOW_MODEL=str(folder / "mlflow")),
        "converted": shared.folder(house.python, PRATIQUE_ONNX_MODEL=str(folder / "model.onnx")),
    }
    for scorer in served.values():
        scorer.wait_until_ready()
    return served


def frame(house: House) -> dict[str, Any]:
    request: dict[str, Any] = json.loads((house.models / "request-100.json").read_text())["input_data"]
    return request


def bodies(house: House) -> dict[str, object]:
    split = frame(house)
    records = [dict(zip(split["columns"], row, strict=True)) for row in split["data"][:5]]
    turned = {"columns": split["columns"][::-1], "data": [row[::-1] for row in split["data"]]}
    return {
        "split": {"input_data": split},
        "turned round": {"input_data": turned},
        "records": {"dataframe_records": records},
        "rows": {"input_data": split["data"][:3]},
        "no rows": {"input_data": {**split, "data": []}},
        "an unknown word": {"dataframe_records": [{**records[0], "purpose": "a boat"}]},
        "an empty word": {"dataframe_records": [{**records[0], "purpose": ""}]},
        "a column too many": {"dataframe_records": [{**records[0], "hair": "red"}]},
        "a column too few": {"dataframe_records": [{name: records[0][name] for name in list(records[0])[1:]}]},
        "a number as text": {"dataframe_records": [{**records[0], "age": "41"}]},
        "a truth for a number": {"dataframe_records": [{**records[0], "age": True}]},
        "a number for text": {"dataframe_records": [{**records[0], "purpose": 3}]},
        "a list for text": {"dataframe_records": [{**records[0], "purpose": ["car"]}]},
        "a very large number": {"dataframe_records": [{**records[0], "age": 1e30}]},
        "a missing number": {"dataframe_records": [{**records[0], "age": None}]},
        "nothing": {},
    }


@pytest.mark.parametrize(
    "name",
    "split,turned round,records,rows,no rows,an unknown word,an empty word,a column too many,a column too few,"
    "a number as text,a truth for a number,a number for text,a list for text,a very large number,"
    "a missing number,nothing".split(","),
)
@pytest.mark.parametrize("target", ["/score", "/invocations"])
def test_both_answer_alike(both: dict[str, Scorer], house: House, name: str, target: str) -> None:
    body = bodies(house)[name]
    original, converted = both["original"].score(body, target), both["converted"].score(body, target)
    assert converted.status == original.status, (original, converted)
    if original.status == 200:
        assert converted.value == original.value
    assert set(converted.headers) == set(original.headers)


def test_a_converted_model_speaks_the_open_inference_protocol(both: dict[str, Scorer], house: House) -> None:
    split = frame(house)
    columns = list(zip(*split["data"][:4], strict=True))
    tensors = [
        {
            "name": name,
            "shape": [4, 1],
            "datatype": "BYTES" if isinstance(values[0], str) else "FP64",
            "data": list(values),
        }
        for name, values in zip(split["columns"], columns, strict=True)
    ]
    expected = both["original"].score({"input_data": {**split, "data": split["data"][:4]}}).value
    for scorer in both.values():
        answer = scorer.score({"id": "7", "inputs": tensors}, "/v2/models/model/infer").value
        assert (answer["id"], answer["model_name"]) == ("7", "model")
        assert answer["outputs"] == [{"name": "risk", "datatype": "BYTES", "shape": [4], "data": expected}]
        assert scorer.ask("GET", "/v2/models/model/ready").status == 200
        assert len(scorer.ask("GET", "/v2/models/model").value["inputs"]) == len(tensors)
        assert scorer.ask("GET", "/v2/models/other").status == 404


def test_what_it_did_is_counted(both: dict[str, Scorer], house: House) -> None:
    both["converted"].score({"input_data": frame(house)})
    lines = both["converted"].ask("GET", "/metrics").body.decode().splitlines()
    assert any(line.startswith("pratique_requests_total{") and 'code="200"' in line for line in lines)
    [rows] = [line for line in lines if line.startswith("pratique_rows_total")]
    assert int(rows.split()[-1]) >= 100


@pytest.mark.parametrize(
    "name",
    "threshold,imputed,ridge,boosted,svm,numbers,ordinal,strict,votes,histograms,bagged,products,vote".split(","),
)
def test_pipelines_of_many_kinds_are_converted(house: House, name: str) -> None:
    folder = house.models / name
    said = run(house.python, "-m", "pratique_serving.convert", folder, folder / "onnx")
    report = json.loads((folder / "onnx" / "parity.json").read_text())
    assert said.startswith("converted: ")
    assert report["holds"]
    assert report["rows"] > 4000
    assert math.isfinite(report["largest_difference"])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("function", "FunctionTransformer"),
        ("custom", "flavour"),
        ("unsigned", "without a signature"),
        ("missing", "is missing"),
        ("categories", "one of several categories"),
        ("texts", "TfidfVectorizer takes other words"),
    ],
)
def test_what_cannot_be_converted_stays_and_the_reason_is_said(house: House, name: str, why: str) -> None:
    folder = house.models / name
    said = run(house.python, "-m", "pratique_serving.convert", folder, folder / "onnx", expected=3)
    assert said.startswith("not converted: ")
    assert why in said
    assert not (folder / "onnx" / "model.onnx").exists()
    assert json.loads((folder / "onnx" / "parity.json").read_text())["holds"] is False


COLUMNS = ["amount", "rate", "count", "member", "word", "tone"]
GOOD = ["12.5", "0.25", "3", "true", '"low"', '"a"']
ODD = (
    "null,true,false,0,1,1.0,-0.0,1.5,-0.5,-1,-1.5,-1e12,NaN,Infinity,1e400,-1e400,1e308,-1e308,1e39,3.5e38,1e-320,"
    '"","1","a",[1],[],{},1.0000000001,2.0000000000000004,16777217,2147483648,9007199254740993,9223372036854775807,'
    '9223372036854775808,-9223372036854775808,-9223372036854775809,9.223372036854775807e18,"nan","None","high","\\ud800"'
).split(",")


@pytest.fixture(scope="module")
def everything(house: House, shared: Scorers) -> dict[str, Scorer]:
    """A model with a column of each type, as it was trained, and converted."""
    folder = house.models / "everything"
    assert "no decision changed" in run(house.python, "-m", "pratique_serving.convert", folder, folder / "onnx")
    served = {
        "original": shared.folder(house.python, PRATIQUE_MLFLOW_MODEL=str(folder)),
        "converted": shared.folder(house.python, PRATIQUE_ONNX_MODEL=str(folder / "onnx" / "model.onnx")),
    }
    for scorer in served.values():
        scorer.wait_until_ready()
    return served


@pytest.mark.parametrize("column", COLUMNS)
def test_what_a_column_takes_and_refuses_is_the_same(everything: dict[str, Scorer], column: str) -> None:
    for value in ODD:
        row = [value if name == column else good for name, good in zip(COLUMNS, GOOD, strict=True)]
        body = f'{{"input_data": {{"columns": {json.dumps(COLUMNS)}, "data": [[{",".join(row)}]]}}}}'
        original, converted = (
            everything[name].ask("POST", "/score", body, content_type="application/json")
            for name in ("original", "converted")
        )
        assert (original.status == 200) == (converted.status == 200), (value, original, converted)
        if original.status == 200:
            assert converted.body == original.body, value
            assert converted.body in (b"[true]", b"[false]")


def test_a_word_that_an_encoder_without_codes_does_not_know_is_refused(house: House, shared: Scorers) -> None:
    folder = house.models / "strict"
    run(house.python, "-m", "pratique_serving.convert", folder, folder / "onnx")
    split = frame(house)
    good = dict(zip(split["columns"], split["data"][0], strict=True))
    statuses = []
    for variable, path in (("MLFLOW", folder), ("ONNX", folder / "onnx" / "model.onnx")):
        scorer = shared.folder(house.python, **{f"PRATIQUE_{variable}_MODEL": str(path)})
        scorer.wait_until_ready()
        bodies = [{"dataframe_records": [{**good, "purpose": word}]} for word in (good["purpose"], "a boat", "")]
        statuses.append([scorer.score(body).status == 200 for body in bodies])
    assert statuses == [[True, False, False]] * 2
    assert "purpose: unknown" in json.loads((folder / "onnx" / "parity.json").read_text())["refuses"]


def test_the_report_names_what_is_refused_and_how_it_was_proven(everything: dict[str, Scorer], house: House) -> None:
    report = json.loads((house.models / "everything" / "onnx" / "parity.json").read_text())
    assert "amount: missing" in report["refuses"]
    assert "amount: below -1" in report["refuses"]
    assert "rate: missing" not in report["refuses"]
    assert (report["threads"], report["count_flipped"]) == (1, 0)
    assert report["onnxruntime"]
