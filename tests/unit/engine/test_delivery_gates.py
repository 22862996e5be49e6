"""Runs at the gates: approvals, checks, locks, variable groups and service connections, settled by the real settler."""

import hashlib
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pratique.base.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    PratiqueError,
    PromotionRefused,
    Unauthenticated,
    Unavailable,
)
from pratique.base.settings import Settings
from pratique.compute.local import LocalCompute
from pratique.content.manifest import Entry, Manifest
from pratique.control import (
    approvals,
    checks,
    delivery_permissions,
    delivery_runs,
    deployments,
    endpoints,
    principal_groups,
    principals,
    promotion,
    roles,
    secrets,
    service_connections,
    stage_environments,
    variable_groups,
    vaults,
    workspaces,
)
from pratique.control import assets as versions
from pratique.control.actor import PLATFORM, Actor
from pratique.control.credentials import Credential
from pratique.control.grants import actor_for, actor_of, exchanged
from pratique.control.secrets import NewSecret
from pratique.control.service_connections import NewConnection
from pratique.control.variable_groups import NewGroup, Value
from pratique.delivery.run.outcomes import Result
from pratique.engine.delivery_runs import RunSettler
from pratique.engine.delivery_units import UnitRunner
from pratique.engine.loop import Stop
from pratique.engine.sweeper import Sweeper
from pratique.store import asked_checks, assets, delivery_units, events, holdings, run_uses
from pratique.store import delivery_runs as rows
from pratique.store.assets import Asset, AssetVersion
from pratique.store.delivery_runs import Run
from pratique.store.delivery_units import UnitRow
from pratique.store.deployments import OnlineDeployment
from pratique.store.run_uses import Use

from .conftest import ONE, TWO, Scene, answering

CANARY = "canary-group-secret"


# --- approvals ------------------------------------------------------------------------------------------------------


def test_a_stage_waits_for_a_person_and_then_begins(scene: Scene) -> None:
    scene.check("approval", instructions="look at the report")
    run = scene.queue()
    assert scene.stages(run) == {"QA": "waiting"}
    assert scene.units(run) == []
    scene.answer(run, "bob", comment="fine")
    assert scene.stages(run) == {"QA": "running"}
    assert scene.told("ApprovalGiven")[0]["comment"] == "fine"
    scene.end(run)
    assert scene.look(rows.get, run.id).result == "succeeded"


def test_a_rejection_fails_the_stage(scene: Scene) -> None:
    scene.check("approval")
    run = scene.queue()
    scene.answer(run, "bob", approves=False, comment="not today")
    assert scene.stages(run) == {"QA": "Failed"}
    assert scene.asked(run).reason == "rejected by bob: not today"


def test_the_requester_cannot_approve_unless_that_is_switched_on(scene: Scene) -> None:
    scene.check("approval")
    run = scene.queue(who="own")
    with pytest.raises(Forbidden, match="self-approval is off"):
        scene.answer(run, "own")
    assert scene.stages(run) == {"QA": "waiting"}
    scene.answer(run, "bob")
    for check in scene.look(stage_environments.checks, scene.people["own"], "p", "qa"):
        scene.do(stage_environments.remove_check, scene.people["own"], "p", "qa", check.id)
    scene.check("approval", allow_self=True)
    run = scene.queue(who="own")
    scene.answer(run, "own")
    assert scene.stages(run) == {"QA": "running"}


@pytest.mark.parametrize("who", ["ann", "rob"])
def test_nobody_without_the_role_at_the_environment_approves(scene: Scene, who: str) -> None:
    scene.check("approval")
    run = scene.queue(who="own")
    with pytest.raises(Forbidden, match="no role"):
        scene.answer(run, who)


def test_named_approvers_need_no_role_and_others_with_one_are_not_asked(scene: Scene) -> None:
    scene.check("approval", approvers=["rob"])
    run = scene.queue()
    with pytest.raises(Forbidden, match="not one of its approvers"):
        scene.answer(run, "bob")
    scene.answer(run, "rob")
    assert scene.stages(run) == {"QA": "running"}


def test_two_must_approve_in_their_order(scene: Scene) -> None:
    scene.check("approval", approvers=["eve", "bob"], in_order=True)
    run = scene.queue()
    with pytest.raises(Forbidden, match="before you"):
        scene.answer(run, "bob")
    scene.answer(run, "eve")
    assert scene.stages(run) == {"QA": "waiting"}
    with pytest.raises(Forbidden, match="answered already"):
        scene.answer(run, "eve")
    scene.answer(run, "bob")
    assert scene.stages(run) == {"QA": "running"}


def test_a_group_and_a_person_are_asked_and_the_journal_names_the_group(scene: Scene) -> None:
    owner = scene.people["own"]
    scene.do(principal_groups.create, owner, "judges")
    for name in ("bob", "ann"):
        scene.do(principal_groups.add_member, owner, "judges", name)
    scene.check("approval", approvers=["judges", "rob"])
    run = scene.queue(who="ann")
    with pytest.raises(Forbidden, match="self-approval is off"):
        scene.answer(run, "ann")
    with pytest.raises(Forbidden, match="not one of its approvers"):
        scene.answer(run, "eve")
    scene.answer(run, "bob")
    scene.do(principal_groups.add_member, owner, "judges", "eve")
    with pytest.raises(Forbidden, match="all for whom you could answer"):
        scene.answer(run, "eve")
    assert scene.stages(run) == {"QA": "waiting"}
    scene.answer(run, "rob")
    assert scene.stages(run) == {"QA": "running"}
    told = [one for one in scene.look(events.after, 0, limit=1000) if one.type == "Pratique.ApprovalGiven"]
    assert [(one.actor["name"], one.data.get("groups")) for one in told] == [("bob", ["judges"]), ("rob", None)]


