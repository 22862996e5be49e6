"""Online endpoints and their deployments over the API, with the field names that Azure prints."""

import asyncio
import json
import os
from dataclasses import asdict
from typing import Any

import pytest

from pratique.engine import launches, written
from pratique.store import deployments, endpoints
from pratique.web import bell as bells
from pratique.web.platform import Platform

ENDPOINT = "/workspaces/dev/online-endpoints/credit"
BLUE = f"{ENDPOINT}/deployments/blue"


def settle(platform: Platform, state: str = "Succeeded", **values: Any) -> None:
    """What the engine does to the endpoint."""
    with platform.database.write() as tx:
        found = endpoints.get(tx, "dev", "credit")
        assert found
        endpoints.change(tx, found.id, provisioning_state=state, **values)


def settle_blue(platform: Platform, state: str = "Succeeded", **values: Any) -> str:
    """What the engine does to the deployment; its id."""
    with platform.database.write() as tx:
        (found,) = deployments.in_workspace(tx, "dev")
        deployments.change(tx, found.id, provisioning_state=state, **values)
    return found.id


@pytest.fixture
def endpoint(api: Any) -> dict[str, Any]:
    made: dict[str, Any] = api.ok("PUT", ENDPOINT, json={"spec": {"auth_mode": "key", "tags": {"a": "b"}}})
    return made


@pytest.fixture
def blue(api: Any, endpoint: dict[str, Any]) -> dict[str, Any]:
    api.asset("models", "m", type="mlflow_model", path=api.upload({"MLmodel": b""}, "model"))
    made: dict[str, Any] = api.ok("PUT", BLUE, json={"spec": {"model": "azureml:m@latest", "instance_type": "x"}})
    return made


def test_an_endpoint_has_the_fields_of_azure(api: Any, endpoint: dict[str, Any]) -> None:
    assert {key: value for key, value in endpoint.items() if key not in ("creation_context", "id", "identity")} == {
        "name": "credit",
        "kind": "Managed",
        "auth_mode": "key",
        "location": "local",
        "provisioning_state": "Creating",
        "public_network_access": "enabled",
        "scoring_uri": "http://127.0.0.1:7071/endpoints/dev/credit/score",
        "openapi_uri": "http://127.0.0.1:7071/endpoints/dev/credit/swagger.json",
        "traffic": {},
        "mirror_traffic": {},
        "tags": {"a": "b"},
        "properties": {"pratique.generation": "1"},
    }
    assert api.ok("GET", ENDPOINT) == endpoint
    assert api.ok("GET", "/workspaces/dev/online-endpoints") == [endpoint]


def test_a_change_is_accepted_before_it_is_so(api: Any) -> None:
    assert api("PUT", ENDPOINT, json={"spec": {}}).status_code == 202
    assert api("DELETE", ENDPOINT).json()["provisioning_state"] == "Deleting"


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"spec": {"public_network_access": "off"}}, "public_network_access"),
        ({"spec": {"auth_mode": "none"}}, "auth_mode"),
        ({"spec": {"authmode": "key"}}, "authmode"),
        ({"spec": {"traffic": {"blue": 100}}}, "traffic.blue"),
        ({"spec": {}, "traffic": {}}, "traffic"),
    ],
)
def test_an_endpoint_that_cannot_be_is_not_made(api: Any, body: dict[str, Any], key: str) -> None:
    assert api.keys("PUT", ENDPOINT, json=body) == [key]
    api.refused(404, "GET", ENDPOINT)


def test_the_name_of_the_path_counts(api: Any) -> None:
    assert api.ok("PUT", ENDPOINT, json={"spec": {"name": "other"}})["name"] == "credit"


def test_the_same_file_again_keeps_the_traffic(api: Any, blue: dict[str, Any]) -> None:
    changed = api.ok("PATCH", ENDPOINT, json={"traffic": {"blue": 100}})
    assert (changed["traffic"], changed["provisioning_state"]) == ({"blue": 100}, "Updating")
    again = api.ok("PUT", ENDPOINT, json={"spec": {"auth_mode": "key", "traffic": {}, "tags": {}}})
    assert (again["traffic"], again["tags"]) == ({"blue": 100}, {})
    other = api.ok("PUT", ENDPOINT, json={"spec": {"auth_mode": "aml_token"}})
    assert (other["auth_mode"], other["traffic"]) == ("aml_token", {"blue": 100})


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"auth_mode": "key"}, "auth_mode"), ({"name": "x"}, "name"), ({"primary_key": "x"}, "primary_key"),
        ({"traffic": 5}, "traffic"), ({"traffic": {"blue": "all"}}, "traffic.blue"),
        ({"traffic": {"blue": True}}, "traffic.blue"), ({"traffic": {"red": 100}}, "traffic.red"),
        ({"traffic": {"blue": 60}}, "traffic"), ({"tags": []}, "tags"), ({"description": 5}, "description"),
    ],
)  # fmt: skip
def test_a_patch_that_cannot_be_changes_nothing(api: Any, blue: dict[str, Any], body: Any, key: str) -> None:
    before = api.ok("GET", ENDPOINT)
    assert api.keys("PATCH", ENDPOINT, json=body) == [key]
    assert api.ok("GET", ENDPOINT) == before


