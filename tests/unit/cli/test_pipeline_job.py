"""`ml job` with pipelines, and clones of jobs that ran."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

TRAIN = """\
name: train
type: command
command: python train.py ${{inputs.lr}} ${{inputs.rows}} ${{outputs.model}}
code: ./src
environment: {conda_file: ../conda.yml}
inputs:
  lr: {type: number}
  rows: {type: uri_file}
outputs:
  model: {type: uri_folder}
"""
PIPELINE = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
display_name: whole
experiment_name: credit
inputs:
  rows: {type: uri_file, path: ./rows.csv}
jobs:
  train:
    component: ./parts/train.yml
    inputs: {lr: 0.1, rows: "${{parent.inputs.rows}}"}
  again:
    component: ./parts/train.yml
    inputs: {lr: 0.2, rows: "${{parent.inputs.rows}}"}
  check:
    type: command
    command: ls ${{inputs.model}}
    environment: azureml:sklearn@latest
    inputs: {model: {path: "${{parent.jobs.train.outputs.model}}"}}
"""
EXPORTED: dict[str, Any] = {
    "id": "azureml:/subscriptions/s/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws/jobs/o",
    "name": "old",
    "type": "command",
    "status": "Completed",
    "display_name": "train",
    "experiment_name": "credit",
    "command": "python train.py ${{inputs.lr}}",
    "code": f"upload:{'a' * 64}/src",
    "environment": {"conda_file": {"dependencies": ["python=3.11"]}},
    "inputs": {"lr": 0.1},
    "outputs": {"model": {"type": "mlflow_model", "mode": "rw_mount", "path": "azureml://jobs/old/outputs/model"}},
    "compute": "local",
    "tags": {"team": "risk"},
    "properties": {
        "mlflow.source.git.commit": "c" * 40,
        "azureml.git.dirty": "False",
        "pratique.own": "x",
        "mine": "y",
    },
    "services": {"Studio": {"endpoint": "http://door/run"}},
    "run_id": "r1",
    "start_time": "2026-01-01T00:00:00Z",
    "end_time": "2026-01-01T00:00:01Z",
    "creation_context": {"created_at": "2026-01-01T00:00:00Z", "created_by": "ann", "created_by_type": "user"},
}


@pytest.fixture
def pipeline(platform: Any) -> Path:
    Path("parts/src").mkdir(parents=True)
    Path("parts/src/train.py").write_text("print('hi')\n")
    Path("parts/train.yml").write_text(TRAIN)
    Path("conda.yml").write_text("dependencies: [python=3.11]\n")
    Path("rows.csv").write_text("a\n1\n")
    Path("pipeline.yml").write_text(PIPELINE)
    return Path("pipeline.yml")


def export(**changes: Any) -> None:
    Path("old.yml").write_text(yaml.safe_dump({**EXPORTED, **changes}))


def posted(platform: Any) -> Any:
    return platform.sent("POST", "workspaces/ws/jobs")[-1]


def test_a_pipeline_is_sent_whole(platform: Any, pratique: Any, pipeline: Path) -> None:
    ran = pratique("ml", "job", "create", "-f", str(pipeline), "--set", "jobs.train.inputs.lr=0.5", "-o", "none")
    assert (ran.code, ran.out) == (0, ""), ran.err
    spec = posted(platform)["spec"]
    train, again = spec["jobs"]["train"]["component"], spec["jobs"]["again"]["component"]
    assert train["code"] == again["code"]
    assert train["code"].startswith("upload:")
    assert train["code"].endswith("/src")
    assert train["environment"]["conda_file"] == {"dependencies": ["python=3.11"]}
    assert spec["inputs"]["rows"]["path"].endswith("/rows.csv")
    assert [spec["jobs"][step]["inputs"]["lr"] for step in ("train", "again")] == [0.5, 0.2]
    assert spec["jobs"]["check"]["environment"] == "azureml:sklearn@latest"


def test_everything_that_is_wrong_in_a_pipeline_names_its_own_file(pratique: Any, pipeline: Path) -> None:
    Path("parts/train.yml").write_text(TRAIN.replace("./src", "./absent"))
    Path("rows.csv").unlink()
    ran = pratique("ml", "job", "create", "-f", str(pipeline))
    assert (ran.code, ran.out) == (1, "")
    assert "parts/train.yml:4 jobs.train.component.code: there is no file or folder" in ran.err
    assert "pipeline.yml:6 inputs.rows.path: there is no file or folder" in ran.err


def test_a_pipeline_that_failed_names_its_steps(platform: Any, pratique: Any, pipeline: Path) -> None:
    steps = {"train": {"name": "child_1", "status": "Failed"}, "again": {"name": "child_2", "status": "Completed"}}
    platform.job_ends = {"status": "Failed", "jobs": steps, "error": {"message": "a step failed", "hint": ""}}
    ran = pratique("ml", "job", "create", "-f", str(pipeline), "--stream")
    assert (ran.code, ran.out) == (1, "")
    assert "error: the job brave_lantern is Failed; failed: train (child_1): a step failed" in ran.err