def test_more_of_a_group_may_be_asked_for_than_are_named(scene: Scene) -> None:
    owner = scene.people["own"]
    scene.do(principal_groups.create, owner, "judges")
    for name in ("bob", "eve"):
        scene.do(principal_groups.add_member, owner, "judges", name)
    with pytest.raises(InvalidInput, match="expected 1 to 1"):
        scene.check("approval", approvers=["rob"], minimum=2)
    scene.check("approval", approvers=["judges"], minimum=2)
    run = scene.queue()
    scene.answer(run, "bob")
    assert scene.stages(run) == {"QA": "waiting"}
    scene.answer(run, "eve")
    assert scene.stages(run) == {"QA": "running"}


def test_of_two_decisions_at_once_one_is_first(scene: Scene) -> None:
    scene.check("approval")
    run = scene.queue()
    asked = scene.asked(run).id
    scene.do(approvals.decide, scene.people["bob"], asked, approves=False)
    with pytest.raises(Conflict, match="is failed: rejected by bob"):
        scene.do(approvals.decide, scene.people["eve"], asked, approves=True)
    scene.settle()
    assert scene.stages(run) == {"QA": "Failed"}


def test_an_approval_after_a_cancel_changes_nothing(scene: Scene) -> None:
    scene.check("approval")
    run = scene.queue()
    scene.do(delivery_runs.cancel, scene.people["ann"], run.id)
    before = scene.asked(run)
    assert before.state == "withdrawn"
    with pytest.raises(Conflict, match="was cancelled by ann"):
        scene.answer(run, "bob")
    scene.settle()
    with pytest.raises(Conflict):
        scene.answer(run, "bob")
    assert scene.asked(run) == before
    assert scene.look(rows.get, run.id).result == "canceled"
    assert scene.units(run) == []


def test_nobody_in_time_skips_the_stage(scene: Scene) -> None:
    scene.do(
        stage_environments.add_check, scene.people["own"], "p", "qa", "approval", {}, timeout_minutes=1
    )  # fmt: skip
    run = scene.queue()
    with scene.database.write() as tx:
        row = scene.asked(run)
        late = datetime.now(UTC) - timedelta(seconds=1)
        asked_checks.change(tx, asked_checks.AskedCheck(**{**vars(row), "expires_at": late, "look_at": late}))
        assert checks.wake_due(tx, now=datetime.now(UTC)) == 1
    scene.settle()
    assert scene.stages(run) == {"QA": "Skipped"}
    assert scene.asked(run).state == "expired"


def test_a_thousand_runs_that_wait_are_looked_at_by_nobody_and_one_that_is_approved_goes_on(scene: Scene) -> None:
    scene.check("approval")
    first = scene.queue()
    waiting, asked = scene.look(rows.get, first.id), scene.asked(first)
    stages, jobs = scene.look(rows.stages_of, first.id), scene.look(rows.jobs_of, first.id)
    with scene.database.write() as tx:
        for number in range(2, 1001):
            again = ([replace(one, run=number) for one in found] for found in (stages, jobs))
            rows.add(tx, replace(waiting, id=number), *again)
        asked_checks.add_all(tx, [replace(asked, id=f"{asked.id[:-4]}{n:04}", run=n) for n in range(2, 1001)])
    weeks_later = scene.now + timedelta(days=20)
    with scene.database.read() as tx:
        assert rows.unsettled(tx, now=weeks_later) is None
        assert delivery_units.unfinished(tx) == []
        assert asked_checks.due(tx, now=weeks_later) == []
    assert scene.settler.step() is False, "nobody has anything to do, and nothing is held"
    scene.do(approvals.decide, scene.people["bob"], f"{asked.id[:-4]}0500", approves=True)
    settled = sum(1 for _ in iter(scene.settler.step, False))
    assert settled <= 2, "the one run is settled, and no other is looked at"
    begun = [unit.run for unit in scene.look(delivery_units.unfinished)]
    assert begun == [500]


def test_checks_are_those_of_the_moment_when_the_stage_asked(scene: Scene) -> None:
    first = scene.check("approval")
    run = scene.queue()
    scene.do(stage_environments.remove_check, scene.people["own"], "p", "qa", first)
    with scene.database.write() as tx:
        rows.touch(tx, run.id)
    scene.settle()
    assert scene.stages(run) == {"QA": "waiting"}
    assert scene.stages(scene.queue()) == {"QA": "running"}


def test_an_environment_that_nobody_made_is_made_and_told(scene: Scene) -> None:
    run = scene.queue(ONE.replace("environment: qa", "environment: brand-new"))
    assert scene.stages(run) == {"QA": "running"}
    assert {"name": "brand-new", "project": "p", "actor": "pratique"} in scene.told("StageEnvironmentCreated")


# --- what an approval is given for ----------------------------------------------------------------------------------


def test_an_approval_names_what_it_is_for(scene: Scene) -> None:
    scene.check("approval")
    run = scene.queue(TWO)
    with scene.database.write() as tx:
        run_uses.note(tx, Use(run.id, "dev", "models", "d" * 64, "credit:3", is_made=True, at=scene.now))
    scene.end(run)
    bound = scene.asked(run).bound
    assert bound["commit"] == "c0ffee"
    assert bound["after"] == ["Dev"]
    assert bound["used"] == [
        {"workspace": "dev", "kind": "models", "name": "credit:3", "digest": "d" * 64, "made": True}
    ]


