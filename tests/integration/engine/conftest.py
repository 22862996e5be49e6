"""The engine over a real database, a real content store and real processes; MLflow, Envoy and uv are small fakes."""

import dataclasses
import http.client
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from pratique.base.clock import utc_now
from pratique.base.errors import NotFound, PratiqueError
from pratique.base.home import Home
from pratique.base.machine import GIB, Capacity
from pratique.base.settings import Settings
from pratique.base.unix_http import UnixConnection
from pratique.compute.launching import Nursery
from pratique.compute.local import LocalCompute
from pratique.compute.locks import Lock
from pratique.compute.task import Observation, Running, Task
from pratique.content.manifest import Manifest
from pratique.control import deployments as deployment_verbs
from pratique.control import endpoints as endpoint_verbs
from pratique.control import jobs as job_verbs
from pratique.control.actor import Actor, Grant
from pratique.control.tokens import Issuer
from pratique.engine.abandon import Say
from pratique.engine.admission import Admission
from pratique.engine.deployments import Deployer
from pratique.engine.jobs import Choice, Worker, in_turn
from pratique.engine.loop import Stop
from pratique.engine.pipelines import PipelineWorker
from pratique.engine.replicas import socket_of
from pratique.engine.rounds import Rounds
from pratique.engine.routes import Routes
from pratique.engine.watcher import Watcher
from pratique.engine.workbench import Workbench
from pratique.gateway.apis import ApiRoute
from pratique.gateway.model import EndpointRoute
from pratique.gateway.publish import Published
from pratique.specs.packages import PackageRequest
from pratique.store import deployments, endpoints, events, groups, holdings, jobs, replicas, workspaces
from pratique.store.blobs import BlobStore
from pratique.store.database import Database
from pratique.store.deployments import OnlineDeployment
from pratique.store.endpoints import OnlineEndpoint
from pratique.store.events import StoredEvent
from pratique.store.groups import ResourceGroup
from pratique.store.jobs import Job
from pratique.store.replicas import Replica
from pratique.store.schema import metadata
from pratique.store.sealing import Sealer
from pratique.store.workspaces import Workspace
from pratique.tracking.client import RunRow

OWNER: Final = Actor("1", "ann", "user", (Grant("Owner", "/"),))
CONDA: Final = {"dependencies": ["python=3.11"]}
GIT: Final = {"mlflow.source.git.commit": "abc"}
MACHINE: Final = Capacity(4.0, 16 * GIB)
LIMIT: Final = 60.0
"""Seconds that no wait here reaches unless something is broken."""


class Killed(BaseException):
    """What the engine's thread meets where a test has it killed: nothing of the engine's own catches it."""


@dataclass
class Traps:
    """Where the engine is killed, once for each."""

    places: list[str] = field(default_factory=list)

    def spring(self, place: str) -> None:
        if place in self.places:
            self.places.remove(place)
            raise Killed(place)


class TrappedCompute(LocalCompute):
    """This machine, with an engine that dies around a start or while it waits."""

    def __init__(self, traps: Traps) -> None:
        self.nursery = Nursery()
        super().__init__(launch=self.nursery.launch)
        self._traps = traps

    def start(self, task: Task) -> Observation:
        self._traps.spring("before the process")
        seen = super().start(task)
        self._traps.spring("after the process")
        return seen

    def wait(self, folder: Path, timeout: timedelta) -> Observation:
        self._traps.spring("while it runs")
        return super().wait(folder, timeout)


class TrappedBlobs(BlobStore):
    """The content store, with an engine that dies while it stores outputs."""

    def __init__(self, root: Path, traps: Traps) -> None:
        super().__init__(root)
        self._traps = traps

    def put_folder(self, root: Path, *, keep_executable: bool = False) -> Manifest:
        self._traps.spring("while outputs are stored")
        return super().put_folder(root, keep_executable=keep_executable)


