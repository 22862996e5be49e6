"""Models of PyTorch and TensorFlow without a script, where an environment with one of them is: both are too large to
be installed for a test.
"""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .conftest import Answer, Scorer, Scorers, run

HERE = Path(__file__).parent

pytestmark = pytest.mark.slow

ROWS = [[-1 + 2 * (4 * row + column) / 11 for column in range(4)] for row in range(3)]
IMAGES = [[[[(64 * n + 8 * i + j) / 127] for j in range(8)] for i in range(8)] for n in range(2)]


class House(NamedTuple):
    """One library: the Python that has it, and the models made there."""

    library: str
    python: Path
    models: Path

    def expected(self, name: str) -> Any:
        return json.loads((self.models / "expected.json").read_text())[name]


@pytest.fixture(scope="module", params=["torch", "tensorflow"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> House:
    # Not PRATIQUE_…: such a variable is a setting, and whoever exports one that is none starts no platform.
    variable = f"{request.param.upper()}_PYTHON"
    if not os.environ.get(variable):
        pytest.skip(f"{variable} names no Python with {request.param}, mlflow and pandas")
    python, models = Path(os.environ[variable]), tmp_path_factory.mktemp("models")
    run(python, HERE / "deep_models.py", request.param, models)
    return House(request.param, python, models)


@pytest.fixture(scope="module")
def tensor(house: House, shared: Scorers) -> Scorer:
    return served(house, shared, "tensor")


def served(house: House, scorers: Scorers, name: str) -> Scorer:
    scorer = scorers.folder(house.python, PRATIQUE_MLFLOW_MODEL=str(house.models / name), PRATIQUE_MODEL=f"{name}:1")
    scorer.wait_until_ready()
    return scorer


def says(answer: Answer, expected: Any) -> bool:
    """Whether it is 200 and these numbers; to six digits, because sums in 32 bits depend on how many rows there are."""
    assert answer.status == 200, answer
    return json.dumps(numbers(answer.value)) == json.dumps(numbers(expected))


def numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: numbers(item) for name, item in value.items()}
    return [numbers(item) for item in value] if isinstance(value, list) else round(float(value), 4) + 0.0


def test_rows_are_a_tensor(house: House, tensor: Scorer) -> None:
    expected = house.expected("tensor")
    for body in ({"input_data": ROWS}, {"inputs": ROWS}, {"instances": ROWS}):
        assert says(tensor.score(body), expected)
    assert says(tensor.score({"input_data": ROWS[1:2]}), expected[1:2])
    enveloped = tensor.score({"inputs": ROWS}, "/invocations")
    assert numbers(enveloped.value["predictions"]) == numbers(expected)


@pytest.mark.parametrize("wrong", [[[1, 2, 3]], [["a", "b", "c", "d"]], [1, 2, 3, 4], [[1, 2], [3]], 3, None])
def test_another_shape_or_type_is_the_callers_mistake(tensor: Scorer, wrong: object) -> None:
    assert tensor.score({"input_data": wrong}).status == 400
    assert tensor.ask("GET", "/health/ready").status == 200


def test_images_keep_their_shape(house: House, shared: Scorers) -> None:
    scorer = served(house, shared, "image")
    assert says(scorer.score({"inputs": IMAGES}), house.expected("image"))
    assert scorer.score({"inputs": IMAGES[0]}).status == 400
    scorer.end()


def test_columns_and_named_inputs_find_their_place(house: House, shared: Scorers) -> None:
    if house.library == "torch":
        scorer = served(house, shared, "columns")
        frame = {"columns": list("dcba"), "data": [row[::-1] for row in ROWS]}
        assert says(scorer.score({"input_data": frame}), house.expected("columns"))
        assert scorer.score({"input_data": {"columns": ["a"], "data": [[1.0]]}}).status == 400
    else:
        scorer = served(house, shared, "two")
        for ids in ([[1], [0], [2]], [1, 0, 2]):
            assert says(scorer.score({"inputs": {"rows": ROWS, "ids": ids}}), house.expected("two"))
        assert scorer.score({"inputs": {"rows": ROWS}}).status == 400
    scorer.end()


def test_the_open_inference_protocol_knows_the_tensors(house: House, tensor: Scorer) -> None:
    described = tensor.ask("GET", "/v2/models/tensor").value["inputs"]
    assert described == [{"name": "input", "datatype": "FP32", "shape": [-1, 4]}]
    given = {"name": "input", "datatype": "FP32", "shape": [3, 4], "data": ROWS}
    answer = tensor.score({"inputs": [given]}, "/v2/models/tensor/infer")
    assert answer.value["outputs"][0]["shape"] == [3, 2]
    flat = [value for row in house.expected("tensor") for value in row]
    assert numbers(answer.value["outputs"][0]["data"]) == numbers(flat)
