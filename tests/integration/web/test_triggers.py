"""What follows from pushes, pull requests, hours, other runs and models: which runs, of which commit, and why not."""

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pratique.base.clock import utc_now
from pratique.control import deliveries, projects
from pratique.control.actor import PLATFORM
from pratique.engine.triggers import Triggers
from pratique.engine.workbench import Workbench
from pratique.store import delivery_runs as runs
from pratique.store import delivery_starts, events
from pratique.store.delivery_runs import Run, Wanted
from pratique.store.events import Event

from .conftest import PROJECT, Site, pushes_of
from .conftest import Run as Command

STEPS = "pool: {vmImage: ubuntu-latest}\nsteps:\n- script: echo hello\n"


class Team:
    """One repository with one pipeline, and the reconciler that starts its runs."""

    def __init__(self, site: Site, name: str) -> None:
        self.site, self.name = site, name
        self.address, self.token = site.repository(name), site.token("ann")
        self.git = site.clone(self.address, name, self.token)
        platform = site.platform
        bench = SimpleNamespace(database=platform.database, home=platform.home, door=platform.door)
        self._triggers = Triggers(cast(Workbench, bench))
        self.delivery = self.register(name)

    def register(self, name: str, path: str = "azure-pipelines.yml") -> int:
        """A pipeline of the file at `path`; its number."""
        wished = {"name": name, "repository": self.name, "repository_type": "git", "path": path, "branch": "main"}
        with self.site.platform.database.write() as tx:
            return deliveries.create(tx, PLATFORM, PROJECT, wished, now=utc_now()).id

    def settle(self) -> None:
        """Let everything that follows be written."""
        while self._triggers.step():
            pass

    def push(self, *refs: str, message: str = "a change", **files: str) -> list[Run]:
        """Commit `files`, push, and answer the runs that this started, oldest first."""
        before = len(self.runs())
        self.git.commit(message, **files)
        self.git("push", "--quiet", "--force", "origin", *(refs or ("main",)))
        self.settle()
        return self.runs()[before:]

    def runs(self, delivery: int | None = None) -> list[Run]:
        """The runs so far, oldest first."""
        with self.site.platform.database.read() as tx:
            wanted = Wanted(PROJECT, deliveries=(delivery or self.delivery,))
            return runs.newest(tx, wanted, limit=100)[::-1]

    def end(self, run: Run, result: str = "succeeded") -> None:
        """The run has ended so."""
        with self.site.platform.database.write() as tx:
            runs.change(tx, run.id, status="completed", result=result)
            told = Event("Pratique.DeliveryRunCompleted", f"delivery-runs/{run.id}", f"/delivery/{PROJECT}", {}, {})
            events.append(tx, told, now=utc_now())
        self.settle()

    def reason(self) -> str:
        """Why the last push started nothing."""
        return str(pushes_of(self.site, self.name)[0].decisions[0]["because"])


@pytest.fixture
def team(site: Site, request: pytest.FixtureRequest) -> Team:
    name = request.node.name.translate({ord(c): "-" for c in "[]_/*., "})[-50:].strip("-")
    made = Team(site, name)
    made.settle()
    return made


def test_a_push_starts_a_run_of_its_commit_for_its_pusher(team: Team) -> None:
    (run,) = team.push(**{"azure-pipelines.yml": STEPS})
    commit = team.git("rev-parse", "HEAD").stdout.strip()
    assert (run.reason, run.branch, run.version) == ("IndividualCI", "refs/heads/main", commit)
    assert run.created_by["name"] == "ann"
    assert run.system["Build.SourceVersionMessage"] == "a change"
    assert run.sources[0]["url"] == team.address
    assert pushes_of(team.site, team.name)[0].decisions[0]["run"] == run.id


TRIGGERS = [
    # trigger, branch pushed to, files, message, whether it runs
    ("", "main", ["a"], "x", True),
    ("trigger: none\n", "main", ["a"], "x", False),
    ("trigger: [main]\n", "main", ["a"], "x", True),
    ("trigger: [main]\n", "dev", ["a"], "x", False),
    ("trigger: {branches: {include: ['release/*']}}\n", "release/1/2", ["a"], "x", True),
    ("trigger: {branches: {exclude: [dev]}}\n", "dev", ["a"], "x", False),
    ("trigger: {branches: {include: ['*']}, paths: {include: [src]}}\n", "main", ["src/b"], "x", True),
    ("trigger: {branches: {include: ['*']}, paths: {include: [src]}}\n", "main", ["docs/b"], "x", False),
    ("trigger: {branches: {include: ['*']}, paths: {exclude: [docs/*]}}\n", "main", ["docs/b"], "x", False),
    ("", "main", ["a"], "x [skip ci]", False),
    ("", "main", ["a"], "x\n\nskip-checks: true\n", False),
    ("", "main", ["a"], "***NO_CI***", False),
    ("", "main", ["a"], "[azp skip] x", False),
    ("", "main", ["a"], "do not skip ci", True),
]


