"""A storm: work of every kind goes on while processes are killed at random, and then everything must be right.

    work    command jobs and pipelines that leave a trace outside of the home each time a step runs,
            uploads and registrations of data and models, environments that have to be built
    kills   the server, Envoy, MLflow, model servers, jobs, the watcher of each of them, clients, and all at once;
            always with SIGKILL, at a moment that the seed decides

`INVARIANTS` are what must hold afterwards, each with its check. Nobody mends
anything in between: after a kill there is at most a `pratique up`.
"""

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pratique.compute import shim
from pratique.content.folder import scan

from .installation import LIMIT, PYTHON, Installation, prepare_workspace, until, write

WORKSPACE: Final = "storm"
AT_ONCE: Final = 4
"""Clients that are under way at the same time."""
SEEDS: Final = 3
"""Different inputs of the pipeline; so few that steps are often reused."""
BUILT: Final = {
    # Apart from that of the endpoint, which stays: a package makes it an environment of its own.
    "built.yml": "name: built\nconda_file: built-conda.yml\n",
    "built-conda.yml": f"dependencies:\n  - python={PYTHON}\n  - pip:\n      - setuptools<81\n",
}
SCORE: Final = "def init():\n    pass\n\n\ndef run(raw):\n    return 'here'\n"
DEPLOYMENT: Final = """\
name: blue
endpoint_name: steady
environment: azureml:plain@latest
code_configuration:
  code: score
  scoring_script: score.py
instance_type: Standard_DS3_v2
instance_count: 1
"""
_TRACE: Final = 'echo "$AZUREML_RUN_ID {word}" >> {witness}'
JOB: Final = """\
type: command
command: >-
  {began} && sleep 0.4 && echo made > ${{{{outputs.made}}}}/file && {done}
environment: azureml:built@latest
outputs:
  made: {{type: uri_folder}}
"""
PIPELINE: Final = """\
type: pipeline
inputs: {{seed: 0}}
outputs:
  last: {{type: uri_folder}}
jobs:
  first:
    command: {began} && sleep 0.1 && echo -n "${{{{inputs.seed}}}}-a" > ${{{{outputs.made}}}}/file && {done}
    environment: azureml:built@latest
    inputs: {{seed: "${{{{parent.inputs.seed}}}}"}}
    outputs: {{made: {{type: uri_folder}}}}
  second:
    command: {began} && sleep 0.1 && echo "$(cat ${{{{inputs.from}}}}/file)-b" > ${{{{outputs.made}}}}/file && {done}
    environment: azureml:built@latest
    inputs: {{from: {{type: uri_folder, path: "${{{{parent.jobs.first.outputs.made}}}}"}}}}
    outputs: {{made: "${{{{parent.outputs.last}}}}"}}
"""
TERMINAL: Final = frozenset({"Completed", "Failed", "Canceled"})
RUN_STATUS: Final = {"Completed": "FINISHED", "Failed": "FAILED", "Canceled": "KILLED"}
WEIGHTS: Final[Mapping[str, int]] = {
    "server": 20, "shim of the server": 8, "Envoy": 10, "MLflow": 10, "scorer": 6, "shim of the scorer": 4,
    "job": 12, "shim of the job": 10, "nursery": 4, "client": 12, "everything": 8,
}  # fmt: skip
"""Who is killed, and how often one is compared with the others."""


