"""Data, models, environments and workspaces."""

from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import InvalidInput, NotYet
from pratique.specs.data import Data
from pratique.specs.kinds import load
from pratique.specs.reader import document_of

ROUTES = {name: {"path": "/", "port": 80} for name in ("liveness_route", "readiness_route")}


def problem(kind: str, **keys: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        load(kind, document_of(keys))
    (found,) = caught.value.problems
    return str(found)


def test_data_is_a_folder_unless_it_says_otherwise() -> None:
    assert load("data", document_of({"name": "x", "path": "y"})).to_document()["type"] == "uri_folder"


def test_the_type_of_data_is_written_as_azure_reads_it() -> None:
    with pytest.raises(InvalidInput, match="1 problem") as caught:
        load("data", document_of({"name": "x", "path": "y", "type": "URI_FILE"}))
    assert "did you mean uri_file?" in str(caught.value.problems[0])


def test_a_model_is_custom_unless_it_says_otherwise() -> None:
    assert load("model", document_of({"name": "x", "path": "y"})).to_document()["type"] == "custom_model"


@pytest.mark.parametrize("path", ["runs:/0a1b/model", "azureml://jobs/j/outputs/artifacts/paths/model", "../model"])
def test_a_model_comes_from_a_run_a_job_or_the_disk(path: str) -> None:
    assert load("model", document_of({"name": "x", "path": path})).to_document()["path"] == path


def test_triton_models_are_not_run_yet() -> None:
    with pytest.raises(NotYet):
        load("model", document_of({"name": "x", "path": "y", "type": "triton_model"}))


@pytest.mark.parametrize(
    ("kind", "keys", "said"),
    [
        ("data", {"path": "y"}, "name: this key is required"),
        ("data", {"name": "x"}, "path: this key is required"),
        ("data", {"name": "../x", "path": "y"}, "name: '../x' cannot name an asset"),
        ("data", {"name": "x", "path": ""}, "path: expected text that is not empty"),
        ("data", {"name": "x", "path": "a\0b"}, "path: a text cannot contain the character NUL"),
        ("data", {"name": "x", "path": "y", "type": "uri_foldr"}, "(did you mean uri_folder?)"),
        ("data", {"name": "x", "path": "y", "type": "custom_model"}, "expected one of uri_file, uri_folder, mltable"),
        ("model", {"name": "x", "path": "y", "type": "uri_file"}, "expected one of custom_model, mlflow_model"),
        ("environment", {"name": "x"}, "an environment needs a conda_file or an image"),
        ("environment", {"name": "x", "conda_file": []}, "conda_file: expected text; got a list"),
        ("environment", {"name": "x", "conda_file": {"dependencies": ["a=1|2"]}}, "a: a choice of versions"),
        ("environment", {"name": "x", "image": "i", "os_type": "beos"}, "os_type: expected one of linux, windows"),
        (
            "environment",
            {"name": "x", "image": "i", "inference_config": ROUTES | {"scoring_route": {"path": "/"}}},
            "inference_config.scoring_route.port: this key is required",
        ),
        ("workspace", {"name": "Team A"}, "name: 'Team A' cannot name a workspace"),
        ("workspace", {"name": "api"}, "name: 'api' is reserved and cannot name a workspace"),
        ("workspace", {"name": "team-a", "resource_group": "a/b"}, "cannot name a resource group"),
        ("workspace", {"name": "team-a", "public_network_access": 3}, "expected one of enabled, disabled; got 3"),
    ],
)
def test_a_wrong_value_is_refused_at_its_key(kind: str, keys: dict[str, Any], said: str) -> None:
    assert said in problem(kind, **keys)


def test_an_environment_that_is_built_is_not_run_yet() -> None:
    with pytest.raises(NotYet) as caught:
        load("environment", document_of({"name": "x", "build": {"path": "docker", "dockerfile_path": "Dockerfile"}}))
    (found,) = caught.value.problems
    assert str(found) == (
        "build: building a container image is not run in this version (give the packages as a conda_file)"
    )


def test_an_environment_with_its_own_container_routes_says_what_is_not_run() -> None:
    route = {"path": "/", "port": 5001}
    spec = load(
        "environment",
        document_of(
            {
                "name": "x",
                "image": "i",
                "inference_config": {"liveness_route": route, "readiness_route": route, "scoring_route": route},
            }
        ),
    )
    assert spec.planned() == ["inference_config"]


def test_a_workspace_takes_every_key_of_azure_and_says_what_is_not_run() -> None:
    spec = load(
        "workspace",
        document_of(
            {
                "name": "team-a",
                "location": "westeurope",
                "display_name": "Team A",
                "hbi_workspace": False,
                "storage_account": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/x",
                "customer_managed_key": {"key_vault": "/subscriptions/x", "key_uri": "https://x"},
                "managed_network": {"isolation_mode": "allow_internet_outbound"},
                "mlflow_tracking_uri": "azureml://x",
                "discovery_url": "https://x",
            }
        ),
    )
    assert spec.planned() == ["hbi_workspace", "storage_account", "customer_managed_key", "managed_network"]
    assert spec.to_document()["location"] == "westeurope"


@pytest.mark.parametrize(
    ("type_", "path", "hint"),
    [
        ("uri_file", "rows", "write type: uri_folder"),
        ("uri_folder", "rows/a.csv", "write type: uri_file"),
        ("uri_file", "rows/a.csv", ""),
        ("uri_folder", "rows", ""),
        ("mltable", "rows", ""),
    ],
)
def test_a_local_path_is_what_the_type_of_the_data_says(tmp_path: Path, type_: str, path: str, hint: str) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.csv").write_text("a\n1\n", encoding="utf-8")
    spec = load("data", document_of({"name": "rows", "type": type_, "path": path}, folder=tmp_path))
    assert isinstance(spec, Data)
    found = spec.problem_with(tmp_path / path)
    assert (found.hint if found else "") == hint