def test_the_table_of_pushes(team: Team) -> None:
    team.push(**{"azure-pipelines.yml": "trigger: none\n" + STEPS})
    wrong = []
    for number, (trigger, branch, files, message, runs_it) in enumerate(TRIGGERS):
        team.git("checkout", "--quiet", "-B", branch)
        team.push(f"HEAD:{branch}", message="first", **{"azure-pipelines.yml": trigger + STEPS})
        started = team.push(f"HEAD:{branch}", message=message, **{name: str(number) for name in files})
        if bool(started) != runs_it:
            wrong.append((trigger, branch, files, message, team.reason()))
    assert wrong == []


def test_any_commit_of_a_push_can_skip_it(team: Team) -> None:
    team.push(**{"azure-pipelines.yml": STEPS})
    team.git.commit("one [ci skip]")
    assert team.push(message="two") == []
    assert "nothing should run" in team.reason()


def test_the_file_of_the_pushed_branch_decides(team: Team) -> None:
    team.push(**{"azure-pipelines.yml": "trigger: none\n" + STEPS})
    team.git("checkout", "--quiet", "-b", "side")
    (run,) = team.push("side", **{"azure-pipelines.yml": STEPS})
    assert run.branch == "refs/heads/side"


def test_a_branch_without_the_file_starts_nothing(team: Team) -> None:
    assert team.push(a="b") == []
    assert team.reason() == "there is no azure-pipelines.yml in this commit"


def test_a_file_with_mistakes_starts_nothing_and_says_why(team: Team) -> None:
    assert team.push(**{"azure-pipelines.yml": "steps:\n- scrypt: x\n"}) == []
    assert "azure-pipelines.yml" in team.reason()


def test_a_deleted_branch_starts_nothing(team: Team) -> None:
    team.push("main", "main:side", **{"azure-pipelines.yml": STEPS})
    before = len(team.runs())
    team.git("push", "--quiet", "origin", ":side")
    team.settle()
    assert len(team.runs()) == before


def test_a_forced_push_runs_what_is_there_now(team: Team) -> None:
    team.push(**{"azure-pipelines.yml": STEPS})
    team.git("reset", "--hard", "--quiet", "HEAD")
    team.git("commit", "--quiet", "--amend", "-m", "other")
    (run,) = team.push(message="more")
    assert run.version == team.git("rev-parse", "HEAD").stdout.strip()


def test_a_tag_runs_only_with_a_filter_for_tags(team: Team) -> None:
    team.push(**{"azure-pipelines.yml": STEPS})
    team.git("tag", "v1")
    assert team.push("v1") == []
    team.push(**{"azure-pipelines.yml": "trigger: {tags: {include: ['v*']}}\n" + STEPS})
    team.git("tag", "v2")
    assert [run.branch for run in team.push("v2")] == ["refs/tags/v2"]


def test_batched_pushes_start_one_run_together(team: Team) -> None:
    text = "trigger: {batch: true, branches: {include: [main]}}\n" + STEPS
    (first,) = team.push(**{"azure-pipelines.yml": text})
    assert team.push(a="1") == []
    assert team.push(a="2") == []
    team.end(first)
    *_, second = team.runs()
    assert (second.reason, second.version) == ("BatchedCI", team.git("rev-parse", "HEAD").stdout.strip())
    team.end(second)
    assert len(team.runs()) == 2


def test_a_pull_request_runs_its_merge(team: Team) -> None:
    team.push(**{"azure-pipelines.yml": "trigger: none\npr: [main]\n" + STEPS})
    team.git("checkout", "--quiet", "-b", "topic")
    topic = team.git.commit("topic", a="b")
    team.git("checkout", "--quiet", "main")
    team.git("merge", "--quiet", "--no-ff", "-m", "merged", "topic")
    merged = team.git("rev-parse", "HEAD").stdout.strip()
    (older,) = team.push("HEAD:refs/pull/7/merge")
    team.git("push", "--quiet", "--force", "origin", f"{merged}:refs/pull/7/merge")
    team.settle()
    run = team.runs()[-1]
    assert (run.reason, run.branch) == ("PullRequest", "refs/pull/7/merge")
    assert run.system["System.PullRequest.PullRequestId"] == "7"
    assert run.system["System.PullRequest.TargetBranch"] == "refs/heads/main"
    assert run.system["System.PullRequest.SourceCommitId"] == topic
    with team.site.platform.database.read() as tx:
        assert [one.cancel_requested for one in (runs.get(tx, older.id),) if one] == [True]


def test_a_schedule_runs_when_it_is_due_and_something_changed(team: Team) -> None:
    text = "trigger: none\nschedules:\n- cron: '0 3 * * *'\n  branches: {include: [main]}\n" + STEPS
    team.push(**{"azure-pipelines.yml": text})
    database = team.site.platform.database

    def passes() -> None:
        with database.write() as tx:
            (one,) = delivery_starts.schedules_of(tx, team.delivery)
            assert one.due_at
            delivery_starts.postpone(tx, one, until=utc_now() - timedelta(minutes=1))
        team.settle()

    passes()
    (run,) = team.runs()
    assert run.reason == "Schedule"
    team.end(run)
    passes()
    assert len(team.runs()) == 1, "nothing has changed since it succeeded"
    team.push(a="b")
    passes()
    assert len(team.runs()) == 2