class Gateway:
    """Takes every publication, unless it is told not to."""

    def __init__(self) -> None:
        self.published: list[tuple[list[str], list[EndpointRoute]]] = []
        self.apis: list[ApiRoute] = []
        self.drained: list[str] = []
        self.refusals: dict[str, str] = {}
        self.error: PratiqueError | None = None

    def publish(
        self, workspaces: Sequence[str], endpoints: Sequence[EndpointRoute], apis: Sequence[ApiRoute] = ()
    ) -> Published:
        if self.error:
            raise self.error
        self.published.append((list(workspaces), list(endpoints)))
        self.apis = list(apis)
        labels = {row.label for row in endpoints}
        return Published({label: why for label, why in self.refusals.items() if label in labels}, effective=True)

    def forget_former(self) -> None:
        """Nothing lingers here."""

    def drain(self, workspace: str, endpoint: str, deployment: str, revision: int, *, timeout: timedelta) -> bool:
        self.drained.append(f"{workspace}/{endpoint}/{deployment}/{revision}")
        return True

    def route(self, name: str) -> EndpointRoute:
        """What is served of an endpoint of dev."""
        return next(row for row in self.published[-1][1] if row.name == name)


class Runs:
    """Remembers runs as MLflow would."""

    def __init__(self, traps: Traps) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.batches = 0
        self.error: PratiqueError | None = None
        self._traps = traps

    def write_runs(
        self, workspace: str, experiment: str, *, make: Sequence[RunRow] = (), change: Sequence[RunRow] = ()
    ) -> str:
        if self.error:
            raise self.error
        self.batches += 1
        for run in (*make, *change):
            facts = {"experiment": experiment, "name": run.name, "user": run.user, "status": run.status}
            if run in change or run.run_id not in self.runs:
                self.runs[run.run_id] = {**facts, "tags": dict(run.tags), "ended": run.ended}
        self._traps.spring("after the run was finished" if change else "after the run was made")
        return "1"


class Environments:
    """Every environment is the Python of these tests."""

    def __init__(self, traps: Traps) -> None:
        self.error: PratiqueError | None = None
        self.is_built = True
        self.gate = threading.Event()
        self.gate.set()
        self.building = threading.Event()
        self._traps = traps

    def lock(self, request: PackageRequest, **_: object) -> Lock:
        return Lock(request.python or "3.11", "numpy==2.0 --hash=sha256:00\npandas==2.2 --hash=sha256:00\n")

    def is_for_conda(self, _request: PackageRequest) -> bool:
        return False

    def known(self, _request: PackageRequest) -> None:
        """Every start goes the long way, where the traps are."""

    def is_ready(self, lock: Lock) -> bool:
        return self.is_built and self.gate.is_set() and self.error is None

    def ensure(self, lock: Lock, *, log: Path | None = None, say: Say = lambda _line: None) -> Path:
        self._traps.spring("while the environment is built")
        if self.error:
            raise self.error
        self.building.set()
        self.gate.wait(LIMIT)
        for line in ("Installed 2 packages in 3ms", " + numpy==2.0", " + pandas==2.2"):
            say(line)
        return Path(sys.executable)


