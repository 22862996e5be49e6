"""Command jobs: inputs, outputs, environments, and what is not run yet."""

from typing import Any

import pytest

from pratique.base.errors import InvalidInput, NotYet
from pratique.specs.job import CommandJob, DataInput, JobOutput, LiteralInput
from pratique.specs.kinds import load, understood
from pratique.specs.reader import document_of, parse_document


def job(**keys: Any) -> CommandJob:
    spec = load("job", document_of({"command": "true", "environment": "azureml:e:1"} | keys))
    assert isinstance(spec, CommandJob)
    return spec


def problems(**keys: Any) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        job(**keys)
    return [str(problem) for problem in caught.value.problems]


FULL = """\
$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
type: command
name: train-credit
display_name: Train the credit model
experiment_name: credit
description: Gradient boosting.
tags: {team: risk}
properties: {ticket: '7'}
code: ./src
command: >-
  python train.py
  --data ${{inputs.data}} --lr ${{inputs.lr}} $[[--n ${{inputs.n}}]]
  --model ${{outputs.model}} --name ${{name}}
environment: azureml://registries/azureml/environments/sklearn-1.5/labels/latest
environment_variables: {OMP_NUM_THREADS: 2}
inputs:
  data: {type: uri_file, path: azureml:credit:1, mode: download}
  base: {type: mlflow_model, path: azureml://jobs/j/outputs/model}
  lr: 0.1
  n: {type: integer, default: 3}
  flag: true
  word: 'yes'
outputs:
  model: {type: mlflow_model, name: credit, version: 3}
  scores:
compute: azureml:cpu-cluster
resources: {instance_count: 2, instance_type: Standard_DS3_v2, shm_size: 2g}
limits: {timeout: 3600}
distribution: {type: PyTorch, process_count_per_instance: 1}
services: {lab: {type: jupyter_lab, nodes: all}}
identity: {type: user_identity}
queue_settings: {job_tier: spot}
"""


def test_a_full_file_is_understood() -> None:
    spec = load("job", parse_document(FULL, file="job.yml"))
    assert isinstance(spec, CommandJob)
    assert spec.command.startswith("python train.py --data ${{inputs.data}} --lr ${{inputs.lr}} $[[--n")
    assert spec.inputs == {
        "data": DataInput(type="uri_file", path="azureml:credit:1", mode="download"),
        "base": DataInput(type="mlflow_model", path="azureml://jobs/j/outputs/model"),
        "lr": 0.1,
        "n": LiteralInput(type="integer", value=3),
        "flag": True,
        "word": "yes",
    }
    assert spec.outputs == {
        "model": JobOutput(type="mlflow_model", name="credit", version="3"),
        "scores": JobOutput(),
    }
    assert spec.limits is not None
    assert spec.limits.timeout == 3600


def test_what_is_not_run_on_this_machine_is_said() -> None:
    assert load("job", parse_document(FULL, file="job.yml")).planned() == [
        "compute",
        "resources.instance_count",
        "resources.shm_size",
        "distribution",
        "services",
        "queue_settings",
    ]


def test_every_identity_of_a_job_is_run() -> None:
    for said in ({"type": "managed"}, {"type": "managed", "client_id": "x"}, {"type": "user_identity"}):
        assert job(identity=said).planned() == []


def test_writing_back_to_an_input_is_planned() -> None:
    assert job(inputs={"x": {"path": "azureml:d:1", "mode": "rw_mount"}}).planned() == ["inputs.x.mode"]


def test_one_instance_here_needs_no_word() -> None:
    assert job(compute="local", resources={"instance_count": 1}).planned() == []


@pytest.mark.parametrize("kind", ["pipeline", "sweep", "Parallel", "automl", "spark"])
def test_other_types_of_jobs_are_refused_by_name_and_nothing_else_is_said(kind: str) -> None:
    with pytest.raises(NotYet) as caught:
        load("job", document_of({"type": kind, "jobs": {}, "settings": {}}))
    (problem,) = caught.value.problems
    assert problem.key == "type"
    assert problem.message.startswith(f"{kind.lower()}: ")


