"""`ml online-endpoint` and `ml online-deployment`."""

import json
from pathlib import Path
from typing import Any

import pytest

ENDPOINT = "name: credit\nauth_mode: key\n"
DEPLOYMENT = """\
name: blue
endpoint_name: credit
model: azureml:credit:1
instance_type: Standard_DS3_v2
instance_count: 1
"""


@pytest.fixture
def endpoint(platform: Any) -> None:
    platform.endpoints["credit"] = {
        "name": "credit",
        "provisioning_state": "Succeeded",
        "traffic": {"blue": 100},
        "scoring_uri": f"{platform.url}/endpoints/ws/credit/score",
    }


def test_create_waits_until_the_endpoint_is_there(platform: Any, pratique: Any) -> None:
    Path("endpoint.yml").write_text(ENDPOINT)
    ran = pratique("ml", "online-endpoint", "create", "-f", "endpoint.yml", "-n", "other")
    assert json.loads(ran.out)["provisioning_state"] == "Succeeded"
    assert "other: Succeeded" in ran.err
    assert list(platform.endpoints) == ["other"]


def test_no_wait_answers_at_once(platform: Any, pratique: Any) -> None:
    ran = pratique("ml", "online-endpoint", "create", "-n", "credit", "--no-wait")
    assert json.loads(ran.out)["provisioning_state"] == "Creating"


def test_local_is_said_to_mean_nothing(platform: Any, pratique: Any) -> None:
    ran = pratique("ml", "online-endpoint", "create", "-n", "credit", "--local")
    assert ran.code == 0
    assert "everything runs on this machine" in ran.err


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize(
    ("text", "shares"),
    [("blue=90 green=10", {"blue": 90, "green": 10}), ("blue=50,green=50", {"blue": 50, "green": 50}), ("", {})],
)
def test_traffic_replaces_all_shares(platform: Any, pratique: Any, text: str, shares: dict[str, int]) -> None:
    assert pratique("ml", "online-endpoint", "update", "-n", "credit", "--traffic", text).code == 0
    assert platform.endpoints["credit"]["traffic"] == shares


@pytest.mark.usefixtures("endpoint")
def test_an_update_from_a_file_that_says_nothing_of_traffic_leaves_it(platform: Any, pratique: Any) -> None:
    Path("endpoint.yml").write_text(ENDPOINT + "description: better\n")
    assert pratique("ml", "online-endpoint", "update", "-n", "credit", "-f", "endpoint.yml").code == 0
    assert platform.endpoints["credit"]["traffic"] == {"blue": 100}
    assert platform.endpoints["credit"]["description"] == "better"


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize(
    "text", ["blue", "blue=x", "blue=-1", "blue=1.5", "blue=1 blue=2", "=5", "blue=²", "blue=" + "9" * 5000]
)
def test_traffic_that_cannot_be_read_exits_2(platform: Any, pratique: Any, text: str) -> None:
    assert pratique("ml", "online-endpoint", "update", "-n", "credit", "--traffic", text).code == 2
    assert not platform.sent("PATCH", "workspaces/ws/online-endpoints/credit")


@pytest.mark.usefixtures("endpoint")
def test_set_changes_one_share_and_keeps_the_others(platform: Any, pratique: Any) -> None:
    assert pratique("ml", "online-endpoint", "update", "-n", "credit", "--set", "traffic.green=0").code == 0
    assert platform.endpoints["credit"]["traffic"] == {"blue": 100, "green": 0}


@pytest.mark.usefixtures("endpoint")
def test_mirror_traffic_is_sent(platform: Any, pratique: Any) -> None:
    pratique("ml", "online-endpoint", "update", "-n", "credit", "--mirror-traffic", "green=10")
    assert platform.endpoints["credit"]["mirror_traffic"] == {"green": 10}


@pytest.mark.usefixtures("endpoint")
def test_an_update_that_changes_nothing_exits_2(pratique: Any) -> None:
    assert pratique("ml", "online-endpoint", "update", "-n", "credit").code == 2


