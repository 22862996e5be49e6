"""What a run downloads: artifacts of the runs of other pipelines, and of which of them."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import Conflict, InvalidInput, NotFound
from pratique.control import deliveries, delivery_units, projects
from pratique.delivery.message import PipelineRun
from pratique.delivery.origins import Origin
from pratique.store import delivery_runs as rows
from pratique.store import projects as project_rows
from pratique.store.database import Database
from pratique.store.delivery_runs import Run

from .delivery_world import OWNER, READER, TWO_STAGES, World, new_world


@pytest.fixture
def world(database: Database, tmp_path: Path, now: datetime) -> World:
    return new_world(database, tmp_path, now)


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