def test_what_changes_after_an_approval_voids_it(scene: Scene) -> None:
    scene.check("approval", minimum=2)
    run = scene.queue()
    scene.answer(run, "bob")
    with scene.database.write() as tx:
        run_uses.note(tx, Use(run.id, "dev", "models", "e" * 64, "other:1", is_made=True, at=scene.now))
    scene.answer(run, "eve")
    assert scene.stages(run) == {"QA": "waiting"}
    assert scene.asked(run).answers == []
    assert "used" in scene.told("ApprovalVoided")[0]["reason"]
    scene.answer(run, "bob")
    scene.answer(run, "eve")
    assert scene.stages(run) == {"QA": "running"}


def test_an_answer_to_what_is_no_longer_shown_is_refused(scene: Scene) -> None:
    scene.check("approval")
    run = scene.queue()
    shown = scene.asked(run).bound["digest"]
    with scene.database.write() as tx:
        run_uses.note(tx, Use(run.id, "dev", "models", "e" * 64, "other:1", is_made=True, at=scene.now))
    with pytest.raises(Conflict, match="has changed"):
        scene.answer(run, "bob", binding_digest=shown)
    scene.answer(run, "bob")
    assert scene.stages(run) == {"QA": "running"}


# --- checks that nobody answers -------------------------------------------------------------------------------------


def test_a_branch_that_is_not_allowed_is_rejected_before_anybody_is_asked(scene: Scene) -> None:
    scene.check("branch_control", branches=["refs/heads/main"])
    scene.check("approval")
    run = scene.queue(branch="refs/heads/feature")
    assert scene.stages(run) == {"QA": "Failed"}
    assert scene.told("ApprovalRequested") == []
    assert scene.stages(scene.queue()) == {"QA": "waiting"}


def test_one_run_after_the_other_deploys_to_a_locked_environment(scene: Scene) -> None:
    scene.check("exclusive_lock")
    first = scene.queue()
    second = scene.queue()
    assert (scene.stages(first), scene.stages(second)) == ({"QA": "running"}, {"QA": "waiting"})
    scene.end(first)
    assert scene.stages(second) == {"QA": "running"}


def test_of_runs_that_wait_for_a_lock_the_latest_goes_on(scene: Scene) -> None:
    scene.check("exclusive_lock")
    first, second, third = scene.queue(), scene.queue(), scene.queue()
    scene.end(first)
    assert (scene.stages(second), scene.stages(third)) == ({"QA": "Skipped"}, {"QA": "running"})


def test_sequential_runs_keep_their_order(scene: Scene) -> None:
    scene.check("exclusive_lock")
    text = ONE.replace("- stage: QA", "- stage: QA\n  lockBehavior: sequential")
    first, second, third = (scene.queue(text) for _ in range(3))
    assert [scene.stages(one)["QA"] for one in (first, second, third)] == ["running", "waiting", "waiting"]
    scene.end(first, Result.FAILED)
    assert [scene.stages(one)["QA"] for one in (second, third)] == ["running", "waiting"]
    scene.do(delivery_runs.cancel, scene.people["ann"], second.id)
    scene.end(second, Result.CANCELED)
    assert scene.stages(third) == {"QA": "running"}


