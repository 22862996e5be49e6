"""A run from its queue to its end, with workers that are imagined: what is written, told, and never told."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from pratique.control import deliveries, delivery_progress, delivery_runs, delivery_units, projects
from pratique.control.actor import Actor, Grant
from pratique.control.delivery_progress import Written
from pratique.control.delivery_runs import Request
from pratique.control.delivery_state import inputs_of, pipeline_of, remembering, rows_of, state_of
from pratique.control.grants import actor_of
from pratique.control.tokens import Issuer
from pratique.control.unit_actors import SUBJECT, actor_of_unit
from pratique.delivery.compile import compiled
from pratique.delivery.message import JobMessage, PipelineRun
from pratique.delivery.origins import Origin
from pratique.delivery.records import JOB, Output, Record, StepState
from pratique.delivery.run.outcomes import Result
from pratique.store import counters, events
from pratique.store import delivery_runs as rows
from pratique.store import delivery_units as unit_rows
from pratique.store import projects as project_rows
from pratique.store.database import Database
from pratique.store.deliveries import Delivery
from pratique.store.delivery_runs import Run, Wanted
from pratique.store.delivery_units import UnitRow
from pratique.store.sealing import Sealer

OWNER = Actor("1", "ann", "user", (Grant("Owner", "/"),))
READER = Actor("2", "rob", "user", (Grant("Reader", "/delivery/credit"),))
STRANGER = Actor("3", "eve", "user", (Grant("Contributor", "/delivery/other"),))

TWO_STAGES = """
name: $(Date:yyyyMMdd).$(Rev:r)
stages:
- stage: Build
  jobs:
  - job: make
    steps:
    - bash: make
      name: made
- stage: Deploy
  variables:
    version: $[ stageDependencies.Build.make.outputs['made.version'] ]
  jobs:
  - job: use
    steps:
    - bash: use $(version)
"""


@dataclass
class World:
    """One project with one delivery, and somebody who settles its runs by hand."""

    database: Database
    sealer: Sealer
    issuer: Issuer
    now: datetime
    delivery: Delivery

    def queue(self, text: str, **wished: Any) -> Run:
        request = Request(self.delivery, "azure-pipelines.yml", "refs/heads/main", "", [], **wished)
        found = compiled(lambda _repository, _path: text, request.path, parameters=request.parameters)
        known = delivery_runs.known_variables(request, OWNER, door="http://127.0.0.1:7070")
        with self.database.write() as tx:
            return delivery_runs.queue(tx, OWNER, request, found, known=known, now=self.now)

    def settle(self, run: Run) -> Run:
        """Until nothing more follows."""
        while (written := self.settle_once()) is not None:
            assert written.run.id == run.id
        return self.run(run)

    def settle_once(self) -> Written | None:
        with self.database.write() as tx:
            wanted = rows.unsettled(tx, now=self.now)
            claimed = rows.claim(tx, wanted, now=self.now, lasting=timedelta(minutes=1)) if wanted else None
            if claimed is None:
                return None
            run, lease = claimed
            known = rows_of(tx, run)

        def count(prefix: str, seed: int) -> int:
            with self.database.write() as tx:
                number = counters.next_number(tx, counters.counter_scope(run.delivery), prefix, first=seed)
                rows.remember_count(tx, run.id, prefix, number)
            return number

        inputs = inputs_of(run, {}, count=remembering(run.counted, count))
        found = delivery_progress.outlook(pipeline_of(run.text, run.path), state_of(known, self.sealer), inputs)
        with self.database.write() as tx:
            return delivery_progress.write(
                tx, lease, known, found, self.sealer, issuer=self.issuer, tenant="t", now=self.now
            )

    def run(self, run: Run) -> Run:
        with self.database.read() as tx:
            found = rows.get(tx, run.id)
        assert found is not None
        return found

    def units(self, run: Run) -> dict[str, UnitRow]:
        with self.database.read() as tx:
            return {unit.key: unit for unit in unit_rows.of_run(tx, run.id)}

    def states(self, run: Run) -> dict[str, str]:
        with self.database.read() as tx:
            return {stage.name: stage.result or stage.state for stage in rows.stages_of(tx, run.id)}

    def worker(self, unit: UnitRow) -> Actor:
        with self.database.read() as tx:
            return actor_of_unit(tx, SUBJECT + unit.id)

    def message(self, unit: UnitRow) -> JobMessage:
        actor = self.worker(unit)
        with self.database.read() as tx:
            return delivery_units.message(tx, actor, unit.run, unit.id, self.sealer)

    def report(self, unit: UnitRow, *records: Record) -> int:
        actor = self.worker(unit)
        with self.database.write() as tx:
            taken = delivery_units.take(tx, actor, unit.run, unit.id, records, self.sealer, now=self.now)
        return len(taken.records)

    def end(self, unit: UnitRow, result: Result = Result.SUCCEEDED, **outputs: Output) -> None:
        """What a worker reports that had one step."""
        named = {name.replace("__", "."): output for name, output in outputs.items()}
        self.report(
            unit,
            step(1, 0, StepState.RUNNING),
            step(2, 0, StepState.COMPLETED, result=result, outputs=named),
            step(3, JOB, StepState.COMPLETED, result=result),
        )

    def events(self) -> list[str]:
        with self.database.read() as tx:
            return [event.type.removeprefix("Pratique.") for event in events.after(tx, 0, limit=1000)]


def step(sequence: int, number: int, state: StepState, **said: Any) -> Record:
    return Record(sequence, number, f"step {number}", state, **said)


@pytest.fixture
def world(database: Database, tmp_path: Path, now: datetime) -> World:
    with database.write() as tx:
        projects.create(tx, OWNER, "credit", now=now)
        wished = {"name": "train", "repository": "/src", "repository_type": "folder", "path": "azure-pipelines.yml"}
        delivery = deliveries.create(tx, OWNER, "credit", wished, now=now)
    (tmp_path / "keys").mkdir()
    return World(database, Sealer(tmp_path / "seal"), Issuer(tmp_path / "keys", "http://here"), now, delivery)


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


READS = """
resources:
  pipelines:
  - {pipeline: up, source: train%s}
