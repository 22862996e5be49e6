"""A push leads to qa, by a file as chapters on MLOps write it: train, deploy to dev, wait for somebody, promote.

The project is in `tides`. What its file names is made here by the commands that a
person types: a repository, two service connections, two variable groups, one of
them of a vault, and an environment with an approval.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from .installation import LIMIT, Installation, Said, until, write

pytestmark = pytest.mark.slow

SOURCE: Final = Path(__file__).parent / "tides"
GROUP: Final = "tides"
PROJECT: Final = "tides"
PERSON: Final = "ada@example.com"
PASSWORD: Final = "ada-looks-at-every-tide"
_PAUSE: Final = 0.5
"""Seconds between two looks at something that takes many of them."""


@dataclass(frozen=True)
class Harbour:
    """The project as it is pushed, and the people around it."""

    owner: Installation
    """Whoever pushes."""
    ada: Installation
    """Another person, who may decide approvals."""
    folder: Path
    """The clone."""

    def git(self, *words: str) -> str:
        """Run git in the clone; its stdout."""
        settings = {
            "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "Grace", "GIT_AUTHOR_EMAIL": "grace@example.com",
            "GIT_COMMITTER_NAME": "Grace", "GIT_COMMITTER_EMAIL": "grace@example.com", "no_proxy": "127.0.0.1",
        }  # fmt: skip
        done = subprocess.run(
            ["git", *words], cwd=self.folder, env=self.owner.environment | settings, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=LIMIT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"git {' '.join(words)}: {done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def push(self, message: str) -> int:
        """Commit everything and push it; the number of the run that it started."""
        decided = self.decided(message)
        assert decided["run"], decided
        return int(decided["run"])

    def decided(self, message: str) -> dict[str, Any]:
        """Commit everything and push it; what the pipeline made of that."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        self.git("push", "--quiet", "origin", "HEAD:main")
        commit = self.git("rev-parse", "HEAD")

        def found() -> dict[str, Any] | None:
            time.sleep(_PAUSE)
            (push,) = self.owner.get("repos", "pushes", "-r", "tides", "--top", "1", "-p", PROJECT)
            assert push["refUpdates"][0]["newObjectId"] == commit
            return next(iter(push["decisions"] or ()), None)

        return until(found, f"a decision about {commit}")  # type: ignore[no-any-return]

    def model(self, workspace: str) -> dict[str, Any]:
        """The newest version."""
        found: dict[str, Any] = self.owner.get(
            "ml", "model", "show", "-n", "tides", "--label", "latest", *at(workspace)
        )
        return found

    def deployments(self, workspace: str) -> list[str]:
        """The names of what answers there."""
        return [one["name"] for one in self.owner.get("ml", "online-deployment", "list", "-e", "tides", *at(workspace))]

    def prediction(self, workspace: str) -> list[float]:
        """What the endpoint says of two hours."""
        asked = ("ml", "online-endpoint", "invoke", "-n", "tides", "-r", "model/deploy/sample.json")
        found: list[float] = json.loads(self.owner.get(*asked, *at(workspace), cwd=self.folder))
        return found


def at(workspace: str) -> tuple[str, ...]:
    return ("-w", workspace, "-g", GROUP)


def asked(who: Installation, path: str) -> Any:
    """What the API answers the owner."""
    time.sleep(_PAUSE)
    return who.ask("GET", f"/api/v1/{path}", token=who.token).document


def await_approval(who: Installation, project: str, run: int) -> dict[str, Any]:
    """The approval that a run waits for; fails as soon as the run has ended without one."""

    def found() -> dict[str, Any] | None:
        waiting = asked(who, f"delivery/projects/{project}/approvals?state=waiting")
        ended = asked(who, f"delivery/runs/{run}")["status"] == "completed"
        assert not ended, log_of(who, run)
        return next((one for one in waiting if one["run"]["id"] == run), None)

    return until(found, f"the approval of run {run}")  # type: ignore[no-any-return]


def ended(who: Installation, run: int) -> Said:
    """Follow a run to its end."""
    return who.run("pipelines", "runs", "stream", "--id", str(run))


def log_of(who: Installation, run: int) -> str:
    return f"{ended(who, run)}\n{who.last_words()}"


def stages(who: Installation, run: int) -> dict[str, str]:
    """How each stage ended."""
    return {one["name"]: one["result"] for one in who.get("pipelines", "runs", "show", "--id", str(run))["stages"]}