@dataclass
class Storm:
    """One storm over one installation, decided by `dice`."""

    platform: Installation
    project: Path
    key: str
    dice: random.Random
    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    clients: list["subprocess.Popen[str]"] = field(default_factory=list)
    sent: dict[str, set[str]] = field(default_factory=lambda: {"data": set(), "models": set()})
    """By noun: the digests of the folders that clients were told to register."""
    told: list[str] = field(default_factory=list)
    """Names of jobs that a client was told to have been created."""

    # --- work ------------------------------------------------------------------------------------------------------

    def work(self) -> None:
        """Start one more client with something to do, when there is not too much to do already."""
        self.clients = [client for client in self.clients if not self._is_done(client)]
        if len(self.clients) >= AT_ONCE or len(self.unfinished()) >= AT_ONCE:
            return
        kind = self.dice.choice(("job", "job", "pipeline", "pipeline", "data", "model"))
        if kind in ("data", "model"):
            self.clients.append(self._register(kind))
        elif kind == "job":
            self.clients.append(self._begin("ml", "job", "create", "-f", "job.yml", "-o", "json"))
        else:
            seed = f"inputs.seed={self.dice.randrange(SEEDS)}"
            self.clients.append(self._begin("ml", "job", "create", "-f", "pipeline.yml", "--set", seed, "-o", "json"))

    def _register(self, kind: str) -> "subprocess.Popen[str]":
        name = f"{kind}-{self.dice.getrandbits(32):08x}"
        folder = self.project / name
        for number in range(self.dice.randrange(1, 12)):
            content = self.dice.randbytes(self.dice.choice((10, 1000, 300_000)))
            (folder / f"part-{number % 3}").mkdir(parents=True, exist_ok=True)
            (folder / f"part-{number % 3}" / f"{number}.bin").write_bytes(content)
        noun = "data" if kind == "data" else "models"
        self.sent[noun].add(scan(folder, honour_ignore=False, keep_executable=False).digest)
        form = "uri_folder" if kind == "data" else "custom_model"
        return self._begin("ml", kind, "create", "-n", "rows", "--type", form, "--path", name, "-o", "json")

    def _begin(self, *words: str) -> "subprocess.Popen[str]":
        return self.platform.begin(*words, cwd=self.project)

    def _is_done(self, client: "subprocess.Popen[str]") -> bool:
        """Whether `client` has ended; what it was told is kept."""
        if client.poll() is None:
            return False
        out, _ = client.communicate()
        with contextlib.suppress(ValueError):
            document = json.loads(out)
            if client.returncode == 0 and document.get("type") in ("command", "pipeline"):
                self.told.append(str(document["name"]))
        return True

    def forget_environments(self) -> None:
        """Remove the environment of the jobs, so that the next job builds it."""
        for folder in (self.platform.home / "environments").iterdir():
            if not folder.is_symlink() and any(folder.glob("lib/python3*/site-packages/setuptools")):
                shutil.rmtree(folder)

    # --- kills -----------------------------------------------------------------------------------------------------

    def strike(self) -> None:
        """Kill somebody who lives, and bring the platform up again where that takes a person."""
        alive = {who: pids for who in WEIGHTS if (pids := self.victims(who))}
        who = self.dice.choices([*alive], [WEIGHTS[name] for name in alive])[0]
        for pid in alive[who]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.kills[who] += 1
        print(f"{self.kills.total()}: {who}", flush=True)
        if who in ("server", "shim of the server", "everything"):
            self.platform.up()

    def victims(self, who: str) -> list[int]:
        """The processes that `who` names; of several of a kind, one."""
        if who == "client":
            return [client.pid for client in self.clients if client.poll() is None][:1]
        processes = self.platform.processes()
        clients = {client.pid for client in self.clients}
        shims = {pid for pid, command in processes.items() if "shim" in command and shim.NURSE not in command}
        needles = {
            "server": "pratique.app.server", "shim of the server": "/services/server/", "Envoy": "bootstrap",
            "MLflow": "pratique_tracking", "scorer": "pratique_serving", "shim of the scorer": "/replicas/",
            "job": "witness", "shim of the job": "/jobs/", "nursery": shim.NURSE, "everything": "",
        }  # fmt: skip
        found = [pid for pid, command in processes.items() if needles[who] in command]
        if who == "everything":
            return [pid for pid in found if pid not in clients]
        fits = [pid for pid in found if (pid in shims) == who.startswith("shim")]
        return self.dice.sample(fits, 1) if fits and who in ("job", "shim of the job") else fits

    def rage(self, kills: int, *, until_moment: float = float("inf")) -> None:
        """Work and kill, `kills` times or until that moment of `time.monotonic`."""
        for number in range(kills):
            if time.monotonic() > until_moment:
                break
            if number % 10 == 9:  # Nothing runs then, so that what is removed is in nobody's use.
                self.calm()
                self.forget_environments()
            for _ in range(self.dice.randrange(1, 3)):
                self.work()
            patience = 1.0
            if number % 3 == 2 and self.unfinished():  # However slow the machine is, some kills meet a step that runs.
                until(lambda: self.victims("job") or not self.unfinished(), "a step runs")
                patience = 0.1
            time.sleep(self.dice.uniform(0.0, patience))
            self.strike()

    def calm(self) -> None:
        """Wait until every client and every job has ended."""
        for client in self.clients:
            with contextlib.suppress(subprocess.TimeoutExpired):
                client.wait(timeout=300)
            assert self._is_done(client), f"a client never ended: {client.args!r}"
        self.clients = []
        until(lambda: self.platform.run("status").code == 0, "the platform answers")
        until(lambda: not self.unfinished(), "the end of every job", limit=2 * LIMIT)
        until(self.answers, "the endpoint answers")

    # --- what is there ---------------------------------------------------------------------------------------------

    def ask(self, path: str) -> Any:
        """The document at a path of the workspace."""
        return self.platform.ask("GET", f"/api/v1/workspaces/{WORKSPACE}/{path}", token=self.platform.token).document

    def jobs(self, *, newest: int = 1000) -> list[dict[str, Any]]:
        """The `newest` jobs that are no steps."""
        found: list[dict[str, Any]] = self.ask(f"jobs?limit={newest}")
        return found

    def unfinished(self) -> list[str]:
        """The names of the jobs that go on; none while nobody answers."""
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            # So few run at once that none of them is further back; a list of all would slow the storm down.
            return [job["name"] for job in self.jobs(newest=10 * AT_ONCE) if job["status"] not in TERMINAL]
        return []

    def steps(self) -> list[dict[str, Any]]:
        """Every step of every pipeline."""
        pipelines = [job["name"] for job in self.jobs() if job["type"] == "pipeline"]
        return [step for name in pipelines for step in self.ask(f"jobs?parent={name}&limit=1000")]

    def traces(self) -> Mapping[str, list[str]]:
        """By the name of a job: what its process wrote outside of the home."""
        found: dict[str, list[str]] = {}
        witness = self.project / "witness"
        for line in witness.read_text().splitlines() if witness.exists() else ():
            name, _, word = line.partition(" ")
            found.setdefault(name, []).append(word)
        return found

    def answers(self) -> bool:
        """Whether the endpoint answers."""
        with contextlib.suppress(OSError):
            return self.platform.score(WORKSPACE, "steady", self.key).status == 200
        return False


