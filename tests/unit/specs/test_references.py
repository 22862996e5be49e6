"""References: each form has one meaning, and none leads out of what it names."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.base.errors import InvalidInput
from pratique.specs.kinds import load
from pratique.specs.reader import YamlDocument, document_of, parse_document
from pratique.specs.references import (
    Asset,
    Compute,
    DatastorePath,
    JobOutput,
    LocalPath,
    LocalUse,
    RunPath,
    Upload,
    Url,
    check_uploaded,
    local_paths,
    parse_compute,
    parse_reference,
    replaced,
)

D = "a" * 64
WS = "/subscriptions/0-1/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("azureml:credit:7", Asset("credit", "7")),
        ("azureml:credit@latest", Asset("credit", label="latest")),
        ("azureml:credit", Asset("credit")),
        ("azureml:AzureML-sklearn-1.0-ubuntu20.04-py38-cpu:1", Asset("AzureML-sklearn-1.0-ubuntu20.04-py38-cpu", "1")),
        (
            "azureml://registries/azureml/environments/sklearn-1.5/labels/latest",
            Asset("sklearn-1.5", label="latest", registry="azureml", noun="environments"),
        ),
        ("azureml://registries/r/models/m/versions/3", Asset("m", "3", registry="r", noun="models")),
        (f"azureml:{WS}/models/m/versions/3", Asset("m", "3", workspace="ws", noun="models")),
        (f"{WS}/environments/e/versions/3", Asset("e", "3", workspace="ws", noun="environments")),
        (f"{WS}/datastores/blob/paths/a", DatastorePath("blob", "a", "ws")),
        (f"azureml:/{WS}/data/d/versions/1", Asset("d", "1", workspace="ws", noun="data")),
        ("azureml://datastores/blob/paths/a/b.csv", DatastorePath("blob", "a/b.csv")),
        (f"azureml:/{WS}/datastores/blob/paths/a/", DatastorePath("blob", "a", "ws")),
        (
            "azureml://datastores/${{default_datastore}}/paths/azureml/${{name}}/out/",
            DatastorePath("${{default_datastore}}", "azureml/${{name}}/out"),
        ),
        ("azureml://jobs/brave_lamp_1/outputs/artifacts/paths/model", JobOutput("brave_lamp_1", "artifacts", "model")),
        ("azureml://jobs/j/outputs/model", JobOutput("j", "model")),
        ("azureml://jobs/j/outputs/model/paths/", JobOutput("j", "model")),
        ("runs:/0a1b/model/data", RunPath("0a1b", "model/data")),
        (f"upload:{D}/model.pkl", Upload(D, "model.pkl")),
        ("https://example.com/x.csv?a=%20#b", Url("https://example.com/x.csv?a=%20#b")),
        ("wasbs://c@a.blob.core.windows.net/x", Url("wasbs://c@a.blob.core.windows.net/x")),
        ("../data/x.csv", LocalPath("../data/x.csv")),
        ("/abs/x", LocalPath("/abs/x")),
        ("file:./x y.csv", LocalPath("./x y.csv")),
        ("file:///abs/x", LocalPath("/abs/x")),
        ("C:\\data\\x.csv", LocalPath("C:\\data\\x.csv")),
        ("größe.csv", LocalPath("größe.csv")),
    ],
)  # fmt: skip
def test_a_reference_has_one_meaning(text: str, meaning: object) -> None:
    assert parse_reference(text) == meaning


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "a\0b", "azureml:", "azureml:a:b:c", "azureml:a@", "azureml:@latest", "azureml:../x:1",
        "azureml:a:../1", "azureml:a:1.0/2", "azureml:a b:1", "azureml://", "azureml://datastores/d",
        "azureml://datastores/../paths/x", "azureml://datastores/d/paths/../../x",
        "azureml://datastores/d/paths/a%2e%2e/x", "azureml://datastores/d/paths/a#b", "azureml://jobs/../outputs/x",
        "azureml://jobs/j/outputs/o/paths/../x", "azureml://jobs/j/outputs/o/paths/a;b",
        "azureml://registries/r/secrets/m/versions/3", "azureml://elsewhere/x", "runs:/../x", "runs:/r/../../x",
        "runs:/r/a%2fb", "upload:", f"upload:{D}", f"upload:{D}/", f"upload:{D}/..", f"upload:{D}/a/b",
        f"upload:{D}/a\\b", f"upload:{D[1:]}/x", f"upload:{D.upper()}/x", f"upload:../{D}/x", "dbfs://x/y",
        "javascript://x", "${{inputs.x}}/y",
    ],
)  # fmt: skip
def test_a_text_that_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_reference(text)


PIECES = (
    "azureml:", "//", "/", "runs:/", "upload:", "jobs/", "j", "/outputs/", "o", "/paths/", "..", "%2e", "\\", "#",
    ";", "a", ":", "@", D, "datastores/",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join))
def test_a_path_inside_a_reference_never_leads_out(text: str) -> None:
    try:
        found = parse_reference(text)
    except InvalidInput:
        return
    inside = getattr(found, "path", "") if not isinstance(found, LocalPath) else ""
    inside += getattr(found, "name", "") + getattr(found, "output", "")
    assert ".." not in inside.split("/")
    assert not set(inside) & set("\\%#;?\0")


@pytest.mark.parametrize(
    "text",
    ["azureml:a:1", "azureml:a@l", "azureml:a", "azureml://registries/r/models/m/versions/3", f"upload:{D}/x",
     "azureml://jobs/j/outputs/o/paths/p/q", "azureml://jobs/j/outputs/o", "runs:/r/p", "azureml://datastores/d/paths/p"],
)  # fmt: skip
def test_a_reference_is_written_as_it_was_read(text: str) -> None:
    assert str(parse_reference(text)) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [("local", "local"), ("azureml:cpu-cluster", "cpu-cluster"), ("azureml:serverless", "serverless"),
     ("serverless", "serverless"), (f"azureml:{WS}/computes/gpu", "gpu"), (f"{WS}/computes/gpu", "gpu"),
     ("cpu-cluster", "cpu-cluster"), ("cpu_cluster", "cpu_cluster"), ("azureml:CPU", "CPU")],
)  # fmt: skip
def test_a_compute_is_named(text: str, name: str) -> None:
    assert parse_compute(text) == Compute(name)


@pytest.mark.parametrize("text", ["", "azureml:a:1", "azureml:", "azureml:a/b", "a b"])
def test_what_names_no_compute_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_compute(text)


DEPLOYMENT = {
    "name": "blue",
    "endpoint_name": "credit",
    "model": {"path": "../model"},
    "code_configuration": {"code": "src", "scoring_script": "score.py"},
    "environment": {"conda_file": "file:conda.yml"},
}


def test_the_local_files_of_a_spec_are_relative_to_its_yaml() -> None:
    spec = load("online-deployment", document_of(DEPLOYMENT, folder=Path("/home/me/credit")))
    assert local_paths(spec) == [
        LocalUse(("code_configuration", "code"), Path("/home/me/credit/src"), "code"),
        LocalUse(("model", "path"), Path("/home/me/credit/../model"), "model"),
        LocalUse(("environment", "conda_file"), Path("/home/me/credit/conda.yml"), "environment"),
    ]


def test_a_path_written_on_windows_is_found() -> None:
    spec = load("model", document_of({"name": "m", "path": "..\\model\\x.pkl"}, folder=Path("/home/me")))
    assert [use.path for use in local_paths(spec)] == [Path("/home/me/../model/x.pkl")]


def test_a_conda_file_that_takes_the_place_of_its_path_keeps_its_lines() -> None:
    spec = load("online-deployment", document_of(DEPLOYMENT))
    conda = parse_document("dependencies:\n  - python=3.11\n  - a=1|2\n", file="conda.yml")
    with pytest.raises(InvalidInput) as caught:
        replaced(spec, {("environment", "conda_file"): conda})
    assert [(problem.file, problem.line, problem.key) for problem in caught.value.problems] == [
        ("conda.yml", 3, "environment.conda_file.dependencies[1]")
    ]


def test_replacing_them_gives_a_spec_that_a_server_takes() -> None:
    spec = load("online-deployment", document_of(DEPLOYMENT, folder=Path("/home/me/credit")))
    with pytest.raises(InvalidInput) as caught:
        check_uploaded(spec)
    assert [problem.key for problem in caught.value.problems] == [
        "code_configuration.code", "model.path", "environment.conda_file",
    ]  # fmt: skip
    sent = replaced(
        spec,
        {
            ("code_configuration", "code"): f"upload:{D}/src",
            ("model", "path"): f"upload:{D}/model",
            ("environment", "conda_file"): {"dependencies": ["python=3.11"]},
        },
    )
    check_uploaded(sent)
    assert local_paths(sent) == []
    assert sent.to_document()["model"]["path"] == f"upload:{D}/model"
    assert spec.to_document()["model"]["path"] == "../model", "the original stays as it was"


def test_what_is_not_local_is_not_uploaded() -> None:
    job = {
        "command": "x",
        "environment": "azureml:e:1",
        "inputs": {"a": {"path": "azureml:d:1"}, "b": {"path": "https://x/y"}, "c": "text/like/a/path"},
    }
    assert local_paths(load("job", YamlDocument(job))) == []


def test_importing_references_and_bindings_needs_neither_pydantic_nor_yaml() -> None:
    code = (
        "import sys, pratique.specs.references, pratique.specs.bindings, pratique.specs.traffic;"
        "print(sorted({'pydantic', 'yaml', 'packaging'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
