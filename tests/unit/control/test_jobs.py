"""Jobs: what their references mean is decided when they are made."""

from typing import Any

import pytest

from pratique.base.errors import AlreadyExists, Conflict, InvalidInput, NotFound, NotYet
from pratique.control import assets, jobs
from pratique.store import jobs as rows
from pratique.store.jobs import Job


def job_of(world: Any, name: str) -> Job:
    with world.database.read() as tx:
        return jobs.get(tx, world.owner, "dev", name)


def update(world: Any, **changes: Any) -> Job:
    with world.database.write() as tx:
        return jobs.update(tx, world.owner, "dev", "train", changes, now=world.now)


def cancel(world: Any) -> Job:
    with world.database.write() as tx:
        return jobs.cancel(tx, world.owner, "dev", "train", now=world.now)


def test_a_later_version_changes_nothing_of_a_job(world: Any) -> None:
    rows_1 = world.asset("data", "rows", text="1")
    world.asset("environments", "sk")
    made = world.job(name="train", environment="azureml:sk@latest", inputs={"rows": {"path": "azureml:rows@latest"}})
    world.asset("data", "rows", text="2")
    world.asset("environments", "sk", conda_file={"dependencies": ["python=3.12"]})

    kept = job_of(world, "train")
    assert kept.resolved == made.resolved
    given = kept.resolved["inputs"]["rows"]
    assert (given["asset"], given["manifest"]) == (
        {"kind": "data", "name": "rows", "version": "1"}, rows_1.manifest
    )  # fmt: skip
    assert (kept.resolved["environment"]["version"], kept.status) == ("1", "Queued")


def test_a_deleted_version_is_still_what_the_job_reads(world: Any) -> None:
    first = world.asset("data", "rows")
    world.job(name="train", inputs={"rows": {"path": "azureml:rows:1"}})
    with world.database.write() as tx:
        assets.delete(tx, world.owner, "dev", "data", "rows", "1", now=world.now)
    assert job_of(world, "train").resolved["inputs"]["rows"]["manifest"] == first.manifest


def test_a_model_can_be_an_input_and_data_comes_first(world: Any) -> None:
    world.asset("models", "credit")
    made = world.job(name="a", inputs={"x": {"path": "azureml:credit:1", "type": "custom_model"}})
    assert made.resolved["inputs"]["x"]["asset"]["kind"] == "models"
    world.asset("data", "credit")
    made = world.job(name="b", inputs={"x": {"path": "azureml:credit:1"}})
    assert made.resolved["inputs"]["x"]["asset"]["kind"] == "data"


def test_literals_and_inputs_left_out_are_kept_apart(world: Any) -> None:
    made = world.job(
        command="train $[[--seed ${{inputs.seed}}]] --rate ${{inputs.rate}} ${{inputs.flag}} ${{inputs.zero}}",
        inputs={"rate": 0.1, "flag": False, "zero": {"type": "integer", "value": 0}, "seed": None},
    )
    assert made.resolved["inputs"] == {
        "rate": {"literal": 0.1},
        "flag": {"literal": False},
        "zero": {"literal": 0},
        "seed": None,
    }


@pytest.mark.parametrize(
    "command",
    [
        "x ${{inputs.nothing}}",
        "x ${{outputs.nothing}}",
        "x ${{inputs.seed}}",
        "x ${{parent.inputs.a}}",
        "x ${{no.such}}",
    ],
)
def test_a_binding_without_a_value_is_found_when_the_job_is_made(world: Any, command: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        world.job(name="train", command=command, inputs={"seed": None})
    assert [problem.key for problem in caught.value.problems] == ["command"]
    with pytest.raises(NotFound):
        job_of(world, "train")
    assert world.told() == []


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"code": "upload:" + "ab" * 32 + "/src"}, "code: workspace 'dev' holds no content"),
        ({"inputs": {"rows": {"path": "azureml:rows:1"}}}, "inputs.rows: there is no data asset or model 'rows:1'"),
        ({"environment": "azureml:sk@latest"}, "environment: there is no environment 'sk@latest'"),
    ],
)
def test_a_reference_to_nothing_is_found_when_the_job_is_made(world: Any, spec: dict[str, Any], said: str) -> None:
    with pytest.raises(NotFound, match=said) as caught:
        world.job(**spec)
    assert caught.value.hint
    assert world.told() == []


@pytest.mark.parametrize("mode", ["eval_mount", "eval_download"])
def test_a_mode_that_local_compute_has_not_is_refused_by_name(world: Any, mode: str) -> None:
    world.asset("data", "rows")
    with pytest.raises(NotYet, match=mode) as caught:
        world.job(inputs={"rows": {"path": "azureml:rows:1", "mode": mode}})
    assert [problem.key for problem in caught.value.problems] == ["inputs.rows.mode"]