def test_the_end_of_a_run_starts_those_that_follow_it(team: Team) -> None:
    follower = team.register(f"{team.name}-after", "after.yml")
    after = (
        "trigger: none\nresources:\n  pipelines:\n  - pipeline: before\n"
        f"    source: {team.name}\n    trigger: {{branches: {{include: [main]}}}}\n" + STEPS
    )
    (run,) = team.push(**{"azure-pipelines.yml": STEPS, "after.yml": after})
    team.end(run, "failed")
    assert team.runs(follower) == []
    (run,) = team.push(a="b")
    team.end(run)
    (next_run,) = team.runs(follower)
    assert (next_run.reason, next_run.version) == ("ResourceTrigger", run.version)
    assert next_run.system["resources.pipeline.before.runID"] == str(run.id)


def test_a_new_version_of_a_model_starts_a_run(team: Team) -> None:
    text = (
        "trigger: none\nresources:\n  webhooks:\n  - webhook: model\n    connection: pratique\n    filters:\n"
        "    - {path: type, value: Microsoft.MachineLearningServices.ModelRegistered}\n"
        "    - {path: data.name, value: credit}\n" + STEPS
    )
    team.push(**{"azure-pipelines.yml": text})
    with team.site.platform.database.write() as tx:
        for name in ("other", "credit"):
            data: dict[str, Any] = {"name": name, "version": "3"}
            kind = "Microsoft.MachineLearningServices.ModelRegistered"
            told = Event(kind, f"models/{name}:3", "/workspaces/dev", PLATFORM.to_document(), data)
            events.append(tx, told, now=utc_now())
    team.settle()
    (run,) = team.runs()
    assert run.system["resources.webhook.model.version"] == "3"


def test_a_push_to_a_repository_that_is_a_resource_runs_the_default_branch(site: Site, team: Team) -> None:
    address = site.repository("library")
    library = site.clone(address, "library", team.token)
    library.commit(**{"steps.yml": "steps:\n- script: echo from the library\n"})
    library("push", "--quiet", "origin", "main")
    team.settle()
    text = (
        "trigger: none\nresources:\n  repositories:\n  - repository: lib\n    type: git\n"
        f"    name: {PROJECT}/library\n    trigger: [main]\nsteps:\n- template: steps.yml@lib\n"
    )
    team.push(**{"azure-pipelines.yml": text})
    commit = library.commit(a="b")
    library("push", "--quiet", "origin", "main")
    team.settle()
    (run,) = team.runs()
    assert "echo from the library" in run.text
    assert [(one["alias"], one["name"]) for one in run.sources] == [("self", team.name), ("lib", "library")]
    assert run.sources[1]["commit"] == commit


def test_templates_of_another_project_are_read_by_whom_somebody_there_lets_in(
    site: Site, team: Team, pratique: Command
) -> None:
    shared = f"shared-{team.name}"
    with site.platform.database.write() as tx:
        projects.create(tx, PLATFORM, shared, now=utc_now())
    where = ("--project", shared)
    address = json.loads(pratique("repos", "create", "--name", "templates", *where).stdout)["remoteUrl"]
    library = site.clone(address, shared, team.token)
    library.commit(**{"steps.yml": "steps:\n- script: echo from elsewhere\n"})
    library("push", "--quiet", "origin", "main")
    text = (
        "resources:\n  repositories:\n  - repository: our-templates\n    type: git\n"
        f"    name: {shared}/templates\nsteps:\n- checkout: our-templates\n- template: steps.yml@our-templates\n"
    )
    assert team.push(**{"azure-pipelines.yml": text}) == []
    let_in = ("pipelines", "permission", "add", "--kind", "repository", "--name", f"{shared}/templates",
              "--pipeline", team.name, "--project", PROJECT)  # fmt: skip
    assert f"there is no repository {shared}/templates that the pipeline" in team.reason()
    assert pratique(*let_in).returncode == 0
    (run,) = team.push(a="b")
    assert "echo from elsewhere" in run.text
    assert [(one["alias"], one["project"]) for one in run.sources] == [("self", PROJECT), ("our-templates", shared)]


def test_a_cause_that_is_decided_twice_starts_one_run(team: Team) -> None:
    team.push(**{"azure-pipelines.yml": STEPS})
    team.settle()
    again = Triggers(team._triggers._bench)
    while again.step():
        pass
    assert len(team.runs()) == 1


def test_an_odd_branch_name_stays_what_it_is(team: Team) -> None:
    odd = "x;$(touch-x)`b`%0A'"
    (run,) = team.push(f"HEAD:refs/heads/{odd}", **{"azure-pipelines.yml": STEPS})
    assert run.branch == f"refs/heads/{odd}"
