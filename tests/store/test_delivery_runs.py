"""Runs, units and steps mean the same on both databases; who is first gets a run, a number, a unit."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from pratique.store import counters, deliveries, delivery_runs, delivery_units, holdings, projects, reach
from pratique.store.database import Database
from pratique.store.deliveries import Delivery
from pratique.store.delivery_runs import Artifact, JobRow, Run, StageRow, Wanted
from pratique.store.delivery_units import StepRow, UnitRow
from pratique.store.projects import Project

LASTING = timedelta(minutes=1)


def run_of(number: int, now: datetime, **values: Any) -> Run:
    facts: Mapping[str, Any] = {
        "id": number, "delivery": 1, "project": "credit", "number": f"2026.{number}", "reason": "Manual",
        "path": "p.yml", "branch": "refs/heads/main", "version": "", "sources": [], "parameters": {}, "variables": {},
        "left_out": [], "text": "steps: []", "system": {}, "counted": {}, "status": "notStarted", "result": None,
        "cancel_requested": False, "canceled_by": None, "tags": [], "warnings": [], "appends_message": True,
        "error": None, "revision": 1, "settled": 0, "created_at": now, "started_at": None, "ended_at": None,
        "created_by": {},
    }  # fmt: skip
    return Run(**{**facts, **values})


def unit_of(run: int, now: datetime, name: str = "", **values: Any) -> UnitRow:
    unit = UnitRow(f"u{run}{name}", run, "A", "j", name, 1, "queued", None, "", 0, "sealed", {}, None, 60, 5, None, now)
    return replace(unit, **values)


@pytest.fixture
def filled(database: Database, now: datetime) -> Database:
    """A project with one delivery and two runs of one stage."""
    with database.write() as tx:
        projects.add(tx, Project("p", "credit", "", now, {}))
        deliveries.add(
            tx,
            Delivery(
                1, "credit", "train", "", "\\", "r", "git", "refs/heads/main", "p.yml", {}, "enabled", now, now, {}
            ),
        )
        for number in (1, 2):
            at = now + timedelta(seconds=number)
            job = JobRow(number, "A", "j", 0, "j", expected=[])
            delivery_runs.add(tx, run_of(number, at), [StageRow(number, "A", 0, "A")], [job])
    return database


def test_a_run_is_claimed_once_oldest_first_and_rests_once_it_is_settled(filled: Database, now: datetime) -> None:
    later = now + timedelta(seconds=10)
    with filled.write() as tx:
        assert delivery_runs.unsettled(tx, now=later) == 1
        claimed = delivery_runs.claim(tx, 1, now=later, lasting=LASTING)
        assert claimed is not None
        assert delivery_runs.claim(tx, 1, now=later, lasting=LASTING) is None
        assert delivery_runs.unsettled(tx, now=later) == 2
        run, lease = claimed
        assert delivery_runs.release(tx, lease, settled=run.revision, status="inProgress")
        assert not delivery_runs.release(tx, lease, status="completed")
        assert delivery_runs.claim(tx, 1, now=later, lasting=LASTING) is None
        delivery_runs.touch(tx, 1)
        assert delivery_runs.unsettled(tx, now=later) == 1


def test_a_lease_that_is_over_is_anybodys(filled: Database, now: datetime) -> None:
    with filled.write() as tx:
        first = delivery_runs.claim(tx, 1, now=now, lasting=LASTING)
        second = delivery_runs.claim(tx, 1, now=now + 2 * LASTING, lasting=LASTING)
        assert first is not None
        assert second is not None
        assert not delivery_runs.release(tx, first[1], settled=1)
        assert delivery_runs.release(tx, second[1], settled=1)


def test_lists_choose_by_what_was_asked(filled: Database) -> None:
    with filled.write() as tx:
        delivery_runs.change(tx, 2, status="completed", result="failed")
    with filled.read() as tx:
        every = delivery_runs.newest(tx, Wanted("credit"), limit=10)
        assert [run.id for run in every] == [2, 1]
        assert [run.id for run in delivery_runs.newest(tx, Wanted("credit", results=["failed"]), limit=10)] == [2]
        assert delivery_runs.newest(tx, Wanted("credit", deliveries=[7]), limit=10) == []
        assert delivery_runs.newest(tx, Wanted("other"), limit=10) == []
        assert delivery_runs.unfinished_of(tx, 1) == [1]


def test_numbers_rise_by_scope_and_prefix_however_long(database: Database) -> None:
    with database.write() as tx:
        assert [counters.next_number(tx, "a", "x", first=5) for _ in range(3)] == [5, 6, 7]
        assert counters.next_number(tx, "a", "y") == 1
        assert counters.next_number(tx, "b", "x") == 1
        assert [counters.next_number(tx, "a", "ä" * 1000) for _ in range(2)] == [1, 2]


def test_what_counter_gave_is_remembered_beside_what_it_gave_before(filled: Database) -> None:
    with filled.write() as tx:
        delivery_runs.remember_count(tx, 1, "a", 3)
        delivery_runs.remember_count(tx, 1, "b", 4)
        found = delivery_runs.get(tx, 1)
    assert found is not None
    assert found.counted == {"a": 3, "b": 4}


def test_a_unit_is_started_once_and_a_cancel_reaches_what_has_not_ended(filled: Database, now: datetime) -> None:
    with filled.write() as tx:
        units = [unit_of(1, now), unit_of(1, now, "b"), unit_of(1, now, "c", state="completed", result="Succeeded")]
        delivery_units.add(tx, units)
        assert delivery_units.start(tx, "u1", now=now)
        assert not delivery_units.start(tx, "u1", now=now)
        delivery_units.cancel(tx, 1, now=now)
        found = {unit.id: unit for unit in delivery_units.of_run(tx, 1)}
        assert [found[key].cancel_requested_at for key in ("u1", "u1b", "u1c")] == [now, now, None]
        assert [unit.id for unit in delivery_units.unfinished(tx)] == ["u1", "u1b"]
    with pytest.raises(IntegrityError), filled.write() as tx:
        delivery_units.add(tx, [unit_of(1, now, id="another")])


def test_what_was_said_of_a_step_last_is_kept(filled: Database, now: datetime) -> None:
    with filled.write() as tx:
        delivery_units.add(tx, [unit_of(1, now)])
        delivery_units.put_steps(tx, [StepRow("u1", 1, "b", "running", None), StepRow("u1", 0, "a", "running", None)])
        delivery_units.put_steps(tx, [StepRow("u1", 0, "a", "completed", "Succeeded", {"x": 1}, now, now)])
        found = delivery_units.steps_of(tx, ["u1"])
    assert [(step.number, step.state, step.record) for step in found] == [
        (0, "completed", {"x": 1}),
        (1, "running", {}),
    ]


def test_a_delivery_takes_everything_of_its_runs_along(filled: Database, now: datetime) -> None:
    with filled.write() as tx:
        delivery_units.add(tx, [unit_of(1, now)])
        delivery_units.put_steps(tx, [StepRow("u1", 0, "a", "running", None)])
        delivery_runs.put_artifact(tx, Artifact(1, "drop", "PipelineArtifact", "a" * 64, "u1", now))
        deliveries.remove(tx, 1)
        assert delivery_runs.get(tx, 1) is None
        assert delivery_units.get(tx, "u1") is None
        assert delivery_runs.stages_of(tx, 1) == []
        assert delivery_runs.artifacts_of(tx, 1) == []


def test_what_an_artifact_or_a_source_names_is_kept(filled: Database, now: datetime) -> None:
    artifact, source = "a" * 64, "b" * 64
    holder = projects.holder_of("credit")
    with filled.write() as tx:
        holdings.hold(tx, holder, "blob", [(artifact, 1), (source, 1), ("c" * 64, 1)], now=now)
        delivery_runs.put_artifact(tx, Artifact(1, "drop", "PipelineArtifact", artifact, "u1", now))
        delivery_runs.change(tx, 1, sources=[{"manifest": source}])
        living = reach.unreached(tx, before=now + timedelta(days=9)).living
    assert living >= {artifact, source}
    assert "c" * 64 not in living


def test_a_project_takes_its_holdings_along(filled: Database, now: datetime) -> None:
    with filled.write() as tx:
        holdings.hold(tx, projects.holder_of("credit"), "blob", [("a" * 64, 1)], now=now)
        projects.remove(tx, "credit")
        assert holdings.held(tx, projects.holder_of("credit"), "blob", ["a" * 64]) == set()
        assert deliveries.by_id(tx, 1) is None
