"""Jobs without an agent: they wait, ask and call, row by row, and nothing is held while they do."""

import base64
import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.loopback import Answer, Asked, served

from pratique.base.errors import Conflict, Forbidden
from pratique.base.settings import Settings
from pratique.control import approvals, delivery_runs, principal_groups, server_jobs, service_connections
from pratique.control.server_jobs import Seen
from pratique.control.service_connections import NewConnection
from pratique.engine import delivery_logs
from pratique.engine.server_jobs import ServerJobs
from pratique.store import asked_checks, delivery_units
from pratique.store import delivery_runs as rows
from pratique.store.asked_checks import AskedCheck
from pratique.store.delivery_runs import Run
from pratique.store.delivery_units import StepRow, UnitRow

from .conftest import Scene

DELAY = """
jobs:
- job: pause
  pool: server
  steps:
  - task: Delay@1
    inputs: {delayForMinutes: $(minutes)}
  - task: Delay@1
    displayName: at last
    condition: always()
    inputs: {delayForMinutes: 0}
- job: after
  dependsOn: pause
  steps: [{bash: "true"}]
"""
ASK = """
jobs:
- job: ask
  pool: server
  timeoutInMinutes: 1440
  steps:
  - task: ManualValidation@1
    timeoutInMinutes: 60
    inputs: {notifyUsers: ops@example.org, instructions: look at the report}
"""
CANARY = "c4n4ry-secret"


