"""Models of xgboost, lightgbm and onnx, and plain ONNX files, without a script; real clients of each protocol."""

import http.client
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .conftest import LIMIT, PACKAGE, House, Scorer, Scorers, made_house, run

HERE = Path(__file__).parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return made_house(tmp_path_factory.mktemp("house"), HERE / "flavours.lock", HERE / "flavour_models.py")


@pytest.fixture(scope="module")
def linear(house: House, shared: Scorers) -> Scorer:
    """A plain file with one input of four numbers, and two outputs."""
    scorer = shared.folder(house.python, PRATIQUE_ONNX_MODEL=str(house.models / "linear.onnx"), PRATIQUE_MODEL="linear")
    scorer.wait_until_ready()
    return scorer


@pytest.fixture(scope="module")
def named(house: House, shared: Scorers) -> Scorer:
    """A plain file with an input for each column."""
    scorer = shared.folder(house.python, PRATIQUE_ONNX_MODEL=str(house.models / "named.onnx"))
    scorer.wait_until_ready()
    return scorer


def test_processes_share_weights_that_lie_beside_the_model_when_they_are_asked_to(
    house: House, shared: Scorers
) -> None:
    served = {"PRATIQUE_ONNX_MODEL": str(house.models / "large.onnx")}
    alone = [shared.folder(house.python, **served) for _ in range(2)]
    together = [shared.folder(house.python, **served, PRATIQUE_SHARE_WEIGHTS="true") for _ in range(2)]
    for scorer in (*alone, *together):
        scorer.wait_until_ready()
    # All of them, because pages that only one process has looked at are its own.
    answers = [scorer.score({"input_data": [[1.0] * 4096]}) for scorer in (*alone, *together)]
    assert [answer.status for answer in answers] == [200] * 4
    assert own_memory(alone[0]) - own_memory(together[0]) > 50_000_000
    for scorer in (*alone, *together):
        scorer.end()


