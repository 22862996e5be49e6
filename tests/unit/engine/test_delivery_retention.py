"""What runs of pipelines leave behind goes by age and count, and never what somebody approved."""

from datetime import UTC, datetime, timedelta

import pytest

from pratique.base.home import Home
from pratique.control import approvals
from pratique.engine.delivery_retention import DeliveryRetention
from pratique.store import delivery_runs as rows
from pratique.store.delivery_runs import Artifact, Run

from .conftest import Scene

PLAIN = "jobs: [{job: j, steps: [{bash: make}]}]"


def kept(scene: Scene, run: Run, *, days_ago: float, result: str = "failed") -> None:
    """The run ended so many days ago, with an artifact, a working tree and a log."""
    with scene.database.write() as tx:
        ended = datetime.now(UTC) - timedelta(days=days_ago)
        sources = [{"alias": "self", "name": "tree", "type": "snapshot", "manifest": "a" * 64}]
        rows.change(tx, run.id, status="completed", result=result, ended_at=ended, sources=sources)
        rows.put_artifact(tx, Artifact(run.id, "drop", "PipelineArtifact", "b" * 64, "unit", ended))
    folder = scene.home.delivery_run(run.id) / "a-unit" / "steps"
    folder.mkdir(parents=True)
    (folder / "0.log").write_text("what it said")


def retention(scene: Scene, *, days: int = 30, count: int = 0) -> DeliveryRetention:
    return DeliveryRetention(scene.home, scene.database, now=datetime.now(UTC), days=days, count=count)


def would_go(found: DeliveryRetention) -> list[int]:
    return [int(one.name.split()[1]) for one in found.runs()]


def test_what_is_old_goes_but_for_the_newest_and_its_row_stays(scene: Scene) -> None:
    old, older_but_newer, young, _ = (scene.queue(PLAIN) for _ in range(4))
    kept(scene, old, days_ago=40)
    kept(scene, older_but_newer, days_ago=50)
    kept(scene, young, days_ago=3)
    assert would_go(retention(scene)) == [old.id, older_but_newer.id]
    assert would_go(retention(scene, count=3)) == [old.id], "the newest three of the pipeline stay"
    assert would_go(retention(scene, count=4)) == []
    assert would_go(retention(scene, days=0)) == [], "for good"
    (leftover,) = retention(scene, count=3).runs()
    assert leftover.size == len("what it said")
    assert leftover.remove()
    assert would_go(retention(scene, count=3)) == [], "once"
    with scene.database.read() as tx:
        assert rows.artifacts_of(tx, old.id) == []
        known = rows.get(tx, old.id)
        assert known is not None
        assert (known.result, [*known.sources]) == ("failed", [{"alias": "self", "name": "tree", "type": "snapshot"}])
        assert len(rows.artifacts_of(tx, young.id)) == 1
    folder = Home(scene.home.root).delivery_run(old.id)
    assert [path.name for path in folder.iterdir()] == ["stream.log"]
    assert "removed by pratique prune" in (folder / "stream.log").read_text()


@pytest.mark.parametrize("approves", [True, False])
def test_what_somebody_answered_an_approval_for_stays(scene: Scene, approves: bool) -> None:
    scene.check("approval")
    answered, ignored = scene.queue(), scene.queue()
    with scene.database.write() as tx:
        approvals.decide(tx, scene.people["bob"], scene.asked(answered).id, approves=approves, now=scene.now)
    for run in (answered, ignored):
        kept(scene, run, days_ago=400)
    assert would_go(retention(scene)) == [ignored.id]


def test_the_newest_good_run_and_what_a_run_that_goes_on_reads_stay(scene: Scene) -> None:
    read, good, bad, reader = (scene.queue(PLAIN) for _ in range(4))
    for run, result in ((read, "succeeded"), (good, "succeeded"), (bad, "failed")):
        kept(scene, run, days_ago=40, result=result)
    assert would_go(retention(scene)) == [read.id, bad.id]
    with scene.database.write() as tx:
        rows.change(tx, reader.id, system={**reader.system, "resources.pipeline.other.runID": str(read.id)})
    (leftover,) = retention(scene).runs()
    assert leftover.name.startswith(f"run {bad.id} ")
    with scene.database.write() as tx:
        rows.change(tx, reader.id, system={**reader.system, "resources.pipeline.other.runID": str(bad.id)})
    assert not leftover.remove(), "somebody has begun to read it meanwhile"


def test_a_run_that_a_step_will_ask_for_stays(scene: Scene) -> None:
    named, other, good = (scene.queue(PLAIN) for _ in range(3))
    for run, result in ((named, "failed"), (other, "failed"), (good, "succeeded")):
        kept(scene, run, days_ago=40, result=result)
    task = (
        "{task: DownloadPipelineArtifact@2, inputs: {source: specific, project: PROJECT, pipeline: PIPELINE, "
        "runVersion: specific, runId: $(wanted)}}"
    )
    text = f"variables: {{wanted: {named.id}}}\njobs: [{{job: j, steps: [{task}]}}]"
    reader = scene.queue(text.replace("PROJECT", named.project).replace("PIPELINE", str(named.delivery)))
    assert would_go(retention(scene)) == [other.id]
    with scene.database.write() as tx:
        rows.change(tx, reader.id, status="completed", result="failed")
    assert would_go(retention(scene)) == [other.id], "the next run of the same file will ask for it as well"
