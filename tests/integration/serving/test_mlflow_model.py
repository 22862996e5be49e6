"""MLflow models without a script: the example's own, trained here, and two that describe what they are given."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from uv import find_uv_bin

from .conftest import PACKAGE, Scorer, Scorers, find_interpreter

EXAMPLE = Path(__file__).parents[3] / "examples" / "credit-risk"
REQUEST = json.loads((EXAMPLE / "request.json").read_text())
FRAME = REQUEST["input_data"]

LONGEST = 540
"""Seconds, for an installation with a cold cache from a slow index."""


class House(NamedTuple):
    """An environment like a user's, and the models made in it."""

    python: Path
    credit_risk: Path
    columns: Path
    tensor: Path


def run(*argv: object, environment: Mapping[str, str] | None = None) -> str:
    """Run to the end, and what it printed; fails with its output when it fails."""
    inherited = {name: os.environ[name] for name in os.environ if not name.startswith(("PYTHON", "MLFLOW"))}
    words = [str(word) for word in argv]
    done = subprocess.run(
        words, env={**inherited, **(environment or {})}, capture_output=True, text=True, timeout=LONGEST
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """The environment of the example's conda file, with uv's cache; then its training, without a server."""
    root = tmp_path_factory.mktemp("house")
    folder, uv = root / "environment", find_uv_bin()
    conda = yaml.safe_load((EXAMPLE / "conda.yml").read_text())["dependencies"]
    [pins] = [entry["pip"] for entry in conda if isinstance(entry, dict)]
    run(uv, "venv", "--quiet", "--python", find_interpreter("3.11"), folder)
    python = folder / "bin" / "python"
    wanted = [*pins, "inference-schema"]
    run(uv, "pip", "install", "--quiet", "--python", python, *wanted)
    tracking = {"MLFLOW_TRACKING_URI": f"file://{root}/runs", "MLFLOW_ALLOW_FILE_STORE": "true"}
    source, saved = EXAMPLE / "src", root / "credit-risk"
    rows = ("--train-data", root / "train.csv")
    data = ("--applications", EXAMPLE / "data" / "german-credit.csv")
    run(python, source / "prep" / "prep.py", *data, *rows, "--test-data", root / "test.csv")
    run(python, source / "train" / "train.py", *rows, "--model", saved, environment=tracking)
    run(python, Path(__file__).with_name("models.py"), root)
    return House(python, saved, root / "columns", root / "tensor")


@pytest.fixture(scope="module")
def shared(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scorers]:
    started = Scorers(tmp_path_factory.mktemp("scorers"))
    yield started
    started.end_all()


@pytest.fixture(scope="module")
def credit_risk(shared: Scorers, house: House) -> Scorer:
    scorer = shared.folder(house.python, PRATIQUE_MLFLOW_MODEL=str(house.credit_risk))
    scorer.wait_until_ready()
    return scorer


@pytest.fixture(scope="module")
def columns(shared: Scorers, house: House) -> Scorer:
    scorer = shared.folder(house.python, PRATIQUE_MLFLOW_MODEL=str(house.columns))
    scorer.wait_until_ready()
    return scorer


@pytest.fixture(scope="module")
def tensor(shared: Scorers, house: House) -> Scorer:
    scorer = shared.folder(house.python, PRATIQUE_MLFLOW_MODEL=str(house.tensor))
    scorer.wait_until_ready()
    return scorer


def records() -> list[dict[str, Any]]:
    return [dict(zip(FRAME["columns"], row, strict=True)) for row in FRAME["data"]]


def lists() -> dict[str, list[Any]]:
    return {name: [row[name] for row in records()] for name in FRAME["columns"]}


def turned_round() -> dict[str, Any]:
    return {"columns": FRAME["columns"][::-1], "data": [row[::-1] for row in FRAME["data"]]}


def with_more() -> list[dict[str, Any]]:
    return [{**row, "hair": "red", "dependents": float(row["dependents"])} for row in records()]


@pytest.mark.parametrize(
    "body",
    [
        REQUEST,
        {"input_data": lists()},
        {"input_data": records()},
        {"input_data": FRAME["data"]},
        {"input_data": turned_round()},
        {"input_data": with_more()},
        {"dataframe_split": FRAME},
        {"dataframe_records": records()},
        {"inputs": lists()},
        {"inputs": records()},
        {"instances": records()},
        {"input_data": FRAME, "params": {}},
    ],
)
def test_every_format_gives_the_same_decision(credit_risk: Scorer, body: dict[str, Any]) -> None:
    answer = credit_risk.score(body)
    assert (answer.status, answer.value) == (200, ["good", "bad"])
    assert float(answer.headers["x-ms-run-fn-exec-ms"]) > 0


def test_mlflows_own_address_has_mlflows_envelope(credit_risk: Scorer) -> None:
    assert credit_risk.score(REQUEST, "/invocations").value == {"predictions": ["good", "bad"]}


def without(column: str) -> dict[str, Any]:
    return {"input_data": [{name: row[name] for name in row if name != column} for row in records()]}


def replaced(column: str, value: object) -> dict[str, Any]:
    return {"input_data": [{**row, column: value} for row in records()]}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "exactly one of input_data"),
        ([], "must be a JSON object"),
        ({"data": FRAME["data"]}, "exactly one of input_data"),
        ({**REQUEST, "inputs": []}, "it has 2"),
        ({"input_data": 3}, "expected an object or a list"),
        ({"input_data": FRAME, "params": []}, "params must be a JSON object"),
        ({"input_data": {"columns": ["age", "age"], "data": [[1, 2]]}}, "named twice"),
        ({"input_data": {"columns": ["age"], "data": [[1, 2]]}}, "input_data cannot be read"),
        ({"input_data": [[1, 2]]}, "input_data cannot be read"),
        ({"input_data": {"age": [1], "job": ["a", "b"]}}, "input_data cannot be read"),
        ({"dataframe_split": FRAME["data"]}, "expected an object with columns"),
        ({"dataframe_records": FRAME}, "expected a list of objects"),
        (without("age"), "missing inputs ['age']"),
        (replaced("age", "old"), "the column 'age' must be of type double"),
        (replaced("age", [1]), "the column 'age' must be of type double"),
        (replaced("job", 3), "the column 'job' must be of type string"),
    ],
)
def test_what_does_not_fit_is_the_callers_mistake_and_explained(credit_risk: Scorer, body: object, why: str) -> None:
    answer = credit_risk.score(body)
    assert answer.status == 400, answer
    assert why in answer.value["message"]
    assert answer.headers["x-ms-run-function-failed"] == "False"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_not_json_is_the_callers_mistake(credit_risk: Scorer, body: bytes) -> None:
    answer = credit_risk.ask("POST", "/score", body)
    assert answer.status == 400
    assert answer.value["message"].startswith("The request body is not JSON")