jobs:
- job: use
  steps: [{download: up}]
"""


def completed(world: World, *, branch: str = "refs/heads/main", result: str = "succeeded", tags: str = "") -> Run:
    """A run of the delivery that has ended."""
    run = world.queue(TWO_STAGES)
    with world.database.write() as tx:
        rows.change(
            tx, run.id, status="completed", result=result, branch=branch, tags=tags.split(), settled=run.revision
        )
    return world.run(run)


@pytest.mark.parametrize(
    ("wish", "expected"),
    [("", 3), (", branch: main", 1), (", tags: [GOOD]", 2), (", version: '{0}'", 1), (", project: credit", 3)],
)
def test_a_pipeline_resource_is_the_newest_run_that_succeeded_and_fits(world: World, wish: str, expected: int) -> None:
    runs = {
        1: completed(world),
        2: completed(world, branch="refs/heads/x", tags="good"),
        3: completed(world, branch="refs/heads/x"),
        4: completed(world, result="failed"),
    }
    run = world.queue(READS % wish.format(runs[1].number))
    assert run.system["resources.pipeline.up.runName"] == runs[expected].number
    completed(world)  # What comes later changes nothing of what was decided.
    world.settle(run)
    (unit,) = world.units(run).values()
    assert world.message(unit).pipelines == (PipelineRun("up", runs[expected].id, "train", "credit"),)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ("", "the pipeline train has no run that succeeded$"),
        (", branch: main, tags: [a, b]", "no run that succeeded with branch main and tags a, b"),
        (", project: other", "a run reads artifacts of its own project credit alone"),
    ],
)
def test_a_run_whose_pipeline_resource_has_no_run_is_not_queued(world: World, wish: str, said: str) -> None:
    completed(world, result="failed")
    with pytest.raises(InvalidInput, match=said):
        world.queue(READS % wish)
    with pytest.raises(InvalidInput, match="there is no pipeline absent in project credit"):
        world.queue((READS % "").replace("source: train", "source: absent"))


ELSEWHERE = """
jobs:
- job: use
  steps:
  - task: DownloadPipelineArtifact@2
    inputs: {buildType: specific, project: %s, pipeline: train}
