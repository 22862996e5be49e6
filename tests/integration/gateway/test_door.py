"""The front door: what reaches the API, in which class, and what never does."""

import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from pratique.base.errors import Conflict
from pratique.base.unix_http import UnixConnection
from pratique.gateway.model import Doors
from pratique.gateway.ports import check_ports
from pratique.gateway.publish import Gateway

from .conftest import House


@pytest.fixture
def open_house(house: House) -> House:
    house.serve(workspaces=("team-a", "team-b"))
    return house


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/status?wait=3", "/oauth2/token", "/.well-known/jwks.json", "/open/once", "/api/v1/x%20y"]
)
def test_everything_else_is_the_apis(open_house: House, path: str) -> None:
    answer = open_house.door("POST", path, {"authorization": "Bearer token", "cookie": "s=1"}, b"body")
    assert answer.status == 200
    seen = open_house.api.seen[-1]
    assert (seen.path, seen.size) == (path, 4)
    assert (seen.headers["authorization"], seen.headers["cookie"]) == ("Bearer token", "s=1")
    assert seen.headers["host"] == f"127.0.0.1:{open_house.ports[0]}"


@pytest.mark.parametrize(
    "path",
    [
        "/internal",
        "/internal/authorize/mlflow/team-a/",
        "/Internal/authorize",
        "//internal/authorize",
        "/./internal/authorize",
        "/x/../internal/authorize",
        "/x/%2e%2e/internal/authorize",
        "/.%2E/internal/authorize",
        "/%69nternal/authorize",
        "/%49NTERNAL/authorize",
        "/internal;a=b/authorize",
        "/internal%2fauthorize",
        "/%2finternal/authorize",
        "/internal%5cauthorize",
        "/internal%00/authorize",
        "/internal%20/authorize",
        "/mlflow/team-a/../../internal/authorize",
    ],
)
def test_what_only_the_gateway_may_ask_is_not_reachable(open_house: House, path: str) -> None:
    assert open_house.door("GET", path).status in (400, 404)
    assert open_house.api.seen == open_house.mlflow.seen == []


def ask_inside(house: House, path: str, headers: dict[str, str]) -> int:
    """What the socket answers at which jobs without a network find the front door."""
    return ask_at(house.home.inside_door, house, path, headers)


def ask_at(socket: Path, house: House, path: str, headers: dict[str, str], *, method: str = "GET") -> int:
    """What a socket answers."""
    connection = UnixConnection(socket, timeout=20)
    try:
        connection.request(method, path, headers={"Host": f"127.0.0.1:{house.ports[0]}", **headers})
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_front_door_is_at_a_socket_as_well_also_after_a_kill(idle_house: House) -> None:
    house = idle_house
    house.doors = replace(house.doors, inside_socket=house.home.inside_door)
    house.gateway = Gateway(house.home, house.doors)
    house.api.start()
    house.stack.callback(house.api.stop)
    for _ in range(2):
        house.start_envoy()
        house.stack.callback(house.stop_envoy)
        house.serve(workspaces=("team-a",))
        told = {"authorization": "Bearer token", "x-forwarded-for": "10.0.0.2"}
        assert ask_inside(house, "/api/v1/status", told) == 200
        seen = house.api.seen[-1]
        assert seen.headers["authorization"] == "Bearer token"
        assert seen.headers["x-forwarded-for"] == "127.0.0.1", "nobody chooses whom the limits count it for"
        assert ask_inside(house, "/api/v1/status", {"Host": "evil.example"}) == 421
        assert ask_inside(house, "/internal/authorize", {}) == 404
        assert house.home.inside_door.stat().st_mode & 0o777 == 0o600
        house.stop_envoy()


def test_a_replica_without_a_network_reaches_tokens_and_nothing_else(idle_house: House) -> None:
    house = idle_house
    house.doors = replace(house.doors, identity_socket=house.home.identity_door)
    house.gateway = Gateway(house.home, house.doors)
    house.api.start()
    house.stack.callback(house.api.stop)
    house.start_envoy()
    house.stack.callback(house.stop_envoy)
    house.serve(workspaces=("team-a",))
    house.api.seen.clear()

    def ask(method: str, path: str, **headers: str) -> int:
        return ask_at(house.home.identity_door, house, path, headers, method=method)

    assert ask("GET", "/identity/token?resource=x", **{"x-identity-header": "proof"}) == 200
    assert [(one.path, one.headers["x-identity-header"]) for one in house.api.seen] == [
        ("/identity/token?resource=x", "proof")
    ]
    for path in (
        "/", "/api/v1/account", "/oauth2/token", "/identity/token/x", "/identity/tokens", "/identity", "/open/x",
        "/mlflow/team-a/", "/internal/authorize", "/identity/token/../../api/v1/account", "/identity/%2e%2e/api/v1",
        "//api/v1/account", "/identity/token%2f..%2f..%2fapi%2fv1%2faccount", "/.well-known/jwks.json",
    ):  # fmt: skip
        assert ask("GET", path) in (400, 404), path
    for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
        assert ask(method, "/identity/token") == 404, method
    assert ask("GET", "/identity/token", Host="evil.example") == 421
    assert len(house.api.seen) == 1
    assert house.home.identity_door.stat().st_mode & 0o777 == 0o600