def test_a_place_that_cannot_be_written_is_told_before_anything_runs(world: Any) -> None:
    place = "azureml://datastores/{}/paths/a/${{{{name}}}}/${{{{output_name}}}}"
    for datastore in ("workspaceblobstore", "${{default_datastore}}"):
        path = place.format(datastore)
        assert world.job(outputs={"z": {"type": "uri_folder", "path": path}}).spec["outputs"]["z"]["path"] == path
    with pytest.raises(NotFound, match=r"outputs\.z\.path: there is no datastore 'nowhere'"):
        world.job(outputs={"z": {"type": "uri_folder", "path": place.format("nowhere")}})


def test_an_image_that_is_not_known_is_refused_by_name(world: Any) -> None:
    with pytest.raises(NotYet, match=r"what the image ubuntu:22\.04 contains") as caught:
        world.job(environment={"image": "ubuntu:22.04"})
    assert [problem.key for problem in caught.value.problems] == ["environment.image"]


def test_an_image_that_is_known_stands_for_its_python(world: Any) -> None:
    spec = world.job(environment={"image": "python:3.11-slim"}).resolved["environment"]["spec"]
    assert spec["conda_file"] == {"dependencies": ["python=3.11"]}


def test_a_name_is_taken_once_in_a_workspace(world: Any) -> None:
    world.job(name="train")
    with pytest.raises(AlreadyExists, match="there is a job 'train' already"):
        world.job(name="train")
    names = {world.job().name for _ in range(5)}
    assert len(names) == 5


@pytest.mark.parametrize("name", ["../x", "a/b", "-a", "a b", "ü", "x" * 256])
def test_a_crooked_name_makes_no_job(world: Any, name: str) -> None:
    with pytest.raises(InvalidInput):
        world.job(name=name)


def test_a_job_is_canceled_once_and_not_after_its_end(world: Any) -> None:
    job = world.job(name="train")
    assert cancel(world).cancel_requested
    before = len(world.told())
    assert cancel(world).cancel_requested
    assert len(world.told()) == before
    for status in rows.TERMINAL:
        with world.database.write() as tx:
            rows.change(tx, job.id, status=status)
        with pytest.raises(Conflict, match=f"'train' is {status}"):
            cancel(world)


def test_words_about_a_job_change_and_what_it_runs_does_not(world: Any) -> None:
    made = world.job(name="train", tags={"a": "b"}, display_name="First")
    changed = update(world, tags={"c": "d"}, description="words")
    assert changed.spec == {**made.spec, "tags": {"c": "d"}, "description": "words"}
    assert changed.resolved == made.resolved
    with pytest.raises(InvalidInput) as caught:
        update(world, command="rm -rf /", status="Completed", display_name="x")
    assert [problem.key for problem in caught.value.problems] == ["command", "status"]
    assert job_of(world, "train") == changed


def test_what_changes_about_a_job_is_told_once(world: Any) -> None:
    world.job(name="train", tags={"a": "b"})
    update(world, tags={"a": "b"})
    for _ in range(2):
        update(world, tags={})
        update(world, is_archived=True)
    update(world, is_archived=False, description="both")
    told = [(event.type.removeprefix("Pratique."), event.data.get("changed")) for event in world.told()]
    assert told == [
        ("JobCreated", None),
        ("JobUpdated", ["tags"]),
        ("JobArchived", None),
        ("JobRestored", ["description"]),
    ]


def test_archived_jobs_are_listed_when_asked(world: Any) -> None:
    world.job(name="train")
    update(world, is_archived=True)
    with world.database.read() as tx:
        assert jobs.newest(tx, world.owner, "dev", limit=10, archived=False) == []
        assert [job.name for job in jobs.newest(tx, world.owner, "dev", limit=10, archived=True)] == ["train"]


def test_the_output_of_a_job_is_that_jobs_own(world: Any) -> None:
    upload = world.upload({"a": b"1"}, "model")
    made = world.job(name="train")
    with world.database.write() as tx:
        output = {"type": "uri_folder", "manifest": upload[7:71], "name": "model"}
        rows.change(tx, made.id, outputs={"model": output})
        assert jobs.output(tx, world.owner, "dev", "train", "model", now=world.now) == upload[7:71]
        with pytest.raises(NotFound):
            jobs.output(tx, world.owner, "dev", "train", "other", now=world.now)
        for crooked in ("..", "model/paths/..", "a/../../b", "%2e%2e"):
            with pytest.raises((InvalidInput, NotFound)):
                jobs.output(tx, world.owner, "dev", "train", crooked, now=world.now)