"""


def came_from(world: World, at: Run, **wish: Any) -> int:
    """The run that a download of a unit of the run `at` takes artifacts from."""
    world.settle(at)
    (unit,) = world.units(at).values()
    wanted = Origin(**{"project": "credit", "pipeline": "train", **wish})
    with world.database.read() as tx:
        return delivery_units.origin(tx, world.worker(unit), at.id, unit.id, wanted).run


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({}, 3),
        ({"project": "CREDIT", "version": "Latest"}, 3),
        ({"version": "latestFromBranch", "branch": "refs/heads/main"}, 1),
        ({"version": "latestFromBranch", "branch": "x"}, 3),
        ({"tags": ("GOOD",)}, 2),
        ({"allows_partial": True}, 4),
        ({"allows_partial": True, "allows_failed": True}, 5),
        ({"version": "specific", "run": "5"}, 5),
        ({"prefers_triggering": True}, 3),
    ],
)
def test_a_download_asks_for_a_run_of_another_pipeline(world: World, wish: Mapping[str, Any], expected: int) -> None:
    completed(world)
    completed(world, branch="refs/heads/x", tags="good")
    completed(world, branch="refs/heads/x")
    completed(world, result="partiallySucceeded")
    completed(world, result="failed")
    run = world.queue(ELSEWHERE % "credit")
    assert came_from(world, run, **wish) == expected
    assert came_from(world, run, **{**wish, "pipeline": str(world.delivery.id)}) == expected, "by its id as well"
    with world.database.read() as tx:
        project = project_rows.get(tx, "credit")
    assert project is not None
    assert came_from(world, run, **{**wish, "project": project.id}) == expected, "as $(System.TeamProjectId) says it"


def test_the_run_that_triggered_goes_before_the_newest_where_that_is_preferred(world: World) -> None:
    first, newer = completed(world), completed(world)
    run = world.queue(ELSEWHERE % "credit")
    told = {"Build.TriggeredBy.BuildId": str(first.id), "Build.TriggeredBy.DefinitionId": str(world.delivery.id)}
    with world.database.write() as tx:
        rows.change(tx, run.id, system={**run.system, **told})
    assert came_from(world, run, prefers_triggering=True) == first.id
    assert came_from(world, run) == newer.id


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"project": "other"}, "of project 'other', and a run reads artifacts of its own project 'credit' alone"),
        ({"pipeline": "absent"}, "there is no pipeline 'absent' in project 'credit'"),
        ({}, "the pipeline 'train' has no run that succeeded$"),
        ({"version": "latestFromBranch", "branch": "main", "tags": ("a", "b")}, "of branch main with the tags a, b"),
        ({"version": "specific", "run": "1"}, "the pipeline 'train' has no run 1$"),
        ({"version": "specific", "run": "9" * 40}, "has no run 9{32}$"),
        ({"version": "specific"}, "pipelineId is empty"),
        ({"version": "oldest"}, "expected one of latest, latestFromBranch, specific; got 'oldest'"),
    ],
)
def test_a_download_that_fits_no_run_says_why(world: World, wish: Mapping[str, Any], said: str) -> None:
    with world.database.write() as tx:
        projects.create(tx, OWNER, "other", now=world.now)
        elsewhere = {"name": "train", "repository": "/src", "repository_type": "folder", "path": "a.yml"}
        own, world.delivery = world.delivery, deliveries.create(tx, OWNER, "other", elsewhere, now=world.now)
    assert completed(world).id == 1, "a run of another project, and of a pipeline of the same name"
    world.delivery = own
    run = world.queue(ELSEWHERE % "$(System.TeamProject)")
    with pytest.raises((InvalidInput, NotFound), match=said):
        came_from(world, run, **wish)


def test_a_run_that_downloads_from_another_project_is_not_queued(world: World) -> None:
    with pytest.raises(InvalidInput, match="1 problem") as refused:
        world.queue(ELSEWHERE % "elsewhere")
    assert "its own project 'credit' alone" in refused.value.problems[0].message
    assert refused.value.problems[0].key == "azure-pipelines.yml:5"


def test_nobody_but_its_worker_asks_where_a_unit_downloads_from(world: World) -> None:
    completed(world)
    run = world.queue(ELSEWHERE % "credit")
    world.settle(run)
    (unit,) = world.units(run).values()
    worker = world.worker(unit)
    for actor in (OWNER, READER):
        with world.database.read() as tx, pytest.raises(NotFound):
            delivery_units.origin(tx, actor, run.id, unit.id, Origin("credit", "train"))
    world.end(unit)
    with world.database.read() as tx, pytest.raises(Conflict, match="has ended"):
        delivery_units.origin(tx, worker, run.id, unit.id, Origin("credit", "train"))


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