class Clock:
    """Looks at what is due at a moment that the test chooses."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._began: datetime | None = None

    def at(self, minutes: float = 0.0) -> Seen | None:
        """Look at what is due so many minutes after the first look; None when nothing is."""
        self._began = self._began or datetime.now(UTC)
        now = self._began + timedelta(minutes=minutes)
        with self._scene.database.write() as tx:
            due = delivery_units.due_on_server(tx, now=now)
            seen = server_jobs.look(tx, due, self._scene.sealer, door="http://here", now=now) if due else None
        self._scene.settle()
        return seen


@pytest.fixture
def clock(scene: Scene) -> Clock:
    return Clock(scene)


def unit_of(scene: Scene, run: Run, job: str) -> UnitRow:
    return next(one for one in scene.units(run) if one.job == job)


def steps_of(scene: Scene, run: Run) -> list[StepRow]:
    return list(scene.look(delivery_units.steps_of, [one.id for one in scene.units(run) if one.runs_on_server]))


def question(scene: Scene, run: Run) -> AskedCheck:
    (row,) = scene.look(asked_checks.of_run, run.id)
    assert isinstance(row, AskedCheck)
    return row


def answer(scene: Scene, run: Run, who: str, *, approves: bool = True, comment: str = "") -> None:
    scene.do(approvals.decide, scene.people[who], question(scene, run).id, approves=approves, comment=comment)


# --- Delay ----------------------------------------------------------------------------------------------------------


def test_a_delay_is_a_row_until_its_time_is_over(scene: Scene, clock: Clock) -> None:
    run = scene.queue(DELAY.replace("$(minutes)", "10"))
    assert clock.at(0) is not None
    assert clock.at(9.9) is None, "nobody looks before"
    assert [one.state for one in steps_of(scene, run)] == ["running"]
    clock.at(10.1)
    assert unit_of(scene, run, "pause").result == "Succeeded"
    assert [one.job for one in scene.units(run)] == ["pause", "after"], "what comes after it has begun"


def test_a_unit_without_a_worker_is_started_by_nobody(scene: Scene) -> None:
    run = scene.queue(DELAY.replace("$(minutes)", "10"))
    with scene.database.read() as tx:
        assert delivery_units.unfinished(tx) == []
    assert unit_of(scene, run, "pause").runs_on_server


def test_a_delay_that_is_no_number_fails_and_what_runs_always_runs(scene: Scene, clock: Clock) -> None:
    run = scene.queue(DELAY.replace("$(minutes)", "$(nothing)"))
    clock.at(0)
    assert [(one.result, one.name) for one in steps_of(scene, run)] == [("Failed", "Delay"), ("Succeeded", "at last")]
    assert "delayForMinutes: expected 0 to 86400" in steps_of(scene, run)[0].record["reason"]
    assert unit_of(scene, run, "pause").result == "Failed"


def test_a_job_that_outlives_its_time_is_ended_where_it_waits(scene: Scene, clock: Clock) -> None:
    run = scene.queue(DELAY.replace("$(minutes)", "100").replace("pool: server", "pool: server\n  timeoutInMinutes: 5"))
    clock.at(0)
    assert clock.at(4.9) is None
    clock.at(5.1)
    pause = unit_of(scene, run, "pause")
    assert (pause.result, pause.reason) == ("Canceled", "the job ran longer than the 5 minutes of its timeoutInMinutes")
    assert [one.result for one in steps_of(scene, run)] == ["Canceled", "Succeeded"], "always() runs"


def test_a_cancel_ends_a_delay_at_once(scene: Scene, clock: Clock) -> None:
    run = scene.queue(DELAY.replace("$(minutes)", "100"))
    clock.at(0)
    scene.do(delivery_runs.cancel, scene.people["ann"], run.id)
    clock.at(0.1)
    assert unit_of(scene, run, "pause").result == "Canceled"
    assert scene.look(rows.get, run.id).result == "canceled"


def test_a_cancel_before_it_began_begins_nothing(scene: Scene, clock: Clock) -> None:
    run = scene.queue(DELAY.replace("$(minutes)", "100"))
    scene.do(delivery_runs.cancel, scene.people["ann"], run.id)
    clock.at(0)
    assert steps_of(scene, run) == []
    assert unit_of(scene, run, "pause").reason == "the run was cancelled before it began"


# --- ManualValidation -----------------------------------------------------------------------------------------------


def test_a_person_lets_a_step_go_on(scene: Scene, clock: Clock) -> None:
    run = scene.queue(ASK)
    clock.at(0)
    asked = question(scene, run)
    assert (asked.kind, asked.state, asked.settings["instructions"]) == (
        "manual_validation", "waiting", "look at the report",
    )  # fmt: skip
    assert asked.bound["commit"] == "c0ffee"
    assert clock.at(1) is None, "nobody looks while it waits"
    (shown,) = scene.look(approvals.every, scene.people["eve"], "p", state="waiting")
    assert shown.asked.id == asked.id
    answer(scene, run, "eve", comment="fine")
    clock.at(1)
    assert scene.look(rows.get, run.id).result == "succeeded"
    assert [one["comment"] for one in scene.told("ApprovalGiven")] == ["fine"]


def test_a_person_says_no(scene: Scene, clock: Clock) -> None:
    run = scene.queue(ASK)
    clock.at(0)
    answer(scene, run, "eve", approves=False, comment="not today")
    clock.at(1)
    assert steps_of(scene, run)[0].record["reason"] == "rejected by eve: not today"
    assert scene.look(rows.get, run.id).result == "failed"


@pytest.mark.parametrize(("word", "result"), [("reject", "failed"), ("resume", "succeeded")])
def test_nobody_in_time_is_what_on_timeout_says(scene: Scene, clock: Clock, word: str, result: str) -> None:
    run = scene.queue(ASK.replace("{notifyUsers", f"{{onTimeout: {word}, notifyUsers"))
    clock.at(0)
    assert clock.at(59) is None
    clock.at(61)
    assert scene.look(rows.get, run.id).result == result
    assert question(scene, run).state == "expired"
    with pytest.raises(Conflict, match="asked no more"):
        answer(scene, run, "eve")


def test_without_approvers_whoever_may_run_the_pipeline_answers_and_nobody_else(scene: Scene, clock: Clock) -> None:
    run = scene.queue(ASK, who="ann")
    clock.at(0)
    with pytest.raises(Forbidden):
        answer(scene, run, "rob")
    answer(scene, run, "ann")
    clock.at(1)
    assert scene.look(rows.get, run.id).result == "succeeded"


def test_named_approvers_answer_and_not_their_own_runs_where_that_is_off(scene: Scene, clock: Clock) -> None:
    inputs = "{approvers: 'ann, rob', allowApproversToApproveTheirOwnRuns: false, notifyUsers"
    run = scene.queue(ASK.replace("{notifyUsers", inputs), who="ann")
    clock.at(0)
    with pytest.raises(Forbidden, match="self-approval is off"):
        answer(scene, run, "ann")
    with pytest.raises(Forbidden, match="not one of its approvers"):
        answer(scene, run, "eve")
    answer(scene, run, "rob")
    clock.at(1)
    assert scene.look(rows.get, run.id).result == "succeeded"


def test_a_group_is_asked_and_whoever_is_in_it_then_answers(scene: Scene, clock: Clock) -> None:
    owner = scene.people["own"]
    group = scene.do(principal_groups.create, owner, "judges")
    scene.do(principal_groups.add_member, owner, "judges", "rob")
    inputs = "{approvers: judges, allowApproversToApproveTheirOwnRuns: false, notifyUsers"
    run = scene.queue(ASK.replace("{notifyUsers", inputs), who="ann")
    clock.at(0)
    assert question(scene, run).settings["approvers"] == [group.id]
    with pytest.raises(Forbidden, match="not one of its approvers"):
        answer(scene, run, "eve")
    for name in ("bob", "ann"):
        scene.do(principal_groups.add_member, owner, "judges", name)
    scene.do(principal_groups.remove_member, owner, "judges", "rob")
    with pytest.raises(Forbidden, match="not one of its approvers"):
        answer(scene, run, "rob")
    with pytest.raises(Forbidden, match="self-approval is off"):
        answer(scene, run, "ann")
    shown = scene.look(approvals.get, scene.people["bob"], question(scene, run).id)
    assert shown.approvers == ["judges"], "whoever is in it sees it, without a role at the project"
    answer(scene, run, "bob")
    clock.at(1)
    assert scene.look(rows.get, run.id).result == "succeeded"


def test_a_group_that_is_gone_lets_nobody_answer(scene: Scene, clock: Clock) -> None:
    owner = scene.people["own"]
    scene.do(principal_groups.create, owner, "judges")
    scene.do(principal_groups.add_member, owner, "judges", "eve")
    run = scene.queue(ASK.replace("{notifyUsers", "{approvers: judges, notifyUsers"))
    clock.at(0)
    scene.do(principal_groups.delete, owner, "judges")
    with pytest.raises(Forbidden, match="not one of its approvers"):
        answer(scene, run, "eve")


def test_an_approver_whom_nobody_knows_fails_the_step(scene: Scene, clock: Clock) -> None:
    run = scene.queue(ASK.replace("{notifyUsers", "{approvers: nobody@here, notifyUsers"))
    clock.at(0)
    assert "nobody@here" in steps_of(scene, run)[0].record["reason"]
    assert scene.look(rows.get, run.id).result == "failed"


def test_an_answer_after_a_cancel_changes_nothing(scene: Scene, clock: Clock) -> None:
    run = scene.queue(ASK)
    clock.at(0)
    scene.do(delivery_runs.cancel, scene.people["ann"], run.id)
    with pytest.raises(Conflict, match="was cancelled by ann"):
        answer(scene, run, "eve")
    clock.at(1)
    assert question(scene, run).state == "withdrawn"
    assert scene.look(rows.get, run.id).result == "canceled"
    with pytest.raises(Conflict):
        answer(scene, run, "eve")


def test_a_thousand_questions_hold_nothing_and_one_of_them_is_answered_at_once(scene: Scene, clock: Clock) -> None:
    several = [scene.queue(ASK) for _ in range(3)]
    for _ in several:
        clock.at(0)
    with scene.database.read() as tx:
        assert delivery_units.due_on_server(tx, now=datetime.now(UTC) + timedelta(minutes=1)) is None
        assert rows.unsettled(tx, now=scene.now) is None
    answer(scene, several[1], "eve")
    clock.at(1)
    assert [scene.look(rows.get, one.id).result for one in several] == [None, "succeeded", None]


def test_the_answer_to_a_step_is_no_approval_of_what_it_makes(scene: Scene, clock: Clock) -> None:
    run = scene.queue(ASK)
    clock.at(0)
    answer(scene, run, "eve")
    clock.at(1)
    assert [one.kind for one in scene.look(asked_checks.of_run, run.id) if one.state == "passed"] == [
        "manual_validation"
    ]


# --- InvokeRESTAPI --------------------------------------------------------------------------------------------------

CALL = """
variables:
- {name: token, value: c4n4ry-secret}
jobs:
- job: call
  pool: server
  steps:
  - task: InvokeRESTAPI@1
    inputs:
      serviceConnection: api
      method: METHOD
      urlSuffix: /builds/$(Build.BuildId)?x=1
      headers: '{"Authorization": "Bearer $(System.AccessToken)", "X-Kind": "delivery"}'
      body: '{"token": "$(token)"}'
      successCriteria: eq(root['state'], 'done')