@pytest.mark.parametrize(
    ("behavior", "states"), [("sequential", ["running", "waiting"]), ("runLatest", ["Skipped", "running"])]
)
def test_of_two_runs_that_promote_at_once_one_wins_and_their_order_is_kept(
    scene: Scene, behavior: str, states: list[str]
) -> None:
    scene.check("approval")
    scene.check("exclusive_lock")
    text = ONE.replace("- stage: QA", f"- stage: QA\n  lockBehavior: {behavior}")
    both = [scene.queue(text) for _ in range(2)]
    for run in both:
        scene.do(approvals.decide, scene.people["bob"], scene.asked(run).id, approves=True)
    bench: Any = SimpleNamespace(database=scene.database, sealer=scene.sealer, issuer=scene.issuer, home=scene.home)
    together = threading.Barrier(2)

    def settle() -> None:
        settler = RunSettler(bench)
        together.wait()
        while settler.step():
            pass

    threads = [threading.Thread(target=settle) for _ in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with scene.database.write() as tx:
        checks.wake_due(tx, now=datetime.now(UTC) + timedelta(minutes=1))
    scene.settle()
    assert [scene.stages(run)["QA"] for run in both] == states
    assert [len(scene.units(run)) for run in both] == [int(state == "running") for state in states]
    scene.end(both[states.index("running")])
    assert scene.stages(both[1]) == {"QA": "running" if behavior == "sequential" else "Succeeded"}


def test_who_is_approved_later_waits_for_who_was_queued_and_approved_before(scene: Scene) -> None:
    scene.check("approval")
    scene.check("exclusive_lock")
    text = ONE.replace("- stage: QA", "- stage: QA\n  lockBehavior: sequential")
    first, second = (scene.queue(text) for _ in range(2))
    scene.do(approvals.decide, scene.people["bob"], scene.asked(first).id, approves=True)
    with scene.database.write() as tx:
        claimed = rows.claim(tx, first.id, now=datetime.now(UTC), lasting=timedelta(minutes=1))  # And held up.
        assert claimed is not None
    scene.answer(second, "bob")
    assert scene.stages(second) == {"QA": "waiting"}
    with scene.database.write() as tx:
        assert rows.release(tx, claimed[1])
    scene.settle()
    assert [scene.stages(one)["QA"] for one in (first, second)] == ["running", "waiting"]


def model(scene: Scene, version: str, auc: str | None, run: Run | None = None, **changes: Any) -> None:
    with scene.database.write() as tx:
        if assets.get(tx, "dev", "models", "credit") is None:
            assets.add(tx, Asset("dev", "models", "credit", 1, "", {}, False, scene.now, scene.now))
        manifest = version * 64
        facts: dict[str, Any] = {
            "id": f"id-{version}", "workspace": "dev", "kind": "models", "name": "credit", "version": version,
            "ordinal": int(version), "type": "custom_model", "spec": {}, "path": "", "manifest": manifest,
            "description": "", "tags": {"auc": auc} if auc else {}, "properties": {}, "is_archived": False,
            "stage": "None", "run_id": "", "job_name": "", "source": "",
            "created_at": scene.now + timedelta(minutes=int(version)), "updated_at": scene.now, "created_by": {},
            **changes,
        }  # fmt: skip
        assets.add_version(tx, AssetVersion(**facts))
        if run:
            run_uses.note(tx, Use(run.id, "dev", "models", manifest, f"credit:{version}", is_made=True, at=scene.now))


@pytest.mark.parametrize(
    ("champion", "candidate", "stage"),
    [("0.8", "0.82", "running"), ("0.8", "0.79", "Failed"), ("0.8", None, "Failed"), (None, "0.9", "Failed")],
)
def test_the_model_gate_lets_no_worse_model_in(
    scene: Scene, champion: str | None, candidate: str | None, stage: str
) -> None:
    scene.check("model_gate", workspace="dev", model="credit", metrics=[{"name": "auc", "margin": 0}])
    model(scene, "1", champion)
    run = scene.queue(TWO)
    model(scene, "2", candidate, run)
    scene.end(run)
    assert scene.stages(run)["QA"] == stage


class Tracking:
    """What MLflow knows of runs."""

    def __init__(self) -> None:
        self.metrics: dict[tuple[str, str], dict[str, float]] = {}
        self.is_up = True

    def get_run(self, workspace: str, run_id: str) -> Any:
        if not self.is_up:
            raise Unavailable("the tracking server does not answer")
        if (workspace, run_id) not in self.metrics:
            raise NotFound("no such run")
        return SimpleNamespace(metrics=self.metrics[workspace, run_id])


def tracked(scene: Scene) -> Tracking:
    """Let the settler ask a tracking server."""
    tracking = Tracking()
    known = SimpleNamespace(database=scene.database, sealer=scene.sealer, issuer=scene.issuer, home=scene.home)
    bench: Any = SimpleNamespace(**vars(known), runs=tracking, settings=Settings())
    scene.settler = RunSettler(bench)
    return tracking


@pytest.mark.parametrize(
    ("old", "new", "own", "stage"),
    [
        (0.8, 0.82, None, "running"),
        (0.8, 0.79, None, "Failed"),
        (0.8, None, None, "Failed"),
        (None, 0.9, None, "Failed"),
        (0.8, 0.9, "0.7", "Failed"),  # What the version itself says comes before its run.
    ],
)
def test_the_model_gate_goes_by_the_runs_that_trained(
    scene: Scene, old: float | None, new: float | None, own: str | None, stage: str
) -> None:
    tracking = tracked(scene)
    tracking.metrics = {("dev", "r1"): {"auc": old} if old else {}} | ({("dev", "r2"): {"auc": new}} if new else {})
    scene.check("model_gate", workspace="dev", model="credit", metrics=[{"name": "auc", "margin": 0}])
    model(scene, "1", None, run_id="r1")
    run = scene.queue(TWO)
    model(scene, "2", own, run, run_id="r2")
    scene.end(run)
    assert scene.stages(run)["QA"] == stage


def test_a_champion_that_was_promoted_is_known_by_the_run_that_made_its_bytes(scene: Scene) -> None:
    tracking = tracked(scene)
    tracking.metrics = {("dev", "r1"): {"auc": 0.9}, ("dev", "r2"): {"auc": 0.8}}
    scene.do(workspaces.create, PLATFORM, {"name": "qa-2"}, group="rg")
    rules = [{"name": "auc", "margin": 0}]
    scene.check("model_gate", workspace="dev", model="credit", champion_workspace="qa-2", metrics=rules)
    model(scene, "1", None, run_id="r1")
    with scene.database.write() as tx:
        (trained,) = assets.versions(tx, "dev", "models", "credit")
        assets.add(tx, Asset("qa-2", "models", "credit", 1, "", {}, False, scene.now, scene.now))
        assets.add_version(tx, replace(trained, id="promoted", workspace="qa-2", run_id=""))
    run = scene.queue(TWO)
    model(scene, "2", None, run, run_id="r2")
    scene.end(run)
    assert scene.stages(run)["QA"] == "Failed"
    with scene.database.read() as tx:
        (asked,) = asked_checks.of_run(tx, run.id, "QA")
    assert "auc 0.8 beside 0.9" in asked.reason


def test_a_gate_waits_while_nobody_can_read_the_metrics(scene: Scene) -> None:
    tracking = tracked(scene)
    tracking.is_up = False
    scene.check("model_gate", workspace="dev", model="credit", metrics=[{"name": "auc", "threshold": 0.7}])
    run = scene.queue(TWO)
    model(scene, "1", None, run, run_id="r1")
    scene.end(run)
    assert scene.stages(run)["QA"] == "waiting"
    with scene.database.write() as tx:
        (asked,) = asked_checks.of_run(tx, run.id, "QA")
        assert "MLflow does not answer" in asked.reason
        assert asked.look_at is not None
        assert checks.wake_due(tx, now=asked.look_at) == 1
    tracking.is_up, tracking.metrics = True, {("dev", "r1"): {"auc": 0.75}}
    scene.settle()
    assert scene.stages(run)["QA"] == "running"


@pytest.mark.parametrize(
    ("status", "text", "stage", "said"),
    [
        (200, '{"state": {"name": "ok"}}', "running", "answered 200"),
        (200, '{"state": {"name": "no"}}', "Failed", "its state.name is 'no' and not 'ok'"),
        (200, "ok", "Failed", "its state.name is None"),
        (500, '{"state": {"name": "ok"}}', "Failed", "answered 500"),
        (302, '{"state": {"name": "ok"}}', "Failed", "answered 302"),
        (200, " " * 1_000_001, "Failed", "more than 1,000,000 bytes"),
    ],
)
def test_a_rest_check_lets_in_what_it_clearly_says_yes_to(
    scene: Scene, status: int, text: str, stage: str, said: str
) -> None:
    tracked(scene)
    with answering((status, text)) as (url, sent):
        scene.check("rest", url=url, success={"state.name": "ok"})
        run = scene.queue()
        assert scene.stages(run)["QA"] == stage
    assert [(one["run"], one["stage"], one["environment"]) for one in sent] == [(run.id, "QA", "qa")]
    with scene.database.read() as tx:
        (asked,) = asked_checks.of_run(tx, run.id, "QA")
    assert said in asked.reason


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://169.254.169.254/latest", "neither loopback nor one of the setting check_hosts"),
        ("https://example.org/", "neither loopback nor one of the setting check_hosts"),
        ("http://2130706433/", "neither loopback nor"),
        ("http://[::ffff:169.254.169.254]/", "neither loopback nor"),
        ("http://ann@127.0.0.1/", "without a user"),
        ("http://127.0.0.1:1/", "does not answer"),
    ],
)
def test_a_rest_check_asks_nobody_else_and_fails_closed(scene: Scene, url: str, said: str) -> None:
    tracked(scene)
    scene.check("rest", url=url)
    run = scene.queue()
    assert scene.stages(run)["QA"] == "Failed"
    with scene.database.read() as tx:
        (asked,) = asked_checks.of_run(tx, run.id, "QA")
    assert said in asked.reason