def test_a_type_that_is_none_is_refused_with_the_near_one() -> None:
    (said,) = problems(type="comand")
    assert said.startswith("type: expected one of command, pipeline,")
    assert said.endswith("got comand (did you mean command?)")


@pytest.mark.parametrize("literal", ["text", 3, 0.5, True, "", "${{weird}}"])
def test_a_literal_keeps_its_type(literal: Any) -> None:
    found = job(inputs={"x": literal}).inputs["x"]
    assert found == literal
    assert type(found) is type(literal)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("string", "3"), ("number", 3), ("number", 0.5), ("integer", 3), ("boolean", False), ("Integer", 3)],
)
def test_a_literal_may_say_its_type(kind: str, value: Any) -> None:
    for key in ("value", "default"):
        assert job(inputs={"x": {"type": kind, key: value}}).inputs["x"] == LiteralInput(type=kind.lower(), value=value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"type": "integer", "value": 3.5}, "inputs.x.value: expected a value of type integer; got 3.5"),
        ({"type": "integer", "value": True}, "inputs.x.value: expected a value of type integer; got true"),
        ({"type": "number", "default": "many"}, "inputs.x.default: expected a value of type number; got many"),
        ({"type": "boolean", "value": 1}, "inputs.x.value: expected a value of type boolean; got 1"),
        (
            {"type": "string", "value": 3},
            'inputs.x.value: expected a value of type string; got 3 (quote it: value: "3")',
        ),
        ({"type": "number"}, "inputs.x.value: this key is required"),
        ({"type": "uri_file"}, "inputs.x.path: this key is required"),
        ({"type": "uri_fiel", "path": "x"}, "did you mean uri_file?"),
        ({"path": "x", "mode": "mount"}, "inputs.x.mode: expected one of ro_mount, rw_mount, download, direct"),
        ({"path": "x", "mde": "download"}, "inputs.x.mde: unknown key (did you mean mode?)"),
        ({"path": "azureml:a:b:c"}, "inputs.x.path: azureml:a:b:c is no reference that is known"),
        ({"path": 3}, 'inputs.x.path: expected text; got 3 (quote it: path: "3")'),
        ([1], "inputs.x: expected a value or a mapping with type and path; got a list"),
        (None, "inputs.x: expected a value or a mapping with type and path; got nothing"),
    ],
)
def test_a_wrong_input_is_refused_at_its_key(given: Any, said: str) -> None:
    (found,) = problems(inputs={"x": given})
    assert said in found


@pytest.mark.parametrize("name", ["a-b", "1a", "", "a.b", "größe"])
def test_inputs_and_outputs_have_names_that_a_command_can_bind(name: str) -> None:
    assert problems(inputs={name: 1}) == [
        f"inputs.{name}: expected a name of letters, digits and _, not beginning with a digit"
    ]
    assert problems(outputs={name: {}})


@pytest.mark.parametrize("mode", ["eval_mount", "eval_download"])
def test_evaluating_tables_is_not_run_yet(mode: str) -> None:
    with pytest.raises(NotYet):
        job(inputs={"x": {"type": "mltable", "path": "x", "mode": mode}})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"type": "uri_flie"}, "did you mean uri_file?"),
        ({"type": "string"}, "expected one of uri_file"),
        ({"path": "./out"}, "an output cannot be written to the local path ./out"),
        ({"path": "azureml:x:1"}, "expected azureml://datastores/NAME/paths/PATH"),
        ({"version": "3"}, "outputs.x.version: a version needs the name of the asset (add name:)"),
        ({"name": "a b"}, "'a b' cannot name an asset"),
        (
            {"mode": "ro_mount"},
            "expected one of rw_mount, mount, upload, direct; got ro_mount (did you mean rw_mount?)",
        ),
        ("text", "outputs.x: expected a mapping; got text"),
    ],
)
def test_a_wrong_output_is_refused_at_its_key(given: Any, said: str) -> None:
    (found,) = problems(outputs={"x": given})
    assert said in found


def test_an_output_may_have_a_place_in_a_datastore() -> None:
    path = "azureml://datastores/${{default_datastore}}/paths/azureml/${{name}}/x/"
    assert job(outputs={"x": {"path": path}}).planned() == []