"""


@contextlib.contextmanager
def listening(*answers: tuple[int, str]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An API on loopback that gives these answers, one after the other; its URL and what it was sent."""
    left, sent = list(answers), []

    def answer(asked: Asked) -> Answer:
        sent.append({**vars(asked), "body": asked.body.decode()})
        status, text = left.pop(0)
        said = text.replace("ECHO", base64.b64encode(asked.headers["Authorization"].encode()).decode())
        return Answer(status, said.encode())

    with served(answer) as url:
        yield f"{url}/api", sent


def called(scene: Scene, url: str, method: str = "POST") -> tuple[Run, StepRow, str]:
    """A run that calls `url`, its step, and the log of that."""
    scene.do(service_connections.create, scene.people["own"], "p", NewConnection("api", url=url, is_for_all=True))
    run = scene.queue(CALL.replace("METHOD", method))
    bench: Any = SimpleNamespace(
        database=scene.database, sealer=scene.sealer, home=scene.home, door="http://127.0.0.1:1", settings=Settings()
    )
    runner = ServerJobs(bench)
    while runner.step():
        scene.settle()
    (step,) = steps_of(scene, run)
    log = delivery_logs.step_log(scene.home, run.id, step.unit, 0)
    return run, step, log.read_text() if log.exists() else ""