@pytest.fixture(scope="module")
def ada(platform: Installation) -> Installation:
    """A second person, with a login of her own."""
    add = ("ad", "user", "create", "--display-name", "Ada", "--user-principal-name", PERSON, "--password", PASSWORD)
    platform.do(*add)
    person = replace(platform, extra={"PRATIQUE_CONFIG_DIR": str(platform.folder / "ada")})
    person.do("login", "--username", PERSON, "--password", PASSWORD)
    return person


@pytest.fixture(scope="module")
def harbour(platform: Installation, ada: Installation) -> Harbour:
    """Everything that the file names, and a clone without a commit."""
    if shutil.which("git") is None:
        pytest.skip("there is no git")
    here = ("-p", PROJECT)
    platform.do("group", "create", "-n", GROUP, "-l", "local")
    platform.do("devops", "project", "create", "--name", PROJECT)
    for workspace in ("tides-dev", "tides-qa"):
        platform.do("ml", "workspace", "create", "-n", workspace, "-g", GROUP)
        role = ("--role", "Contributor", "--scopes", f"/workspaces/{workspace}")
        platform.do("ad", "sp", "create-for-rbac", "-n", f"sp-{workspace}", *role)
        connection = ("--name", workspace, "--service-principal", f"sp-{workspace}", "--workspace", workspace)
        platform.do("devops", "service-endpoint", "create", *connection, *here)
    platform.do("keyvault", "create", "-n", "kv-tides", "-g", GROUP)
    names = {"groupName": GROUP, "wsName": "tides-dev", "endpointName": "tides"}
    for name, value in names.items():
        platform.do("keyvault", "secret", "set", "--vault-name", "kv-tides", "-n", name, "--value", value)
    group = ("pipelines", "variable-group", "create", *here, "--name")
    platform.do(*group, "tides-dev", "--vault", "kv-tides", "--secrets", *names)
    platform.do(*group, "tides-qa", "--variables", f"groupName={GROUP}", "wsName=tides-qa", "endpointName=tides")
    platform.do("pipelines", "environment", "create", "--name", "qa", *here)
    check = ("--environment", "qa", "--type", "approval", "--approvers", PERSON, "--instructions", "is it better?")
    platform.do("pipelines", "environment", "check", "add", *check, *here)
    made = platform.get("repos", "create", "--name", "tides", *here)
    pipeline = ("--name", "tides", "--repository", "tides", "--repository-type", "tfsgit", "--branch", "main")
    platform.do("pipelines", "create", *pipeline, "--yml-path", "azure-pipelines.yml", "--skip-first-run", *here)
    folder = platform.folder / "tides"
    shutil.copytree(SOURCE, folder)
    clone = Harbour(platform, ada, folder)
    clone.git("init", "--quiet", "--initial-branch", "main")
    clone.git("remote", "add", "origin", made["remoteUrl"])
    platform.do("repos", "setup-git", "--scope", "local", cwd=folder)
    return clone


@pytest.fixture(scope="module")
def not_permitted(harbour: Harbour) -> dict[str, Any]:
    """What became of a push whose pipeline nobody has let use anything yet."""
    return harbour.decided("Before anybody allowed it")


@pytest.fixture(scope="module")
def permitted(harbour: Harbour, not_permitted: object) -> Harbour:
    """The pipeline may use what it names."""
    for kind in ("variable-group", "service-connection"):
        for name in ("tides-dev", "tides-qa"):
            words = ("--kind", kind, "--name", name, "--pipeline", "tides", "-p", PROJECT)
            harbour.owner.do("pipelines", "permission", "add", *words)
    return harbour


@dataclass(frozen=True)
class Delivered:
    """A run that was approved."""

    run: int
    approval: dict[str, Any]
    shown: str
    """What was shown to whoever approved."""
    refused: str
    """What whoever pushed was told when they approved it."""
    end: Said
    deployments: list[str]
    """In qa, afterwards."""


def delivered(harbour: Harbour, message: str) -> Delivered:
    """Push, try to approve it oneself, and let somebody else do it."""
    run = harbour.push(message)
    approval = await_approval(harbour.owner, PROJECT, run)
    answer = ("pipelines", "approval", "approve", "--id", approval["id"], "--comment")
    refused = harbour.owner.fail(*answer, "mine is good")
    shown = harbour.ada.do("pipelines", "approval", "show", "--id", approval["id"])
    harbour.ada.do(*answer, f"it is better: {message}")
    end = ended(harbour.owner, run)
    assert end.code == 0, log_of(harbour.owner, run)
    old_is_gone(harbour, "tides-qa")
    return Delivered(run, approval, shown, refused, end, harbour.deployments("tides-qa"))


