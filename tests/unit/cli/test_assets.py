"""`ml component`, `ml data`, `ml environment`, `ml model`: four nouns, one life."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def model(platform: Any, pratique: Any) -> None:
    Path("trained").mkdir()
    Path("trained/MLmodel").write_text("flavors: {}\n")
    Path("trained/.amlignore").write_text("*\n")
    assert pratique("ml", "model", "create", "-n", "credit", "--path", "trained", "--type", "mlflow_model").code == 0


@pytest.mark.usefixtures("model")
def test_a_model_is_uploaded_whole_under_its_own_base_name(platform: Any) -> None:
    [sent] = platform.sent("POST", "workspaces/ws/models")
    digest, _, name = sent["spec"]["path"].removeprefix("upload:").partition("/")
    assert name == "trained"
    # Ignore files are for code; a model that holds one is that model.
    assert [entry["path"] for entry in platform.manifests[digest]["entries"]] == [".amlignore", "MLmodel"]


@pytest.mark.usefixtures("model")
def test_an_explicit_version_is_sent_as_text(platform: Any, pratique: Any) -> None:
    Path("model.yml").write_text("name: credit\npath: trained\ntype: mlflow_model\nversion: 1\n")
    pratique("ml", "model", "create", "-f", "model.yml", "-v", "7", "--set", "tags.stage=prod", "description=x")
    sent = platform.sent("POST", "workspaces/ws/models")[-1]["spec"]
    assert (sent["version"], sent["tags"], sent["description"]) == ("7", {"stage": "prod"}, "x")


def test_a_reference_is_sent_as_it_is(platform: Any, pratique: Any) -> None:
    path = "azureml://jobs/brave_lantern/outputs/artifacts/paths/model"
    pratique("ml", "model", "create", "-n", "credit", "--path", path, "--type", "mlflow_model")
    assert platform.sent("POST", "workspaces/ws/models")[0]["spec"]["path"] == path


@pytest.mark.usefixtures("model")
def test_list_of_one_name_is_all_its_versions_newest_first(platform: Any, pratique: Any) -> None:
    pratique("ml", "model", "create", "-n", "credit", "--path", "trained", "--type", "mlflow_model")
    assert pratique("ml", "model", "list", "-n", "credit", "--query", "[].version", "-o", "tsv").out == "2\n1\n"
    assert pratique("ml", "model", "list", "--query", "[].version", "-o", "tsv").out == "2\n"
    assert pratique("ml", "model", "list", "-n", "credit", "-r", "1", "--query", "[].version", "-o", "tsv").out == "2\n"


def test_list_of_an_unknown_name_exits_3(platform: Any, pratique: Any) -> None:
    ran = pratique("ml", "model", "list", "-n", "absent")
    assert (ran.code, ran.out) == (3, "")


@pytest.mark.usefixtures("model")
def test_tags_filter_lists(platform: Any, pratique: Any) -> None:
    pratique("ml", "model", "update", "-n", "credit", "-l", "latest", "--set", "tags.stage=prod")
    assert json.loads(pratique("ml", "model", "list", "--tag", "stage=prod").out)[0]["name"] == "credit"
    assert pratique("ml", "model", "list", "--tag", "stage=dev").out == "[]\n"


@pytest.mark.usefixtures("model")
def test_what_never_changes_is_refused(platform: Any, pratique: Any) -> None:
    ran = pratique("ml", "model", "update", "-n", "credit", "-v", "1", "--set", "path=other")
    assert ran.code == 2
    assert "'path' cannot be changed" in ran.err
    assert pratique("ml", "model", "update", "-n", "credit", "-v", "1").code == 2
    assert pratique("ml", "model", "update", "-n", "credit", "-v", "1", "--remove", "tags.absent").code == 2
    assert not [path for method, path, _ in platform.requests if method == "PATCH"]


@pytest.mark.usefixtures("model")
def test_a_tag_is_the_text_that_was_typed(platform: Any, pratique: Any) -> None:
    argv = ["ml", "model", "update", "-n", "credit", "-v", "1"]
    pratique(*argv, "--set", "tags.build=010", "tags.n=1.10", "tags.old=x", "description=A model")
    assert pratique(*argv, "--remove", "tags.old").code == 0
    [version] = platform.assets["models"]
    assert (version["tags"], version["description"]) == ({"build": "010", "n": "1.10"}, "A model")


@pytest.mark.usefixtures("model")
def test_show_wants_a_version_or_a_label(pratique: Any) -> None:
    assert pratique("ml", "model", "show", "-n", "credit").code == 2
    assert pratique("ml", "model", "show", "-n", "credit", "-v", "1", "-l", "latest").code == 2
    assert (
        pratique("ml", "model", "show", "-n", "credit", "-l", "latest", "--query", "version", "-o", "tsv").out == "1\n"
    )


@pytest.mark.usefixtures("model")
def test_archive_hides_and_restore_shows_again(pratique: Any) -> None:
    assert pratique("ml", "model", "archive", "-n", "credit").code == 0
    assert pratique("ml", "model", "list").out == "[]\n"
    assert pratique("ml", "model", "list", "-n", "credit").out == "[]\n"
    named = ("-n", "credit", "--query", "[].name", "-o", "tsv")
    assert pratique("ml", "model", "list", "--archived-only", *named).out == "credit\n"
    assert pratique("ml", "model", "list", "--include-archived", *named).out == "credit\n"
    every = ("--query", "[].name", "-o", "tsv")
    assert pratique("ml", "model", "list", "--archived-only", *every).out == "credit\n"
    assert pratique("ml", "model", "list", "--include-archived", *every).out == "credit\n"
    assert pratique("ml", "model", "list", "--include-archived", "--archived-only").code == 2
    pratique("ml", "model", "restore", "-n", "credit", "-v", "1")
    assert pratique("ml", "model", "list", "--query", "[].name", "-o", "tsv").out == "credit\n"
    assert pratique("ml", "model", "list", "--archived-only").out == "[]\n"


@pytest.mark.usefixtures("model")
def test_delete_asks_and_does_nothing_when_nobody_answers(platform: Any, pratique: Any) -> None:
    ran = pratique("ml", "model", "delete", "-n", "credit", "-v", "1")
    assert ran.code == 1
    assert "credit 1 of ws will be deleted for good" in ran.err
    assert "hint: add --yes" in ran.err
    assert platform.assets["models"]
    assert pratique("ml", "model", "delete", "-n", "credit", "-v", "1", "--yes").code == 0
    assert not platform.assets["models"]


def test_download_makes_a_folder_of_the_model_s_name(platform: Any, pratique: Any) -> None:
    digest = platform.keep_tree({"MLmodel": b"yaml", "data/model.pkl": b"\x80"})
    platform.assets["models"].append({"name": "credit", "version": "3", "tags": {}, "manifest": digest})
    assert pratique("ml", "model", "download", "-n", "credit", "-v", "3", "--download-path", "got").code == 0
    assert Path("got/credit/data/model.pkl").read_bytes() == b"\x80"


def test_a_conda_file_travels_as_its_content(platform: Any, pratique: Any) -> None:
    Path("conda.yml").write_text("dependencies:\n- python=3.11\n- pip:\n  - scikit-learn==1.5.2\n")
    argv = ["--image", "mcr.microsoft.com/azureml/minimal-py312-inference:latest", "--conda-file", "conda.yml"]
    assert pratique("ml", "environment", "create", "-n", "sk", *argv).code == 0
    sent = platform.sent("POST", "workspaces/ws/environments")[0]["spec"]
    assert sent["conda_file"] == {"dependencies": ["python=3.11", {"pip": ["scikit-learn==1.5.2"]}]}


def test_a_data_file_keeps_its_name(platform: Any, pratique: Any) -> None:
    Path("rows.csv").write_text("a\n1\n")
    Path("data.yml").write_text("name: rows\ntype: uri_file\npath: ./rows.csv\n")
    assert pratique("ml", "data", "create", "-f", "data.yml").code == 0
    assert platform.sent("POST", "workspaces/ws/data")[0]["spec"]["path"].endswith("/rows.csv")


def test_a_path_that_is_not_there_names_it(platform: Any, pratique: Any) -> None:
    Path("data.yml").write_text("name: rows\ntype: uri_file\npath: ./rows.csv\n")
    ran = pratique("ml", "data", "create", "-f", "data.yml")
    assert ran.code != 0
    assert "rows.csv" in ran.err
    assert not platform.sent("POST", "workspaces/ws/data")


def test_create_without_a_file_or_a_name_exits_2(platform: Any, pratique: Any) -> None:
    assert pratique("ml", "data", "create").code == 2


def test_a_tag_without_a_value_exits_2(platform: Any, pratique: Any) -> None:
    ran = pratique("ml", "data", "create", "-n", "x", "--path", ".", "--tags", "stage")
    assert ran.code == 2
    assert "--tags: expected NAME=VALUE; got 'stage'" in ran.err


COMPONENT = """
name: train
type: command
command: python train.py ${{inputs.lr}}
code: ./src
environment: {conda_file: ./conda.yml}
inputs: {lr: {type: number, default: 0.1}}
"""


def test_a_component_s_code_and_conda_file_travel_like_a_job_s(platform: Any, pratique: Any) -> None:
    Path("src").mkdir()
    Path("src/train.py").write_text("print(1)\n")
    Path("conda.yml").write_text("dependencies: [python=3.11]\n")
    Path("train.yml").write_text(COMPONENT)
    ran = pratique("ml", "component", "create", "-f", "train.yml", "-v", "7", "--set", "inputs.lr.default=0.5")
    assert (ran.code, ran.err) == (0, ran.err)
    [sent] = platform.sent("POST", "workspaces/ws/components")
    assert sent["spec"]["code"].endswith("/src")
    assert sent["spec"]["environment"]["conda_file"] == {"dependencies": ["python=3.11"]}
    assert (sent["spec"]["version"], sent["spec"]["inputs"]["lr"]["default"]) == ("7", 0.5)
    assert pratique("ml", "component", "list", "-n", "train", "--query", "[].version", "-o", "tsv").out == "7\n"


def test_a_pipeline_component_holds_the_components_of_its_files(platform: Any, pratique: Any) -> None:
    Path("parts/src").mkdir(parents=True)
    Path("parts/train.yml").write_text(COMPONENT.replace("./conda.yml", "../conda.yml"))
    Path("conda.yml").write_text("dependencies: [python=3.11]\n")
    Path("parts/src/train.py").write_text("")
    steps = "{type: command, component: ./parts/train.yml}"
    Path("pipeline.yml").write_text(f"name: both\ntype: pipeline\njobs:\n  a: {steps}\n  b: {steps}\n")
    assert pratique("ml", "component", "create", "-f", "pipeline.yml").code == 0
    [sent] = platform.sent("POST", "workspaces/ws/components")
    one, other = (sent["spec"]["jobs"][name]["component"]["code"] for name in ("a", "b"))
    assert one == other
    assert one.endswith("/src")
    # Two manifests are asked for, with and without the blobs: the folder is sent once, whatever names it.
    assert len(platform.sent("POST", "workspaces/ws/manifests")) == 2


@pytest.mark.usefixtures("model")
def test_edits_are_made_in_the_order_of_the_command_line(platform: Any, pratique: Any) -> None:
    argv = ["ml", "model", "update", "-n", "credit", "-v", "1"]
    assert pratique(*argv, "--set", "tags.a=1", "tags.b=2", "--remove", "tags.a", "--set", "tags.c=3").code == 0
    assert platform.assets["models"][0]["tags"] == {"b": "2", "c": "3"}
    assert pratique(*argv, "--remove", "tags", "--set", "description=10", "--force-string").code == 0
    assert (platform.assets["models"][0]["tags"], platform.assets["models"][0]["description"]) == ({}, "10")
    ran = pratique(*argv, "--add", "tags", "x")
    assert ran.code == 2
    assert "--add tags: tags is not a list" in ran.err


def test_what_a_component_includes_lies_beside_its_code(platform: Any, pratique: Any) -> None:
    for name in ("parts/src/train.py", "shared/io/read.py", "notes.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    Path("conda.yml").write_text("dependencies: [python=3.11]\n")
    more = "additional_includes: [../shared, ../notes.txt]\n"
    Path("parts/train.yml").write_text(COMPONENT.replace("./conda.yml", "../conda.yml") + more)
    assert pratique("ml", "component", "create", "-f", "parts/train.yml").code == 0
    Path("pipeline.yml").write_text("type: pipeline\njobs:\n  a: {component: ./parts/train.yml}\n")
    assert pratique("ml", "job", "create", "-f", "pipeline.yml").code == 0
    component = platform.sent("POST", "workspaces/ws/components")[0]["spec"]
    step = platform.sent("POST", "workspaces/ws/jobs")[0]["spec"]["jobs"]["a"]["component"]
    assert step["code"] == component["code"]
    assert "additional_includes" not in {**component, **step}
    digest, _, name = component["code"].removeprefix("upload:").partition("/")
    assert name == "src"
    entries = [entry["path"] for entry in platform.manifests[digest]["entries"]]
    assert entries == ["notes.txt", "shared/io/read.py", "train.py"]


def test_an_include_that_is_not_there_or_there_twice_is_told(platform: Any, pratique: Any) -> None:
    Path("src").mkdir()
    Path("src/train.py").write_text("")
    Path("conda.yml").write_text("dependencies: [python=3.11]\n")
    Path("train.yml").write_text(COMPONENT + "additional_includes: [./absent]\n")
    ran = pratique("ml", "component", "create", "-f", "train.yml")
    assert ran.code == 1
    assert "train.yml:8 additional_includes[0]: there is no file or folder absent" in ran.err
    Path("elsewhere").mkdir()
    Path("elsewhere/train.py").write_text("other")
    Path("train.yml").write_text(COMPONENT + "additional_includes: [./elsewhere/train.py]\n")
    ran = pratique("ml", "component", "create", "-f", "train.yml")
    assert ran.code == 1
    assert "the code has a train.py already" in ran.err
    Path("train.yml").write_text(COMPONENT + "additional_includes: ['azureml:lib:1']\n")
    assert "expected a file or folder of this disk" in pratique("ml", "component", "create", "-f", "train.yml").err