def test_a_rest_check_with_an_interval_is_asked_again_when_its_time_has_come(scene: Scene) -> None:
    tracked(scene)
    with answering((503, ""), (200, "{}")) as (url, sent):
        scene.check("rest", url=url, interval_minutes=5)
        run = scene.queue()
        assert scene.stages(run)["QA"] == "waiting"
        with scene.database.write() as tx:
            rows.touch(tx, run.id)  # Whatever else happens asks nobody.
        scene.settle()
        assert len(sent) == 1
        with scene.database.write() as tx:
            (asked,) = asked_checks.of_run(tx, run.id, "QA")
            assert asked.look_at is not None
            assert asked.look_at > datetime.now(UTC) + timedelta(minutes=4)
            asked_checks.change(tx, replace(asked, look_at=datetime.now(UTC)))
            assert checks.wake_due(tx, now=datetime.now(UTC)) == 1
        scene.settle()
        assert (len(sent), scene.stages(run)["QA"]) == (2, "running")


# --- workers that are gone ---------------------------------------------------------------------------------------


def left_by_a_worker(scene: Scene, unit: UnitRow) -> Path:
    """The folder of a unit as a worker leaves it that was killed in the middle of a task."""
    folder = scene.home.delivery_run(unit.run) / unit.id
    for part in ("work/temp/.azclitask", "work/1/s/closed", "home", "unsent", "steps"):
        (folder / part).mkdir(parents=True)
    (folder / "work/temp/.azclitask/profile.json").write_text("a token")
    outside = scene.home.root / "outside"
    outside.write_text("stays")
    outside.chmod(0o644)
    (folder / "work/1/s/closed/link").symlink_to(outside)
    (folder / "work/1/s/closed").chmod(0o500)
    (folder / "steps/0.log").write_text("what it said")
    return folder


def test_a_unit_whose_worker_was_killed_leaves_what_it_said_and_no_login(scene: Scene) -> None:
    run = scene.queue()
    (unit,) = scene.units(run)
    folder = left_by_a_worker(scene, unit)
    with scene.database.write() as tx:
        delivery_units.start(tx, unit.id, now=scene.now)
    bench: Any = SimpleNamespace(database=scene.database, home=scene.home, workers=LocalCompute())
    UnitRunner(bench, Stop(), at_once=1).step()
    assert scene.units(run)[0].result == "Failed"
    assert sorted(path.name for path in folder.iterdir()) == ["steps"]
    outside = scene.home.root / "outside"
    assert (outside.read_text(), outside.stat().st_mode & 0o777) == ("stays", 0o644)


