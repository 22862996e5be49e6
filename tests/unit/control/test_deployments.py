"""Deployments: a model by its digest from the moment of the wish."""

from typing import Any

import pytest

from pratique.base.errors import Conflict, InvalidInput, NotFound
from pratique.control import deployments, endpoints
from pratique.control.assets import DIGEST
from pratique.store import deployments as rows
from pratique.store.deployments import OnlineDeployment


@pytest.fixture(autouse=True)
def endpoint(world: Any) -> None:
    world.endpoint()


@pytest.fixture
def code(world: Any) -> str:
    return str(world.upload({"score.py": b"", "lib/more.py": b"", "notes.md": b""}, "src"))


def delete(world: Any, name: str = "blue") -> OnlineDeployment:
    with world.database.write() as tx:
        return deployments.delete(tx, world.owner, "dev", "credit", name, now=world.now)


def take_traffic(world: Any, **changes: Any) -> None:
    with world.database.write() as tx:
        endpoints.update(tx, world.owner, "dev", "credit", changes, now=world.now)


def test_a_deployment_keeps_the_version_that_was_found(world: Any) -> None:
    first = world.asset("models", "credit", text="1", type="mlflow_model")
    made = world.deployment(model="azureml:credit@latest")
    world.asset("models", "credit", text="2", type="mlflow_model")
    assert made.resolved["model"] == {
        "name": "credit",
        "version": "1",
        "type": "mlflow_model",
        "manifest": first.properties[DIGEST],
        "path_name": "folder",
    }
    created = next(event for event in world.told() if event.type == "Pratique.DeploymentCreated")
    assert created.data == {"model": "credit:1", "digest": first.properties[DIGEST]}


def test_an_mlflow_model_needs_neither_code_nor_environment(world: Any) -> None:
    made = world.deployment()
    assert (made.resolved["code"], made.resolved["environment"]) == (None, None)
    assert (made.provisioning_state, made.generation, made.applied) == ("Creating", 1, 0)


@pytest.mark.parametrize(
    ("spec", "keys"),
    [
        ({}, ["code_configuration", "environment"]),
        ({"environment": {"conda_file": {"dependencies": []}}}, ["code_configuration"]),
    ],
)
def test_another_model_needs_both_and_is_told_of_both_at_once(
    world: Any, spec: dict[str, Any], keys: list[str]
) -> None:
    world.asset("models", "credit")
    with pytest.raises(InvalidInput) as caught:
        world.deployment(model="azureml:credit:1", **spec)
    assert [problem.key for problem in caught.value.problems] == keys
    assert all(problem.hint for problem in caught.value.problems)
    with pytest.raises(InvalidInput):
        world.deployment(model=None, **spec)


def test_a_scoring_script_lies_in_its_folder(world: Any, code: str) -> None:
    environment = {"conda_file": {"dependencies": ["python=3.11"]}}
    for script in ("score.py", "lib/more.py"):
        made = world.deployment(code_configuration={"code": code, "scoring_script": script}, environment=environment)
        assert made.resolved["code"] == {"manifest": code[7:71], "scoring_script": script}
    for script in ("", "main.py", "lib", "../score.py", "/score.py", "src/score.py"):
        with pytest.raises(InvalidInput, match="has no file") as caught:
            world.deployment(code_configuration={"code": code, "scoring_script": script}, environment=environment)
        (problem,) = caught.value.problems
        assert problem.key == "code_configuration.scoring_script"
        assert "lib/more.py, score.py" in problem.hint


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"model": "azureml:nothing:1"}, "model: there is no model 'nothing:1'"),
        ({"model": {"path": "upload:" + "ab" * 32 + "/m"}}, "model.path: workspace 'dev' holds no content"),
        (
            {"code_configuration": {"code": "upload:" + "ab" * 32 + "/m", "scoring_script": "score.py"}},
            "code_configuration.code: workspace",
        ),
        ({"environment": "azureml:nothing@latest"}, "environment: there is no environment 'nothing@latest'"),
    ],
)
def test_a_reference_to_nothing_makes_no_deployment(world: Any, spec: dict[str, Any], said: str) -> None:
    before = len(world.told())
    with pytest.raises(NotFound, match=said):
        world.deployment(**spec)
    with world.database.read() as tx:
        assert deployments.every(tx, world.owner, "dev", "credit") == []
    assert len(world.told()) == before


def test_to_ask_again_is_another_generation(world: Any) -> None:
    made = world.deployment()
    with world.database.write() as tx:
        rows.change(tx, made.id, provisioning_state="Failed", error={"message": "x"}, applied=1)
    again = world.deployment(instance_count=2)
    assert (again.id, again.generation, again.applied) == (made.id, 2, 1)
    assert (again.provisioning_state, again.error, again.spec["instance_count"]) == ("Updating", None, 2)
    assert [event.type for event in world.told()][-1] == "Pratique.DeploymentUpdated"


def test_one_that_takes_traffic_cannot_be_deleted(world: Any) -> None:
    world.deployment("blue")
    world.deployment("green")
    take_traffic(world, traffic={"blue": 100}, mirror_traffic={"green": 10})
    with pytest.raises(Conflict, match="'blue' takes 100 % of the traffic of 'credit'") as caught:
        delete(world)
    assert caught.value.hint.endswith('--traffic "blue=0"')
    with pytest.raises(Conflict, match="'green' takes 10 % of the mirror traffic"):
        delete(world, "green")
    take_traffic(world, traffic={"blue": 50, "green": 50}, mirror_traffic={})
    with pytest.raises(Conflict) as caught:
        delete(world)
    assert caught.value.hint.endswith('--traffic "green=100"')
    take_traffic(world, traffic={"green": 100})
    assert delete(world).provisioning_state == "Deleting"


def test_one_that_is_going_goes_once_and_takes_no_more_wishes(world: Any) -> None:
    world.deployment()
    gone = delete(world)
    assert gone.generation == 2
    before = len(world.told())
    assert delete(world) == gone
    with pytest.raises(Conflict, match="is being deleted"):
        world.deployment()
    assert len(world.told()) == before


def test_what_is_gone_is_not_found(world: Any) -> None:
    made = world.deployment()
    with world.database.write() as tx:
        rows.remove(tx, made.id)
    with pytest.raises(NotFound, match="has no deployment 'blue'"):
        delete(world)
    with pytest.raises(NotFound, match="no online endpoint 'other'"):
        world.deployment(endpoint="other")


@pytest.mark.parametrize("name", ["", "a", "1abc", "a_b", "a/b", "a" * 33, "..", "a\0b"])
def test_a_crooked_name_makes_no_deployment(world: Any, name: str) -> None:
    with pytest.raises(InvalidInput):
        world.deployment(name)


def test_another_way_to_run_the_model_is_another_revision(world: Any) -> None:
    made = world.deployment()
    same = world.deployment(tags={"owner": "ada"})
    faster = world.deployment(tags={"owner": "ada", "pratique.optimize": "onnx"})
    assert (made.revision, same.revision, faster.revision) == (1, 1, 3)
