"""Stages that wait for a person: who may answer, what the answer is for, and what changes it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pratique.base.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
)
from pratique.control import (
    approvals,
    checks,
    delivery_runs,
    principal_groups,
    stage_environments,
)
from pratique.store import asked_checks, delivery_units, events, run_uses
from pratique.store import delivery_runs as rows
from pratique.store.run_uses import Use

from .conftest import ONE, TWO, Scene


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