def own_memory(scorer: Scorer) -> int:
    """Bytes that no other process has."""
    lines = Path(f"/proc/{scorer.process.pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


def test_arrow_is_read_as_pyarrow_reads_it(house: House) -> None:
    arrows = HERE.parents[1] / "unit" / "serving" / "arrows" / "make.py"
    assert json.loads(run(house.python, arrows, "--compare", 300)) == {"compared": 300}


ARROW = """
import json, sys
import pyarrow
rows = json.load(open(sys.argv[1]))["rows"]
table = pyarrow.table({name: [row[place] for row in rows] for place, name in enumerate("abcd")})
with pyarrow.ipc.new_stream(sys.argv[2], table.schema) as writer:
    writer.write_table(table)
"""


@pytest.mark.parametrize("model", ["xgboost", "lightgbm", "onnx", "linear.onnx"])
def test_a_table_of_arrow_is_answered_as_the_same_rows_in_json(house: House, shared: Scorers, model: str) -> None:
    body = house.models / "rows.arrows"
    run(house.python, "-c", ARROW, house.models / "expected.json", body)
    which = "PRATIQUE_ONNX_MODEL" if model.endswith(".onnx") else "PRATIQUE_MLFLOW_MODEL"
    scorer = shared.folder(house.python, **{which: str(house.models / model)})
    scorer.wait_until_ready()
    kind = "application/vnd.apache.arrow.stream"
    answer = scorer.ask("POST", "/score", body.read_bytes(), content_type=kind)
    plain = scorer.score({"input_data": {"columns": list("abcd"), "data": house.expected()["rows"]}})
    assert (answer.status, answer.value) == (200, plain.value)
    refused = scorer.ask("POST", "/score", body.read_bytes()[:-100], content_type=kind)
    assert refused.status == 400
    scorer.end()


PYFUNC = """
import json, sys
import mlflow.pyfunc, pandas
rows = json.load(open(sys.argv[2]))["rows"]
found = mlflow.pyfunc.load_model(sys.argv[1]).predict(pandas.DataFrame(rows, columns=["a", "b", "c", "d"]))
print(json.dumps(found.to_dict("records") if hasattr(found, "to_dict") else found.tolist()))
"""


@pytest.mark.parametrize("flavour", ["xgboost", "xgboost-booster", "lightgbm-booster", "onnx", "lightgbm"])
def test_a_model_answers_as_mlflow_does(house: House, shared: Scorers, flavour: str) -> None:
    folder = house.models / flavour
    scorer = shared.folder(house.python, PRATIQUE_MLFLOW_MODEL=str(folder))
    scorer.wait_until_ready()
    expected = json.loads(run(house.python, "-c", PYFUNC, folder, house.models / "expected.json"))
    frame = {"columns": list("dcba"), "data": [row[::-1] for row in house.expected()["rows"]]}
    answer = scorer.score({"input_data": frame})
    assert (answer.status, answer.value) == (200, expected)
    assert scorer.score({"dataframe_split": frame}, "/invocations").value == {"predictions": expected}
    assert scorer.score({"input_data": {"columns": ["a"], "data": [[1.0]]}}).status == 400
    assert "the model is called directly" in scorer.said()


def test_a_booster_of_xgboost_takes_no_value_that_its_matrix_refuses(house: House, shared: Scorers) -> None:
    scorer = shared.folder(house.python, PRATIQUE_MLFLOW_MODEL=str(house.models / "xgboost-booster"))
    scorer.wait_until_ready()
    statuses = {value: scorer.score({"input_data": [[1.0, value, 0.0, 2.0]]}).status for value in (3e38, 1e39, -1e39)}
    assert statuses == {3e38: 200, 1e39: 500, -1e39: 500}


@pytest.mark.parametrize("flavour", ["xgboost", "lightgbm", "xgboost-booster", "lightgbm-booster", "several-booster"])
def test_boosted_models_of_these_flavours_are_converted_with_proof(house: House, flavour: str) -> None:
    folder = house.models / flavour
    said = run(house.python, "-m", "pratique_serving.convert", folder, folder / "converted")
    assert said.startswith("converted: ")
    assert json.loads((folder / "converted" / "parity.json").read_text())["rows"] > 4000


@pytest.mark.parametrize("flavour", ["xgboost-booster", "lightgbm-booster", "several-booster"])
def test_a_booster_without_its_class_answers_converted_as_before(house: House, shared: Scorers, flavour: str) -> None:
    folder = house.models / flavour
    run(house.python, "-m", "pratique_serving.convert", folder, folder / "converted")
    original = shared.folder(house.python, PRATIQUE_MLFLOW_MODEL=str(folder))
    converted = shared.folder(house.python, PRATIQUE_ONNX_MODEL=str(folder / "converted" / "model.onnx"))
    body = {"input_data": {"columns": list("abcd"), "data": [*house.expected()["rows"], [None, 0.0, -3.5, 1e30]]}}
    answers = []
    for scorer in (original, converted):
        scorer.wait_until_ready()
        rows = scorer.score(body).value
        answers.append([value for row in rows for value in (row if isinstance(row, list) else [row])])
    assert answers[1] == pytest.approx(answers[0], rel=1e-5, abs=1e-7)


def test_a_booster_that_ranks_is_not_converted(house: House) -> None:
    folder = house.models / "ranking-booster"
    said = run(house.python, "-m", "pratique_serving.convert", folder, folder / "converted", expected=3)
    assert "rank:pairwise" in said


def test_a_plain_file_answers_rows_and_named_tensors(house: House, linear: Scorer) -> None:
    rows, labels = house.expected()["rows"], house.expected()["linear"]
    for body in (
        {"input_data": rows},
        {"instances": rows},
        {"inputs": {"X": rows}},
        {"input_data": {"columns": ["a", "b", "c", "d"], "data": rows}},
    ):
        answer = linear.score(body)
        assert (answer.status, answer.value["label"]) == (200, labels), answer
        assert len(answer.value["probabilities"]) == len(rows)
    assert linear.score({"inputs": rows}, "/invocations").value["predictions"]["label"] == labels


def test_a_hundred_thousand_rows_are_predicted(house: House, linear: Scorer) -> None:
    rows = house.expected()["rows"]
    many = (rows * (100_000 // len(rows) + 1))[:100_000]
    answer = linear.score({"input_data": many})
    assert (answer.status, len(answer.value["label"])) == (200, 100_000)
    assert answer.value["label"][: len(rows)] == house.expected()["linear"]


def test_columns_are_inputs_of_their_names(named: Scorer) -> None:
    frame: dict[str, list[Any]] = {"columns": ["name", "count", "amount"], "data": [["x", 2, 1.5], ["ä", 3, 2]]}
    expected = {"total": [[3.0], [6.0]], "said": [["x"], ["ä"]]}
    assert named.score({"input_data": frame}).value == expected
    records = [dict(zip(frame["columns"], row, strict=True)) for row in frame["data"]]
    assert named.score({"dataframe_records": records}).value == expected
    assert named.score({"inputs": {"name": ["x"], "count": [2], "amount": [1.5]}}).value["total"] == [[3.0]]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"input_data": [[1.0, 2.0]]}, "must have the shape [-1, 4], not [1, 2]"),
        ({"input_data": [[1.0, 2.0, 3.0, "x"]]}, "must be of type FP32"),
        ({"input_data": [[1.0], [1.0, 2.0]]}, "cannot be read"),
        ({"input_data": {"columns": list("aacd"), "data": [[1.0, 2.0, 3.0, 4.0]]}}, "a column is named twice"),
        ({"inputs": {"Y": [[1.0, 2.0, 3.0, 4.0]]}}, "missing inputs ['X']"),
        ({"input_data": "x"}, "must have the shape"),
        ({}, "exactly one of"),
        ({"input_data": [], "inputs": []}, "exactly one of"),
    ],
)
def test_what_the_model_does_not_declare_is_refused(linear: Scorer, body: object, why: str) -> None:
    answer = linear.score(body)
    assert answer.status == 400
    assert why in answer.value["message"]


