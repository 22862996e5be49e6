"""Processes are killed, each alone and all at once: the state is right again."""

import contextlib
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from pratique.base.clock import utc_now

from .installation import Installation, free_ports, prepare_workspace, running, until, write
from .storm import DEPLOYMENT, SCORE, Storm, own_environments, record, storm, what_is_broken

WORKSPACE: Final = "stormy"
KILLS: Final = 40
MANY_KILLS: Final = 1000
RESULT: Final = Path(__file__).parents[2] / "bench" / "soak" / "results" / "kills.json"
BOUND: Final = 5400.0
"""Seconds after which a long storm is calm, however many kills there were."""
JOB: Final = """\
type: command
command: >-
  echo "$AZUREML_RUN_ID began" >> {witness} && sleep 1.5 && echo "$AZUREML_RUN_ID done" >> {witness}
environment: azureml:plain@latest
compute: azureml:cpu-cluster
"""
_OPEN: Final = {"PRATIQUE_SANDBOX": "off"}
"""So that a job can leave its trace outside of the home."""
RUN_STATUS: Final = {"Completed": "FINISHED", "Failed": "FAILED"}


@dataclass(frozen=True)
class House:
    """A platform with an endpoint that answers, and a job that leaves a trace outside of it each time it runs."""

    platform: Installation
    project: Path
    key: str

    @property
    def witness(self) -> Path:
        """The file outside of the home to which the job appends."""
        return self.project / "witness"

    def answers(self) -> bool:
        """Whether the endpoint answers."""
        with contextlib.suppress(OSError):
            return self.platform.score(WORKSPACE, "steady", self.key).status == 200
        return False

    def submit(self) -> str:
        """A new job; its name."""
        return str(self.platform.get("ml", "job", "create", "-f", "job.yml", cwd=self.project)["name"])

    def job(self, name: str) -> Any:
        """The document of a job."""
        answer = self.platform.ask("GET", f"/api/v1/workspaces/{WORKSPACE}/jobs/{name}", token=self.platform.token)
        return answer.document

    def ended(self, name: str) -> Any:
        """The document of a job as soon as it is terminal."""
        return until(
            lambda: found if (found := self.job(name))["status"] in ("Completed", "Failed", "Canceled") else None,
            f"the end of {name}",
        )

    def run_status(self, job: Any) -> str:
        """What MLflow says of the run of a job; it may have to start first."""
        path = f"/mlflow/{WORKSPACE}/api/2.0/mlflow/runs/get?run_id={job['run_id']}"
        answer = until(
            lambda: (
                found if (found := self.platform.ask("GET", path, token=self.platform.token)).status == 200 else None
            ),
            "MLflow answers",
        )
        return str(answer.document["run"]["info"]["status"])

    def traces(self, name: str) -> list[str]:
        """How often the job `name` began and was done."""
        lines = self.witness.read_text().splitlines() if self.witness.exists() else []
        return [line.split()[1] for line in lines if line.split()[0] == name]

    def victims(self, who: str) -> list[int]:
        """The processes to kill."""
        pids = self.platform.pids
        shims = set(pids("shim"))
        by_name: dict[str, Callable[[], list[int]]] = {
            "server": lambda: pids("pratique.app.server"),
            "shim of the server": lambda: pids("shim", "/services/server/"),
            "Envoy": lambda: pids("bootstrap"),
            "MLflow": lambda: pids("pratique_tracking"),
            "scorer": lambda: pids("pratique_serving"),
            "shim of the scorer": lambda: pids("shim", "/replicas/"),
            "job": lambda: [pid for pid in pids("witness") if pid not in shims],
            "shim of the job": lambda: pids("shim", "/jobs/"),
            "everything": lambda: pids(),
        }
        return by_name[who]()


@pytest.fixture(scope="module")
def house(platform: Installation, folder: Path) -> Iterator[House]:
    """A platform of its own, because it will suffer."""
    own = folder / "storm"
    (own / "home").mkdir(parents=True, mode=0o700)
    (own / "home" / "environments").symlink_to(platform.home / "environments")
    with running(Installation(own, *free_ports(), _OPEN)) as installation:
        project = prepare_workspace(installation, WORKSPACE)
        files = {"score/score.py": SCORE, "blue.yml": DEPLOYMENT}
        write(project, {**files, "job.yml": JOB.format(witness=project / "witness")})
        installation.do("ml", "online-endpoint", "create", "-n", "steady", cwd=project)
        installation.do("ml", "online-deployment", "create", "-f", "blue.yml", "--all-traffic", cwd=project)
        key = installation.get("ml", "online-endpoint", "get-credentials", "-n", "steady", cwd=project)["primaryKey"]
        yield House(installation, project, key)