def test_a_value_the_training_never_saw_is_answered(credit_risk: Scorer) -> None:
    answer = credit_risk.score(replaced("purpose", "a boat"))
    assert (answer.status, len(answer.value)) == (200, 2)


def test_a_model_takes_posts_only(credit_risk: Scorer) -> None:
    assert credit_risk.ask("GET", "/score").status == 405
    assert credit_risk.ask("OPTIONS", "/score").status == 200


def test_the_specification_names_the_columns(credit_risk: Scorer) -> None:
    schema = credit_risk.ask("GET", "/swagger.json").value["definitions"]["ServiceInput"]
    named = schema["properties"]["input_data"]["properties"]["columns"]["items"]["enum"]
    assert sorted(named) == sorted(FRAME["columns"])


ROW = {"count": 3, "small": 7, "amount": 2, "flag": True, "text": "a"}


def test_numbers_take_the_types_of_the_signature(columns: Scorer) -> None:
    row = {**ROW, "count": 3.0, "moment": "2026-01-02T03:04:05", "blob": "AP8="}
    described = columns.score({"input_data": [row]}).value["columns"]
    types = {name: said[0] for name, said in described.items()}
    assert types["count"] == "int64"
    assert types["small"] == "int32"
    assert types["amount"] == "float64"
    assert types["flag"] == "bool"
    assert types["moment"] == "datetime64[ns]"
    assert described["blob"][1] == "b'\\x00\\xff'"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("count", 1.5),
        ("count", None),
        ("count", 2**70),
        ("count", "3"),
        ("small", 2**40),
        ("flag", "false"),
        ("flag", 1),
        ("text", 1),
        ("text", ["a"]),
        ("moment", "yesterday"),
        ("blob", "not base64!"),
    ],
)
def test_no_value_is_changed_to_fit(columns: Scorer, column: str, value: object) -> None:
    assert columns.score({"input_data": [{**ROW, column: value}]}).status == 400


def test_a_missing_number_is_nan_where_the_type_has_one(columns: Scorer) -> None:
    described = columns.score({"input_data": [{**ROW, "amount": None}]}).value["columns"]
    assert described["amount"][0] == "float64"
    assert "nan" in described["amount"][1]


def test_parameters_reach_the_model_and_are_checked(columns: Scorer) -> None:
    assert columns.score({"input_data": [ROW]}).value["factor"] == 1.0
    assert columns.score({"input_data": [ROW], "params": {"factor": 2.5}}).value["factor"] == 2.5
    assert columns.score({"input_data": [ROW], "params": {"factor": "much"}}).status == 400