def test_what_a_worker_left_that_had_ended_is_swept_when_the_server_starts(scene: Scene) -> None:
    run, other = scene.queue(), scene.queue()
    folder, running = (left_by_a_worker(scene, scene.units(one)[0]) for one in (run, other))
    scene.end(run)
    bench: Any = SimpleNamespace(database=scene.database, home=scene.home, workers=LocalCompute())
    Sweeper(bench).step()
    assert sorted(path.name for path in folder.iterdir()) == ["steps"]
    assert (running / "work").is_dir()


# --- variable groups and service connections ------------------------------------------------------------------------

WITH_GROUP = """
variables: [{group: dev-vars}]
steps:
- bash: echo $(plain) $(hidden)
"""
WITH_CONNECTION = """
variables: {connection: aml-dev}
steps:
- task: AzureCLI@2
  inputs: {azureSubscription: $(connection), scriptType: bash, scriptLocation: inlineScript, inlineScript: az account show}
"""  # noqa: E501 - a file of a user.


def variables(scene: Scene, run: Run) -> dict[str, Any]:
    (unit,) = scene.units(run)
    return {one.name: one for one in scene.message(unit).variables}


def test_a_group_gives_its_values_to_the_deliveries_that_may_read_it(scene: Scene) -> None:
    values = {"plain": Value("yes"), "hidden": Value(CANARY, is_secret=True)}
    own = scene.people["own"]
    scene.do(variable_groups.create, own, "p", NewGroup("dev-vars", values), sealer=scene.sealer)
    with pytest.raises(Forbidden) as refused:
        scene.queue(WITH_GROUP)
    assert "may not use the variable group 'dev-vars'" in str(refused.value)
    group = scene.look(variable_groups.get, own, "p", "dev-vars").group
    scene.do(delivery_permissions.allow, own, variable_groups.resource_of(group), "d")
    run = scene.queue(WITH_GROUP)
    found = variables(scene, run)
    assert (found["plain"].value, found["plain"].is_secret) == ("yes", False)
    assert (found["hidden"].value, found["hidden"].is_secret) == (CANARY, True)


def test_a_group_that_is_not_there_is_refused_before_anything_runs(scene: Scene) -> None:
    with pytest.raises(Forbidden, match="no variable group 'dev-vars'"):
        scene.queue(WITH_GROUP)


def test_a_connection_whose_name_the_file_makes_is_looked_for_before_anything_runs(scene: Scene) -> None:
    text = WITH_CONNECTION.replace("{connection: aml-dev}", "{env: dev, connection: aml-$(env)}")
    with pytest.raises(Forbidden, match="no service connection 'aml-dev'"):
        scene.queue(text)


def test_a_permission_that_is_taken_away_meanwhile_ends_the_stage(scene: Scene) -> None:
    own = scene.people["own"]
    scene.check("approval")
    principals_made = scene.do(
        principals.create_service_principal, PLATFORM, "ci", credential=Credential("", "$x", scene.now)
    )
    scene.do(
        service_connections.create, own, "p",
        NewConnection("aml-dev", principal=principals_made.name, workspace="dev", is_for_all=True),
    )  # fmt: skip
    text = TWO.replace(
        "[{bash: promote}]",
        "[{task: AzureCLI@1, inputs: {azureSubscription: aml-dev, scriptLocation: inlineScript, inlineScript: x}}]",
    )
    run = scene.queue(text)
    scene.do(service_connections.update, own, "p", "aml-dev", {"is_for_all": False})
    scene.end(run)
    assert scene.stages(run)["QA"] == "Failed"
    assert "may not use the service connection 'aml-dev'" in scene.told("CheckFailed")[0]["reason"]
    reasons = {one.name: one.reason for one in scene.look(rows.stages_of, run.id)}
    assert "may not use the service connection 'aml-dev'" in reasons["QA"]


def test_a_vaults_secret_is_read_by_the_groups_own_right_and_told_once_per_run(scene: Scene) -> None:
    own = scene.people["own"]
    scene.do(vaults.create, own, "kv-dev", group="rg")
    for name in ("hidden", "plain", "unchosen"):
        scene.do(secrets.put, own, "kv-dev", name, NewSecret(f"{CANARY}-{name}"), sealer=scene.sealer)
    scene.do(
        variable_groups.create, own, "p",
        NewGroup("dev-vars", vault="kv-dev", chosen=["hidden", "plain"], is_for_all=True), sealer=scene.sealer,
    )  # fmt: skip
    run = scene.queue(WITH_GROUP)
    found = variables(scene, run)
    assert (found["hidden"].value, found["hidden"].is_secret) == (f"{CANARY}-hidden", True)
    assert "unchosen" not in found
    read = scene.told("SecretRead")
    assert sorted((one["name"], one["actor"], one["run"]) for one in read) == [
        ("hidden", "p/dev-vars", run.id),
        ("plain", "p/dev-vars", run.id),
    ]
    assert CANARY not in json.dumps([str(one) for one in scene.look(events.after, 0, limit=1000)])
    group = scene.look(variable_groups.get, own, "p", "dev-vars").group
    scene.do(vaults.delete_policy, own, "kv-dev", f"variable-group:{group.id}")
    refused = scene.queue(WITH_GROUP)
    failed = scene.look(rows.get, refused.id)
    assert (failed.result, "may not read the vault" in failed.error["message"]) == ("failed", True)


