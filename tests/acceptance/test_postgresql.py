"""The thin story with PRATIQUE_DATABASE_URL on PostgreSQL: a group, a workspace, a job, a deployment that answers."""

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from tests.postgresql import PostgreSQL

from pratique.store.database import Database
from pratique.store.events import first_broken

from .conftest import NewInstallation
from .installation import Installation, prepare_workspace, until, write

FILES: Final = {
    "job.yml": """\
type: command
command: echo from postgresql > ${{outputs.model}}/weights.txt
outputs:
  model:
    type: custom_model
    name: weights
environment: azureml:plain@latest
compute: azureml:cpu-cluster
experiment_name: story
""",
    "endpoint.yml": "name: story\nauth_mode: key\n",
    "blue.yml": """\
name: blue
endpoint_name: story
model: azureml:weights:1
environment: azureml:plain@latest
code_configuration:
  code: score
  scoring_script: score.py
instance_type: Standard_DS3_v2
instance_count: 1
""",
    "score/score.py": """\
import os
from pathlib import Path


def init():
    global words
    [found] = Path(os.environ["AZUREML_MODEL_DIR"]).rglob("weights.txt")
    words = found.read_text()


def run(raw):
    return words
""",
    "request.json": "{}",
}


@pytest.fixture
def url(postgresql: PostgreSQL) -> Iterator[str]:
    """A new, empty database."""
    made = postgresql.new_database("template1")
    yield made.render_as_string(hide_password=False)
    postgresql.drop(made)


def on(url: str, installation: Installation) -> Installation:
    """The same installation with its rows in the database at `url`."""
    return replace(installation, extra={"PRATIQUE_DATABASE_URL": url})


def test_the_thin_story_and_a_server_that_is_killed(new_installation: NewInstallation, url: str) -> None:
    platform = on(url, new_installation())
    platform.up()
    project = write(prepare_workspace(platform, "elephant"), FILES)
    job = platform.get("ml", "job", "create", "-f", "job.yml", "--stream", cwd=project)
    assert job["status"] == "Completed", job
    assert platform.get("ml", "model", "show", "-n", "weights", "-v", "1", cwd=project)["job_name"] == job["name"]
    platform.do("ml", "online-endpoint", "create", "-f", "endpoint.yml", cwd=project)
    made = platform.get("ml", "online-deployment", "create", "-f", "blue.yml", "--all-traffic", cwd=project)
    assert made["provisioning_state"] == "Succeeded"
    said = platform.do("ml", "online-endpoint", "invoke", "-n", "story", "-r", "request.json", cwd=project)
    assert "from postgresql" in said

    for pid in platform.pids("pratique.app.server"):
        os.kill(pid, signal.SIGKILL)
    platform.up()
    assert platform.get("ml", "job", "show", "-n", job["name"], cwd=project)["status"] == "Completed"
    key = platform.get("ml", "online-endpoint", "get-credentials", "-n", "story", cwd=project)["primaryKey"]
    answered = until(lambda: platform.score("elephant", "story", key), "an answer")
    assert (answered.status, json.loads(answered.body)) == (200, "from postgresql\n")

    types = {event["type"] for event in platform.get("events", "tail", "--lines", "200")}
    assert {
        "Microsoft.MachineLearningServices.ModelRegistered",
        "Microsoft.MachineLearningServices.ModelDeployed",
    } <= types
    with contextlib.closing(Database(url)) as database, database.read() as tx:
        assert first_broken(tx) is None
    assert not (platform.home / "pratique.db").exists(), "there is one truth"
    platform.down()


@pytest.mark.slow
def test_jobs_that_wait_are_woken_by_a_commit_and_canceled_by_another(
    new_installation: NewInstallation, url: str
) -> None:
    platform = on(url, new_installation())
    platform.up()
    files = {"sleep.yml": FILES["job.yml"].replace("echo from postgresql >", "sleep 7773; echo >")}
    project = write(prepare_workspace(platform, "elephant"), files)
    names = [platform.get("ml", "job", "create", "-f", "sleep.yml", cwd=project)["name"] for _ in range(3)]

    def status(name: str) -> str:
        return str(platform.get("ml", "job", "show", "-n", name, cwd=project)["status"])

    until(lambda: [status(name) for name in names[:2]] == ["Running", "Running"], "both slots are taken")
    assert status(names[2]) in ("NotStarted", "Queued")
    for name in names:
        platform.do("ml", "job", "cancel", "-n", name, cwd=project)
    until(lambda: {status(name) for name in names} == {"Canceled"}, "all are canceled")
    platform.down()


def test_a_database_that_is_not_there_is_said(new_installation: NewInstallation, tmp_path: Path) -> None:
    platform = on(f"postgresql://nobody@/nothing?host={tmp_path}", new_installation())
    said = platform.fail("up")
    assert "the database does not answer" in said
    assert "see whether PostgreSQL runs" in said
    assert platform.pids("pratique.app.server") == []
