"""Which kind a file is, by its schema or its shape; and the verdict on a file."""

from pathlib import Path

import pytest

from pratique.base.errors import InvalidInput, NotYet
from pratique.specs.detection import detect
from pratique.specs.kinds import KEPT_KINDS, KINDS, RUN_KINDS, load, noun_of
from pratique.specs.reader import parse_document
from pratique.specs.verdicts import judge

SCHEMA = "$schema: https://azuremlschemas.azureedge.net/latest/%s.schema.json\n"


def kind_of(text: str) -> str:
    return detect(parse_document(text, file="x.yml"))


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ("data", "data"), ("environment", "environment"), ("model", "model"), ("commandJob", "job"),
        ("pipelineJob", "pipeline-job"), ("commandComponent", "command-component"),
        ("pipelineComponent", "pipeline-component"), ("managedOnlineEndpoint", "online-endpoint"),
        ("kubernetesOnlineDeployment", "online-deployment"), ("workspace", "workspace"),
        ("azureBlob", "blob-datastore"), ("azureDataLakeGen2", "gen2-datastore"), ("amlCompute", "amlcompute"),
        ("kubernetesCompute", "kubernetes-compute"),
    ],
)  # fmt: skip
def test_the_schema_says_the_kind(schema: str, kind: str) -> None:
    assert kind_of(SCHEMA % schema + "name: x\n") == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("type: command\ncommand: x\n", "job"),
        ("command: x\n", "job"),
        ("type: command\nname: x\ncommand: x\nversion: 1\n", "command-component"),
        ("type: command\nname: x\ncommand: x\ninputs: {a: {type: uri_folder}}\n", "command-component"),
        ("type: command\nname: x\ncommand: x\ninputs: {a: {type: uri_folder, path: y}}\n", "job"),
        ("type: pipeline\njobs: {}\n", "pipeline-job"),
        ("jobs: {}\n", "pipeline-job"),
        ("type: pipeline\nname: x\ninputs: {a: {type: number}}\njobs: {}\n", "pipeline-component"),
        ("name: x\ntype: uri_file\npath: y\n", "data"),
        ("name: x\npath: y\n", "data"),
        ("name: x\ntype: mlflow_model\npath: y\n", "model"),
        ("name: x\nconda_file: y\n", "environment"),
        ("name: x\nauth_mode: key\n", "online-endpoint"),
        ("name: x\nendpoint_name: y\n", "online-deployment"),
        ("name: x\nendpoint_name: y\ntype: kubernetes\n", "online-deployment"),
        ("name: x\ntype: kubernetes\nnamespace: y\n", "kubernetes-compute"),
        ("name: x\ntype: azure_file\n", "file-datastore"),
        ("name: x\nlocation: y\n", "workspace"),
    ],
)
def test_the_shape_says_the_kind_where_there_is_no_schema(text: str, kind: str) -> None:
    assert kind_of(text) == kind


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("type: sweep\n", "sweep"),
        ("trial: {}\n", "sweep"),
        ("type: parallel\n", "parallel"),
        ("type: spark\n", "spark"),
        ("type: automl\n", "automl"),
        ("trigger: {}\ncreate_job: {}\n", "schedule"),
        ("create_monitor: {}\n", "monitor"),
        ("name: x\ndefaults: {}\n", "batch-endpoint"),
        ("endpoint_name: x\nmini_batch_size: 3\n", "batch-deployment"),
        ("index_columns: []\n", "feature-store-entity"),
        ("target: x\ncredentials: {}\n", "connection"),
        (SCHEMA % "sweepJob", "sweep"),
        (SCHEMA % "schedule", "schedule"),
        (SCHEMA % "batchDeployment", "batch-deployment"),
        (SCHEMA % "workspaceConnection", "connection"),
        (SCHEMA % "registry", "registry"),
        (SCHEMA % "autoMLImageJob" + "type: automl\n", "automl"),
        (SCHEMA % "featureSet", "feature-set"),
        (SCHEMA % "parallelComponent" + "type: parallel\n", "parallel"),
        (SCHEMA % "monitorSchedule", "monitor"),
    ],
)
def test_what_this_version_does_not_have_is_refused_by_name(text: str, word: str) -> None:
    if word == "sweep" and "$schema" in text:
        text += "type: sweep\n"
    with pytest.raises(NotYet) as caught:
        kind_of(text)
    assert word in str(caught.value.problems[0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\n", "it does not show what it describes (add $schema or type)"),
        ("dependencies: [python]\n", "this is a conda file (name it in the conda_file of an environment)"),
        ("", "the file is empty"),
        ("[1]", "expected a mapping of keys; got a list"),
    ],
)
def test_a_file_that_shows_no_kind_is_refused_with_a_remedy(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        kind_of(text)
    assert said in str(caught.value.problems[0])


@pytest.mark.parametrize(("noun", "text", "kind"), [
    ("datastore", "type: azure_blob\nname: x\naccount_name: a\ncontainer_name: c\n", "azure_blob"),
    ("compute", "type: AmlCompute\nname: cpu\n", "amlcompute"),
    ("component", "name: x\ncommand: x\nenvironment: azureml:e:1\n", "command"),
])  # fmt: skip
def test_a_noun_with_several_forms_is_loaded_by_its_type(noun: str, text: str, kind: str) -> None:
    assert load(noun, parse_document(text, file="x.yml")).to_document()["type"] == kind


def test_a_form_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InvalidInput) as caught:
        load("datastore", parse_document("type: azure_blub\nname: x\n", file="x.yml"))
    assert "did you mean azure_blob?" in str(caught.value.problems[0])
    with pytest.raises(NotYet):
        load("component", parse_document("type: spark\nname: x\n", file="x.yml"))


