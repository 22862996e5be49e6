"""What a pipeline costs beside its steps' own work: fifty that do nothing, and three that need not run again."""

import os
import statistics
import time
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

from bench.measures.home import BenchHome, table

from pratique.client.connection import Connection, path_of
from pratique.client.door import find_door

_STEPS = 50
_ROUNDS = 3
_REUSED_ROUNDS = 5
_ENVIRONMENT = "name: nothing\nversion: 1\nconda_file: {name: nothing, dependencies: [python=3.11]}\nimage: none\n"
_WAIT = "50"
Steps = Mapping[str, Mapping[str, Any]]


def measure(home: BenchHome) -> str:
    """The times for each step, and the time of a pipeline of which nothing runs."""
    (home.root / "nothing.yml").write_text(_ENVIRONMENT)
    home.run("ml", "environment", "create", "--file", str(home.root / "nothing.yml"))
    with patch.dict(os.environ, home.environment, clear=True):
        platform = Pipelines(Connection(find_door()), home.environment["AZURE_DEFAULTS_WORKSPACE"])
    platform.run(chain(1))  # Builds the environment.
    kinds = {"a chain": chain(_STEPS), "a fan-out": fan_out(_STEPS)}
    rows = []
    for name, steps in kinds.items():
        seconds = statistics.median(platform.run(steps) for _ in range(_ROUNDS)) / _STEPS
        rows.append([f"{name} of {_STEPS} steps, each", f"{1000 * seconds:.1f} ms", "< 40 ms"])
    alone = statistics.median(platform.run_alone() for _ in range(10))
    rows.append(["a command job of its own, its run written before and after it", f"{1000 * alone:.1f} ms", "–"])
    bare = statistics.median(_bare() for _ in range(20))
    rows.append(["`bash -c true` alone", f"{1000 * bare:.1f} ms", "–"])
    platform.run(chain(3), force_rerun=False)
    again = statistics.median(platform.run(chain(3), force_rerun=False) for _ in range(_REUSED_ROUNDS))
    rows.append(["3 steps, all of them reused, from `job create` to `Completed`", f"{again:.2f} s", "< 1 s"])
    words = (
        "Steps that do nothing, each a process of its own with its log, its outputs, its events and its MLflow run; "
        f"from the answer of `job create` to `Completed`, median of {_ROUNDS}."
    )
    return f"## Pipelines\n\n{words}\n\n" + table(["what", "time", "bar"], rows)


class Pipelines:
    """Pipelines of one workspace, through the door."""

    def __init__(self, connection: Connection, workspace: str) -> None:
        self._connection = connection
        self._workspace = workspace

    def run(self, steps: Steps, *, force_rerun: bool = True) -> float:
        """Seconds from the answer of the creation to the end of the pipeline, which has to be a good one."""
        spec = {"type": "pipeline", "settings": {"force_rerun": force_rerun}, "jobs": steps}
        return self._until_completed(spec)

    def run_alone(self) -> float:
        """The same for one command job."""
        return self._until_completed({"type": "command", **_step()})

    def _until_completed(self, spec: Mapping[str, Any]) -> float:
        made = self._connection.post(path_of("workspaces", self._workspace, "jobs"), {"spec": spec})
        began = time.perf_counter()
        path = path_of("workspaces", self._workspace, "jobs", made["name"])
        while made["status"] not in ("Completed", "Failed", "Canceled"):
            made = self._connection.get(path, {"wait": _WAIT})
        seconds = time.perf_counter() - began
        if made["status"] != "Completed":
            raise RuntimeError(f"{made['name']} is {made['status']}: {made.get('error')}")
        return seconds


def chain(count: int) -> dict[str, dict[str, Any]]:
    """Steps each of which needs the one before."""
    steps = {"s0": {**_step(), "outputs": {"made": {"type": "uri_folder"}}}}
    for number in range(1, count):
        before = f"${{{{parent.jobs.s{number - 1}.outputs.made}}}}"
        steps[f"s{number}"] = {**_step(), "inputs": {"before": before}, "outputs": {"made": {"type": "uri_folder"}}}
    return steps


def fan_out(count: int) -> dict[str, dict[str, Any]]:
    """Steps that need nothing of each other."""
    return {f"s{number}": {**_step(), "outputs": {"made": {"type": "uri_folder"}}} for number in range(count)}


def _step() -> dict[str, Any]:
    return {"type": "command", "command": "true", "environment": "azureml:nothing:1"}


def _bare() -> float:
    began = time.perf_counter()
    os.spawnv(os.P_WAIT, "/bin/bash", ["bash", "-c", "true"])  # noqa: S606 - nothing but the cost of a process.
    return time.perf_counter() - began