def test_an_empty_split_takes_all_traffic_away(api: Any, blue: dict[str, Any]) -> None:
    for nothing in ({}, None, {"blue": 0}):
        api.ok("PATCH", ENDPOINT, json={"traffic": {"blue": 100}})
        assert not any(api.ok("PATCH", ENDPOINT, json={"traffic": nothing})["traffic"].values())


def test_keys_are_shown_to_those_who_may_and_changed_one_at_a_time(
    api: Any, reader: Any, endpoint: dict[str, Any]
) -> None:
    before = api.ok("GET", f"{ENDPOINT}/keys")
    assert set(before) == {"primaryKey", "secondaryKey"}
    reader.refused(403, "GET", f"{ENDPOINT}/keys")
    reader.refused(403, "POST", f"{ENDPOINT}/regenerate-keys", json={"key_type": "primary"})
    changed = api.ok("POST", f"{ENDPOINT}/regenerate-keys", json={"key_type": "secondary"})
    assert "Key" not in str(sorted(changed))
    after = api.ok("GET", f"{ENDPOINT}/keys")
    assert after["primaryKey"] == before["primaryKey"]
    assert after["secondaryKey"] != before["secondaryKey"]
    assert api.keys("POST", f"{ENDPOINT}/regenerate-keys", json={"key_type": "both"}) == ["key_type"]
    assert not any(key in str(api.ok("GET", ENDPOINT)) for key in after.values())


def test_a_long_poll_answers_when_the_endpoint_has_settled_or_is_gone(
    api: Any, bell: Platform, endpoint: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bells, "_NET", 3600.0)

    def remove() -> None:
        with bell.database.write() as tx:
            found = endpoints.get(tx, "dev", "credit")
            assert found
            endpoints.remove(tx, found.id)

    async def while_waiting(act: Any) -> Any:
        bell.bell.attach()
        waiting = asyncio.create_task(api.ask("GET", ENDPOINT, params={"wait": 50}))
        await asyncio.sleep(0)
        await asyncio.to_thread(act)
        return await waiting

    assert api.run(while_waiting(lambda: settle(bell))).json()["provisioning_state"] == "Succeeded"
    settle(bell, "Deleting")
    assert api.run(while_waiting(remove)).status_code == 404


def test_a_long_poll_ends_with_its_bound(api: Any, blue: dict[str, Any]) -> None:
    for path in (ENDPOINT, BLUE):
        assert api.ok("GET", path, params={"wait": 0.05})["provisioning_state"] == "Creating"
        api.refused(404, "GET", f"{path}x", params={"wait": 50})


def test_what_is_gone_is_not_found_and_what_is_going_takes_no_wishes(api: Any, blue: dict[str, Any]) -> None:
    api.refused(404, "DELETE", f"{ENDPOINT}x")
    api.refused(404, "DELETE", f"{BLUE}x")
    api.ok("DELETE", ENDPOINT)
    api.refused(409, "PUT", ENDPOINT, json={"spec": {}})
    api.refused(409, "PATCH", ENDPOINT, json={"traffic": {}})
    api.refused(409, "PUT", BLUE, json={"spec": {"model": "azureml:m:1"}})
    assert api.ok("GET", BLUE)["provisioning_state"] == "Deleting"


def test_an_endpoint_of_another_workspace_is_not_there(api: Any, reader: Any, blue: dict[str, Any]) -> None:
    for path in (ENDPOINT, f"{ENDPOINT}/keys", BLUE, f"{BLUE}/logs"):
        api.refused(404, "GET", path.replace("dev", "qa-1"))
        reader.refused(403, "GET", path.replace("dev", "qa-1"))


def test_a_deployment_has_the_fields_of_azure(api: Any, blue: dict[str, Any]) -> None:
    assert {
        key: blue[key] for key in ("name", "endpoint_name", "type", "model", "instance_count", "instance_type")
    } == {
        "name": "blue",
        "endpoint_name": "credit",
        "type": "managed",
        "model": "azureml:m:1",
        "instance_count": 1,
        "instance_type": "x",
    }
    assert (blue["provisioning_state"], blue["request_settings"]) == ("Creating", {"request_timeout_ms": 5000})
    assert len(blue["properties"]["pratique.model_digest"]) == 64
    assert api.ok("GET", BLUE) == blue
    assert api.ok("GET", f"{ENDPOINT}/deployments") == [blue]