def test_the_steps_of_a_pipeline_are_listed_by_its_name(platform: Any, pratique: Any) -> None:
    platform.jobs |= {
        "p": {"name": "p", "tags": {}, "status": "Running"},
        "c1": {"name": "c1", "tags": {}, "parent": "p", "status": "Running"},
        "c2": {"name": "c2", "tags": {}, "parent": "p", "status": "Running"},
    }
    names = ("--query", "[].name", "-o", "tsv")
    assert pratique("ml", "job", "list", *names).out == "p\n"
    assert pratique("ml", "job", "list", "--parent-job-name", "p", *names).out == "c1\nc2\n"
    assert pratique("ml", "job", "list", "--parent-job-name", "p", "-r", "1", *names).out == "c1\n"


def test_validate_needs_no_platform_and_tells_everything(pratique: Any, pipeline: Path) -> None:
    ran = pratique("ml", "job", "validate", "-f", str(pipeline), "-o", "json")
    assert (ran.code, json.loads(ran.out)) == (0, {"result": "Succeeded"})
    pipeline.write_text(PIPELINE.replace("type: pipeline", "type: pipeline\ncompte: x\ndefaults: 1"))
    ran = pratique("ml", "job", "validate", "-f", str(pipeline), "-o", "json")
    said = json.loads(ran.out)
    assert (ran.code, said["result"]) == (1, "Failed")
    assert [(one["path"], one["location"]) for one in said["errors"]] == [
        ("compte", "pipeline.yml#line 3"),
        ("defaults", "pipeline.yml#line 4"),
    ]
    assert "pipeline.yml:3 compte" in pratique("ml", "job", "validate", "-f", str(pipeline)).out


def test_what_show_printed_makes_a_clone_with_changes(platform: Any, pratique: Any) -> None:
    export()
    ran = pratique(
        "ml", "job", "create", "-f", "old.yml", "--set", "name=new", "inputs.lr=0.5", "--remove", "tags.team"
    )
    assert (ran.code, ran.err) == (0, "")
    sent = posted(platform)
    assert sent["git"] == {"mlflow.source.git.commit": "c" * 40, "azureml.git.dirty": "False"}
    spec = sent["spec"]
    assert (spec["name"], spec["inputs"], spec["tags"]) == ("new", {"lr": 0.5}, {})
    assert spec["properties"] == {"mine": "y"}
    assert spec["code"] == EXPORTED["code"]
    assert spec["environment"]["conda_file"] == {"dependencies": ["python=3.11"]}
    assert spec["outputs"]["model"] == {"type": "mlflow_model", "mode": "rw_mount"}
    assert not {"services", "status", "run_id", "creation_context", "id"} & set(spec)


def test_a_name_that_is_taken_says_how_to_name_the_clone(platform: Any, pratique: Any) -> None:
    export()
    platform.jobs["old"] = {"name": "old", "status": "Completed"}
    ran = pratique("ml", "job", "create", "-f", "old.yml")
    assert (ran.code, ran.out) == (1, "")
    assert "hint: name it with --set name=NEW, or let the platform make a name up with --set name=" in ran.err
    assert pratique("ml", "job", "create", "-f", "old.yml", "--set", "name=").code == 0
    assert "name" not in posted(platform)["spec"]
    assert pratique("ml", "job", "create", "-f", "old.yml", "-n", "third").code == 0
    assert posted(platform)["spec"]["name"] == "third"


def test_a_clone_with_another_code_is_of_that_code_s_commit(platform: Any, pratique: Any) -> None:
    export()
    Path("src").mkdir()
    Path("src/train.py").write_text("")
    assert pratique("ml", "job", "create", "-f", "old.yml", "--set", "name=new", "code=./src").code == 0
    assert "mlflow.source.git.commit" not in posted(platform)["git"]


def test_a_pipeline_is_cloned_with_its_steps(platform: Any, pratique: Any) -> None:
    step = {
        "name": "old_train",
        "status": "Completed",
        "type": "command",
        "component": {**yaml.safe_load(TRAIN), "code": EXPORTED["code"], "environment": EXPORTED["environment"]},
        "inputs": {"lr": 0.1, "rows": "${{parent.inputs.rows}}"},
        "outputs": {"model": {"type": "uri_folder", "path": "azureml://jobs/old_train/outputs/model"}},
        "reused_from": "x",
    }
    rows = {"rows": {"type": "uri_file", "path": f"upload:{'b' * 64}/rows.csv"}}
    kept = {key: EXPORTED[key] for key in ("id", "name", "status", "creation_context", "properties", "services")}
    Path("old.yml").write_text(yaml.safe_dump({**kept, "type": "pipeline", "inputs": rows, "jobs": {"train": step}}))
    ran = pratique("ml", "job", "create", "-f", "old.yml", "--set", "name=", "jobs.train.inputs.lr=0.5")
    assert (ran.code, ran.err) == (0, "")
    sent = posted(platform)
    assert sent["git"]["mlflow.source.git.commit"] == "c" * 40
    train = sent["spec"]["jobs"]["train"]
    assert (train["inputs"]["lr"], train["component"]["code"]) == (0.5, EXPORTED["code"])
    assert "path" not in train["outputs"]["model"]
    assert not {"name", "status", "reused_from"} & set(train)
