"""`pratique down` ends everything that a home runs, whatever state its server and its rows are in."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pratique.app.halting import halt
from pratique.base.clock import utc_now
from pratique.base.home import Home
from pratique.compute.local import LocalCompute
from pratique.compute.task import Absent, Exited, Running, Task
from pratique.control import jobs as verbs
from pratique.control.actor import PLATFORM
from pratique.store import groups, jobs, workspaces
from pratique.store.database import Database
from pratique.store.groups import ResourceGroup
from pratique.store.jobs import Job
from pratique.store.schema import metadata
from pratique.store.workspaces import Workspace

SLEEPS = "import time; time.sleep(300)"


class Ruin:
    """A home of which the server is dead and other things live."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.compute = LocalCompute()
        self.said: list[str] = []
        home.prepare()
        with self.database() as database, database.change_schema() as tx:
            metadata.create_all(tx)
        with self.database() as database, database.write() as tx:
            groups.add(tx, ResourceGroup("team", "local", {}, utc_now()))
            workspaces.add(tx, Workspace("dev", "team", "local", "dev", "", {}, utc_now(), {}))

    def database(self) -> "_Open":
        return _Open(self.home)

    def job(self, status: str) -> Job:
        """A job in that state."""
        spec = {"command": "true", "environment": {"conda_file": {"dependencies": ["python=3.11"]}}}
        with self.database() as database, database.write() as tx:
            made = verbs.create(tx, PLATFORM, "dev", spec, git={}, now=utc_now())
            jobs.change(tx, made.id, status=status)
        return made

    def row(self, job: Job) -> Job:
        with self.database() as database, database.read() as tx:
            found = jobs.by_id(tx, job.id)
        assert found is not None
        return found

    def start(self, folder: Path, code: str = SLEEPS) -> Path:
        """Let a process live in `folder`."""
        argv = (sys.executable, "-I", "-S", "-c", code)
        begun = self.compute.start(Task(folder, argv, {}, self.home.root, self.home.logs / "log"))
        assert isinstance(begun, Running | Exited), "a short one may have ended already"
        return folder

    def halt(self) -> None:
        halt(self.home, self.said.append)


class _Open:
    def __init__(self, home: Home) -> None:
        self._database = Database.at(home.database)

    def __enter__(self) -> Database:
        return self._database

    def __exit__(self, *_: object) -> None:
        self._database.close()


@pytest.fixture
def ruin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ruin]:
    runtime = tempfile.mkdtemp(prefix="pq-")  # Short, because the sockets are in it.
    monkeypatch.setenv("PRATIQUE_RUNTIME_DIR", runtime)
    ruin = Ruin(Home(tmp_path / "home"))
    yield ruin
    for root in (ruin.home.jobs, ruin.home.replicas, ruin.home.services):
        for folder in root.glob("*/*"):
            ruin.compute.stop(folder, grace=timedelta(0))
    shutil.rmtree(runtime)


def test_a_running_job_is_stopped_and_wished_canceled_and_one_in_the_queue_stays(ruin: Ruin) -> None:
    running, queued = ruin.job("Running"), ruin.job("Queued")
    folder = ruin.start(ruin.home.job_attempt(running.id, 1))
    ruin.halt()
    assert isinstance(ruin.compute.observe(folder), Exited)
    assert ruin.row(running).cancel_requested
    assert not ruin.row(queued).cancel_requested
    assert ruin.said == [f"canceling job {running.name}"]


def test_a_replica_that_was_stopped_looks_as_if_it_had_never_run(ruin: Ruin) -> None:
    folder = ruin.start(ruin.home.replica("d1", 1, 0, 0))
    ruin.halt()
    assert ruin.compute.observe(folder) == Absent()


def test_a_replica_that_had_ended_by_itself_keeps_its_end(ruin: Ruin) -> None:
    folder = ruin.start(ruin.home.replica("d1", 1, 0, 0), "raise SystemExit(3)")
    ended = ruin.compute.wait(folder, timedelta(seconds=60))
    ruin.halt()
    assert ruin.compute.observe(folder) == ended


def test_the_gateway_is_stopped_although_its_server_is_dead(ruin: Ruin) -> None:
    envoy = ruin.start(ruin.home.services / "envoy" / "1")
    mlflow = ruin.start(ruin.home.services / "mlflow" / "4")
    ruin.halt()
    assert [isinstance(ruin.compute.observe(folder), Exited) for folder in (envoy, mlflow)] == [True, True]


def test_what_tells_where_the_doors_are_goes(ruin: Ruin) -> None:
    files = [ruin.home.runtime / name for name in ("door.json", "owner.token")]
    for file in files:
        file.write_text("x")
    ruin.halt()
    assert not any(file.exists() for file in files)


def test_a_second_time_finds_nothing_to_do(ruin: Ruin) -> None:
    ruin.job("Completed")
    ruin.halt()
    ruin.halt()
    assert ruin.said == []


def forget_database(home: Home) -> None:
    for file in home.root.glob("pratique.db*"):
        file.unlink()


def test_a_home_in_which_nothing_ever_ran_is_stopped_without_a_word(ruin: Ruin) -> None:
    forget_database(ruin.home)
    ruin.halt()
    assert ruin.said == []
    assert not ruin.home.database.exists()


@pytest.mark.parametrize("damage", ["no database", "no tables", "settings"])
def test_a_home_with_a_damaged_database_or_settings_can_be_stopped(ruin: Ruin, damage: str) -> None:
    folder = ruin.start(ruin.home.services / "envoy" / "1")
    if damage == "settings":
        (ruin.home.root / "config.toml").write_text("door_port = [")
    else:
        forget_database(ruin.home)
        ruin.home.database.write_bytes(b"x" * 10_000 if damage == "no database" else b"")
    ruin.halt()
    assert isinstance(ruin.compute.observe(folder), Exited)
    assert any(line.startswith("warning: ") for line in ruin.said)