def test_what_a_deployment_describes_inline_is_shown_so_that_it_can_be_sent_again(
    api: Any, endpoint: dict[str, Any], platform: Platform
) -> None:
    model = {"path": api.upload({"MLmodel": b""}, "model"), "type": "mlflow_model"}
    made = api.ok("PUT", BLUE, json={"spec": {"model": model, "description": "words"}})
    assert model.items() <= made["model"].items()
    assert "environment" not in made
    settle_blue(platform, applied=1)
    again = api.ok("PUT", BLUE, json={"spec": {"model": made["model"], "description": "other", "instance_count": 2}})
    assert (again["model"], again["instance_count"]) == (made["model"], 2)
    assert again["properties"]["pratique.model_digest"] == made["properties"]["pratique.model_digest"]


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"spec": {"model": "azureml:m:1"}, "all_traffic": "yes"}, "all_traffic"),
        ({"spec": {"model": "azureml:m:1", "insance_count": 2}}, "insance_count"),
        ({"spec": {"model": "azureml:m:1", "instance_count": 0}}, "instance_count"),
        ({"spec": {"model": "azureml:m:1"}, "endpoint_name": "other"}, "endpoint_name"),
    ],
)
def test_a_deployment_that_cannot_be_is_not_made(api: Any, endpoint: dict[str, Any], body: Any, key: str) -> None:
    assert api.keys("PUT", BLUE, json=body) == [key]
    assert api.ok("GET", f"{ENDPOINT}/deployments") == []


def test_a_deployment_that_asked_for_onnx_says_what_came_of_it(
    api: Any, platform: Platform, blue: dict[str, Any]
) -> None:
    spec = {"model": "azureml:m@latest", "instance_type": "x", "tags": {"pratique.optimize": "onnx"}}
    revision = int(api.ok("PUT", BLUE, json={"spec": spec})["properties"]["pratique.generation"])
    assert "pratique.onnx" not in api.ok("GET", BLUE)["properties"], "nothing is known before it is prepared"
    said = "proven: 4096 rows, no decision changed, largest difference 1.2e-07"
    files = launches.files_of(platform.home, settle_blue(platform, applied=revision, applied_spec=spec), revision)
    files.parent.mkdir(parents=True)
    launch = launches.Launch(python="python", environment={}, grace=1.0, onnx=said)
    files.with_suffix(".json").write_text(written.sealed(json.dumps(asdict(launch))))
    assert api.ok("GET", BLUE)["properties"]["pratique.onnx"] == said
    settle_blue(platform, applied_spec={**spec, "tags": {}})
    assert "pratique.onnx" not in api.ok("GET", BLUE)["properties"], "what runs was not asked to be converted"


def test_to_ask_again_is_another_generation(api: Any, platform: Platform, blue: dict[str, Any]) -> None:
    settle_blue(platform, applied=1)
    again = api.ok("PUT", BLUE, json={"spec": {"model": "azureml:m:1"}, "all_traffic": True})
    assert (again["provisioning_state"], again["properties"]["pratique.generation"]) == ("Updating", "2")


def test_one_that_takes_traffic_cannot_be_deleted_and_its_model_neither(api: Any, blue: dict[str, Any]) -> None:
    api.ok("PATCH", ENDPOINT, json={"traffic": {"blue": 100}})
    error = api.refused(409, "DELETE", BLUE)
    assert "takes 100 %" in error["message"]
    assert (
        "is used by deployment credit/blue"
        in api.refused(409, "DELETE", "/workspaces/dev/models/m/versions/1")["message"]
    )
    api.ok("PATCH", ENDPOINT, json={"traffic": {"blue": 0}})
    assert api("DELETE", BLUE).status_code == 202


def test_the_logs_of_the_last_starts_come_in_order_and_from_their_end(
    api: Any, platform: Platform, blue: dict[str, Any]
) -> None:
    assert api("GET", f"{BLUE}/logs").text == ""
    folder = platform.home.replicas / settle_blue(platform)
    for number in range(7):
        start = folder / f"1-0-{number}"
        start.mkdir(parents=True)
        (start / "console.log").write_bytes(f"start {number}\nready {number}\xff\n".encode("latin-1"))
        os.utime(start / "console.log", (number, number))
    (folder / "1-0-9").mkdir()
    answer = api("GET", f"{BLUE}/logs", params={"lines": 4})
    assert answer.text == "start 5\nready 5\ufffd\nstart 6\nready 6\ufffd\n"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "start 1" not in api("GET", f"{BLUE}/logs").text
    for lines in ("0", "-1", "x", "1000000"):
        assert api.keys("GET", f"{BLUE}/logs", params={"lines": lines}) == ["lines"]
    (start / "console.log").rename(start / "console.log.1")
    (start / "console.log").write_text("after the cut\n")
    assert api("GET", f"{BLUE}/logs", params={"lines": 2}).text == "ready 6\ufffd\nafter the cut\n"
