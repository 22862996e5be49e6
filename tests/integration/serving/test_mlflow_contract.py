"""The same model and the same request, asked of MLflow's own scoring server and of ours; tensors of a real client."""

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import House, made_house, run
from .mlflow_contract import MODELS, Model
from .test_flavours import OnPort

HERE = Path(__file__).parent

Answers = dict[tuple[str, str], tuple[Any, Any]]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return made_house(tmp_path_factory.mktemp("contract"), HERE / "flavours.lock", HERE / "contract_models.py")


@pytest.fixture(scope="module")
def answers(house: House) -> Answers:
    """Of both, to everything."""
    found = json.loads(run(house.python, HERE / "ask_both.py", house.models).splitlines()[-1])
    return {(model, name): (theirs, ours) for model, name, theirs, ours in found}


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS, ids=[model.name for model in MODELS])
def test_both_servers_answer_alike(answers: Answers, model: Model) -> None:
    found = [(ask, *answers[model.name, ask.name]) for ask in model.asks]
    unlike = [
        f"{ask.name}:\n  theirs {theirs}\n  ours   {ours}"
        for ask, theirs, ours in found
        if not is_alike(theirs, ours) and not ask.differs
    ]
    alike = [ask.name for ask, theirs, ours in found if is_alike(theirs, ours) and ask.differs]
    assert not unlike, "\n".join(unlike)
    assert not alike, "these are said to differ and do not"


TRITON = """
import json, sys
import numpy as np
import tritonclient.grpc as grpc
import tritonclient.http as http
given = {
    "x": np.array([[1, 2], [3, 4]], np.float64),
    "ids": np.array([[1], [2]], np.int32),
    "image": np.arange(8, dtype=np.float32).reshape(2, 2, 2),
}
kinds = {"x": "FP64", "ids": "INT32", "image": "FP32"}
for protocol, address in ((http, sys.argv[1]), (grpc, sys.argv[2])):
    client = protocol.InferenceServerClient(address)
    assert client.is_model_ready("tensors")
    tensors = [protocol.InferInput(name, list(values.shape), kinds[name]) for name, values in given.items()]
    for tensor, values in zip(tensors, given.values()):
        tensor.set_data_from_numpy(values)
    [said] = client.infer("tensors", tensors).as_numpy("input")
    print(json.dumps(json.loads(said)))
"""


@pytest.mark.slow
def test_tritons_clients_bring_named_tensors_in_their_shapes(house: House, tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/grpc.sock"
    served = {"PRATIQUE_MLFLOW_MODEL": str(house.models / "tensors"), "PRATIQUE_MODEL": "tensors:1"}
    with OnPort(house.python, tmp_path, PRATIQUE_GRPC=address, **served) as port:
        lines = run(house.python, "-c", TRITON, f"127.0.0.1:{port}", address).splitlines()
    shapes = [{name: (one["array"], one["shape"]) for name, one in json.loads(line).items()} for line in lines]
    expected = {"x": ("float64", [2, 2]), "ids": ("int32", [2, 1]), "image": ("float32", [2, 2, 2])}
    assert shapes == [expected, expected]


def is_alike(theirs: Any, ours: Any) -> bool:
    """The same status, and the same body unless both say what is wrong, in their own words."""
    return bool(theirs[0] == ours[0] and (theirs[0] != 200 or theirs[1] == ours[1]))


def test_each_request_has_a_name_of_its_own() -> None:
    names = [(model.name, ask.name) for model in MODELS for ask in model.asks]
    assert len(set(names)) == len(names)
    assert len(MODELS) >= 20
