"""What a delivery costs beside its steps' own work: ten jobs that print a word, from the queue to the end."""

import os
import statistics
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.measures.home import BenchHome, table

from pratique.client.connection import Connection
from pratique.client.deliveries import Deliveries, DeliveryRuns, Projects
from pratique.client.door import find_door
from pratique.delivery.compile import compiled

_ROUNDS = 5
_WAIT = 50
_JOBS = (4, 3, 3)
"""Of each stage."""
_TEMPLATES = 50
_PROJECT = "bench"
_FILE = "azure-pipelines.yml"


def measure(home: BenchHome) -> str:
    """The time for each job, and from the queue to the first step."""
    folder = home.root / "delivery"
    folder.mkdir()
    (folder / _FILE).write_text(pipeline(_JOBS))
    with patch.dict(os.environ, home.environment, clear=True):
        runs = Runs(Connection(find_door()), str(folder))
    runs.run()  # Loads what workers are forked from.
    found = [runs.run() for _ in range(_ROUNDS)]
    count = sum(_JOBS)
    whole = statistics.median(seconds for seconds, _ in found)
    first = statistics.median(seconds for _, seconds in found)
    pushed = statistics.median(Pushes(home, runs.connection).seconds() for _ in range(_ROUNDS))
    rows = [
        [f"{count} jobs in {len(_JOBS)} stages, each", f"{1000 * whole / count:.0f} ms", "< 100 ms"],
        ["from the queue to the first step", f"{first:.2f} s", "–"],
        ["from the end of `git push` to the first step", f"{pushed:.2f} s", "< 1 s"],
        [f"what `validate` does for {_TEMPLATES} templates", f"{validated():.2f} s", "< 0.5 s"],
    ]
    words = (
        "Jobs with one step that prints a word, each a worker of its own with a workspace, its logs and its events; "
        f"from the answer of `pipelines run` to `completed`, median of {_ROUNDS}. "
        "`validate` is without the start of the command."
    )
    return f"## Delivery\n\n{words}\n\n" + table(["what", "time", "bar"], rows)


def validated() -> float:
    """Seconds to read and check a pipeline of many templates with parameters and conditions; the median."""
    parameters = "parameters:\n- {name: word, type: string}\n- {name: wanted, type: boolean, default: true}\n"
    template = f"{parameters}steps:\n- ${{{{ if parameters.wanted }}}}:\n  - bash: echo ${{{{ parameters.word }}}}\n"
    files = {f"t{number}.yml": template for number in range(_TEMPLATES)}
    steps = [f"- {{template: {name}, parameters: {{word: $(Build.BuildId)}}}}" for name in files]
    files[_FILE] = "steps:\n" + "\n".join(steps)
    taken = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        compiled(lambda _, path: files[path], _FILE)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def pipeline(jobs: tuple[int, ...]) -> str:
    """Stages one after the other, each with so many jobs at once."""
    lines = ["stages:"]
    for stage, count in enumerate(jobs):
        lines += [f"- stage: S{stage}", "  jobs:"]
        for job in range(count):
            lines += [f"  - job: J{job}", "    steps:", "    - checkout: none", f"    - bash: echo {stage}.{job}"]
    return "\n".join(lines) + "\n"


class Runs:
    """Runs of one pipeline, through the door."""

    def __init__(self, connection: Connection, folder: str) -> None:
        Projects(connection).put(_PROJECT)
        self.connection = connection
        self._deliveries = Deliveries(connection, _PROJECT)
        self._runs = DeliveryRuns(connection)
        facts = {"name": "echo", "repository": folder, "repository_type": "folder", "path": _FILE}
        self._deliveries.create(facts)
        manifest = self._deliveries.upload(Path(folder), lambda _done, _total: None)
        self._tree = {"path": _FILE, "sources": [{"alias": "self", "name": "echo", "manifest": manifest}]}

    def run(self) -> tuple[float, float]:
        """Seconds from the answer to the end of a run, which has to be a good one, and to its first step."""
        made = self._deliveries.run({"delivery": "echo", "tree": self._tree})
        began, at = time.perf_counter(), time.time()
        while made["status"] != "completed":
            made = self._runs.show(int(made["id"]), wait=_WAIT)
        seconds = time.perf_counter() - began
        if made["result"] != "succeeded":
            raise RuntimeError(f"run {made['id']}: {made['result']}")
        return seconds, min(_begun(made)) - at


class Pushes:
    """A hosted repository whose pipeline runs on each push."""

    def __init__(self, home: BenchHome, connection: Connection) -> None:
        self._runs, self._deliveries = DeliveryRuns(connection), Deliveries(connection, _PROJECT)
        self._home, self._name = home, f"pushed-{time.time_ns()}"
        self._folder = home.root / self._name
        self._folder.mkdir()
        (self._folder / _FILE).write_text(pipeline((1,)).replace("checkout: none", "checkout: self"))
        made = home.pratique("repos", "create", "--name", self._name, "--project", _PROJECT)
        self._git("init", "--quiet", "--initial-branch", "main")
        self._git("remote", "add", "origin", made["remoteUrl"])
        home.run("repos", "setup-git", "--scope", "local", cwd=self._folder)
        facts = {"name": self._name, "repository": self._name, "repository_type": "git", "path": _FILE}
        self._id = str(self._deliveries.create({**facts, "branch": "main"})["id"])

    def seconds(self) -> float:
        """From the end of a push to the first step of the run that it started."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", "a change")
        self._git("push", "--quiet", "origin", "main")
        at = time.time()
        while not (found := self._deliveries.runs({"delivery": self._id})):
            time.sleep(0.02)
        made = found[0]
        while made["status"] != "completed":
            made = self._runs.show(int(made["id"]), wait=_WAIT)
        return min(_begun(made)) - at

    def _git(self, *words: str) -> None:
        own = ("-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *own, *words], cwd=self._folder, env=self._home.environment, check=True, timeout=60)


def _begun(run: dict[str, Any]) -> list[float]:
    """When each step began."""
    steps = [
        step
        for stage in run["stages"]
        for job in stage["jobs"]
        for unit in job["units"]
        for step in unit["steps"]
        if step["startTime"]
    ]
    return [datetime.fromisoformat(step["startTime"]).timestamp() for step in steps]
