"""Stages that wait for no person: branches, locks, the model gate and checks by REST."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from pratique.base.errors import (
    NotFound,
    Unavailable,
)
from pratique.base.settings import Settings
from pratique.control import (
    approvals,
    checks,
    delivery_runs,
    workspaces,
)
from pratique.control.actor import PLATFORM
from pratique.delivery.run.outcomes import Result
from pratique.engine.delivery_runs import RunSettler
from pratique.store import asked_checks, assets, run_uses
from pratique.store import delivery_runs as rows
from pratique.store.assets import Asset, AssetVersion
from pratique.store.delivery_runs import Run
from pratique.store.run_uses import Use

from .conftest import ONE, TWO, Scene, answering


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