def test_no_rows_are_a_mistake_and_missing_numbers_are_none(linear: Scorer) -> None:
    empty = linear.score({"input_data": {"columns": ["a", "b", "c", "d"], "data": []}})
    assert (empty.status, linear.score({"inputs": []}).status) == (400, 400)
    assert linear.score({"input_data": [[None, 1.0, 2.0, 3.0]]}).status == 200
    assert linear.ask("GET", "/health/ready").status == 200


TRITON = """
import json, sys
import numpy as np
import tritonclient.http as http
address, rows = sys.argv[1], json.load(open(sys.argv[2]))["rows"]
client = http.InferenceServerClient(address)
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("linear")
described = client.get_model_metadata("linear")
assert described["inputs"] == [{"name": "X", "datatype": "FP32", "shape": [-1, 4]}], described
assert [output["name"] for output in described["outputs"]] == ["label", "probabilities"]
values = np.array(rows, np.float32)
for binary in (True, False):
    given = http.InferInput("X", list(values.shape), "FP32")
    given.set_data_from_numpy(values, binary_data=binary)
    wanted = [http.InferRequestedOutput(name, binary_data=binary) for name in ("label", "probabilities")]
    for outputs in (None, wanted):
        answer = client.infer("linear", [given], outputs=outputs, request_id="seven")
        assert answer.get_response()["id"] == "seven"
        assert answer.as_numpy("probabilities").shape == (len(rows), 2), answer.as_numpy("probabilities").shape
        assert answer.as_numpy("probabilities").dtype == np.float32
        print(json.dumps(answer.as_numpy("label").tolist()))
try:
    wrong = http.InferInput("X", [1, 2], "FP32")
    wrong.set_data_from_numpy(values[:1, :2])
    client.infer("linear", [wrong])
except http.InferenceServerException as error:
    assert "shape" in str(error) and error.status() == "400", (error, error.status())
else:
    raise AssertionError("a wrong shape was answered")
"""