def test_whoever_may_not_read_a_vault_cannot_hand_it_on_to_a_group(scene: Scene) -> None:
    scene.do(vaults.create, scene.people["own"], "kv-dev", group="rg")
    with scene.database.write() as tx:
        roles.assign(tx, PLATFORM, role="Contributor", assignee="ann", scope="/", now=scene.now)
        ann = actor_for(tx, roles.find_principal(tx, "ann"))
    with pytest.raises(Forbidden, match="may not get secrets"):
        scene.do(variable_groups.create, ann, "p", NewGroup("g", vault="kv-dev"), sealer=scene.sealer)


def test_a_unit_gets_a_token_of_the_connections_principal_that_ends_with_it(scene: Scene) -> None:
    own = scene.people["own"]
    made = scene.do(principals.create_service_principal, PLATFORM, "ci", credential=Credential("", "$x", scene.now))
    scene.do(roles.assign, PLATFORM, role="Reader", assignee="ci", scope="/workspaces/dev")
    wanted = NewConnection("aml-dev", principal="ci", workspace="dev", is_for_all=True)
    scene.do(service_connections.create, own, "p", wanted)
    run = scene.queue(WITH_CONNECTION)
    (unit,) = scene.units(run)
    (given,) = scene.message(unit).connections
    assert (given.name, given.workspace, given.resource_group, given.client_id) == ("aml-dev", "dev", "rg", made.id)
    now = datetime.now(UTC)
    with scene.database.read() as tx:
        actor = actor_of(tx, scene.issuer.verify(given.secret, now=now))
        again = exchanged(
            tx, scene.issuer, given.secret, client_id=made.id, lasting=timedelta(hours=1), now=now
        )  # fmt: skip
        assert actor == actor_of(tx, scene.issuer.verify(again, now=now))
        with pytest.raises(Unauthenticated):
            exchanged(tx, scene.issuer, given.secret, client_id="own", lasting=timedelta(hours=1), now=now)
    assert (actor.name, actor.run, [grant.role for grant in actor.grants]) == ("ci", run.id, ["Reader"])
    assert given.secret not in repr(unit)
    scene.end(run)
    for token in (given.secret, again):
        with pytest.raises(Unauthenticated, match="has ended"), scene.database.read() as tx:
            actor_of(tx, scene.issuer.verify(token, now=now))


def test_a_connection_is_made_only_by_who_could_be_its_principal_anyway(scene: Scene) -> None:
    scene.do(principals.create_service_principal, PLATFORM, "ci", credential=Credential("", "$x", scene.now))
    wanted = NewConnection("aml-dev", principal="ci", workspace="dev")
    for who in ("ann", "rob", "eve"):
        with pytest.raises(PratiqueError, match=r"may not do service_connections/write"):
            scene.do(service_connections.create, scene.people[who], "p", wanted)
    with pytest.raises(NotFound, match="no workspace"):
        scene.do(service_connections.create, scene.people["own"], "p", replace(wanted, workspace="absent"))
    with pytest.raises(PratiqueError, match="is a user"):
        scene.do(service_connections.create, scene.people["own"], "p", replace(wanted, principal="ann"))


def test_a_connection_may_be_about_no_workspace_for_what_makes_them(scene: Scene) -> None:
    scene.do(principals.create_service_principal, PLATFORM, "ci", credential=Credential("", "$x", scene.now))
    wanted = NewConnection("infrastructure", principal="ci")
    made = scene.do(service_connections.create, scene.people["own"], "p", wanted)
    assert (made.connection.workspace, made.connection.resource_group) == ("", "")


def test_a_connection_that_is_not_there_is_refused_before_anything_runs(scene: Scene) -> None:
    with pytest.raises(Forbidden, match="no service connection 'aml-dev'"):
        scene.queue(WITH_CONNECTION.replace("$(connection)", "aml-dev"))


# --- promotion ------------------------------------------------------------------------------------------------------