@pytest.mark.parametrize("name", ["default", "artifacts"])
def test_the_output_that_every_job_has_cannot_be_declared(name: str) -> None:
    assert problems(outputs={name: None}) == [
        f"outputs.{name}: {name} is the output that every job has; choose another name"
    ]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ("sklearn:1", "or azureml:NAME@latest; got sklearn:1 (write azureml:sklearn:1)"),
        ("./conda.yml", "(or describe it inline)"),
        ("azureml://registries/r/models/m/versions/1", "is one of the models"),
        ({}, "environment: an environment needs a conda_file or an image"),
        ({"dependencies": ["numpy"]}, "environment: this is a conda file, not an environment"),
        ({"image": "x", "condafile": "y"}, "environment.condafile: unknown key (did you mean conda_file?)"),
        ({"conda_file": 3}, "environment.conda_file: expected text; got 3"),
        ({"conda_file": {"dependencies": ["a=1|2"]}}, "environment.conda_file.dependencies[0]: a: a choice"),
        (3, 'environment: expected text; got 3'),
        (None, "environment: this key is required"),
    ],
)  # fmt: skip
def test_a_wrong_environment_is_refused_at_its_key(environment: Any, said: str) -> None:
    assert any(said in found for found in problems(environment=environment))


def test_an_environment_can_stand_inline() -> None:
    conda = {"channels": ["conda-forge"], "dependencies": ["python=3.11", {"pip": ["mlflow"]}]}
    spec = job(environment={"image": "mcr.microsoft.com/x", "conda_file": conda})
    assert spec.to_document()["environment"]["conda_file"] == conda
    assert spec.planned() == []


@pytest.mark.parametrize(
    "keys",
    [
        {"environment": {"build": {"path": "docker"}}},
        {"environment": {"image": "x", "os_type": "Windows"}},
        {"outputs": {"x": {"mode": "direct"}}},
    ],
)
def test_what_this_version_does_not_run_is_not_yet(keys: dict[str, Any]) -> None:
    with pytest.raises(NotYet, match="not run in this version"):
        job(**keys)


def test_a_real_problem_beside_it_makes_it_invalid() -> None:
    with pytest.raises(InvalidInput) as caught:
        job(environment={"build": {"path": "docker"}}, cmpute="local")
    assert type(caught.value) is InvalidInput
    assert [problem.key for problem in caught.value.problems] == ["cmpute"]


def test_what_is_not_run_is_understood_all_the_same() -> None:
    keys = {"command": "true", "environment": {"build": {"path": "docker"}}, "outputs": {"m": {"mode": "direct"}}}
    spec = understood("job", document_of(keys))
    assert [".".join(map(str, found.key)) for found in spec.not_run()] == ["environment.build", "outputs.m.mode"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"command": ""}, "command: expected text that is not empty"),
        ({"command": "a\0b"}, "command: a text cannot contain the character NUL"),
        ({"command": ["a"]}, "command: expected text; got a list"),
        ({"environment_variables": {"A=B": "x"}}, "'A=B' cannot be the name of an environment variable"),
        ({"environment_variables": ["A"]}, "environment_variables: expected a mapping; got a list"),
        ({"limits": {"timeout": "soon"}}, "limits.timeout: expected a whole number; got soon"),
        ({"limits": {"timeout": 1.5}}, "limits.timeout: expected a whole number; got 1.5"),
        ({"limits": {"timeout": True}}, "limits.timeout: expected a number; got true"),
        ({"resources": {"instance_count": 0}}, "resources.instance_count: expected at least 1; got 0"),
        ({"name": "a/b"}, "name: 'a/b' cannot name a job"),
        ({"distribution": {"type": "horovod"}}, "distribution.type: expected one of mpi, pytorch, tensorflow, ray"),
        ({"code": "azureml://x"}, "code: azureml://x is no reference"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_at_its_key(keys: dict[str, Any], said: str) -> None:
    (found,) = problems(**keys)
    assert found.startswith(said) or said in found


def test_numbers_in_quotes_are_numbers() -> None:
    spec = job(limits={"timeout": "60"})
    assert spec.limits is not None
    assert spec.limits.timeout == 60
