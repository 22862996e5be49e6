"""Who may call an endpoint, and what of the call the model gets to see."""

import json
import re
import stat
from pathlib import Path

import pytest

from pratique.gateway.render import wire

from .conftest import KEY, SECOND_KEY, House, call


@pytest.fixture
def credit(house: House) -> House:
    house.model("blue")
    house.serve(house.endpoint(house.deployment("blue")))
    return house


def test_both_keys_open_the_endpoint(credit: House) -> None:
    assert [credit.score(key=key).status for key in (KEY, SECOND_KEY)] == [200, 200]


@pytest.mark.parametrize("header", ["Bearer wrong-key-0123456789", "Bearer ", "Basic dXNlcjpwYXNz", KEY[:-1], ""])
def test_anything_else_is_401_and_never_reaches_the_model(credit: House, header: str) -> None:
    answer = credit.score({"authorization": header} if header else {}, key="")
    assert answer.status == 401
    assert answer.document["error"]["code"] == "Unauthenticated"
    assert credit.models["blue"].seen == []


def test_without_a_key_nobody_learns_which_deployments_there_are(credit: House) -> None:
    known = credit.score({"azureml-model-deployment": "blue"}, key="")
    unknown = credit.score({"azureml-model-deployment": "green"}, key="")
    assert (known.status, unknown.status) == (401, 401)
    assert known.body == unknown.body
    assert "azureml-model-deployment" not in known.headers


def test_the_key_of_one_endpoint_does_not_open_another(house: House) -> None:
    house.model("blue")
    other = house.endpoint(house.deployment("blue"), name="fraud", keys=("the-key-of-fraud-0123456789",))
    house.serve(house.endpoint(house.deployment("blue")), other)
    assert house.score(name="fraud").status == 401
    assert house.score(name="fraud", key="the-key-of-fraud-0123456789").status == 200


def test_an_endpoint_without_keys_is_closed(house: House) -> None:
    house.model("blue")
    house.serve(house.endpoint(house.deployment("blue"), keys=()))
    assert [house.score().status, house.score(key="").status] == [401, 401]


def test_a_key_twice_is_one_key(house: House) -> None:
    house.model("blue")
    house.serve(house.endpoint(house.deployment("blue"), keys=(KEY, KEY)))
    assert house.score().status == 200


def test_a_regenerated_key_replaces_the_old_one_at_once(credit: House) -> None:
    credit.serve(credit.endpoint(credit.deployment("blue"), keys=("a-new-key-0123456789abcdef", SECOND_KEY)))
    assert credit.score().status == 401
    assert credit.score(key="a-new-key-0123456789abcdef").status == 200


def test_neither_the_key_nor_a_cookie_reaches_a_model_or_its_mirror(house: House) -> None:
    house.model("blue"), house.model("shadow")
    house.serve(house.endpoint(house.deployment("blue"), house.deployment("shadow"), mirror={"shadow": 100}))
    assert house.score({"cookie": "session=door"}).status == 200
    house.models["shadow"].wait_until_seen()
    for name in ("blue", "shadow"):
        seen = house.models[name].seen[0]
        assert not {"authorization", "cookie"} & set(seen.headers)
        assert KEY not in json.dumps(dict(seen.headers))


def test_a_model_cannot_set_a_cookie_which_the_front_door_would_get(credit: House) -> None:
    assert "set-cookie" not in credit.score({"x-test-answer": "set-cookie=session=evil"}).headers


def test_no_browser_runs_what_a_model_answers(credit: House) -> None:
    for answer in (credit.score(), credit.score({"x-test-status": "500"}), credit.score(key="")):
        assert answer.headers["content-security-policy"] == "sandbox"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["server"] == "pratique"
        assert not [name for name in answer.headers if name.startswith("x-envoy")]


def test_a_model_cannot_weaken_what_is_said_to_the_browser(credit: House) -> None:
    answer = credit.score({"x-test-answer": "content-security-policy=default-src *"})
    assert answer.headers["content-security-policy"] == "sandbox"


def test_the_request_id_is_ours_and_the_callers_own_id_is_cut(credit: House) -> None:
    answer = credit.score({"x-request-id": "spoofed", "x-ms-client-request-id": "c" * 100})
    seen = credit.models["blue"].seen[0].headers
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer.headers["x-request-id"])
    assert seen["x-request-id"] == answer.headers["x-request-id"]
    assert seen["x-ms-client-request-id"] == "c" * 40


def test_a_caller_cannot_steer_envoy_or_pretend_to_be_the_gateway(credit: House) -> None:
    spoofed = {
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-envoy-retry-on": "5xx",
        "x-envoy-max-retries": "5",
        "x-pratique-actor": "root",
    }
    assert credit.score(spoofed | {"x-test-sleep": "0.1"}).status == 200
    assert credit.score(spoofed | {"x-test-status": "500"}).status == 424
    assert len(credit.models["blue"].seen) == 2
    assert "x-pratique-actor" not in credit.models["blue"].seen[0].headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example"]
)
def test_a_page_of_another_name_which_resolves_here_is_turned_away(credit: House, host: str) -> None:
    assert credit.score({"host": host}).status == 421
    assert credit.door("GET", "/api/v1/status", {"host": host}).status == 421
    assert credit.api.seen == []


@pytest.mark.parametrize("host", ["localhost", "localhost:7071", "127.0.0.1:1", "[::1]:7071", "[::1]"])
def test_every_loopback_name_is_ours(credit: House, host: str) -> None:
    assert credit.score({"host": host}).status == 200
    assert credit.door("GET", "/api/v1/status", {"host": host}).status == 200


def test_the_platform_is_not_behind_the_endpoints_door(credit: House) -> None:
    for path in ("/", "/api/v1/status", "/mlflow/team-a/", "/internal/authorize/x"):
        assert call(credit.ports[1], "GET", path, {}).status == 404
    assert credit.api.seen == credit.mlflow.seen == []


def test_keys_are_in_no_log_and_on_no_admin_page(credit: House) -> None:
    credit.score(), credit.score(key="a-wrong-key-0123456789"), credit.score({"x-test-status": "500"})
    # A refused push makes Envoy say what it thinks of it.
    routes = credit.home.gateway / "rds-endpoints.pb"
    weight = wire.encoded("envoy.config.route.v3.WeightedCluster.ClusterWeight", {"weight": 100})
    broken = routes.read_bytes().replace(weight, weight.replace(b"\x64", b"\x00"))
    assert broken != routes.read_bytes()
    aside = routes.with_suffix(".new")
    aside.write_bytes(broken)
    aside.rename(routes)
    pages = ("/config_dump?include_eds", "/stats", "/clusters", "/server_info", "/listeners")
    # Reaching behind the class, because the admin interface has no public page reader on purpose.
    texts = [credit.gateway._admin._call("GET", page)[1].decode() for page in pages]
    credit.stop_envoy()
    texts.append(credit.log.read_text())
    for secret in (KEY, SECOND_KEY, "a-wrong-key-0123456789"):
        assert not [text for text in texts if secret in text]


def test_every_file_of_the_gateway_is_private(credit: House) -> None:
    folder = credit.home.gateway
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [path for path in folder.iterdir() if path.is_file()]
    published = {"cds.pb", "rds-door.json", "rds-endpoints.pb", "ecds-tokens.json", "ecds-limits.json"}
    assert {path.name for path in files} == {"bootstrap.json", *published}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(Path(credit.home.socket("envoy-admin")).stat().st_mode) == 0o600