def test_a_model_that_raises_is_500_and_serves_on(columns: Scorer) -> None:
    answer = columns.score({"input_data": [{**ROW, "text": "fail"}]})
    assert answer.status == 500
    assert answer.headers["x-ms-run-function-failed"] == "True"
    assert "told to fail" not in answer.body.decode()
    assert "ValueError: told to fail" in columns.said()
    assert columns.score({"input_data": [ROW]}).status == 200


@pytest.mark.parametrize("key", ["input_data", "inputs", "instances"])
def test_a_list_is_a_tensor_where_the_signature_says_so(tensor: Scorer, key: str) -> None:
    assert tensor.score({key: [[1, 2], [3, 0.5]]}).value == [[2.0, 4.0], [6.0, 1.0]]
    assert tensor.score({key: [[1, 2, 3]]}).status == 400
    assert tensor.score({key: [["a", "b"]]}).status == 400


def test_what_is_no_number_in_json_is_null(tensor: Scorer) -> None:
    assert tensor.ask("POST", "/score", b'{"input_data": [[NaN, 1]]}').body == b"[[null, 2.0]]"


def test_the_examples_script_serves_the_same_model(scorers: Scorers, house: House, tmp_path: Path) -> None:
    shutil.copytree(house.credit_risk, tmp_path / "models" / "model")
    scorer = scorers.folder(
        house.python,
        AML_APP_ROOT=str(EXAMPLE / "score"),
        AZUREML_ENTRY_SCRIPT="score.py",
        AZUREML_MODEL_DIR=str(tmp_path / "models"),
        PYTHONDONTWRITEBYTECODE="1",
    )
    first, second = scorer.score(REQUEST).value
    assert (first["risk"], second["risk"]) == ("good", "bad")
    assert first["probability_bad"] < 1 / 6 < second["probability_bad"]


def test_numpy_and_pandas_results_become_json(scorers: Scorers, house: House) -> None:
    scorer = scorers.script(
        "import numpy as np, pandas as pd\n"
        "def init(): pass\n"
        "def run(raw_data):\n"
        "    frame = pd.DataFrame({'a': [1, 2], 'b': ['x', None]})\n"
        "    return {'array': np.eye(2), 'scalar': np.float32(0.5), 'flag': np.bool_(True), 'frame': frame,\n"
        "            'series': frame['a'], 'nan': np.array([np.nan, 1]), 'time': np.datetime64('2026-01-02'),\n"
        "            'missing': [pd.NA, pd.NaT], 'stamp': pd.Timestamp('2026-01-02')}\n",
        str(house.python),
    )
    assert scorer.score(1).value == {
        "array": [[1.0, 0.0], [0.0, 1.0]],
        "scalar": 0.5,
        "flag": True,
        "frame": [{"a": 1, "b": "x"}, {"a": 2, "b": None}],
        "series": [1, 2],
        "nan": [None, 1.0],
        "time": "2026-01-02",
        "missing": [None, None],
        "stamp": "2026-01-02T00:00:00",
    }


def test_schema_decorators_bind_the_members_of_the_body(scorers: Scorers, house: House) -> None:
    scorer = scorers.script(
        "from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType as Any\n"
        "from inference_schema.schema_decorators import input_schema, output_schema\n"
        "def init(): pass\n"
        "@input_schema('a', Any(1))\n"
        "@input_schema('b', Any('x'))\n"
        "@output_schema(Any({'both': 'x'}))\n"
        "def run(a, b='default'):\n"
        "    return {'both': f'{a} {b}'}\n",
        str(house.python),
    )
    assert scorer.score({"a": 3, "b": "y"}).value == {"both": "3 y"}
    assert scorer.score({"a": 3}).value == {"both": "3 default"}
    missing = scorer.score({"b": "y"})
    assert (missing.status, missing.value["message"]) == (400, "A value is not provided for the 'a' parameter.")
    assert scorer.ask("POST", "/score", "{}").status == 415
    assert scorer.ask("POST", "/score", "", content_type="application/json").status == 400
    assert scorer.ask("GET", "/score?a=4").value == {"both": "4 default"}
    described = scorer.ask("GET", "/swagger.json").value["definitions"]["ServiceInput"]
    assert set(described["properties"]) == {"a", "b"}


LINE = """
import sys
import mlflow.sklearn, pandas
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression
rows = pandas.DataFrame({"a": [1.0, 2.0, 3.0]})
model = LinearRegression().fit(rows, [1.0, 2.0, 3.0])
signature = infer_signature(rows, model.predict(rows))
mlflow.sklearn.save_model(model, sys.argv[1], signature=signature, input_example=rows, pip_requirements=[])
"""