@pytest.mark.usefixtures("endpoint")
def test_invoke_prints_the_answer_as_text_like_az(platform: Any, pratique: Any) -> None:
    Path("request.json").write_text('{"input_data": [1]}')
    ran = pratique("ml", "online-endpoint", "invoke", "-n", "credit", "-r", "request.json", "-d", "green")
    assert json.loads(json.loads(ran.out)) == {"got": {"input_data": [1]}, "deployment": "green"}
    bare = pratique("ml", "online-endpoint", "invoke", "-n", "credit", "-r", "request.json", "-o", "tsv")
    assert json.loads(bare.out)["got"] == {"input_data": [1]}


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (424, 1, "the endpoint answered 424, the model said 500: boom"),
        (404, 3, "no deployment has traffic"),
        (408, 1, "request_timeout_ms"),
        (429, 1, "too many requests wait"),
        (413, 1, "PRATIQUE_SCORE_BODY_LIMIT_MB"),
    ],
)
def test_invoke_says_what_the_endpoint_answered(
    platform: Any, pratique: Any, status: int, code: int, words: str
) -> None:
    Path("request.json").write_text("{}")
    headers = {"ms-azureml-model-error-statuscode": "500"} if status == 424 else {}
    platform.score = lambda *_: (status, headers, b"boom")
    ran = pratique("ml", "online-endpoint", "invoke", "-n", "credit", "-r", "request.json")
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize(
    ("status", "command"),
    [
        (424, "get-logs --endpoint-name credit --name blue shows what it printed\n"),
        (408, "update --endpoint-name credit --name blue --set request_settings.request_timeout_ms=30000\n"),
    ],
)
def test_invoke_names_the_deployment_that_answered(platform: Any, pratique: Any, status: int, command: str) -> None:
    Path("request.json").write_text("{}")
    platform.score = lambda *_: (status, {"azureml-model-deployment": "blue"}, b"boom")
    ran = pratique("ml", "online-endpoint", "invoke", "-n", "credit", "-r", "request.json")
    assert ran.err.endswith(f"pratique ml online-deployment {command}")


@pytest.mark.usefixtures("endpoint")
def test_invoke_of_a_deployment_that_is_not_there_says_the_door_s_words(platform: Any, pratique: Any) -> None:
    Path("request.json").write_text("{}")
    platform.score = lambda *_: (404, {}, b'{"error": {"code": "NotFound", "message": "no deployment has the name"}}')
    ran = pratique("ml", "online-endpoint", "invoke", "-n", "credit", "-r", "request.json", "-d", "green")
    assert ran.code == 3
    assert ran.err.startswith("error: the endpoint answered 404: no deployment has the name\n")
    assert "pratique ml online-deployment list" in ran.err


@pytest.mark.usefixtures("endpoint")
def test_invoke_without_its_file_asks_nothing(platform: Any, pratique: Any) -> None:
    ran = pratique("ml", "online-endpoint", "invoke", "-n", "credit", "-r", "absent.json")
    assert ran.code == 1
    assert "absent.json: there is no such file" in ran.err
    assert not platform.requests


@pytest.mark.usefixtures("endpoint")
def test_keys_are_shown_and_renewed_without_a_question(pratique: Any) -> None:
    argv = ["get-credentials", "-n", "credit", "--query", "primaryKey", "-o", "tsv"]
    assert pratique("ml", "online-endpoint", *argv).out == "key-1\n"
    argv = ["regenerate-keys", "-n", "credit", "--query", "primaryKey", "-o", "tsv"]
    assert pratique("ml", "online-endpoint", *argv).out == "key-3\n"  # As with az, nobody is asked.
    assert pratique("ml", "online-endpoint", *argv, "--yes").code == 0


@pytest.mark.usefixtures("endpoint")
def test_delete_shows_the_plan_with_its_deployments(platform: Any, pratique: Any) -> None:
    platform.deployments["credit", "blue"] = {"name": "blue"}
    ran = pratique("ml", "online-endpoint", "delete", "-n", "credit")
    assert ran.code == 1
    assert "The endpoint credit and its deployments (blue) will be deleted." in ran.err
    assert pratique("ml", "online-endpoint", "delete", "-n", "credit", "-y").code == 0
    assert not platform.endpoints


def test_a_deployment_is_created_and_waited_for(platform: Any, pratique: Any) -> None:
    Path("blue.yml").write_text(DEPLOYMENT)
    ran = pratique("ml", "online-deployment", "create", "-f", "blue.yml", "-n", "green", "--all-traffic")
    assert json.loads(ran.out)["provisioning_state"] == "Succeeded"
    [sent] = platform.sent("PUT", "workspaces/ws/online-endpoints/credit/deployments/green")
    assert sent["all_traffic"] is True
    assert sent["spec"]["name"] == "green"


def test_what_is_planned_and_not_run_is_said(platform: Any, pratique: Any) -> None:
    Path("blue.yml").write_text(DEPLOYMENT + "startup_probe:\n  initial_delay: 30\n")
    ran = pratique("ml", "online-deployment", "create", "-f", "blue.yml")
    assert ran.code == 0
    assert "warning: blue.yml: startup_probe" in ran.err
    assert "planned, not run" in ran.err


