"""Components: what their references mean is decided when they are made, and every one that means nothing is told."""

from typing import Any

import pytest

from pratique.base.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from pratique.control import assets, components
from pratique.control.assets import Kind, referenced
from pratique.store.assets import AssetVersion

CONDA = {"dependencies": ["python=3.11", {"pip": ["numpy==1.26.4"]}]}
TRAIN = {"name": "train", "type": "command", "command": "true"}


def made(world: Any, **spec: object) -> AssetVersion:
    with world.database.write() as tx:
        return components.create(tx, world.owner, "dev", {**TRAIN, **spec}, now=world.now)


def test_a_label_becomes_the_version_that_it_stood_for(world: Any) -> None:
    world.asset("environments", "sk")
    code = world.upload({"train.py": b"1"}, "src")
    first = made(world, environment="azureml:sk@latest", code=code)
    assert (first.spec["environment"], first.spec["code"], first.version) == ("azureml:sk:1", code, "1")


def test_an_inline_environment_stays_inline(world: Any) -> None:
    assert made(world, environment={"conda_file": CONDA}).spec["environment"] == {"conda_file": CONDA}


def test_the_same_component_again_is_the_same_version_and_another_a_conflict(world: Any) -> None:
    same = made(world, environment={"conda_file": CONDA}, version="1")
    assert made(world, environment={"conda_file": CONDA}, version="1").id == same.id
    with pytest.raises(AlreadyExists):
        made(world, environment={"conda_file": CONDA}, version="1", command="false")


def test_a_pipeline_names_its_components_by_version(world: Any) -> None:
    made(world, environment={"conda_file": CONDA})
    steps = {
        "one": {"type": "command", "component": "azureml:train@latest"},
        "two": {"type": "command", "component": {**TRAIN, "environment": {"conda_file": CONDA}}},
        "three": {"type": "command", "component": "azureml:train", "inputs": {"x": {"path": "${{parent.inputs.x}}"}}},
    }
    with world.database.write() as tx:
        pipeline = components.create(
            tx, world.owner, "dev", {"name": "whole", "type": "pipeline", "jobs": steps}, now=world.now
        )
    jobs = pipeline.spec["jobs"]
    assert (jobs["one"]["component"], jobs["three"]["component"]) == ("azureml:train:1", "azureml:train:1")
    assert jobs["three"]["inputs"] == {"x": {"path": "${{parent.inputs.x}}"}}


def test_every_reference_that_means_nothing_is_told_at_once(world: Any) -> None:
    with pytest.raises(InvalidInput) as raised:
        made(world, environment="azureml:absent:1", code="elsewhere://x")
    assert sorted(problem.key for problem in raised.value.problems) == ["code", "environment"]
    with pytest.raises(NotFound) as alone:
        made(world, environment="azureml:absent:1")
    assert "absent:1" in alone.value.message


def test_a_reference_finds_it(world: Any) -> None:
    made(world, environment={"conda_file": CONDA})
    with world.database.read() as tx:
        found = referenced(tx, "dev", ("components",), "azureml:train:1", key="jobs.x.component")
        assert found.type == "command"
        assert assets.versions(tx, world.owner, "dev", "components", "train")[0].value.version == found.version


def test_every_reference_of_a_job_and_of_a_deployment_is_told_at_once(world: Any) -> None:
    inputs = {"rows": {"type": "uri_file", "path": "azureml:absent:1"}}
    with pytest.raises(NotFound) as raised:
        world.job(environment="azureml:absent:1", inputs=inputs, code=f"upload:{'0' * 64}/src")
    assert [problem.key for problem in raised.value.problems] == ["inputs.rows", "code", "environment"]
    world.endpoint()
    with pytest.raises(NotFound) as told:
        world.deployment(model="azureml:absent:1", environment="azureml:absent:1")
    assert [problem.key for problem in told.value.problems] == ["model", "environment"]


def test_what_a_component_names_cannot_be_deleted(world: Any) -> None:
    world.asset("environments", "sk")
    world.asset("environments", "free")
    made(world, environment="azureml:sk:1")
    step = {"type": "command", "component": "azureml:train:1"}
    with world.database.write() as tx:
        spec = {"name": "whole", "type": "pipeline", "jobs": {"one": step}}
        components.create(tx, world.owner, "dev", spec, now=world.now)
    used: list[tuple[Kind, str, str]] = [("environments", "sk", "train:1"), ("components", "train", "whole:1")]
    for kind, name, user in used:
        with world.database.write() as tx, pytest.raises(Conflict, match=f"is used by component {user}"):
            assets.delete(tx, world.owner, "dev", kind, name, "1", now=world.now)
    with world.database.write() as tx:
        assets.delete(tx, world.owner, "dev", "environments", "free", "1", now=world.now)


def test_a_component_s_display_name_is_a_word_about_it(world: Any) -> None:
    first = made(world, environment={"conda_file": CONDA}, version="1")
    with world.database.write() as tx:
        changed = assets.update(
            tx, world.owner, "dev", "components", "train", "1", {"display_name": "Train"}, now=world.now
        )
    assert changed.spec["display_name"] == "Train"
    assert world.told()[-1].data["changed"] == ["display_name"]
    assert made(world, environment={"conda_file": CONDA}, version="1").id == first.id
