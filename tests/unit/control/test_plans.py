"""A pipeline is planned whole: what it means is decided, and what is wrong with it is told, when it is made."""

from collections.abc import Mapping
from typing import Any

import pytest

from pratique.base.errors import InvalidInput, NotFound, NotYet, PratiqueError
from pratique.control import jobs
from pratique.store import jobs as rows
from pratique.store.jobs import Job

ENVIRONMENT = {"conda_file": {"dependencies": ["python=3.11"]}}
PORTS: Mapping[str, Any] = {
    "command": "x ${{inputs.n}} ${{inputs.rows}} ${{outputs.o}}",
    "environment": ENVIRONMENT,
    "inputs": {"n": {"type": "integer", "min": 1, "max": 5}, "rows": {"type": "uri_file", "mode": "download"}},
    "outputs": {"o": {"type": "uri_folder"}},
}


def pipeline(world: Any, steps: Mapping[str, Any], **spec: Any) -> tuple[Job, dict[str, Job]]:
    given = {
        "type": "pipeline",
        "jobs": {name: {"type": "command", "environment": ENVIRONMENT, **step} for name, step in steps.items()},
    }
    with world.database.write() as tx:
        job = jobs.create(tx, world.owner, "dev", {**given, **spec}, git={"a": "b"}, now=world.now)
        return job, {step.step: step for step in rows.children(tx, job)}


def test_each_step_is_a_job_with_its_component_put_into_it(world: Any) -> None:
    rows_path = world.upload({"rows.csv": b"1"}, "rows.csv")
    step = {"component": PORTS, "inputs": {"n": "${{parent.inputs.count}}", "rows": {"path": rows_path}}}
    job, steps = pipeline(world, {"make": step}, name="p", inputs={"count": "3"}, compute="azureml:cpu")
    made = steps["make"]
    assert (job.type, job.status, made.name, made.parent, made.root) == ("pipeline", "Queued", "p-make", job.id, job.id)
    assert made.resolved["inputs"]["n"] == {"literal": 3}, "a text becomes what the port says"
    assert made.resolved["inputs"]["rows"]["mode"] == "download", "the port says how"
    assert (made.spec["command"], made.spec["compute"], made.git) == (PORTS["command"], "azureml:cpu", {"a": "b"})
    assert [event.type for event in world.told() if event.subject == "jobs/p"] == ["Pratique.JobCreated"]


def test_steps_run_after_what_they_bind_to_and_are_listed_as_they_were_written(world: Any) -> None:
    steps = {
        "last": {"command": "x ${{inputs.a}}", "inputs": {"a": "${{parent.jobs.first.outputs.o}}"}},
        "first": {"command": "x", "outputs": {"o": {"type": "uri_folder"}}},
    }
    job, _ = pipeline(world, steps)
    assert job.resolved["order"] == ["first", "last"]
    assert job.resolved["needs"] == {"first": [], "last": ["first"]}
    with world.database.read() as tx:
        assert [step.step for step in jobs.steps(tx, job)] == ["last", "first"]


def test_a_component_of_the_workspace_is_used_by_its_name(world: Any) -> None:
    world.asset("components", "make", type="command", **PORTS, path=None)
    rows_path = world.upload({"rows.csv": b"1"}, "rows.csv")
    step = {"component": "azureml:make@latest", "inputs": {"n": 2, "rows": {"path": rows_path}}}
    _, steps = pipeline(world, {"use": step})
    assert steps["use"].spec["command"] == PORTS["command"]
    with pytest.raises(NotFound, match="no component"):
        pipeline(world, {"use": {"component": "azureml:none:1"}})
    missing = {"component": "azureml:none:1", "environment": None}  # As files say it: the component brings its own.
    with pytest.raises(NotFound, match="no component 'none:1'"):
        pipeline(world, {"use": missing})
    with pytest.raises(NotFound) as caught:
        pipeline(world, {"use": missing, "b": {"command": "x", "environment": "azureml:no:1"}})
    assert [problem.key for problem in caught.value.problems] == ["jobs.use.component", "jobs.b.environment"]


def test_settings_speak_for_every_step(world: Any) -> None:
    settings = {"default_compute": "azureml:small", "default_datastore": "azureml:workspacefilestore"}
    _, steps = pipeline(world, {"a": {"command": "x", "outputs": {"o": {}}}}, settings=settings)
    assert steps["a"].spec["compute"] == "azureml:small"
    place = "azureml://datastores/workspacefilestore/paths/azureml/${{name}}/${{output_name}}"
    assert steps["a"].resolved["outputs"]["o"]["path"] == place


@pytest.mark.parametrize(
    ("step", "spec", "kind", "said", "key"),
    [
        ({"component": PORTS, "inputs": {"n": 9, "rows": 1}}, {}, InvalidInput, "not between", "jobs.a.inputs.n"),
        ({"component": PORTS, "inputs": {"rows": 1}}, {}, InvalidInput, "needs the input n", "jobs.a.inputs"),
        ({"command": "x"}, {"outputs": {"o": {}}}, InvalidInput, "no step", "outputs.o"),
        ({"command": "x", "outputs": {"o": {"mode": "direct"}}}, {}, NotYet, "mode 'direct'", "jobs.a.outputs.o"),
        ({"command": "x", "outputs": {"default": {}}}, {}, InvalidInput, "every step has", "jobs.a.outputs.default"),
        ({"command": "x", "environment": "azureml:none:1"}, {}, NotFound, "no environment", "environment"),
        ({"command": "x", "properties": {"pratique.retries": "many"}}, {}, InvalidInput, "whole number",
         "jobs.a.properties.pratique.retries"),
        ({"component": {**PORTS, "type": "pipeline", "jobs": {}}}, {}, InvalidInput, "pipeline component",
         "jobs.a.component"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_its_key(
    world: Any, step: dict[str, Any], spec: dict[str, Any], kind: type[PratiqueError], said: str, key: str
) -> None:
    with pytest.raises(PratiqueError) as caught:
        pipeline(world, {"a": step}, **spec)
    error = caught.value
    keys = [problem.key for problem in error.problems]
    texts = [str(error), *(problem.message for problem in error.problems)]
    assert any(said in text for text in texts), texts
    assert key in keys or key in str(error), keys
    assert isinstance(error, kind) or len(error.problems) > 1
    assert world.told() == []


def test_an_input_that_is_not_there_is_told_once(world: Any) -> None:
    rows_of = {"rows": {"type": "uri_file", "path": "azureml:nothing@latest"}}
    bound = {"component": PORTS, "inputs": {"n": 1, "rows": "${{parent.inputs.rows}}"}}
    with pytest.raises(NotFound, match="no data asset or model 'nothing@latest'") as refused:
        pipeline(world, {"make": bound}, inputs=rows_of)
    assert not refused.value.problems, "neither the step nor its command is told of as well"
    with pytest.raises(NotFound, match="no data asset or model 'nothing@latest'"):
        pipeline(world, {"make": {"component": PORTS, "inputs": {"n": 1, **rows_of}}})


def test_the_name_of_a_step_that_is_taken_is_said(world: Any) -> None:
    world.job(name="p-a")
    with pytest.raises(PratiqueError, match="p-a"):
        pipeline(world, {"a": {"command": "x"}}, name="p")
