"""The Open Inference Protocol: addresses, tensors in JSON and in bytes, answers."""

import json
import math
import struct
from typing import Any

import pytest

from pratique_serving import oip
from pratique_serving.errors import Refused


def tensor(name: str, shape: list[int], kind: str, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": kind, "data": data}


def inputs(document: object, rest: bytes = b"", **headers: str) -> object:
    body, _ = oip.read(json.dumps(document).encode() + rest, headers)
    return json.loads(body)["inputs"]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v2/models/credit", ("credit", "")),
        ("/v2/models/credit/infer", ("credit", "infer")),
        ("/v2/models/credit/ready", ("credit", "ready")),
        ("/v2/models/credit/versions/3/infer", ("credit", "infer")),
    ],
)
def test_an_address_names_the_model_and_what_to_do(path: str, target: tuple[str, str]) -> None:
    assert oip.target_of(path) == target


@pytest.mark.parametrize("path", ["/v2/models", "/v2/models/", "/v2/models/a/b", "/v2/models/a/infer/b", "/v2/x/a"])
def test_another_address_is_404(path: str) -> None:
    with pytest.raises(Refused) as caught:
        oip.target_of(path)
    assert caught.value.status == 404


def test_tensors_of_a_signature_are_described() -> None:
    described = [oip.describe_tensor(name, name, [-1, 2]) for name in ("float32", "int64", "str")]
    assert [one["datatype"] for one in described] == ["FP32", "INT64", "BYTES"]
    assert described[0] == {"name": "float32", "datatype": "FP32", "shape": [-1, 2]}


def test_tensors_of_one_column_are_columns() -> None:
    document = {"inputs": [tensor("a", [2, 1], "FP64", [1, 2]), tensor("b", [2], "BYTES", ["x", "y"])]}
    assert inputs(document) == {"a": [1, 2], "b": ["x", "y"]}


def test_one_tensor_of_several_columns_is_rows() -> None:
    assert inputs({"inputs": [tensor("x", [2, 2], "FP32", [1, 2, 3, 4])]}) == [[1, 2], [3, 4]]
    assert inputs({"inputs": [tensor("x", [2, 2], "FP32", [[1, 2], [3, 4]])]}) == [[1, 2], [3, 4]]


def test_tensors_may_come_as_bytes_behind_the_json() -> None:
    words = b"".join(struct.pack("<I", len(word)) + word for word in (b"x", "ä".encode()))
    numbers = struct.pack("<2d", 1.5, -2.0)
    document = {
        "id": "7",
        "inputs": [
            {"name": "a", "shape": [2], "datatype": "FP64", "parameters": {"binary_data_size": len(numbers)}},
            {"name": "b", "shape": [2, 1], "datatype": "BYTES", "parameters": {"binary_data_size": len(words)}},
        ],
    }
    length = str(len(json.dumps(document)))
    assert inputs(document, numbers + words, **{"inference-header-content-length": length}) == {
        "a": [1.5, -2.0],
        "b": ["x", "ä"],
    }


@pytest.mark.parametrize("sizes", [(16, -16, 16), (16, 16), (17,), ("16",)])
def test_bytes_are_those_of_one_tensor_and_lie_within_the_body(sizes: tuple[object, ...]) -> None:
    document = {
        "inputs": [
            {"name": str(place), "shape": [0 if size == -16 else 2], "datatype": "FP64",
             "parameters": {"binary_data_size": size}}
            for place, size in enumerate(sizes)
        ]
    }  # fmt: skip
    length = str(len(json.dumps(document)))
    with pytest.raises(Refused) as caught:
        inputs(document, struct.pack("<2d", 1.5, -2.0), **{"inference-header-content-length": length})
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"inputs": []},
        {"inputs": [{}]},
        {"inputs": [tensor("a", [2], "FP64", [1])]},
        {"inputs": [tensor("a", [], "FP64", [1])]},
        {"inputs": [tensor("a", [-1, -1], "FP64", [1])]},
        {"inputs": [tensor("a", [1] * 100_000, "FP64", [1])]},
        {"inputs": [{**tensor("a", [1], "FP64", [1]), "shape": [math.inf]}]},
        {"inputs": [{"name": "a", "shape": [1], "datatype": "FP99", "parameters": {"binary_data_size": 8}}]},
        {"inputs": [{"name": "a", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 3}}]},
    ],
)
def test_what_is_no_request_is_the_callers_mistake(document: object) -> None:
    with pytest.raises(Refused) as caught:
        inputs(document, b"\x09\x00\x00", **{"inference-header-content-length": str(len(json.dumps(document)))})
    assert caught.value.status == 400


@pytest.mark.parametrize("length", ["-1", "99", "x", ""])
def test_a_length_of_the_json_that_is_not_within_the_body_is_the_callers_mistake(length: str) -> None:
    body = json.dumps({"inputs": [tensor("a", [1], "FP64", [1])]}).encode()
    with pytest.raises(Refused) as caught:
        oip.read(body, {"inference-header-content-length": length})
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("predictions", "outputs"),
    [
        (["good", "bad"], [tensor("predictions", [2], "BYTES", ["good", "bad"])]),
        ([1, 2], [tensor("predictions", [2], "INT64", [1, 2])]),
        ([1, 2.5, None], [tensor("predictions", [3], "FP64", [1, 2.5, None])]),
        ([[True, False]], [tensor("predictions", [1, 2], "BOOL", [True, False])]),
        ([{"a": 1, "b": "x"}], [tensor("a", [1], "INT64", [1]), tensor("b", [1], "BYTES", ["x"])]),
        ({"a": [0.5]}, [tensor("a", [1], "FP64", [0.5])]),
        ([], [tensor("predictions", [0], "BYTES", [])]),
        (
            {"a": {"b": 1}, "c": ["x", None, 2]},
            [
                tensor("a", [1], "BYTES", ['{"b": 1}']),
                tensor("c", [3], "BYTES", ["x", None, "2"]),
            ],
        ),
    ],
)
def test_predictions_become_outputs(predictions: object, outputs: object) -> None:
    assert oip.answer("credit", "7", predictions) == {"model_name": "credit", "id": "7", "outputs": outputs}


@pytest.mark.parametrize(
    ("declared", "predictions", "output"),
    [
        ({"name": "y", "datatype": "FP32", "shape": [-1]}, [0.5, None], tensor("y", [2], "FP32", [0.5, None])),
        ({"name": "y", "datatype": "FP32", "shape": [-1]}, [1], tensor("y", [1], "FP32", [1])),
        ({"name": "y", "datatype": "INT32", "shape": [-1]}, [0.5], tensor("y", [1], "FP64", [0.5])),
        ({"name": "y", "datatype": "FP64", "shape": [-1]}, ["good"], tensor("y", [1], "BYTES", ["good"])),
        ({"name": "y", "datatype": "FP32", "shape": [-1]}, [{"y": 0.5}], tensor("y", [1], "FP32", [0.5])),
        ({"name": "y", "datatype": "FP32", "shape": [-1]}, {"x": [0.5]}, tensor("x", [1], "FP64", [0.5])),
    ],
)
def test_declared_outputs_have_their_types_where_the_values_allow_it(
    declared: dict[str, Any], predictions: object, output: object
) -> None:
    assert oip.answer("credit", "7", predictions, [declared])["outputs"] == [output]