@contextlib.contextmanager
def storm(platform: Installation, seed: int) -> Iterator[Storm]:
    """A storm over `platform`, which is up; no client of it is left behind."""
    project = prepare_workspace(platform, WORKSPACE)
    traces = {word: _TRACE.format(word=word, witness=project / "witness") for word in ("began", "done")}
    write(
        project,
        {
            **BUILT,
            "score/score.py": SCORE,
            "blue.yml": DEPLOYMENT,
            "job.yml": JOB.format(**traces),
            "pipeline.yml": PIPELINE.format(**traces),
        },
    )
    platform.do("ml", "environment", "create", "-f", "built.yml", cwd=project)
    platform.do("ml", "online-endpoint", "create", "-n", "steady", cwd=project)
    platform.do("ml", "online-deployment", "create", "-f", "blue.yml", "--all-traffic", cwd=project)
    key = platform.get("ml", "online-endpoint", "get-credentials", "-n", "steady", cwd=project)["primaryKey"]
    made = Storm(platform, project, key, random.Random(seed), seed)  # noqa: S311 - moments, not secrets.
    try:
        yield made
    finally:
        for client in made.clients:
            client.kill()
            client.communicate()


# --- what must hold -------------------------------------------------------------------------------------------------


def no_job_is_lost(after: Storm) -> None:
    """A job whose creation was reported is there, and every job has ended."""
    found = {job["name"]: job["status"] for job in after.jobs()}
    assert set(after.told) <= set(found)
    assert set(found.values()) <= TERMINAL