def test_what_came_of_the_wish_for_onnx_is_said(platform: Any, pratique: Any) -> None:
    why = "not converted: 17 of 5678 rows are decided differently"
    platform.deployment_ends = {"provisioning_state": "Succeeded", "properties": {"pratique.onnx": why}}
    Path("blue.yml").write_text(DEPLOYMENT + "tags: {pratique.optimize: onnx}\n")
    ran = pratique("ml", "online-deployment", "create", "-f", "blue.yml")
    assert ran.code == 0
    assert f"onnx: {why}\n" in ran.err


def test_a_deployment_that_fails_exits_1_with_its_log(platform: Any, pratique: Any) -> None:
    platform.deployment_ends = {
        "provisioning_state": "Failed",
        "error": {"message": "score.py raised in init", "hint": "mend score.py", "log_tail": ["ValueError: x"]},
    }
    Path("blue.yml").write_text(DEPLOYMENT)
    ran = pratique("ml", "online-deployment", "create", "-f", "blue.yml")
    assert (ran.code, ran.out) == (1, "")
    assert "error: the deployment blue is Failed: score.py raised in init\n  | ValueError: x" in ran.err
    assert "hint: mend score.py" in ran.err


def test_a_deployment_s_code_is_uploaded(platform: Any, pratique: Any) -> None:
    Path("onlinescoring").mkdir()
    Path("onlinescoring/score.py").write_text("def init(): ...\n")
    Path("blue.yml").write_text(
        DEPLOYMENT
        + "environment: azureml:sk:1\ncode_configuration:\n  code: onlinescoring\n  scoring_script: score.py\n"
    )
    assert pratique("ml", "online-deployment", "create", "-f", "blue.yml").code == 0
    [sent] = platform.sent("PUT", "workspaces/ws/online-endpoints/credit/deployments/blue")
    assert sent["spec"]["code_configuration"]["code"].startswith("upload:")


def test_packaging_is_not_there_yet_and_nothing_is_done(platform: Any, pratique: Any) -> None:
    Path("blue.yml").write_text(DEPLOYMENT)
    ran = pratique("ml", "online-deployment", "create", "-f", "blue.yml", "--package-model")
    assert ran.code == 2
    assert "--package-model" in ran.err
    assert not platform.requests


def test_update_sends_back_what_is_there_with_the_change(platform: Any, pratique: Any) -> None:
    Path("blue.yml").write_text(DEPLOYMENT)
    pratique("ml", "online-deployment", "create", "-f", "blue.yml")
    argv = ["update", "-e", "credit", "-n", "blue", "--set", "instance_count=2"]
    assert pratique("ml", "online-deployment", *argv).code == 0
    sent = platform.sent("PUT", "workspaces/ws/online-endpoints/credit/deployments/blue")[-1]["spec"]
    assert (sent["instance_count"], sent["model"]) == (2, "azureml:credit:1")
    assert "provisioning_state" not in sent


def test_update_sends_back_a_model_and_an_environment_that_its_file_described(platform: Any, pratique: Any) -> None:
    described = {"model": {"path": "upload:x/model", "type": "custom_model"}, "environment": {"image": "python:3.11"}}
    platform.deployments["credit", "blue"] = {
        "name": "blue",
        "endpoint_name": "credit",
        "instance_count": 1,
        **described,
    }
    argv = ["update", "-e", "credit", "-n", "blue", "--set", "instance_count=2", "--no-wait"]
    assert pratique("ml", "online-deployment", *argv).code == 0
    sent = platform.sent("PUT", "workspaces/ws/online-endpoints/credit/deployments/blue")[-1]["spec"]
    assert (sent["instance_count"], sent["model"], sent["environment"]) == (2, *described.values())


def test_a_table_of_deployments_shows_the_path_of_a_model_that_has_no_name(platform: Any, pratique: Any) -> None:
    platform.deployments["credit", "blue"] = {"name": "blue", "model": {"path": "upload:x/model", "tags": {}}}
    ran = pratique("ml", "online-deployment", "list", "-e", "credit", "-o", "table")
    assert ran.code == 0
    assert ran.out.splitlines()[-1].split() == ["blue", "upload:x/model"]


def test_update_of_what_is_not_there_exits_3(platform: Any, pratique: Any) -> None:
    Path("blue.yml").write_text(DEPLOYMENT)
    assert pratique("ml", "online-deployment", "update", "-f", "blue.yml").code == 3


def test_delete_of_a_deployment_waits_until_it_is_gone(platform: Any, pratique: Any) -> None:
    platform.deployments["credit", "blue"] = {"name": "blue"}
    ran = pratique("ml", "online-deployment", "delete", "-e", "credit", "-n", "blue", "--yes")
    assert ran.code == 0
    assert "blue: Deleted" in ran.err
