"""Lineage: one question leads to everything behind a model, an endpoint at a moment, a prediction."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from pratique.base import reason
from pratique.base.errors import Forbidden, InvalidInput, NotFound
from pratique.control import assets, blame, deployments, endpoints, jobs, lineage, predictions
from pratique.control.actor import PLATFORM, Actor, Grant
from pratique.control.assets import Origin
from pratique.store import datastores, delivery_runs
from pratique.store import jobs as job_rows
from pratique.store.assets import AssetVersion
from pratique.store.datastores import DatastoreFile
from pratique.store.deployments import OnlineDeployment

from .conftest import CONDA, World

GIT = {
    "mlflow.source.git.commit": "c0ffee" * 6 + "c0ff",
    "mlflow.source.git.branch": "main",
    "azureml.git.dirty": "True",
}


def texts(found: dict[str, Any]) -> str:
    return "\n".join(one["text"] for one in found["sentences"])


def relations(found: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(edge["from"], edge["relation"], edge["to"]) for edge in found["edges"]}


def trained(world: World) -> AssetVersion:
    """A model that a job of the commit c0ffee… made of german-credit:1 and registered."""
    data, files = world.asset("data", "german-credit", text="rows", type="uri_folder"), world_file(world)
    with world.database.write() as tx, reason.bound("monthly training"):
        spec = {
            "command": "python train.py ${{inputs.rows}}", "environment": {"conda_file": CONDA},
            "inputs": {"rows": {"type": "uri_folder", "path": f"azureml:{data.name}:{data.version}"}},
        }  # fmt: skip
        job = jobs.create(tx, world.owner, "dev", {**spec, "name": "train-1"}, git=GIT, now=world.now)
        job_rows.change(tx, job.id, status="Completed", ended_at=world.now + timedelta(minutes=2))
        return assets.create(
            tx, world.owner, "dev", "models",
            {"name": "credit", "path": files, "type": "mlflow_model", "tags": {"auc": "0.78"}},
            now=world.now, origin=Origin(job_name="train-1", run_id=job.run_id),
        )  # fmt: skip


def world_file(world: World, workspace: str = "dev") -> str:
    return world.upload({"MLmodel": b"flavors: {}"}, "model", workspace=workspace)


def why(
    world: World, name: str = "credit", version: str = "1", *, workspace: str = "dev", actor: Actor | None = None
) -> dict[str, Any]:
    with world.database.read() as tx:
        return lineage.why(tx, actor or world.owner, workspace, name, version, lock_of=lambda _: "10c4" * 16)


def test_a_model_leads_to_its_job_data_commit_environment_and_numbers(world: World) -> None:
    version = trained(world)
    found = why(world)
    said = texts(found)
    assert f"credit:1 in workspace dev is the content {str(version.manifest)[:12]}" in said
    assert "because: monthly training" in said
    assert "credit:1 in workspace dev was made by job train-1." in said
    assert "Job train-1, which ann submitted" in said
    assert "It read german-credit:1 as rows" in said
    assert "commit c0ffeec0ffee of the branch main, with changes that are not in it" in said
    assert "locked as 10c410c410c4" in said
    assert "The evaluation of credit:1 in workspace dev says: auc 0.78" in said
    assert ("model/dev/credit:1", "made by", "job/dev/train-1") in relations(found)
    assert ("job/dev/train-1", "read as rows", "data/dev/german-credit:1") in relations(found)
    assert all(one["id"] for one in found["nodes"])
    assert any(proof.startswith("events/") for one in found["sentences"] for proof in one["evidence"])


def test_a_promoted_model_leads_to_where_its_content_was_made(world: World) -> None:
    trained(world)
    given = {"name": "credit", "version": "7", "path": world_file(world, "qa-1"), "type": "mlflow_model"}
    with world.database.write() as tx:
        assets.create(tx, world.owner, "qa-1", "models", given, now=world.now)
    found = why(world, version="7", workspace="qa-1")
    assert "credit:7 in workspace qa-1 has the content of credit:1 in workspace dev, which is where" in texts(found)
    assert ("model/qa-1/credit:7", "same content as", "model/dev/credit:1") in relations(found)
    seen_there_only = Actor("9", "quinn", "user", (Grant("Reader", "/workspaces/qa-1"),))
    hidden = texts(why(world, version="7", workspace="qa-1", actor=seen_there_only))
    assert "is not known" in hidden
    assert "train-1" not in hidden


def test_a_model_of_no_job_says_so(world: World) -> None:
    world.asset("models", "brought", type="custom_model")
    assert "What made brought:1 is not known" in texts(why(world, "brought"))


def test_a_file_of_the_web_leads_to_its_url_by_the_word_of_who_fetched_it(world: World) -> None:
    url = "https://models.example/brought.onnx"
    world.asset("models", "brought", type="custom_model", properties={"pratique.fetched_from": url})
    found = why(world, "brought")
    assert f"Its file was fetched from {url}, as ann says." in texts(found)
    assert ("model/dev/brought:1", "fetched from", f"url/{url}") in relations(found)


def test_what_is_not_there_and_who_may_not_look(world: World) -> None:
    trained(world)
    with pytest.raises(NotFound, match="there is no model credit:9"):
        why(world, version="9")
    with pytest.raises(Forbidden):
        why(world, actor=Actor("8", "eve", "user", ()))


# --- blame -----------------------------------------------------------------------------------------------------------


def served(world: World) -> tuple[datetime, OnlineDeployment]:
    """The endpoint credit, whose deployment blue has had credit:1 since 10 s, with all traffic since 20 s."""
    trained(world)
    world.endpoint()
    row = world.deployment(model="azureml:credit:1")
    start = world.now
    with world.database.write() as tx:
        deployed = "Microsoft.MachineLearningServices.ModelDeployed"
        deployments.tell(tx, PLATFORM, deployed, row, now=start + timedelta(seconds=10), data={"by": "ann"})
    with world.database.write() as tx, reason.bound("ticket 12"):
        late = start + timedelta(seconds=20)
        endpoints.update(tx, world.owner, "dev", "credit", {"traffic": {"blue": 100}}, now=late)
    return start, row


def blamed(world: World, at: datetime, endpoint: str = "credit") -> dict[str, Any]:
    with world.database.read() as tx:
        return blame.blame(tx, world.owner, "dev", endpoint, at=at)


def test_what_answered_leads_to_who_changed_the_split_and_to_the_model(world: World) -> None:
    start, _ = served(world)
    found = blamed(world, start + timedelta(seconds=30))
    said = texts(found)
    assert "sent 100 % to blue: ann had changed it" in said
    assert "because: ticket 12" in said
    assert "The deployment blue had credit:1, the content" in said
    assert "made by job train-1" in said
    assert ("endpoint/dev/credit", "sent 100 % to", "deployment/dev/credit/blue") in relations(found)
    assert ("deployment/dev/credit/blue", "serves", "model/dev/credit:1") in relations(found)


def test_before_it_had_traffic_nothing_answered(world: World) -> None:
    start, _ = served(world)
    assert "to no deployment" in texts(blamed(world, start + timedelta(seconds=15)))
    assert "There was no endpoint" in texts(blamed(world, start - timedelta(days=1)))


def test_a_later_change_does_not_change_what_answered(world: World) -> None:
    start, row = served(world)
    later = start + timedelta(minutes=5)
    with world.database.write() as tx:
        other = replace(
            row, resolved={**row.resolved, "model": {"name": "credit", "version": "2", "manifest": "f" * 64}}
        )
        deployments.tell(tx, PLATFORM, "Microsoft.MachineLearningServices.ModelDeployed", other, now=later)
    assert "had credit:1" in texts(blamed(world, start + timedelta(minutes=4)))
    after = texts(blamed(world, later + timedelta(seconds=1)))
    assert "had credit:2, the content ffffffffffff" in after
    assert "No version of that content is registered" in after


def test_an_endpoint_that_never_was_is_not_found(world: World) -> None:
    with pytest.raises(NotFound, match="there is and was no"):
        blamed(world, world.now, "absent")


# --- predictions -----------------------------------------------------------------------------------------------------

ROOT = "modelDataCollector/credit/blue"


def collected(world: World, *paths: str) -> None:
    with world.database.write() as tx:
        files = [DatastoreFile("dev", "workspaceblobstore", path, "0" * 64, 1, world.now) for path in paths]
        datastores.put(tx, files)


def shown(world: World, request: str, rows: dict[str, Sequence[dict[str, Any]]]) -> dict[str, Any]:
    asked: list[int] = []

    def look(_: str, files: Sequence[DatastoreFile]) -> dict[str, Sequence[dict[str, Any]]]:
        asked.append(len(files))
        return {file.path: rows[file.path] for file in files if file.path in rows}

    return {**predictions.show(world.database, world.owner, "dev", request, look=look), "asked": asked}


def test_a_prediction_leads_to_what_was_sent_and_to_all_that_is_behind_the_answer(world: World) -> None:
    start, _ = served(world)
    moment = (start + timedelta(seconds=40)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    inputs, outputs = (f"{ROOT}/{name}/2026/03/04/05/a.parquet" for name in ("model_inputs", "model_outputs"))
    collected(world, inputs, outputs)
    row = {"correlationid": "id-1_0", "requestid": "id-1", "time": moment, "status": 200, "latency_ms": 1.25}
    found = shown(world, "id-1", {inputs: [{**row, "age": 31}], outputs: [{**row, "prediction": 0.2}]})
    said = texts(found)
    assert "its deployment blue answered with status 200 in 1.2 ms" in said
    assert "The deployment blue had credit:1" in said
    assert "made by job train-1" in said
    assert found["collected"]["model_inputs"][0]["age"] == 31
    assert found["collected"]["model_outputs"][0]["prediction"] == 0.2
    assert ("prediction/id-1", "answered by", "deployment/dev/credit/blue") in relations(found)


def test_where_nothing_is_collected_that_is_said(world: World) -> None:
    served(world)
    with pytest.raises(NotFound, match="no deployment of workspace 'dev' collects its predictions"):
        shown(world, "id-1", {})


def test_a_call_that_was_not_kept_is_said_with_how_many_are(world: World) -> None:
    served(world)
    collected(world, *(f"{ROOT}/model_inputs/2026/03/04/05/{number}.parquet" for number in range(450)))
    with pytest.raises(NotFound, match=r"not among .* in 450 files \(none collects any more\)"):
        shown(world, "id-1", {})


def test_what_is_no_id_is_refused(world: World) -> None:
    with pytest.raises(InvalidInput, match="no id of a request"):
        shown(world, "../x y", {})


def test_a_run_that_is_gone_is_said_to_be_gone(world: World) -> None:
    with world.database.read() as tx:
        assert delivery_runs.get(tx, 99) is None
        telling = lineage.Telling(tx, world.owner, lineage.Story())
        lineage.tell_run(telling, 99)
    assert "Run 99 of a delivery is gone" in telling.story.sentences[0]["text"]