def test_a_caller_cannot_bring_headers_which_the_api_would_believe(open_house: House) -> None:
    spoofed = {
        "x-pratique-actor": "root",
        "x-forwarded-host": "evil",
        "x-mlflow-workspace": "b",
        "x-request-id": "mine",
    }
    assert open_house.door("GET", "/api/v1/status", spoofed | {"x_pratique_actor": "root"}).status == 200
    seen = open_house.api.seen[0].headers
    assert not {"x-pratique-actor", "x-forwarded-host", "x-mlflow-workspace", "x_pratique_actor"} & set(seen)
    assert seen["x-request-id"] != "mine"


def test_what_the_api_answers_is_not_changed(open_house: House) -> None:
    answer = open_house.door("GET", "/api/v1/x", {"x-test-status": "404", "x-test-answer": "set-cookie=session=1"})
    assert answer.status == 404
    assert answer.document["from"] == "api"
    assert answer.headers["set-cookie"] == "session=1"
    assert answer.headers["server"] == "pratique"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "content-security-policy" not in answer.headers


def test_an_ordinary_call_may_bring_20_mb_and_an_upload_more(open_house: House) -> None:
    blob = f"/api/v1/workspaces/team-a/blobs/{'ab' * 32}"
    artifact = "/mlflow/team-a/api/2.0/mlflow-artifacts/artifacts/1/run/model.pkl"
    over = b"x" * 20_000_001
    assert open_house.door("POST", "/api/v1/workspaces/team-a/jobs", body=over).status == 413
    assert open_house.api.seen == []
    assert open_house.door("POST", "/api/v1/workspaces/team-a/jobs", body=over[:-1]).status == 200
    assert [open_house.door("PUT", path, body=over).status for path in (blob, artifact)] == [200, 200]


def test_an_upload_has_a_limit_too(open_house: House) -> None:
    blob = f"/api/v1/workspaces/team-a/blobs/{'ab' * 32}"
    answer = open_house.door("PUT", blob, body=b"x" * 50_000_001)
    assert answer.status == 413
    assert answer.document["error"]["code"] == "TooLarge"


def test_the_platform_being_down_is_said_as_json(idle_house: House) -> None:
    """The API dies over a request: nobody may repeat it, so the caller is told."""
    idle_house.api.start()
    idle_house.start_envoy()
    idle_house.serve()
    answer = idle_house.door("POST", "/api/v1/x", {"x-test-die": "yes"})
    assert answer.status == 503
    assert answer.document["error"]["code"] == "Unavailable"
    assert len(idle_house.api.seen) == 1


def test_the_ports_are_the_listeners(open_house: House) -> None:
    assert len({*open_house.ports, 0}) == 3


@pytest.mark.parametrize(("first", "setting"), [(True, "PRATIQUE_DOOR_PORT"), (False, "PRATIQUE_ENDPOINTS_PORT")])
def test_a_taken_port_names_the_setting(idle_house: House, first: bool, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        one, two = (port, 0) if first else (0, port)
        doors = Doors(one, two, idle_house.doors.api_socket, idle_house.doors.mlflow_socket, 1, 1)
        with pytest.raises(Conflict) as caught:
            check_ports(doors)
    assert str(port) in caught.value.message
    assert setting in caught.value.hint


def test_our_own_running_door_counts_as_taken(open_house: House) -> None:
    with pytest.raises(Conflict):
        check_ports(Doors(open_house.ports[0], 0, open_house.doors.api_socket, open_house.doors.mlflow_socket, 1, 1))


def test_a_second_envoy_cannot_share_the_port(open_house: House) -> None:
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="in use"):
            thief.bind(("127.0.0.1", open_house.ports[0]))


def test_a_slow_caller_does_not_stop_the_others(open_house: House) -> None:
    slow = threading.Thread(target=lambda: open_house.door("GET", "/api/v1/x", {"x-test-hold": "yes"}))
    slow.start()
    open_house.api.wait_until_seen()
    assert open_house.door("GET", "/api/v1/status").status == 200
    assert slow.is_alive()
    open_house.api.release()
    slow.join()