class House:
    """One home with the workspace dev, the parts of the engine, and how a test speaks to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = Home(folder / "home")
        self.home.prepare()
        self.database = Database.at(self.home.database)
        self.commits = 0
        self.database.on_commit(self._count)
        self.traps = Traps()
        self.gateway = Gateway()
        self.runs = Runs(self.traps)
        self.environments = Environments(self.traps)
        self.compute = TrappedCompute(self.traps)
        self.bench = Workbench(
            home=self.home,
            settings=Settings(),
            database=self.database,
            blobs=TrappedBlobs(self.home.blobs, self.traps),
            sealer=Sealer(self.home.keys / "sealing.key"),
            issuer=Issuer(self.home.keys, "http://127.0.0.1:7070"),
            compute=self.compute,
            environments=self.environments,  # type: ignore[arg-type] # The three fakes have what the engine calls.
            gateway=self.gateway,  # type: ignore[arg-type]
            runs=self.runs,  # type: ignore[arg-type]
            door="http://127.0.0.1:7070",
        )
        with self.database.change_schema() as tx:
            metadata.create_all(tx)
        with self.database.write() as tx:
            groups.add(tx, ResourceGroup("team", "local", {}, utc_now()))
            workspaces.add(tx, Workspace("dev", "team", "local", "dev", "", {}, utc_now(), {}))
        self.new_engine()

    def new_engine(self) -> None:
        """Everything that an engine keeps in memory, anew; leases of the one before are dropped, as at its start."""
        with self.database.write() as tx:
            jobs.free_all(tx)
            deployments.free_all(tx)
        self.stop = Stop()
        self.routes = Routes(self.bench)
        self.deployer = Deployer(self.bench, self.routes, self.stop)
        self.rounds = Rounds(self.bench)
        self.watcher = Watcher(self.bench, self.stop, self.rounds)

    def worker(self, choice: Choice | None = None) -> Worker:
        """One worker of the present engine, on a machine of four cores."""
        return Worker(self.bench, self.stop, choice or in_turn(Admission(MACHINE)))

    # --- what people do

    def upload(self, files: Mapping[str, str], name: str) -> str:
        """Let dev hold files, and return how a spec names them."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        manifest = BlobStore(self.home.blobs).put_folder(folder)
        with self.database.write() as tx:
            blobs = [(entry.digest, entry.size) for entry in manifest.entries]
            holdings.hold(tx, "dev", "blob", blobs, now=utc_now())
            holdings.add_manifest(tx, "dev", manifest, now=utc_now())
        return f"upload:{manifest.digest}/{name}"

    def submit(self, command: str = "true", **spec: Any) -> str:
        """Queue a job; its name."""
        given = {"command": command, "environment": {"conda_file": CONDA}, **spec}
        with self.database.write() as tx:
            return job_verbs.create(
                tx, OWNER, "dev", given, git={"mlflow.source.git.commit": "abc"}, now=utc_now()
            ).name

    def submit_pipeline(self, jobs: Mapping[str, Any], **spec: Any) -> str:
        """Queue a pipeline; its name. A step that is a text is a command."""
        steps = {name: self.step_of(step) for name, step in jobs.items()}
        given = {"type": "pipeline", "jobs": steps, **spec}
        with self.database.write() as tx:
            return job_verbs.create(tx, OWNER, "dev", given, git=GIT, now=utc_now(), machine=MACHINE).name

    def step_of(self, step: Any) -> Any:
        """A step with its command, or with all that it says, in an environment."""
        given = {"command": step} if isinstance(step, str) else dict(step)
        if "command" in given and "component" not in given:
            given.setdefault("environment", {"conda_file": CONDA})
        return {"type": "command", **given}

    def run_pipeline(self, name: str) -> Job:
        """Walk the steps one after another, until the pipeline has ended."""
        opener, worker = PipelineWorker(self.bench, self.stop), self.worker()
        while opener.step() or worker.step():
            pass
        return self.job(name)

    def steps(self, name: str) -> dict[str, Job]:
        """The steps of a pipeline by name."""
        with self.database.read() as tx:
            return {step.step: step for step in jobs.children(tx, self.job(name))}

    def text_of(self, name: str, output: str) -> str:
        """What stands in the one file of a job's output."""
        with self.database.read() as tx:
            manifest = holdings.manifest(tx, "dev", self.job(name).outputs[output]["manifest"])
        assert manifest is not None
        (entry,) = manifest.entries
        return self.blob(entry.digest)

    def blob(self, digest: str) -> str:
        """The text that has this digest."""
        with self.bench.blobs.open(digest) as stream:
            return stream.read().decode()

    def cancel(self, name: str) -> None:
        with self.database.write() as tx:
            job_verbs.cancel(tx, OWNER, "dev", name, now=utc_now())

    def make_endpoint(self, name: str = "credit", **spec: Any) -> None:
        with self.database.write() as tx:
            endpoint_verbs.write(tx, OWNER, "dev", {"name": name, **spec}, sealer=self.bench.sealer, now=utc_now())

    def deploy(self, script: str, name: str = "blue", *, all_traffic: bool = False, **spec: Any) -> None:
        """Wish a deployment of `score.py` with this text."""
        code = {"code": self.upload({"score.py": script}, "code"), "scoring_script": "score.py"}
        given = {"name": name, "code_configuration": code, "environment": {"conda_file": CONDA}, **spec}
        with self.database.write() as tx:
            deployment_verbs.write(tx, OWNER, "dev", "credit", given, all_traffic=all_traffic, now=utc_now())

    def delete(self, name: str = "blue") -> None:
        with self.database.write() as tx:
            deployment_verbs.delete(tx, OWNER, "dev", "credit", name, now=utc_now())

    # --- what there is

    def job(self, name: str) -> Job:
        with self.database.read() as tx:
            found = jobs.get(tx, "dev", name)
        assert found is not None
        return found

    def endpoint(self, name: str = "credit") -> OnlineEndpoint:
        with self.database.read() as tx:
            found = endpoints.get(tx, "dev", name)
        if found is None:
            raise NotFound(name)
        return found

    def deployment(self, name: str = "blue") -> OnlineDeployment:
        with self.database.read() as tx:
            found = deployments.get(tx, self.endpoint().id, name)
        if found is None:
            raise NotFound(name)
        return found

    def attempt(self, name: str) -> Path:
        """The folder of a job's attempt."""
        return self.home.job_attempt(self.job(name).id, 1)

    def log(self, name: str) -> str:
        return (self.attempt(name) / "stream.log").read_text()

    def told(self, type_: str) -> list[StoredEvent]:
        with self.database.read() as tx:
            return [event for event in events.after(tx, 0, limit=1000) if event.type == type_]

    def statuses(self, name: str) -> list[str]:
        """Every state of a job, as the journal tells them."""
        changed = self.told("Microsoft.MachineLearningServices.RunStatusChanged")
        return [event.data["status"] for event in changed if event.data["name"] == name]

    def replicas(self, name: str = "blue") -> list[Replica]:
        """The rows of a deployment's replicas."""
        with self.database.read() as tx:
            return replicas.of_deployment(tx, self.deployment(name).id)

    def pid(self, revision: int = 1, start: int = 0, name: str = "blue", slot: int = 0) -> int:
        """The process of one start of a replica."""
        seen = self.compute.observe(self.home.replica(self.deployment(name).id, revision, slot, start))
        assert isinstance(seen, Running), seen
        return seen.pid

    def falls(self, name: str = "blue") -> int:
        """How often the shim of a deployment's first replica has started its process again."""
        row = self.replicas(name)[0]
        seen = self.compute.observe(self.home.replica(row.deployment_id, row.revision, row.slot, row.start))
        return seen.falls if isinstance(seen, Running) else -1

    def score(self, revision: int = 1, name: str = "blue", slot: int = 0) -> Any:
        """What a replica answers behind its socket."""
        path = socket_of(self.home, replica(self.deployment(name), revision, slot))
        connection = UnixConnection(path, timeout=LIMIT)
        try:
            connection.request("POST", "/score", b"{}", {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return json.loads(answer.read()) if answer.status == http.client.OK else answer.status
        finally:
            connection.close()

    def runs_anything(self) -> list[Path]:
        """The folders in which a process lives."""
        folders = [*self.home.jobs.glob("*/*"), *self.home.replicas.glob("*/*-*-*")]
        return [folder for folder in folders if isinstance(self.compute.observe(folder), Running)]

    def close(self) -> None:
        self.stop.wish()
        self.environments.gate.set()
        for folder in self.runs_anything():
            LocalCompute().stop(folder, grace=timedelta(0))
        self.compute.nursery.close()
        self.database.close()

    def _count(self) -> None:
        self.commits += 1


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A home of which every process ends with the test."""
    runtime = tempfile.mkdtemp(prefix="pq-")  # Short, because the sockets are in it.
    monkeypatch.setenv("PRATIQUE_RUNTIME_DIR", runtime)
    house = House(tmp_path)
    yield house
    house.close()
    shutil.rmtree(runtime)


def replica(deployment: OnlineDeployment, revision: int = 1, slot: int = 0, **values: Any) -> Replica:
    """The row of a replica that is ready, as a test needs it to name one."""
    ready = Replica(deployment.id, revision, slot, 0, "Ready", 0, 0, None, utc_now())
    return dataclasses.replace(ready, **values)


class Beside(threading.Thread):
    """Something that runs beside the test; what it raised is raised by `finish`."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - raised again by `finish`.
            self._error = error

    def finish(self) -> None:
        self.join(LIMIT)
        assert not self.is_alive(), "this never ended"
        if self._error:
            raise self._error


def until(holds: Callable[[], object], what: str = "this") -> None:
    """Wait until `holds`; fails when it never does."""
    deadline = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < deadline, f"{what} never came"
        time.sleep(0.02)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