def test_tritons_client_speaks_to_it(house: House, tmp_path: Path) -> None:
    with OnPort(
        house.python, tmp_path, PRATIQUE_ONNX_MODEL=str(house.models / "linear.onnx"), PRATIQUE_MODEL="linear:7"
    ) as port:
        said = run(house.python, "-c", TRITON, f"127.0.0.1:{port}", house.models / "expected.json")
    assert [json.loads(line) for line in said.splitlines()] == [house.expected()["linear"]] * 4


GRPC = """
import json, sys
import numpy as np
import tritonclient.grpc as grpc
address, rows = sys.argv[1], json.load(open(sys.argv[2]))["rows"]
client = grpc.InferenceServerClient(address)
for _ in range(600):
    try:
        if client.is_server_ready():
            break
    except grpc.InferenceServerException:
        import time
        time.sleep(0.1)
assert client.is_server_live() and client.is_model_ready("linear")
described = client.get_model_metadata("linear", as_json=True)
assert described["inputs"] == [{"name": "X", "datatype": "FP32", "shape": ["-1", "4"]}], described
values = np.array(rows, np.float32)
given = grpc.InferInput("X", list(values.shape), "FP32")
given.set_data_from_numpy(values)
answer = client.infer("linear", [given], request_id="seven")
assert answer.get_response().id == "seven"
assert answer.as_numpy("probabilities").shape == (len(rows), 2)
print(json.dumps(answer.as_numpy("label").tolist()))

def code_of(name, tensor):
    try:
        client.infer(name, [tensor])
    except grpc.InferenceServerException as error:
        return error.status()

wrong = grpc.InferInput("X", [1, 2], "FP32")
wrong.set_data_from_numpy(values[:1, :2])
print(code_of("linear", wrong), code_of("other", given), code_of("linear", given))
"""


def test_tritons_client_speaks_grpc_to_it(house: House, tmp_path: Path, shared: Scorers) -> None:
    address = f"unix:{tmp_path}/grpc.sock"
    served = {"PRATIQUE_ONNX_MODEL": str(house.models / "linear.onnx"), "PRATIQUE_MODEL": "linear:7"}
    scorer = shared.folder(house.python, PRATIQUE_GRPC=address, **served)
    scorer.wait_until_ready()
    said = run(house.python, "-c", GRPC, address, house.models / "expected.json").splitlines()
    assert json.loads(said[0]) == house.expected()["linear"]
    assert said[1] == "StatusCode.INVALID_ARGUMENT StatusCode.NOT_FOUND None"
    assert (tmp_path / "grpc.sock").stat().st_mode & 0o077 == 0
    metrics = scorer.ask("GET", "/metrics").body.decode()
    assert 'pratique_requests_total{deployment="",model="linear:7",code="400"} 1' in metrics
    scorer.process.kill()
    scorer.process.wait(60)
    again = shared.folder(house.python, PRATIQUE_GRPC=address, **served)
    again.wait_until_ready()
    assert json.loads(run(house.python, "-c", GRPC, address, house.models / "expected.json").splitlines()[0])
    assert again.stop() == 0


def test_grpc_is_on_this_machine_only_and_not_for_scripts(house: House, scorers: Scorers) -> None:
    served = {"PRATIQUE_ONNX_MODEL": str(house.models / "linear.onnx")}
    open_to_all = scorers.folder(house.python, PRATIQUE_GRPC="0.0.0.0:0", **served)
    of_script = scorers.script("def init(): pass\ndef run(data): pass\n", PRATIQUE_GRPC="127.0.0.1:0")
    assert (open_to_all.process.wait(60), of_script.process.wait(60)) == (2, 2)
    assert "expected unix:/PATH or 127.0.0.1:PORT" in open_to_all.said()
    assert "for models without a script" in of_script.said()


SCHEMATHESIS = ("--max-examples", "40", "--checks", "not_a_server_error,content_type_conformance", "--seed", "17")