def test_every_kind_belongs_to_a_noun_of_azure() -> None:
    assert {noun_of(kind) for kind in KINDS} == {noun_of(kind) for kind in RUN_KINDS | KEPT_KINDS}


@pytest.mark.parametrize(
    ("credentials", "said"),
    [
        ("{account_ky: k}", "credentials.account_ky: unknown key (did you mean account_key?)"),
        ("{account_key: k, sas_token: s}", "credentials.account_key: unknown key"),
        ("{client_secret: s}", "credentials.client_secret: unknown key"),
    ],
)
def test_credentials_are_told_apart_by_their_keys(credentials: str, said: str) -> None:
    text = f"type: azure_blob\nname: x\naccount_name: a\ncontainer_name: c\ncredentials: {credentials}\n"
    with pytest.raises(InvalidInput) as caught:
        load("datastore", parse_document(text, file="x.yml"))
    assert any(said in str(problem) for problem in caught.value.problems)


def test_a_secret_is_not_in_what_a_spec_says_of_itself() -> None:
    text = "type: azure_blob\nname: x\naccount_name: a\ncontainer_name: c\ncredentials: {account_key: hush}\n"
    assert "hush" not in repr(load("datastore", parse_document(text, file="x.yml")))


def test_files_that_a_spec_names_have_to_be_there(tmp_path: Path) -> None:
    job = tmp_path / "job.yml"
    job.write_text("command: x\ncode: ./src\nenvironment: {image: i, conda_file: conda.yml}\n", encoding="utf-8")
    assert [str(problem).partition(" ")[2] for problem in judge(job).problems] == [
        f"code: there is no folder of code {tmp_path}/src",
        f"environment.conda_file: there is no conda file {tmp_path}/conda.yml",
    ]
    (tmp_path / "src").mkdir()
    (tmp_path / "conda.yml").write_text("dependencies: [a=1|2]\n", encoding="utf-8")
    (said,) = judge(job).problems
    assert said.file == str(tmp_path / "conda.yml")
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.11]\n", encoding="utf-8")
    assert judge(job).is_valid


def test_a_component_whose_name_is_wrong_is_still_a_component(tmp_path: Path) -> None:
    file = tmp_path / "fit.yml"
    text = SCHEMA % "commandComponent" + "type: command\nname: Fit-Model\ncommand: x\nenvironment: azureml:e:1\n"
    file.write_text(text, encoding="utf-8")
    verdict = judge(file)
    assert verdict.kind == "command-component"
    assert [problem.key for problem in verdict.problems] == ["name"]


def test_a_step_of_a_nested_pipeline_wants_a_compute_too(tmp_path: Path) -> None:
    (tmp_path / "inner.yml").write_text(
        "type: pipeline\nname: inner\njobs:\n  fit:\n    command: x\n    environment: azureml:e:1\n", encoding="utf-8"
    )
    outer = tmp_path / "outer.yml"
    outer.write_text("type: pipeline\njobs:\n  all: {type: pipeline, component: ./inner.yml}\n", encoding="utf-8")
    (said,) = judge(outer).problems
    assert (said.line, said.key) == (4, "jobs.all.component.jobs.fit")
    outer.write_text(outer.read_text("utf-8") + "settings: {default_compute: azureml:c}\n", encoding="utf-8")
    assert judge(outer).is_valid


def test_a_wrong_file_does_not_hide_what_is_wrong_with_the_files_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "conda.yml").write_text("dependencies:\n  - pip:\n    - --pre\n", encoding="utf-8")
    file = tmp_path / "job.yml"
    file.write_text(
        "{comand: x, type: command, environment: {image: i, conda_file: conda.yml},\n"
        "inputs: {rows: {type: uri_fil, path: gone.csv}}}\n", encoding="utf-8"
    )  # fmt: skip
    told = {(problem.file, problem.line, problem.key) for problem in judge(file).problems}
    assert {
        (str(tmp_path / "conda.yml"), 3, "dependencies[0].pip[0]"),
        (str(file), 2, "inputs.rows.path"),
        (str(file), 2, "inputs.rows.type"),
        (str(file), 1, "comand"),
    } <= told
