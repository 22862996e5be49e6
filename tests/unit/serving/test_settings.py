"""What the environment says."""

import pytest

from pratique_serving.errors import Usage
from pratique_serving.settings import read_settings


def test_one_call_at_a_time_unless_more_workers_are_asked_for() -> None:
    assert read_settings({"AZUREML_ENTRY_SCRIPT": "score.py"}).worker_count == 1
    assert read_settings({"AZUREML_ENTRY_SCRIPT": "score.py", "WORKER_COUNT": "3"}).worker_count == 3


def test_a_service_is_called_as_it_says_else_like_its_endpoint() -> None:
    script = {"AZUREML_ENTRY_SCRIPT": "score.py"}
    assert read_settings(script).service_name == "ML service"
    assert read_settings({**script, "AZUREML_SERVICE_NAME": "credit"}).service_name == "credit"
    assert read_settings({**script, "AZUREML_SERVICE_NAME": "credit", "SERVICE_NAME": "own"}).service_name == "own"


def test_an_environment_without_a_model_is_refused() -> None:
    with pytest.raises(Usage, match="AZUREML_ENTRY_SCRIPT or PRATIQUE_MLFLOW_MODEL"):
        read_settings({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKER_COUNT", "0"),
        ("WORKER_COUNT", "two"),
        ("SCORING_TIMEOUT_MS", "-1"),
        ("PRATIQUE_LONGEST_CALL_MS", "never"),
    ],
)
def test_a_number_that_is_none_is_named(name: str, value: str) -> None:
    with pytest.raises(Usage, match=name):
        read_settings({"AZUREML_ENTRY_SCRIPT": "score.py", name: value})


def test_everything_that_is_wrong_is_said_at_once() -> None:
    wrong = {"WORKER_COUNT": "many", "PRATIQUE_MEMORY_BYTES": "10GB", "PRATIQUE_LOG_FORMAT": "xml"}
    with pytest.raises(Usage) as caught:
        read_settings({"AZUREML_ENTRY_SCRIPT": "score.py", **wrong})
    assert str(caught.value).split("; ") == [
        "WORKER_COUNT: expected a whole number, got 'many'",
        "PRATIQUE_MEMORY_BYTES: expected a whole number, got '10GB'",
        "PRATIQUE_LOG_FORMAT: expected text or json, got 'xml'",
    ]


@pytest.mark.parametrize(("word", "is_so"), [("true", True), ("1", True), ("No", False), ("off", False), ("", True)])
def test_a_truth_may_be_said_in_words_that_azures_server_takes(word: str, is_so: bool) -> None:
    assert read_settings({"AZUREML_ENTRY_SCRIPT": "score.py", "PRATIQUE_BATCHING": word}).batches is is_so


@pytest.mark.parametrize("name", ["PRATIQUE_BATCHING", "PRATIQUE_SHARE_WEIGHTS", "SERVER_VERSION_LOG_RESPONSE_ENABLED"])
def test_a_truth_that_is_none_is_named(name: str) -> None:
    with pytest.raises(Usage, match=f"{name}: expected true or false, got 'flase'"):
        read_settings({"AZUREML_ENTRY_SCRIPT": "score.py", name: "flase"})