@pytest.mark.parametrize("name", ["linear.onnx", "named.onnx", "lightgbm/converted/model.onnx", "xgboost"])
def test_nothing_that_the_specification_allows_breaks_it(house: House, tmp_path: Path, name: str) -> None:
    key = "PRATIQUE_ONNX_MODEL" if name.endswith(".onnx") else "PRATIQUE_MLFLOW_MODEL"
    if "/" in name and not (house.models / name).exists():
        run(house.python, "-m", "pratique_serving.convert", house.models / "lightgbm", (house.models / name).parent)
    with OnPort(house.python, tmp_path, **{key: str(house.models / name)}) as port:
        address = f"http://127.0.0.1:{port}"
        run(house.python.with_name("st"), "run", f"{address}/swagger.json?version=3", "--url", address, *SCHEMATHESIS)


CURL = ("curl", "--silent", "--show-error", "--max-time", "60", "--fail-with-body")


def test_curl_speaks_to_it_over_a_port_and_over_its_socket(house: House, linear: Scorer, tmp_path: Path) -> None:
    body = json.dumps({"input_data": house.expected()["rows"]})
    over = subprocess.run(
        [*CURL, "--unix-socket", str(linear.path), "http://localhost/score", "--json", body],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(over.stdout)["label"] == house.expected()["linear"]
    with OnPort(house.python, tmp_path, PRATIQUE_ONNX_MODEL=str(house.models / "linear.onnx")) as port:
        chunked = [*CURL, f"http://127.0.0.1:{port}/score", "-H", "Transfer-Encoding: chunked", "--data-binary", "@-"]
        asked = subprocess.run(chunked, input=body, capture_output=True, text=True, check=True)
        assert json.loads(asked.stdout)["label"] == house.expected()["linear"]
        refused = subprocess.run(
            [*CURL, f"http://127.0.0.1:{port}/score", "--json", "{"], capture_output=True, text=True
        )
        assert (refused.returncode, "message" in json.loads(refused.stdout)) == (22, True)


MLFLOW = """
import json, sys
import requests
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
import pandas
port, rows = int(sys.argv[1]), json.load(open(sys.argv[2]))["rows"]
client = ScoringServerClient("127.0.0.1", port)
client.wait_server_ready(timeout=60, scoring_server_proc=None)
frame = pandas.DataFrame(rows, columns=["a", "b", "c", "d"])
print(json.dumps([int(label) for label in client.invoke(frame).get_predictions().iloc[:, 0]]))
split, records = frame.to_dict("split"), frame.to_dict("records")
for body in ({"dataframe_split": split}, {"dataframe_records": records}, {"inputs": rows}):
    answer = requests.post(f"http://127.0.0.1:{port}/invocations", json=body, timeout=60)
    answer.raise_for_status()
    print(json.dumps(answer.json()["predictions"]))
as_csv = {"data": frame.to_csv(index=False), "headers": {"Content-Type": "text/csv"}}
answer = requests.post(f"http://127.0.0.1:{port}/invocations", timeout=60, **as_csv)
answer.raise_for_status()
print(json.dumps(answer.json()["predictions"]))
"""


def test_mlflows_own_client_speaks_to_it(house: House, tmp_path: Path) -> None:
    with OnPort(house.python, tmp_path, PRATIQUE_MLFLOW_MODEL=str(house.models / "xgboost")) as port:
        said = run(house.python, "-c", MLFLOW, port, house.models / "expected.json")
    lines = [json.loads(line) for line in said.splitlines()]
    assert len(lines) == 5
    assert all(line == lines[0] for line in lines)


class OnPort:
    """A scorer on a loopback port, for clients that know no unix sockets."""

    def __init__(self, python: Path, folder: Path, **environment: str) -> None:
        self._python, self._log, self._environment = python, folder / "log", environment

    def __enter__(self) -> int:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(self._python), "-c", PORT],
                env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(PACKAGE), **self._environment},
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        assert self._process.stdout is not None
        port = int(self._process.stdout.readline())
        # Some clients wait for ten seconds only, and a model may take longer to load.
        waiting = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
        waiting.request("GET", "/swagger.json")
        assert waiting.getresponse().status == http.client.OK
        waiting.close()
        return port

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


PORT = """
import os, socket, sys
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(128)
print(listener.getsockname()[1], flush=True)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-m", "pratique_serving"])
"""