def seed_of_this_run() -> int:
    """What decides moments and victims; ``ACCEPTANCE_SEED`` of an earlier run repeats its decisions."""
    seed = int(os.environ.get("ACCEPTANCE_SEED") or time.time_ns() % 1_000_000)
    print(f"ACCEPTANCE_SEED={seed}")
    return seed


WHO: Final = (
    "server", "shim of the server", "Envoy", "MLflow", "scorer", "shim of the scorer", "job", "shim of the job",
    "everything",
)  # fmt: skip


def test_after_any_kill_the_state_is_right(house: House) -> None:
    """Each part alone, and everything at once, each at a random moment in the life of a job.

    What MLflow says of the runs is asked at the end: it has to survive the later kills as well.
    """
    dice = random.Random(seed_of_this_run())  # noqa: S311 - moments, not secrets.
    names: list[str] = []
    for who in WHO:
        name, moment = house.submit(), dice.uniform(0.0, 3.0)
        if "job" in who:
            until(lambda: house.traces(name), "the job begins")  # noqa: B023 - called at once.
            moment /= 4
        print(f"{who} is killed {moment:.2f} s after {name} was submitted{' and began' if 'job' in who else ''}")
        time.sleep(moment)
        victims = house.victims(who)
        assert victims, f"there is no {who} to kill"
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        house.platform.up()
        check(house, name, who)
        names.append(name)
    for job in map(house.job, names):
        assert not job.get("run_id") or house.run_status(job) == RUN_STATUS[job["status"]], job
    assert house.platform.broken_event() is None


def check(house: House, name: str, who: str) -> None:
    """The job ended once and says how, and the endpoint answers."""
    job = house.ended(name)
    traces = house.traces(name)
    what = f"{who}: {job}"
    assert traces.count("began") <= 1, what
    if job["status"] == "Completed":
        assert traces == ["began", "done"], what
    else:
        assert job["status"] == "Failed", what
        assert "job" in who or who == "everything", what
        assert "killed" in job["error"]["message"] or "signal" in job["error"]["message"], what
        assert job["error"]["hint"], what
    until(house.answers, f"the endpoint answers again after the end of {who}")


def test_endpoints_answer_while_the_server_is_dead(house: House) -> None:
    until(house.answers, "the endpoint answers")
    for pid in [*house.victims("shim of the server"), *house.victims("server")]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: house.victims("server") == [], "the server is dead")
    assert all(house.platform.score(WORKSPACE, "steady", house.key).status == 200 for _ in range(50))
    assert house.victims("server") == []
    house.platform.up()
    assert house.platform.score(WORKSPACE, "steady", house.key).status == 200


def test_a_second_up_changes_nothing(house: House) -> None:
    house.platform.up()
    before = set(house.platform.processes())
    said = house.platform.run("up")
    assert said.code == 0, said
    assert "already up" in said.err
    assert set(house.platform.processes()) == before


@pytest.fixture
def wild(platform: Installation, folder: Path) -> Iterator[Storm]:
    """A storm over a home of its own, which builds its own environments."""
    own = folder / "wild"
    shutil.rmtree(own, ignore_errors=True)
    (own / "home").mkdir(parents=True, mode=0o700)
    own_environments(own / "home", platform.home / "environments")
    installation = Installation(own, *free_ports(), _OPEN)
    with running(installation), storm(installation, seed_of_this_run()) as made:
        yield made


def test_after_forty_kills_everything_is_right(wild: Storm) -> None:
    wild.rage(KILLS)
    print(f"{wild.kills.total()} kills: {dict(wild.kills)}")
    assert wild.kills.total() >= KILLS
    assert_right(wild)


@pytest.mark.soak
def test_after_a_thousand_kills_everything_is_right(wild: Storm) -> None:
    kills, began = int(os.environ.get("SOAK_KILLS") or MANY_KILLS), time.monotonic()
    wild.rage(kills, until_moment=began + BOUND)
    seconds = time.monotonic() - began
    print(f"{wild.kills.total()} kills in {seconds:.0f} s: {dict(wild.kills)}")
    broken = what_is_broken(wild)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(
        json.dumps(record(wild, broken, seconds=seconds, at=utc_now()), indent=1) + "\n", encoding="utf-8"
    )
    assert not broken, told(broken)
    assert wild.kills.total() >= kills, f"only {wild.kills.total()} kills in {BOUND:.0f} s"


def assert_right(after: Storm) -> None:
    """Every invariant holds; all that do not are told at once."""
    broken = what_is_broken(after)
    assert not broken, told(broken)


def told(broken: Mapping[str, str]) -> str:
    """What does not hold, for a person."""
    return "\n\n".join(f"{sentence}\n{error}" for sentence, error in broken.items())
