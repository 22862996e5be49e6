"""`ml validate`: the verdict on files of any kind, without a platform."""

import json
from pathlib import Path
from typing import Any

import pytest

JOB = "command: echo ${{inputs.lr}}\nenvironment: azureml:sklearn:1\ninputs: {lr: 0.1}\n"


@pytest.fixture(autouse=True)
def _here(nowhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def test_a_valid_file_is_said_to_be_so_with_its_kind(pratique: Any) -> None:
    ran = pratique("ml", "validate", write("job.yml", JOB))
    assert (ran.code, ran.out, ran.err) == (0, "job.yml: valid (job)\n", "")


def test_every_problem_of_every_file_is_told_and_the_exit_code_is_1(pratique: Any) -> None:
    good, bad = write("good.yml", JOB), write("bad.yml", JOB.replace("inputs.lr", "inputs.rl") + "descripton: x\n")
    ran = pratique("ml", "validate", good, bad)
    assert ran.code == 1
    assert ran.out.splitlines() == [
        "good.yml: valid (job)",
        "bad.yml: not valid (job)",
        "  bad.yml:1 command: ${{inputs.rl}} is not one of the job's inputs (inputs: lr)",
        "  bad.yml:4 descripton: unknown key (did you mean description?)",
        "2 files, 1 not valid",
    ]


def test_the_values_after_defaults_are_printed_as_json(pratique: Any) -> None:
    ran = pratique("ml", "validate", write("job.yml", JOB), "-o", "json")
    (found,) = json.loads(ran.out)
    assert (found["file"], found["kind"], found["valid"], found["problems"]) == ("job.yml", "job", True, [])
    assert found["values"]["compute"] == "local"
    assert found["values"]["inputs"] == {"lr": 0.1}


def test_a_query_sees_the_values_too(pratique: Any) -> None:
    assert (
        pratique("ml", "validate", write("job.yml", JOB), "--query", "[0].values.compute", "-o", "tsv").out == "local\n"
    )


def test_bad_files_are_exit_1_under_every_format(pratique: Any) -> None:
    bad = write("bad.yml", "type: comand\n")
    assert [pratique("ml", "validate", bad, "-o", form).code for form in ("json", "table", "tsv", "yaml", "none")] == [
        1
    ] * 5


def test_what_this_version_does_not_have_is_named_as_such(pratique: Any) -> None:
    ran = pratique("ml", "validate", write("sweep.yml", "type: sweep\ntrial: {command: x}\n"))
    assert (ran.code, ran.out) == (
        1, "sweep.yml: not in this version\n  sweep.yml:1 type: sweep: sweep jobs are not run in this version\n",
    )  # fmt: skip


def test_keys_and_kinds_that_are_not_run_are_said(pratique: Any) -> None:
    job = write("job.yml", JOB + "resources: {shm_size: 2g}\n")
    store = write("store.yml", "type: azure_blob\nname: b\naccount_name: a\ncontainer_name: c\n")
    assert pratique("ml", "validate", job, store).out.splitlines()[:2] == [
        "job.yml: valid (job); planned, not run: resources.shm_size",
        "store.yml: valid (blob-datastore); planned, not run: blob-datastore",
    ]


def test_missing_files_are_told_with_everything_else_at_their_own_lines(pratique: Any) -> None:
    write("part.yml", "name: part\ntype: command\ncommand: x\ncode: ./nowhere\nenvironment: {conda_file: none.yml}\n")
    text = (
        "type: pipeline\nexperimnt_name: x\njobs:\n  a: {component: ./part.yml}\n  b: {component: ./gone.yml}\n"
        "  c: {command: x, environment: 'azureml:e:1', inputs: {r: {path: rows.csv}}}\n"
    )
    ran = pratique("ml", "validate", write("pipeline.yml", text))
    assert ran.code == 1
    said = [line.strip().partition(": ")[0] for line in ran.out.splitlines()[1:]]
    assert sorted(said) == [
        "part.yml:4 jobs.a.component.code",
        "part.yml:5 jobs.a.component.environment.conda_file",
        "pipeline.yml:2 experimnt_name",
        "pipeline.yml:5 jobs.b.component",
        "pipeline.yml:6 jobs.c.inputs.r.path",
    ]


def test_a_schema_that_was_copied_with_a_file_does_not_hide_what_it_is(pratique: Any) -> None:
    schema = "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json\n"
    deployment = "name: blue\nendpoint_name: tide\nmodel: azureml:m:1\ninstance_type: x\n"
    ran = pratique("ml", "validate", write("blue.yml", schema + deployment))
    assert (ran.code, ran.out) == (0, "blue.yml: valid (online-deployment)\n")


def test_what_is_understood_and_would_not_run_is_valid_and_said(pratique: Any) -> None:
    model = write("model.yml", "name: tide\ntype: triton_model\npath: azureml://datastores/store/paths/model\n")
    ran = pratique("ml", "validate", model)
    assert (ran.code, ran.out.splitlines()) == (
        0,
        [
            "model.yml: valid (model)",
            "  model.yml:2 type: triton_model: models for the Triton server are not run in this version",
        ],
    )
    (found,) = json.loads(pratique("ml", "validate", model, "-o", "json").out)
    assert (found["valid"], found["not_yet"], found["values"]["type"]) == (True, True, "triton_model")


def test_a_file_that_is_not_there_is_one_of_the_verdicts(pratique: Any) -> None:
    ran = pratique("ml", "validate", write("job.yml", JOB), "none.yml")
    assert ran.code == 1
    assert "  none.yml: there is no such file" in ran.out


def test_a_file_that_does_not_show_its_kind_can_be_told_it(pratique: Any) -> None:
    file = write("x.yml", "name: credit\n")
    assert "it does not show what it describes" in pratique("ml", "validate", file).out
    assert pratique("ml", "validate", file, "--kind", "online-endpoint").out == "x.yml: valid (online-endpoint)\n"


def test_five_hundred_files_are_read_in_one_go(pratique: Any) -> None:
    files = [write(f"job{number}.yml", JOB) for number in range(500)]
    ran = pratique("ml", "validate", *files)
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "500 files, 0 not valid")
