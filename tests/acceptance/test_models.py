"""What a model is worth before and behind an endpoint: served as it is, collected, converted, profiled."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import duckdb
import pytest
from uv import find_uv_bin

from .installation import Installation, prepare_workspace, until, write

ROOT: Final = Path(__file__).parents[2]
BENCH: Final = ROOT / "bench" / "serving"
CSV: Final = ROOT / "examples" / "credit-risk" / "data" / "german-credit.csv"

GRAPH: Final = base64.b64decode(
    "CAk6gQIKHwoFY291bnQSBXdob2xlIgRDYXN0KgkKAnRvGAugAQIKIgoFd2hvbGUKBGF4aXMSCHN0YW5kaW5nIglVbnNxdWVlemUK"
    "HgoGYW1vdW50CghzdGFuZGluZxIFdG90YWwiA011bAoWCgRuYW1lEgRzYWlkIghJZGVudGl0eRIFbmFtZWQqDQgBEAc6AQFCBGF4"
    "aXNaFgoGYW1vdW50EgwKCggLEgYKAAoCCAFaEQoFY291bnQSCAoGCAcSAgoAWhQKBG5hbWUSDAoKCAgSBgoACgIIAWIVCgV0b3Rh"
    "bBIMCgoICxIGCgAKAggBYhQKBHNhaWQSDAoKCAgSBgoACgIIAUIECgAQEQ=="
)
"""An ONNX file: total = amount * count, and the name is handed back."""

ENDPOINT: Final = "name: plain\nauth_mode: key\n"
DEPLOYMENT: Final = """\
name: blue
endpoint_name: plain
model: {path: totals.onnx, type: custom_model}
instance_type: Standard_DS1_v2
instance_count: 1
tags: {pratique.collect.redact: name, pratique.grpc: true}
environment_variables: {PRATIQUE_COLLECT_SECONDS: "1"}
data_collector:
  collections:
    model_inputs: {enabled: true}
    model_outputs: {enabled: true}
  rolling_rate: day
"""
BODY: Final = {"input_data": {"columns": ["amount", "count", "name"], "data": [[1.5, 2, "Ada"], [2.0, 3, "Bo"]]}}


CLIENT: Final = """
import sys
import grpc

def ask(name, body=b""):
    return channel.unary_unary("/inference.GRPCInferenceService/" + name)(body, timeout=60, wait_for_ready=True)