def no_job_runs_twice(after: Storm) -> None:
    """A process of a job or a step began at most once, and did its work once when it completed."""
    traces = after.traces()
    every = [*(job for job in after.jobs() if job["type"] == "command"), *after.steps()]
    for job in every:
        seen = traces.get(job["name"], [])
        assert seen.count("began") <= 1, (job, seen)
        if job["status"] == "Completed" and not is_reused(job):
            assert seen == ["began", "done"], (job, seen)


def every_failure_has_its_reason(after: Storm) -> None:
    """A job fails only because a process was killed, says so, and says what to do."""
    struck = sum(after.kills[who] for who in ("job", "shim of the job", "everything"))
    failed = [job for job in after.jobs() if job["status"] != "Completed"]
    for job in failed:
        assert job["status"] == "Failed", job
        assert job["error"]["message"], job
    assert len(failed) <= struck * AT_ONCE * 3, f"{len(failed)} jobs failed after {struck} kills of jobs"


def every_job_has_one_story(after: Storm) -> None:
    """The journal is whole, and each job ends in it once, as the job says."""
    assert after.platform.broken_event() is None
    ends: dict[str, list[str]] = {}
    for event in events(after):
        if event["type"].endswith(".RunCompleted"):
            ends.setdefault(event["subject"].removeprefix("jobs/"), []).append(event["data"]["status"])
    for job in [*after.jobs(), *after.steps()]:
        assert ends.get(job["name"]) in ([job["status"]], None if is_reused(job) else [job["status"]]), job


def no_asset_is_half_made(after: Storm) -> None:
    """Every version is one of the folders that were sent, complete; the numbers are 1, 2, 3, …"""
    for noun, sent in after.sent.items():
        versions = asset_versions(after, noun)
        assert sorted(int(row["version"]) for row in versions) == [*range(1, len(versions) + 1)]
        for row in versions:
            digest = row["properties"]["pratique.digest"]
            assert digest in sent, row
            for entry in after.ask(f"manifests/{digest}")["entries"]:
                assert has_content(after.platform.home, entry["digest"]), (row, entry)


