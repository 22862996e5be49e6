"""Settings in a file beside the environment."""

import json
from pathlib import Path

import pytest

from pratique_serving.config_file import with_config_file
from pratique_serving.errors import Usage
from pratique_serving.settings import read_settings


def test_a_file_says_what_the_environment_does_not(tmp_path: Path) -> None:
    path = tmp_path / "any.json"
    path.write_text(json.dumps({"SERVICE_NAME": "file", "SERVICE_VERSION": 2, "other": 1, "SCORING_TIMEOUT_MS": None}))
    given = {"AZUREML_CONFIG_FILE": str(path), "SERVICE_NAME": "environment", "AZUREML_ENTRY_SCRIPT": "score.py"}
    settings = read_settings(given)
    assert (settings.service_name, settings.service_version, settings.scoring_timeout_ms) == ("environment", "2", 0)


@pytest.mark.parametrize("folder", ["", "source"])
def test_it_is_found_in_the_root_and_beside_the_script(tmp_path: Path, folder: str) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / folder / "config.json").write_text('{"SERVICE_NAME": "file"}')
    given = {"AML_APP_ROOT": str(tmp_path), "AZUREML_ENTRY_SCRIPT": "source/score.py"}
    assert with_config_file(given)["SERVICE_NAME"] == "file"


def test_without_a_script_no_file_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[1]")
    assert with_config_file({"AML_APP_ROOT": str(tmp_path)}) == {"AML_APP_ROOT": str(tmp_path)}


@pytest.mark.parametrize("text", ["{", "[1]", None])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "config.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(Usage, match=r"config\.json"):
        with_config_file({"AZUREML_CONFIG_FILE": str(path)})


def test_the_time_of_a_worker_is_the_longest_call(tmp_path: Path) -> None:
    given = {"AZUREML_ENTRY_SCRIPT": "score.py", "AML_APP_ROOT": str(tmp_path), "WORKER_TIMEOUT": "30"}
    assert read_settings(given).longest_call_ms == 30_000
    assert read_settings({**given, "PRATIQUE_LONGEST_CALL_MS": "5"}).longest_call_ms == 5