channel = grpc.insecure_channel(sys.argv[1])
assert ask("ServerReady") == b"\\x08\\x01"
print(ask("ModelMetadata", b"\\x0a\\x05model"))
"""
"""A client of the Open Inference Protocol; the environment of the deployment has what it needs."""


def asked_over_grpc(platform: Installation, address: str) -> str:
    """What the model at `address` says of itself."""
    launches = platform.home.glob("replicas/*/files-of/1.json")
    launch = next(file for file in launches if '"speaks_grpc": true' in file.read_text())
    python = json.loads(launch.read_text().splitlines()[-1])["python"]
    said = subprocess.run([python, "-c", CLIENT, address], capture_output=True, text=True, timeout=120, check=False)
    assert said.returncode == 0, said.stderr
    return said.stdout


def test_one_onnx_file_is_a_deployment_and_what_it_predicts_is_kept_as_parquet(platform: Installation) -> None:
    project = prepare_workspace(platform, "plain-onnx")
    write(project, {"endpoint.yml": ENDPOINT, "blue.yml": DEPLOYMENT, "request.json": json.dumps(BODY)})
    (project / "totals.onnx").write_bytes(GRAPH)
    platform.do("ml", "online-endpoint", "create", "-f", "endpoint.yml", cwd=project)
    platform.do("ml", "online-deployment", "create", "-f", "blue.yml", "--all-traffic", cwd=project)
    said = platform.get("ml", "online-endpoint", "invoke", "-n", "plain", "-r", "request.json", cwd=project)
    assert json.loads(said) == {"total": [[3.0], [6.0]], "said": [["Ada"], ["Bo"]]}

    def collected() -> bool:
        shown = platform.get("ml", "online-deployment", "show", "-n", "blue", "-e", "plain", cwd=project)
        return bool(shown["properties"].get("pratique.collected.records") == "1")

    until(collected, "what was predicted is stored")
    platform.do("ml", "online-deployment", "update", "-n", "blue", "-e", "plain", "--set", "tags.team=a", cwd=project)
    counted = platform.do("ml", "online-deployment", "get-metrics", "-n", "blue", "-e", "plain", cwd=project)
    assert re.search(r"^pratique_rows_total{.*} 2$", counted, re.MULTILINE)
    place = "azureml://datastores/workspaceblobstore/paths/modelDataCollector/plain/blue/model_inputs"
    seen = "plain-blue-model_inputs"
    assert platform.get("ml", "data", "show", "-n", seen, "-v", "1", cwd=project)["path"] == place
    platform.do("ml", "data", "download", "-n", seen, "-v", "1", "--download-path", "got", cwd=project)
    rows = duckdb.read_parquet(f"{project}/got/{seen}/**/*.parquet").order("correlationid").fetchall()
    names = duckdb.read_parquet(f"{project}/got/{seen}/**/*.parquet").columns
    found = [dict(zip(names, row, strict=True)) for row in rows]
    assert [(row["amount"], row["count"], row["name"], row["status"]) for row in found] == [
        (1.5, 2, "redacted", 200),
        (2.0, 3, "redacted", 200),
    ]
    shown = platform.get("ml", "online-deployment", "show", "-n", "blue", "-e", "plain", cwd=project)
    address = shown["replicas"][0]["grpc"]
    assert "amount" in asked_over_grpc(platform, address)
    key = platform.get("ml", "online-endpoint", "get-credentials", "-n", "plain", cwd=project)["primaryKey"]
    path = "/endpoints/plain-onnx/plain/v2/models/model"
    described = platform.ask("GET", path, token=key, port=platform.endpoints_port)
    assert [one["name"] for one in json.loads(described.body)["inputs"]] == ["amount", "count", "name"]
    assert platform.ask("GET", path, port=platform.endpoints_port).status == 401
    platform.do("ml", "online-endpoint", "delete", "-n", "plain", "--yes", cwd=project)
    assert not Path(address.removeprefix("unix:")).exists()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models of the benchmark, trained in an environment like a user's."""
    root = tmp_path_factory.mktemp("models")
    uv, python = find_uv_bin(), root / "environment" / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(root / "environment")], check=True)
    install = [uv, "pip", "install", "--quiet", "--require-hashes", "--python", str(python)]
    subprocess.run([*install, "-r", str(BENCH / "peers" / "model.lock")], check=True)
    subprocess.run([str(python), str(BENCH / "train.py"), str(CSV), str(root)], check=True)
    return root


@pytest.mark.slow
def test_a_model_is_converted_with_proof_and_profiled(platform: Installation, models: Path) -> None:
    project = prepare_workspace(platform, "examined")
    create = (
        "ml",
        "model",
        "create",
        "-n",
        "credit",
        "--type",
        "mlflow_model",
        "--path",
        str(models / "lr" / "mlflow"),
    )
    platform.do(*create, cwd=project)
    found = platform.get("ml", "model", "convert", "-n", "credit", "-v", "1", "--download-path", "onnx", cwd=project)
    assert found["report"]["holds"]
    assert found["report"]["rows"] > 4000
    assert {path.name for path in (project / "onnx").iterdir()} == {"model.onnx", "parity.json", "console.log"}
    assert json.loads((project / "onnx" / "parity.json").read_text())["count_flipped"] == 0
    wished = ("--optimize", "onnx", "--seconds", "0.2", "--max-connections", "4", "--target-p99-ms", "60000")
    profile = ("ml", "model", "profile", "-n", "credit", "-l", "latest", *wished)
    measured = platform.get(*profile, cwd=project)["report"]
    assert measured["recommendation"]["instance_type"].startswith("Standard_")
    assert all(step["answers_per_second"] > 0 for one in measured["settings"] for step in one["steps"])
    assert "in flight" in platform.do(*profile, cwd=project)
    properties = platform.get("ml", "model", "show", "-n", "credit", "-v", "1", cwd=project)["properties"]
    assert properties["pratique.onnx"].startswith("proven: ")
    assert "× Standard_" in properties["pratique.profile"]
    (project / "own").mkdir()
    (project / "own" / "model.txt").write_text("what only a script can load")
    platform.do("ml", "model", "create", "-n", "own", "--type", "custom_model", "--path", "own", cwd=project)
    said = platform.fail("ml", "model", "convert", "-n", "own", "-v", "1", cwd=project)
    assert "only an mlflow_model says how it is loaded" in said