def every_blob_is_what_its_name_says(after: Storm) -> None:
    """Bytes are kept under their own digest, and nothing half-written lies about after a start."""
    blobs = after.platform.home / "blobs"
    for path in blobs.glob("[0-9a-f][0-9a-f]/*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name, path
    after.platform.run("down")
    after.platform.up()
    assert not [*(blobs / "incoming").glob("*")]
    assert not [*after.platform.home.glob("jobs/*/*/.making-*")]


def every_run_of_mlflow_is_closed(after: Storm) -> None:
    """The run of each job ended as the job did, and none is left running."""
    for job in [*after.jobs(), *after.steps()]:
        if job.get("run_id"):
            until(lambda: run_status(after, job) == RUN_STATUS[job["status"]], f"the end of the run of {job['name']}")  # noqa: B023 - called at once.


def what_is_reused_is_right(after: Storm) -> None:
    """A pipeline runs to its end, its output is the one that its input makes, and a second run starts nothing."""
    for seed in range(SEEDS):
        assert last_output(after, seed) == f"{seed}-a-b"
    before = (after.project / "witness").read_text()
    assert last_output(after, 0) == "0-a-b"
    assert (after.project / "witness").read_text() == before


def the_endpoint_answers(after: Storm) -> None:
    """What served before the storm serves after it."""
    until(after.answers, "the endpoint answers")


INVARIANTS: Final[tuple[Callable[[Storm], None], ...]] = (
    no_job_is_lost,
    no_job_runs_twice,
    every_failure_has_its_reason,
    every_job_has_one_story,
    no_asset_is_half_made,
    every_blob_is_what_its_name_says,
    every_run_of_mlflow_is_closed,
    what_is_reused_is_right,
    the_endpoint_answers,
)


def what_is_broken(after: Storm) -> dict[str, str]:
    """The invariants that do not hold once all is calm, each with what is wrong."""
    after.calm()
    broken = {}
    for holds in INVARIANTS:
        try:
            holds(after)
        except AssertionError as error:
            broken[sentence_of(holds)] = str(error)
    return broken


def sentence_of(holds: Callable[[Storm], None]) -> str:
    """What an invariant says."""
    return " ".join(str(holds.__doc__).split())


def record(after: Storm, broken: Mapping[str, str], *, seconds: float, at: datetime) -> dict[str, Any]:
    """What a long storm did and what came out, as the pages of the reference read it."""
    jobs, steps = after.jobs(), after.steps()
    versions = {noun: len(asset_versions(after, noun)) for noun in after.sent}
    work = (
        f"{len(jobs)} jobs with {len(steps)} steps, {versions['data']} versions of data, "
        f"{versions['models']} of a model; {seconds / 60:.0f} minutes"
    )
    rows = [{"what": f"{who} killed", "said": f"{count} times"} for who, count in after.kills.most_common()]
    done = [{"what": "all of them, while work went on", "said": f"{after.kills.total():,} kills; {work}"}]
    checks = [{"what": sentence_of(holds), "said": "afterwards"} for holds in INVARIANTS]
    return {
        "title": "Processes killed at random",
        "at": at.isoformat(),
        "cores": os.cpu_count(),
        "seed": after.seed,
        "rows": [
            {"requests": 0, "failed": 0, "holds": row["what"] not in broken, **row} for row in (*rows, *done, *checks)
        ],
    }


def is_reused(job: Mapping[str, Any]) -> bool:
    """Whether a step took the result of an earlier one."""
    return "reused" in json.dumps(job.get("properties", {})).lower()


def events(after: Storm) -> Iterator[dict[str, Any]]:
    """The whole journal."""
    last = 0
    while rows := after.platform.ask(
        "GET", f"/api/v1/events?after={last}&limit=500", token=after.platform.token
    ).document:
        yield from rows
        last = rows[-1]["sequence"]


def asset_versions(after: Storm, noun: str) -> list[dict[str, Any]]:
    """Every version of the one asset of a kind."""
    answer = after.platform.ask(
        "GET", f"/api/v1/workspaces/{WORKSPACE}/{noun}/rows/versions", token=after.platform.token
    )
    return list(answer.document) if answer.status == 200 else []


def has_content(home: Path, digest: str) -> bool:
    """Whether the store has bytes with this digest."""
    return any(path.is_file() for path in (home / "blobs").glob(f"{digest[:2]}/{digest}"))


def run_status(after: Storm, job: Mapping[str, Any]) -> str:
    """What MLflow says of the run of a job; empty while it does not answer."""
    path = f"/mlflow/{WORKSPACE}/api/2.0/mlflow/runs/get?run_id={job['run_id']}"
    answer = after.platform.ask("GET", path, token=after.platform.token)
    return str(answer.document["run"]["info"]["status"]) if answer.status == 200 else ""


def last_output(after: Storm, seed: int) -> str:
    """What a run of the pipeline with `seed` leaves."""
    words = ("ml", "job", "create", "-f", "pipeline.yml", "--set", f"inputs.seed={seed}", "--stream")
    name = after.platform.get(*words, cwd=after.project)["name"]
    target = after.project / f"download-{name}"
    download = ("ml", "job", "download", "-n", name, "--output-name", "last", "--download-path", str(target))
    after.platform.do(*download, cwd=after.project)
    [found] = target.rglob("file")
    return found.read_text().strip()


def own_environments(home: Path, shared: Path) -> None:
    """Give `home` a folder of environments that has MLflow's of `shared`, and builds every other itself."""
    folder = home / "environments"
    folder.mkdir(mode=0o700)
    for entry in shared.iterdir():
        if any(entry.glob("lib/python3*/site-packages/mlflow")):
            (folder / entry.name).symlink_to(entry)
        elif entry.name in ("locks", "wheels"):
            shutil.copytree(entry, folder / entry.name)