@pytest.mark.parametrize(
    ("status", "text", "result", "said"),
    [
        (200, '{"state": "done"}', "Succeeded", ""),
        (200, '{"state": "going"}', "Failed", "eq(root['state'], 'done') is False"),
        (200, "done", "Failed", "answered no JSON"),
        (503, '{"state": "done"}', "Failed", "answered 503"),
    ],
)
def test_an_api_is_called_once_and_its_answer_decides(
    scene: Scene, status: int, text: str, result: str, said: str
) -> None:
    with listening((status, text)) as (url, sent):
        run, step, log = called(scene, url)
    assert step.result == result
    assert said in step.record["reason"]
    (one,) = sent
    assert (one["method"], one["path"]) == ("POST", f"/api/builds/{run.id}?x=1")
    assert one["headers"]["X-Kind"] == "delivery"
    assert json.loads(one["body"]) == {"token": CANARY}
    assert f"POST {url}/builds/{run.id}?x=1: {status}" in log
    assert scene.look(rows.get, run.id).result == ("succeeded" if result == "Succeeded" else "failed")


def test_what_an_api_says_of_our_token_is_masked(scene: Scene) -> None:
    with listening((200, '{"state": "done", "who": "ECHO"}')) as (url, sent):
        run, step, log = called(scene, url)
    token = sent[0]["headers"]["Authorization"].removeprefix("Bearer ")
    assert len(token) > 40
    assert '"who": "' in log
    whole = log + json.dumps(step.record) + delivery_logs.stream_of(scene.home, run.id).read_text()
    assert token not in whole
    assert base64.b64encode(token.encode()).decode()[:60] not in whole
    assert "***" in log


def test_nobody_else_is_called(scene: Scene) -> None:
    _, step, _ = called(scene, "http://169.254.169.254/latest")
    assert step.result == "Failed"
    assert "was not called: its host is neither loopback nor one of the setting check_hosts" in step.record["reason"]


def test_a_call_of_which_nobody_knows_whether_it_arrived_is_not_made_again(scene: Scene) -> None:
    with listening() as (url, sent):
        scene.do(service_connections.create, scene.people["own"], "p", NewConnection("api", url=url, is_for_all=True))
        run = scene.queue(CALL.replace("METHOD", "POST"))
        (unit,) = scene.units(run)
        for _ in range(2):  # The server is killed behind the first, before anything came back.
            seen = scene.do(server_jobs.look, unit.id, scene.sealer, door="http://127.0.0.1:1")
            assert seen is not None
        scene.settle()
        assert sent == []
    assert seen.wanted is None
    assert "whether that arrived is not known" in steps_of(scene, run)[0].record["reason"]
    assert scene.look(rows.get, run.id).result == "failed"


def test_a_call_that_changes_nothing_is_made_again(scene: Scene) -> None:
    scene.do(
        service_connections.create, scene.people["own"], "p", NewConnection("api", url="http://[::1]/", is_for_all=True)
    )
    run = scene.queue(CALL.replace("METHOD", "GET"))
    (unit,) = scene.units(run)
    for _ in range(2):
        seen = scene.do(server_jobs.look, unit.id, scene.sealer, door="http://127.0.0.1:1")
        assert seen is not None
        assert seen.wanted is not None
    with scene.database.read() as tx:
        assert delivery_units.due_on_server(tx, now=datetime.now(UTC)) == unit.id, "a server that starts finds it"
    assert steps_of(scene, run)[0].state == "running"
