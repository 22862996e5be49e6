"""A run from its queue to its end, with workers that are imagined: what is written, told, and never told."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pratique.base.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from pratique.control import deliveries, delivery_progress, delivery_runs, delivery_units
from pratique.control.actor import Actor
from pratique.control.delivery_state import inputs_of, pipeline_of, rows_of, state_of
from pratique.control.grants import actor_of
from pratique.control.unit_actors import SUBJECT, actor_of_unit
from pratique.delivery.records import JOB, Output, StepState
from pratique.delivery.run.outcomes import Result
from pratique.store import delivery_runs as rows
from pratique.store import delivery_units as unit_rows
from pratique.store.database import Database
from pratique.store.delivery_runs import Wanted

from .delivery_world import OWNER, READER, STRANGER, TWO_STAGES, World, new_world, step


@pytest.fixture
def world(database: Database, tmp_path: Path, now: datetime) -> World:
    return new_world(database, tmp_path, now)


def test_a_run_goes_from_stage_to_stage_and_hands_outputs_on(world: World) -> None:
    run = world.queue(TWO_STAGES)
    assert (run.id, run.number, run.status) == (1, "20260301.1", "notStarted")
    assert world.settle(run).status == "inProgress"
    assert world.states(run) == {"Build": "running", "Deploy": "pending"}
    build = world.units(run)["Build/make/"]
    assert [one.inputs["script"] for one in world.message(build).steps] == ["make"]
    world.end(build, made__version=Output("42"))
    world.settle(run)
    use = world.units(run)["Deploy/use/"]
    found = {one.name: one.value for one in world.message(use).variables}
    assert (found["version"], found["Build.BuildId"], found["Build.BuildNumber"]) == ("42", "1", "20260301.1")
    world.end(use)
    done = world.settle(run)
    assert (done.status, done.result) == ("completed", "succeeded")
    assert world.events()[2:] == [
        "DeliveryRunQueued",
        "DeliveryRunStarted", "DeliveryStageStarted", "DeliveryJobStarted",
        "DeliveryJobCompleted", "DeliveryStageCompleted", "DeliveryStageStarted", "DeliveryJobStarted",
        "DeliveryJobCompleted", "DeliveryStageCompleted", "DeliveryRunCompleted",
    ]  # fmt: skip


def test_a_run_that_waits_is_looked_at_by_nobody(world: World) -> None:
    run = world.queue(TWO_STAGES)
    world.settle(run)
    with world.database.read() as tx:
        assert rows.unsettled(tx, now=world.now) is None


def test_runs_of_one_name_count_their_revision(world: World) -> None:
    assert [world.queue(TWO_STAGES).number for _ in range(3)] == ["20260301.1", "20260301.2", "20260301.3"]


def test_a_counter_counts_on_from_run_to_run_and_stays_the_same_within_one(world: World) -> None:
    text = "variables:\n  n: $[counter('v', 7)]\nsteps:\n- bash: echo $(n)\n"
    for expected in ("7", "8"):
        run = world.queue(text, left_out=())
        world.settle(run)
        (unit,) = world.units(run).values()
        assert {one.name: one.value for one in world.message(unit).variables}["n"] == expected


def test_a_failed_job_skips_what_depends_on_it(world: World) -> None:
    run = world.queue(TWO_STAGES)
    world.settle(run)
    world.end(world.units(run)["Build/make/"], Result.FAILED)
    assert world.settle(run).result == "failed"
    assert world.states(run) == {"Build": "Failed", "Deploy": "Skipped"}


def test_records_that_come_again_are_taken_once(world: World) -> None:
    run = world.queue(TWO_STAGES)
    world.settle(run)
    build = world.units(run)["Build/make/"]
    begun = step(1, 0, StepState.RUNNING)
    assert world.report(build, begun) == 1
    assert world.report(build, begun, step(2, 0, StepState.COMPLETED, result=Result.SUCCEEDED)) == 1
    last = step(3, JOB, StepState.COMPLETED, result=Result.SUCCEEDED)
    assert world.report(build, last) == 1
    assert world.report(build, last) == 0
    with pytest.raises(Conflict, match="has ended"):
        world.report(build, step(4, 0, StepState.RUNNING))


def test_a_message_is_gone_once_its_worker_began(world: World) -> None:
    run = world.queue(TWO_STAGES)
    world.settle(run)
    build = world.units(run)["Build/make/"]
    assert world.message(build) == world.message(build)
    world.report(build, step(1, JOB, StepState.RUNNING))
    with pytest.raises(Conflict, match="one attempt has one worker"):
        world.message(build)


def test_a_worker_sees_its_own_unit_alone(world: World) -> None:
    text = "jobs:\n- job: a\n  steps: [{bash: a}]\n- job: b\n  steps: [{bash: b}]\n"
    run = world.queue(text)
    world.settle(run)
    first, second = world.units(run).values()
    with world.database.read() as tx, pytest.raises(NotFound):
        delivery_units.message(tx, world.worker(first), run.id, second.id, world.sealer)
    with world.database.read() as tx, pytest.raises(Unauthenticated):
        actor_of_unit(tx, SUBJECT + "nobody")


def test_a_secret_output_is_in_no_row_and_no_event_and_reaches_the_next_job(world: World) -> None:
    run = world.queue(TWO_STAGES)
    world.settle(run)
    world.end(world.units(run)["Build/make/"], made__version=Output("canary-secret-9", is_secret=True))
    world.settle(run)
    assert b"canary-secret-9" not in b"".join(path.read_bytes() for path in files_of(world.database))
    message = world.message(world.units(run)["Deploy/use/"])
    assert {one.name: one.value for one in message.variables}["version"] == "canary-secret-9"
    assert "canary-secret-9" in message.masked


def files_of(database: Database) -> list[Path]:
    path = Path(str(database.url.database))
    return [one for one in path.parent.glob(f"{path.name}*") if one.is_file()]


def test_a_cancel_ends_what_waits_and_lets_what_always_runs_run(world: World) -> None:
    text = TWO_STAGES + "- stage: Clean\n  condition: always()\n  jobs:\n  - job: up\n    steps: [{bash: clean}]\n"
    run = world.queue(text)
    world.settle(run)
    build = world.units(run)["Build/make/"]
    with world.database.write() as tx:
        assert delivery_runs.cancel(tx, OWNER, run.id, now=world.now).status == "cancelling"
        delivery_runs.cancel(tx, OWNER, run.id, now=world.now)
    with world.database.read() as tx:
        assert delivery_units.here(tx, world.worker(build), run.id, build.id).unit.cancel_requested_at is not None
    world.end(build, Result.CANCELED)
    world.settle(run)
    clean = world.units(run)["Clean/up/"]
    assert clean.cancel_requested_at is None
    world.end(clean)
    assert world.settle(run).result == "canceled"
    assert world.states(run) == {"Build": "Canceled", "Deploy": "Skipped", "Clean": "Succeeded"}
    with world.database.write() as tx, pytest.raises(Conflict, match="cannot be cancelled"):
        delivery_runs.cancel(tx, OWNER, run.id, now=world.now)


def test_a_cancel_between_look_and_write_voids_what_was_decided(world: World) -> None:
    run = world.queue(TWO_STAGES)
    with world.database.write() as tx:
        claimed = rows.claim(tx, run.id, now=world.now, lasting=timedelta(minutes=1))
        assert claimed is not None
        known = rows_of(tx, claimed[0])
    inputs = inputs_of(run, {}, count=lambda _prefix, seed: seed)
    found = delivery_progress.outlook(pipeline_of(run.text, run.path), state_of(known, world.sealer), inputs)
    with world.database.write() as tx:
        delivery_runs.cancel(tx, OWNER, run.id, now=world.now)
    with world.database.write() as tx:
        written = delivery_progress.write(
            tx, claimed[1], known, found, world.sealer, issuer=world.issuer, tenant="t", now=world.now
        )
    assert written is not None
    assert written.goes_on
    assert world.settle(run).result == "canceled"
    assert world.units(run) == {}


def test_who_lost_the_lease_writes_nothing(world: World) -> None:
    run = world.queue(TWO_STAGES)
    with world.database.write() as tx:
        claimed = rows.claim(tx, run.id, now=world.now, lasting=timedelta(minutes=1))
        assert claimed is not None
        known = rows_of(tx, claimed[0])
        rows.free_all(tx)
    inputs = inputs_of(run, {}, count=lambda _prefix, seed: seed)
    found = delivery_progress.outlook(pipeline_of(run.text, run.path), state_of(known, world.sealer), inputs)
    with world.database.write() as tx:
        written = delivery_progress.write(
            tx, claimed[1], known, found, world.sealer, issuer=world.issuer, tenant="t", now=world.now
        )
    assert written is None
    assert world.run(run).status == "notStarted"


def test_a_worker_that_died_fails_its_unit_with_the_reason(world: World) -> None:
    run = world.queue(TWO_STAGES)
    world.settle(run)
    build = world.units(run)["Build/make/"]
    world.report(build, step(1, 0, StepState.RUNNING))
    with world.database.write() as tx:
        ended = delivery_units.fail(tx, build.id, Result.FAILED, "its worker was killed", now=world.now)
        assert ended is not None
        assert delivery_units.fail(tx, build.id, Result.FAILED, "again", now=world.now) is None
    assert world.settle(run).result == "failed"
    with world.database.read() as tx:
        (left,) = unit_rows.steps_of(tx, [build.id])
    assert (left.state, left.result, left.record["reason"]) == ("completed", "Failed", "its worker was killed")


def test_steps_tag_and_name_their_run(world: World) -> None:
    run = world.queue(TWO_STAGES)
    world.settle(run)
    build = world.units(run)["Build/make/"]
    world.report(build, step(1, 0, StepState.RUNNING, tags=("blue",), build_number="v1"))
    with world.database.write() as tx:
        delivery_runs.tag(tx, OWNER, run.id, add=["green", "BLUE"], now=world.now)
        delivery_runs.tag(tx, OWNER, run.id, remove=["Blue"], now=world.now)
    found = world.run(run)
    assert (list(found.tags), found.number, found.system["Build.BuildNumber"]) == (["green"], "v1", "v1")


def test_a_stage_that_waits_for_a_person_begins_when_somebody_starts_it(world: World) -> None:
    text = "stages:\n- stage: A\n  trigger: manual\n  jobs:\n  - job: j\n    steps: [{bash: a}]\n"
    run = world.queue(text)
    world.settle(run)
    assert world.states(run) == {"A": "waiting"}
    assert world.units(run) == {}
    with world.database.write() as tx:
        delivery_runs.trigger(tx, OWNER, run.id, "a", now=world.now)
    world.settle(run)
    assert world.states(run) == {"A": "running"}


def test_stages_are_left_out_where_that_is_wished(world: World) -> None:
    run = world.queue(TWO_STAGES, left_out=("Build",))
    world.settle(run)
    assert world.states(run) == {"Build": "Skipped", "Deploy": "running"}
    with pytest.raises(InvalidInput, match="there is no stage 'Biuld'"):
        world.queue(TWO_STAGES, left_out=("Biuld",))


def test_an_artifact_has_one_name_in_its_run(world: World) -> None:
    run = world.queue(TWO_STAGES)
    world.settle(run)
    worker = world.worker(world.units(run)["Build/make/"])
    with world.database.write() as tx, pytest.raises(NotFound, match="holds no manifest"):
        delivery_units.add_artifact(tx, worker, run.id, "drop", "0" * 64, now=world.now)
    for name, expected in (("a/b", InvalidInput), ("", InvalidInput)):
        with world.database.write() as tx, pytest.raises(expected):
            delivery_units.add_artifact(tx, worker, run.id, name, "0" * 64, now=world.now)


def test_the_access_token_reads_its_run_and_its_repositories_and_nothing_else(world: World) -> None:
    run = world.queue(TWO_STAGES)
    with world.database.write() as tx:
        rows.change(tx, run.id, sources=[{"alias": "self", "type": "git", "name": "own", "commit": "c0ffee"}])
    world.settle(run)
    other = world.queue(TWO_STAGES)
    (unit,) = world.units(run).values()
    token = world.message(unit).access_token
    assert token in world.message(unit).secrets()

    def actor() -> Actor:
        with world.database.read() as tx:
            return actor_of(tx, world.issuer.verify(token, now=world.now))

    assert {(one.role, one.scope) for one in actor().grants} == {
        ("Checkout", "/delivery/credit/repositories/own"), ("Run reader", f"/delivery/credit/runs/{run.id}"),
    }  # fmt: skip
    with world.database.write() as tx:
        assert delivery_runs.get(tx, actor(), run.id).id == run.id
        assert delivery_units.artifacts(tx, actor(), run.id) == []
        for verb in (delivery_runs.get, delivery_units.artifacts):
            with pytest.raises(NotFound):
                verb(tx, actor(), other.id)
        with pytest.raises(NotFound):
            delivery_units.message(tx, actor(), run.id, unit.id, world.sealer)
        with pytest.raises(NotFound):
            delivery_units.add_artifact(tx, actor(), run.id, "drop", "0" * 64, now=world.now)
        with pytest.raises(Forbidden):
            delivery_runs.cancel(tx, actor(), run.id, now=world.now)
        with pytest.raises(NotFound):
            delivery_runs.newest(tx, actor(), Wanted("credit"), limit=10)
    world.end(unit)
    with pytest.raises(Unauthenticated, match="has ended"):
        actor()


def test_who_may_not_sees_no_run(world: World) -> None:
    run = world.queue(TWO_STAGES)
    with world.database.write() as tx:
        assert delivery_runs.get(tx, READER, run.id).id == run.id
        for verb in (delivery_runs.cancel, delivery_runs.tag):
            with pytest.raises(Forbidden):
                verb(tx, READER, run.id, now=world.now)
        for ask in (delivery_runs.get, delivery_runs.cancel):
            with pytest.raises(NotFound):
                ask(tx, STRANGER, run.id, **({"now": world.now} if ask is delivery_runs.cancel else {}))
        with pytest.raises(NotFound):
            delivery_runs.newest(tx, STRANGER, Wanted("credit"), limit=10)


@pytest.mark.parametrize("name", ["", " a", "a/b", "12", "x" * 256, "a\nb"])
def test_what_can_name_no_pipeline_is_refused(world: World, name: str) -> None:
    wished: Mapping[str, str] = {"name": name, "repository": "r", "repository_type": "git", "path": "p.yml"}
    with world.database.write() as tx, pytest.raises(InvalidInput):
        deliveries.create(tx, OWNER, "credit", wished, now=world.now)


def test_a_pipeline_is_there_once_and_goes_with_its_runs(world: World) -> None:
    wished = {"name": "train", "repository": "r", "repository_type": "git", "path": "p.yml"}
    with world.database.write() as tx, pytest.raises(AlreadyExists):
        deliveries.create(tx, OWNER, "credit", wished, now=world.now)
    run = world.queue(TWO_STAGES)
    with world.database.write() as tx, pytest.raises(Conflict, match="has not ended"):
        deliveries.delete(tx, OWNER, "credit", "train", now=world.now)
    with world.database.write() as tx:
        delivery_runs.cancel(tx, OWNER, run.id, now=world.now)
    world.settle(run)
    with world.database.write() as tx:
        deliveries.delete(tx, OWNER, "credit", "train", now=world.now)
        assert rows.get(tx, run.id) is None


def test_a_queued_message_is_sealed(world: World) -> None:
    run = world.queue(TWO_STAGES, variables={"word": "xyzzy-plain"})
    world.settle(run)
    (unit,) = world.units(run).values()
    assert unit.message is not None
    with pytest.raises(ValueError, match=r".*"):
        json.loads(unit.message)