def old_is_gone(harbour: Harbour, workspace: str) -> None:
    """Wait for what was deleted without waiting."""
    until(lambda: len(harbour.deployments(workspace)) == 1, "the older deployment is gone")


@pytest.fixture(scope="module")
def first(permitted: Harbour) -> Delivered:
    """The first model."""
    (permitted.folder / "model" / "train" / "note.md").write_text("Heights of the tide.\n")
    return delivered(permitted, "Fit one wave")


@pytest.fixture(scope="module")
def first_model(permitted: Harbour, first: Delivered) -> tuple[dict[str, Any], dict[str, Any], list[float]]:
    """The model in both workspaces after the first run, and what qa said."""
    return permitted.model("tides-dev"), permitted.model("tides-qa"), permitted.prediction("tides-qa")


@pytest.fixture(scope="module")
def second(permitted: Harbour, first_model: object) -> Delivered:
    """A better one."""
    file = permitted.folder / "model" / "train" / "pipeline.yml"
    file.write_text(file.read_text().replace("waves: 1", "waves: 2"))
    return delivered(permitted, "Fit two waves")


def test_a_pipeline_uses_nothing_that_it_was_not_let_use(not_permitted: dict[str, Any]) -> None:
    assert not_permitted["run"] is None
    for name in ("variable group 'tides-dev'", "service connection 'tides-qa'"):
        assert f"may not use the {name}: pratique pipelines permission add" in not_permitted["because"]


def test_a_push_trains_and_deploys_in_dev_and_waits_for_qa(permitted: Harbour, first: Delivered) -> None:
    assert stages(permitted.owner, first.run) == {"DevTrain": "Succeeded", "QAPromote": "Succeeded"}
    assert first.approval["environment"] == "qa"
    assert first.approval["stage"] == "QAPromote"
    run = permitted.owner.get("pipelines", "runs", "show", "--id", str(first.run))
    assert run["reason"] == "individualCI"


def test_nobody_approves_what_they_pushed_themselves(first: Delivered) -> None:
    assert "may not answer this approval" in first.refused


def test_the_approver_is_shown_the_commit_and_what_was_made(
    permitted: Harbour, first: Delivered, first_model: tuple[dict[str, Any], dict[str, Any], list[float]]
) -> None:
    assert "is it better?" in first.shown
    assert permitted.git("log", "--format=%H", "--grep", "one wave") in first.shown
    assert re.search(r"artifact drop [0-9a-f]{12}", first.shown)
    assert first_model[0]["properties"]["pratique.digest"][:12] in first.shown


def test_the_very_same_model_is_in_qa(first_model: tuple[dict[str, Any], dict[str, Any], list[float]]) -> None:
    dev, qa, _ = first_model
    assert (dev["version"], qa["version"]) == ("1", "1")
    assert dev["properties"]["pratique.digest"] == qa["properties"]["pratique.digest"]


def test_qa_answers_and_says_which_version_it_is(
    permitted: Harbour, first: Delivered, first_model: tuple[dict[str, Any], dict[str, Any], list[float]]
) -> None:
    assert len(first_model[2]) == 2
    assert [re.sub(r"\d{6,}", "…", name) for name in first.deployments] == ["v1-…"]


def test_a_better_model_takes_over_and_the_older_deployment_goes(
    permitted: Harbour, second: Delivered, first_model: tuple[dict[str, Any], dict[str, Any], list[float]]
) -> None:
    dev, qa = permitted.model("tides-dev"), permitted.model("tides-qa")
    assert (dev["version"], qa["version"]) == ("2", "2")
    assert dev["properties"]["pratique.digest"] == qa["properties"]["pratique.digest"]
    assert dev["properties"]["pratique.digest"] != first_model[0]["properties"]["pratique.digest"]
    assert [re.sub(r"\d{6,}", "…", name) for name in second.deployments] == ["v2-…"]
    assert permitted.prediction("tides-qa") != first_model[2]
    endpoint = permitted.owner.get("ml", "online-endpoint", "show", "-n", "tides", *at("tides-qa"))
    assert endpoint["tags"]["prod"] == "2"


