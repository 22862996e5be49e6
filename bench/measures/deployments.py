"""How long it takes from `online-deployment create` to the first answer with status 200."""

import http.client
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.measures.home import BenchHome, table

_ROUNDS = 5
_PAUSE = 0.03
"""Seconds between two looks: asking without a pause would take the processor from the model that loads."""
_EXAMPLE = Path(__file__).parents[2] / "examples" / "credit-risk"
_ENVIRONMENT = "name: empty\nversion: 1\nconda_file: {name: empty, dependencies: [python=3.11]}\nimage: none\n"
_SCORE = "def init():\n    pass\n\n\ndef run(raw_data):\n    return raw_data\n"


def measure(home: BenchHome) -> str:
    """A script that does nothing, and the example's model beside its own import and load in a bare process."""
    nothing = _no_op(home)
    model, own = _example(home)
    rows = [
        ["a `score.py` that does nothing", f"{nothing:.2f} s", "–", "< 1 s"],
        ["the example's model", f"{model:.2f} s", f"{own:.2f} s", f"< {own + 0.7:.2f} s (its own + 0.7 s)"],
    ]
    words = (
        "From the start of `az ml online-deployment create` to the first 200 through the door, environment cached, "
        "median of 5; "
        "beside it the import of MLflow and the load of the same model in a process that does nothing else."
    )
    return f"## A deployment\n\n{words}\n\n" + table(["deployment", "until 200", "own import and load", "bar"], rows)


def _no_op(home: BenchHome) -> float:
    folder = home.root / "no-op"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "score.py").write_text(_SCORE)
    (folder / "environment.yml").write_text(_ENVIRONMENT)
    (folder / "endpoint.yml").write_text("name: no-op\nauth_mode: key\n")
    (folder / "deployment.yml").write_text(
        "name: blue\nendpoint_name: no-op\nenvironment: azureml:empty:1\n"
        "code_configuration: {code: code, scoring_script: score.py}\n"
        "instance_type: Standard_DS3_v2\ninstance_count: 1\n"
    )
    home.run("ml", "environment", "create", "--file", "environment.yml", cwd=folder)
    home.run("ml", "online-endpoint", "create", "--file", "endpoint.yml", cwd=folder)
    return _median(home, "no-op", folder / "deployment.yml", b'{"a": 1}')


def _example(home: BenchHome) -> tuple[float, float]:
    folder = home.root / "example"
    shutil.copytree(_EXAMPLE, folder)
    for words in ("data create --file data.yml", "environment create --file environment.yml"):
        home.run("ml", *words.split(), cwd=folder)
    home.run("ml", "job", "create", "--file", "pipeline.yml", "--stream", cwd=folder)
    home.run("ml", "online-endpoint", "create", "--file", "endpoint.yml", cwd=folder)
    blue = folder / "deployment-blue.yml"
    blue.write_text(blue.read_text().partition("tags:")[0])  # As it was logged, not as ONNX.
    body = (folder / "request.json").read_bytes()
    own: list[float] = []
    seconds = _median(home, "credit-risk", blue, body, lambda: own.append(_own_load(home)))
    return seconds, statistics.median(own)


def _own_load(home: BenchHome) -> float:
    """The seconds that the model's own environment takes to import MLflow and load it, in a fresh process."""
    files = next((home.root / "home" / "replicas").glob("*/files-of/*/model/model"))
    python = next(
        python
        for python in (home.root / "home" / "environments").glob("*/bin/python")
        if list(python.parents[1].glob("lib/*/site-packages/sklearn"))
    )
    code = f"import mlflow.pyfunc; mlflow.pyfunc.load_model({str(files)!r})"
    began = time.perf_counter()
    subprocess.run([str(python), "-c", code], check=True, capture_output=True, timeout=120)
    return time.perf_counter() - began


def _median(
    home: BenchHome, endpoint: str, file: Path, body: bytes, between: Callable[[], Any] = lambda: None
) -> float:
    """Create the deployment several times, the first not counted, `between` called in turn."""
    key = home.pratique("ml", "online-endpoint", "get-credentials", "--name", endpoint)["primaryKey"]
    uri = home.pratique("ml", "online-endpoint", "show", "--name", endpoint)["scoring_uri"]
    name = "blue"
    seconds = []
    for round_ in range(_ROUNDS + 1):
        began = time.perf_counter()
        home.run("ml", "online-deployment", "create", "--file", str(file), "--all-traffic", "--no-wait")
        _until_200(uri, key, body)
        took = time.perf_counter() - began
        home.run("ml", "online-deployment", "show", "--name", name, "--endpoint-name", endpoint)
        between()
        home.run("ml", "online-endpoint", "update", "--name", endpoint, "--traffic", f"{name}=0")
        home.run("ml", "online-deployment", "delete", "--name", name, "--endpoint-name", endpoint, "--yes")
        if round_:
            seconds.append(took)
    return statistics.median(seconds)


def _until_200(uri: str, key: str, body: bytes) -> None:
    parts = urlsplit(uri)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    while True:
        connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        connection.request("POST", parts.path, body, headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status == 200:
            return
        time.sleep(_PAUSE)