def spec_of(scene: Scene, workspace: str, text: str) -> dict[str, Any]:
    """What `model create` sends, for a model with that content."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    manifest = Manifest([Entry("model.bin", digest, len(text))])
    with scene.database.write() as tx:
        holdings.hold(tx, workspace, "blob", [(digest, len(text))], now=scene.now)
        holdings.add_manifest(tx, workspace, manifest, now=scene.now)
    return {"name": "credit", "type": "mlflow_model", "path": f"upload:{manifest.digest}/model.bin"}


def register(scene: Scene, actor: Actor, workspace: str, text: str) -> AssetVersion:
    made = scene.do(versions.create, actor, workspace, "models", spec_of(scene, workspace, text))
    assert isinstance(made, AssetVersion)
    return made


@pytest.fixture
def guarded(scene: Scene) -> Scene:
    """With the workspace qa-1, which takes only what was approved."""
    scene.do(
        workspaces.create, PLATFORM, {"name": "qa-1", "tags": {"pratique.promotion": "approved-only"}}, group="rg"
    )  # fmt: skip
    return scene


def as_run(scene: Scene, run: Run) -> Actor:
    return replace(scene.people["own"], run=run.id)


def test_what_was_approved_comes_in_and_nothing_else(guarded: Scene) -> None:
    guarded.check("approval")
    run = guarded.queue(TWO)
    task = as_run(guarded, run)
    made = register(guarded, task, "dev", "trained")
    with pytest.raises(PromotionRefused, match="is not what run"):
        register(guarded, task, "qa-1", "trained")
    guarded.end(run)
    assert [one["digest"] for one in guarded.asked(run).bound["used"]] == [made.manifest]
    guarded.answer(run, "bob")
    assert register(guarded, task, "qa-1", "trained").manifest == made.manifest
    with pytest.raises(PromotionRefused) as refused:
        register(guarded, task, "qa-1", "swapped")
    with guarded.database.write() as tx:
        assert promotion.void(tx, run.id, reason=refused.value.message, now=guarded.now) == 1
    assert guarded.asked(run).state == "voided"
    assert "so that approval is void" in guarded.told("ApprovalVoided")[0]["reason"]
    with pytest.raises(PromotionRefused):
        register(guarded, task, "qa-1", "trained too late")


def test_what_another_run_was_approved_for_does_not_count(guarded: Scene) -> None:
    guarded.check("approval")
    first, second = guarded.queue(TWO), guarded.queue(TWO)
    register(guarded, as_run(guarded, first), "dev", "trained")
    for run in (first, second):
        guarded.end(run)
        guarded.answer(run, "bob")
    with pytest.raises(PromotionRefused):
        register(guarded, as_run(guarded, second), "qa-1", "trained")
    assert register(guarded, as_run(guarded, first), "qa-1", "trained").version == "1"


def test_a_person_registers_nothing_in_a_workspace_of_approved_things(guarded: Scene) -> None:
    with pytest.raises(PromotionRefused, match="takes only what an approval"):
        register(guarded, guarded.people["own"], "qa-1", "by hand")
    assert register(guarded, guarded.people["own"], "dev", "by hand").version == "1"


def deploy(scene: Scene, actor: Actor, model: str) -> OnlineDeployment:
    """Wish a deployment in qa-1."""
    spec = {"name": "blue", "model": model}
    return scene.do(deployments.write, actor, "qa-1", "credit", spec, all_traffic=False)  # type: ignore[no-any-return]


@pytest.fixture
def behind(guarded: Scene) -> Scene:
    """With an endpoint in qa-1."""
    guarded.do(endpoints.write, PLATFORM, "qa-1", {"name": "credit"}, sealer=guarded.sealer)
    return guarded


def approved(scene: Scene, text: str) -> tuple[Run, Actor, AssetVersion]:
    """A run that trained `text`, was approved, and registered it in qa-1."""
    run = scene.queue(TWO)
    task = as_run(scene, run)
    register(scene, task, "dev", text)
    scene.end(run)
    scene.answer(run, "bob")
    return run, task, register(scene, task, "qa-1", text)


@pytest.mark.parametrize("wanted", ["azureml:credit@latest", "azureml:credit", "azureml:credit@production"])
def test_a_model_without_a_version_is_the_one_that_was_approved(behind: Scene, wanted: str) -> None:
    behind.check("approval")
    first, task, mine = approved(behind, "first")
    _, _, newer = approved(behind, "second")
    made = deploy(behind, task, wanted)
    assert (made.resolved["model"]["version"], made.resolved["model"]["manifest"]) == (mine.version, mine.manifest)
    said = behind.look(deployments.frozen, task, made)
    assert f"{wanted} is credit:1" in said
    assert f"which run {first.id} has an approval for" in said
    named = deploy(behind, behind.people["own"], f"azureml:credit:{newer.version}")  # A person redeploys what is there.
    assert behind.look(deployments.frozen, behind.people["own"], named) == ""
    assert named.resolved["model"]["manifest"] == newer.manifest


def test_what_was_not_approved_is_deployed_by_no_run_and_voids_its_approval(behind: Scene) -> None:
    behind.check("approval")
    _, _, theirs = approved(behind, "theirs")
    run, task, _ = approved(behind, "mine")
    with pytest.raises(PromotionRefused, match=f"deployment credit/blue: its content {theirs.manifest:.12}") as refused:
        deploy(behind, task, f"azureml:credit:{theirs.version}")
    assert refused.value.run == run.id
    with behind.database.write() as tx:
        assert promotion.void(tx, run.id, reason=refused.value.message, now=behind.now) == 1
    with pytest.raises(PromotionRefused, match=r"\(nothing\)"):
        deploy(behind, task, "azureml:credit@latest")


def test_elsewhere_the_latest_is_the_latest(behind: Scene) -> None:
    behind.check("approval")
    _, task, _ = approved(behind, "first")
    newer = register(behind, behind.people["own"], "dev", "newer")
    behind.do(endpoints.write, PLATFORM, "dev", {"name": "credit"}, sealer=behind.sealer)
    spec = {"name": "blue", "model": "azureml:credit@latest"}
    made = behind.do(deployments.write, task, "dev", "credit", spec, all_traffic=False)
    assert made.resolved["model"]["version"] == newer.version
    assert behind.look(deployments.frozen, task, made) == ""


def test_an_approval_shows_the_candidate_beside_the_champion(guarded: Scene) -> None:
    guarded.check("approval")
    first = guarded.queue(TWO)
    register(guarded, as_run(guarded, first), "dev", "old")
    guarded.end(first)
    guarded.answer(first, "bob")
    champion = register(guarded, as_run(guarded, first), "qa-1", "old")
    second = guarded.queue(TWO)
    candidate = register(guarded, as_run(guarded, second), "dev", "new")
    with guarded.database.write() as tx:
        assets.change_version(tx, champion.id, tags={"auc": "0.8"})
        assets.change_version(tx, candidate.id, tags={"auc": "0.85", "note": "text"})
    guarded.end(second)
    (report,) = guarded.look(promotion.evaluation, second, guarded.asked(second).bound)
    assert (report["model"], report["metrics"]) == ("dev/credit:2", {"auc": 0.85})
    assert (report["champion"], report["champion_metrics"]) == ("qa-1/credit:1", {"auc": 0.8})