def test_without_a_new_version_qa_is_skipped_and_nobody_is_asked(permitted: Harbour, second: Delivered) -> None:
    before = permitted.deployments("tides-qa")
    run = permitted.owner.get("pipelines", "run", "--name", "tides", "--branch", "main", "-p", PROJECT)["id"]
    end = ended(permitted.owner, run)
    assert end.code == 0, log_of(permitted.owner, run)
    assert "nothing new" in end.out
    assert stages(permitted.owner, run) == {"DevTrain": "Succeeded", "QAPromote": "Skipped"}
    every = permitted.owner.get("pipelines", "approval", "list", "--status", "all", "-p", PROJECT)
    assert run not in [one["run"]["id"] for one in every]
    assert permitted.deployments("tides-qa") == before
    assert permitted.model("tides-dev")["version"] == "2"


def test_what_was_approved_by_whom_is_in_the_journal(permitted: Harbour, second: Delivered) -> None:
    events = permitted.owner.get("events", "tail", "--lines", "1000")
    given = [one for one in events if one["type"] == "Pratique.ApprovalGiven" and one["data"]["run"] == second.run]
    assert [one["data"]["comment"] for one in given] == ["it is better: Fit two waves"]


# --- kills ----------------------------------------------------------------------------------------------------------

PLAIN: Final = """\
trigger: none
stages:
- stage: Build
  jobs:
  - job: Slow
    steps:
    - checkout: none
    - bash: echo once >> "$MARKS/first"
      displayName: the first step
    - bash: |
        echo once >> "$MARKS/second"
        while [ ! -e "$MARKS/go" ]; do sleep 0.1; done
        echo "##vso[task.setvariable variable=word;isOutput=true]kept"
      name: slow
- stage: Release
  jobs:
  - deployment: Last
    environment: guarded
    variables:
      word: $[ stageDependencies.Build.Slow.outputs['slow.word'] ]
    strategy:
      runOnce:
        deploy:
          steps:
          - bash: echo "the word is $(word)"
"""


@pytest.fixture
def guarded(platform: Installation, ada: Installation) -> Iterator[tuple[Path, int]]:
    """A run of a pipeline whose second step waits for a file; that file's folder and the run."""
    marks = platform.folder / "marks"
    shutil.rmtree(marks, ignore_errors=True)
    marks.mkdir()
    folder = write(platform.folder / "guarded", {"azure-pipelines.yml": PLAIN})
    platform.do("devops", "project", "create", "--name", "guarded")
    platform.do("pipelines", "environment", "create", "--name", "guarded", "-p", "guarded")
    check = ("--environment", "guarded", "--type", "approval", "--approvers", PERSON, "-p", "guarded")
    platform.do("pipelines", "environment", "check", "add", *check)
    words = ("--yaml", "azure-pipelines.yml", "--no-wait", "-p", "guarded", "--variables", f"MARKS={marks}")
    run = platform.get("pipelines", "run", *words, cwd=folder)["id"]
    yield marks, run
    (marks / "go").touch()


def kill_the_server(platform: Installation) -> None:
    """End the server as a machine that loses its power does, and bring the platform up again."""
    (pid, *_) = [one for one in platform.pids("pratique.app.server") if one not in platform.pids("shim")]
    os.kill(pid, signal.SIGKILL)
    platform.up()


def test_a_kill_while_a_step_runs_and_one_while_an_approval_waits_lose_nothing(
    platform: Installation, ada: Installation, guarded: tuple[Path, int]
) -> None:
    marks, run = guarded
    until((marks / "second").exists, "the second step runs")
    kill_the_server(platform)
    (marks / "go").touch()
    approval = await_approval(platform, "guarded", run)
    kill_the_server(platform)
    still = await_approval(platform, "guarded", run)
    assert still["id"] == approval["id"]
    ada.do("pipelines", "approval", "approve", "--id", approval["id"], "--comment", "after all")
    end = ended(platform, run)
    assert end.code == 0, log_of(platform, run)
    assert "the word is kept" in end.out
    assert stages(platform, run) == {"Build": "Succeeded", "Release": "Succeeded"}
    marked = {name: (marks / name).read_text() for name in ("first", "second")}
    assert marked == {"first": "once\n", "second": "once\n"}, "no step ran twice"
    assert platform.broken_event() is None