@pytest.fixture(scope="module")
def line(shared: Scorers, house: House, tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """A model that answers with what it is given."""
    folder = tmp_path_factory.mktemp("line") / "model"
    run(house.python, "-c", LINE, folder)
    scorer = shared.folder(house.python, PRATIQUE_MLFLOW_MODEL=str(folder))
    scorer.wait_until_ready()
    return scorer


def test_a_hundred_thousand_rows_are_predicted(line: Scorer) -> None:
    rows = [[float(number)] for number in range(100_000)]
    answer = line.score({"input_data": {"columns": ["a"], "data": rows}})
    assert answer.status == 200
    assert [round(value) for value in answer.value] == list(range(100_000))


@pytest.mark.parametrize("value", ["null", "NaN", "1e999"])
def test_a_model_that_takes_no_gaps_is_500_and_the_caller_is_told_where_they_are(line: Scorer, value: str) -> None:
    answer = line.ask("POST", "/score", b'{"input_data": {"columns": ["a"], "data": [[1.0], [%s]]}}' % value.encode())
    assert answer.status == 500
    assert answer.value["message"].endswith("the logs for more info. Values are missing, or not finite, in: 'a'.")


def test_of_what_a_library_says_about_a_request_only_the_place_is_logged(line: Scorer) -> None:
    answer = line.ask("POST", "/score", b'{"input_data": {"columns": ["a"], "data": [[1e999]]}}')
    assert answer.status == 500
    assert "ValueError: (not shown, because" in line.said()
    assert "infinity" not in line.said()
    assert line.score({"input_data": [[1.0]]}).status == 200


COMPANY = """
import sys
import mlflow.sklearn, numpy, pandas
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.base import BaseEstimator

class Model(BaseEstimator):
    def __init__(self, answer): self.answer = answer
    def predict(self, rows): return self.answer(rows)

def types(rows): return pandas.Series([" ".join(map(repr, row)) + str(rows["flag"].dtype) for row in rows.to_numpy()])
def gaps(rows): return pandas.DataFrame({"value": [None if value != value else int(value) for value in rows["number"]]})
def centred(rows): return rows["count"] - rows["count"].mean()
def coded(rows): return rows["word"].astype("category").cat.codes.to_numpy()
def typed(rows): return numpy.array([value if value % 1 else int(value) for value in rows["number"]])

columns = [("double", "number"), ("long", "count"), ("string", "word")]
schema = Schema([*(ColSpec(*column) for column in columns), ColSpec("boolean", "flag", required=False)])
example = pandas.DataFrame({"number": [1.0], "count": [2], "word": ["x"], "flag": [True]})
for answer in (types, gaps, centred, coded, typed):
    mlflow.sklearn.save_model(
        Model(answer), f"{sys.argv[1]}/{answer.__name__}", signature=ModelSignature(schema), input_example=example,
        pip_requirements=[], serialization_format="cloudpickle",
    )
"""
ALONE = [[1.0, 2, "x", True], [None, 2, "x", True], [1.5, 3, None, True], [2.0, 4, "y", None], [3, 1, "z", False]]

# What a server does to requests that came together, without waiting until some have.
TOGETHER = """
import json, sys
from pratique_serving.mlflow_model import load
from pratique_serving.settings import read_settings
from pratique_serving.wire import Request
found = {}
for name in sys.argv[3:]:
    model = load(read_settings({"PRATIQUE_MLFLOW_MODEL": f"{sys.argv[1]}/{name}"}))
    bodies = [json.dumps({"input_data": {"columns": ["number", "count", "word", "flag"], "data": [row]}}).encode()
              for row in json.loads(sys.argv[2])]
    requests = [Request("POST", "/score", "", {}, body, False) for body in bodies]
    alone = [model.answer(request, "r").body.decode() for request in requests]
    together = [answer.body.decode() for answer in model.answer_together(requests, ["r"] * len(requests))]
    found[name] = [model.most_together, alone, together]
print(json.dumps(found))
"""


def test_an_answer_among_others_is_the_answer_alone_or_there_are_no_others(house: House, tmp_path: Path) -> None:
    run(house.python, "-c", COMPANY, tmp_path)
    names = ("types", "gaps", "centred", "coded", "typed")
    package = {"PYTHONPATH": str(PACKAGE)}
    found = json.loads(run(house.python, "-c", TOGETHER, tmp_path, json.dumps(ALONE), *names, environment=package))
    assert {name for name, (most, _, _) in found.items() if most > 1} == {"types", "gaps"}
    for name in ("types", "gaps"):
        _, alone, together = found[name]
        assert alone == together, name


def test_a_folder_without_a_model_is_said(scorers: Scorers, house: House, tmp_path: Path) -> None:
    scorer = scorers.folder(house.python, PRATIQUE_MLFLOW_MODEL=str(tmp_path))
    assert scorer.process.wait(60) == 70
    assert "there is no file MLmodel in it" in scorer.said().splitlines()[-1]
