"""Publishing under traffic, with bad endpoints, and with Envoy dead."""

import http.client
import signal
import socket
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import InternalError, InvalidInput, Unavailable
from pratique.gateway import publish
from pratique.gateway.admin import Admin
from pratique.gateway.model import EndpointRoute
from pratique.gateway.preflight import Preflight
from pratique.gateway.publish import Gateway
from pratique.gateway.render import discovery

from .conftest import KEY, LONG, SECOND_KEY, WORKSPACE, House


def _bad(house: House) -> EndpointRoute:
    return replace(house.endpoint(house.deployment("blue")), name="bad name")


def test_shares_decide_where_a_call_goes(house: House) -> None:
    house.model("blue"), house.model("green")
    house.serve(house.endpoint(house.deployment("blue"), house.deployment("green"), traffic={"blue": 80, "green": 20}))
    answers = [house.score().headers["azureml-model-deployment"] for _ in range(300)]
    assert 30 <= answers.count("green") <= 90
    assert answers.count("green") == len(house.models["green"].seen)


def test_a_named_deployment_gets_the_call_whatever_its_share(house: House) -> None:
    house.model("blue"), house.model("green")
    house.serve(house.endpoint(house.deployment("blue"), house.deployment("green"), traffic={"blue": 100}))
    assert {house.score({"azureml-model-deployment": "green"}).document["from"] for _ in range(5)} == {"green"}


def test_a_mirror_gets_a_copy_of_the_body_and_the_caller_never_waits_for_it(house: House) -> None:
    house.model("blue"), house.model("shadow")
    house.serve(
        house.endpoint(house.deployment("blue", max_body=2_000_000), house.deployment("shadow"), mirror={"shadow": 100})
    )
    body = b"0123456789" * 150_000
    assert house.score(body=body).document["from"] == "blue"
    house.models["shadow"].refusals["/"] = (500, {}, b"shadow is broken")
    assert house.score(body=body).status == 200
    house.models["shadow"].wait_until_seen(2)
    assert [seen.digest for seen in house.models["shadow"].seen] == [seen.digest for seen in house.models["blue"].seen]


def test_a_pinned_call_is_not_mirrored(house: House) -> None:
    house.model("blue"), house.model("shadow")
    house.serve(house.endpoint(house.deployment("blue"), house.deployment("shadow"), mirror={"shadow": 100}))
    for _ in range(5):
        house.score({"azureml-model-deployment": "blue"})
    house.score()
    house.models["shadow"].wait_until_seen()
    assert len(house.models["shadow"].seen) == 1


def test_what_was_published_is_effective_when_it_returns(house: House) -> None:
    house.model("blue"), house.model("green")
    both = house.deployment("blue"), house.deployment("green")
    for turn in range(20):
        name = ("blue", "green")[turn % 2]
        house.serve(house.endpoint(*both, traffic={name: 100}))
        assert house.score().headers["azureml-model-deployment"] == name


def test_a_deleted_endpoint_is_gone_and_its_neighbour_stays(house: House) -> None:
    house.model("blue")
    fraud = house.endpoint(house.deployment("blue"), name="fraud")
    house.serve(house.endpoint(house.deployment("blue")), fraud)
    house.serve(fraud)
    assert (house.score().status, house.score(name="fraud").status) == (404, 200)


def test_nothing_is_lost_while_deployments_and_replicas_change_under_load(house: House) -> None:
    """Switches between two deployments, each time replacing the other one's replica as well."""
    house.model("blue"), house.model("green"), house.model("blue-two"), house.model("green-two")
    statuses: list[int] = []
    over = threading.Event()

    def caller() -> None:
        while not over.is_set():
            statuses.append(house.score().status)

    house.serve(house.endpoint(house.deployment("blue"), house.deployment("green")))
    callers = [threading.Thread(target=caller) for _ in range(3)]
    for thread in callers:
        thread.start()
    for turn in range(20):
        to, other = ("blue", "green") if turn % 2 else ("green", "blue")
        replica = house.models[f"{other}-two" if turn % 4 < 2 else other].path
        house.serve(
            house.endpoint(house.deployment(to), house.deployment(other, sockets=(replica,)), traffic={to: 100})
        )
        house.serve(house.endpoint(house.deployment(to), traffic={to: 100}))
    over.set()
    for thread in callers:
        thread.join()
    assert len(statuses) > 100
    assert set(statuses) == {200}


def test_a_request_in_progress_survives_the_removal_of_its_deployment(house: House) -> None:
    house.model("blue"), house.model("green")
    house.serve(house.endpoint(house.deployment("blue")))
    answers: list[int] = []
    slow = threading.Thread(target=lambda: answers.append(house.score({"x-test-hold": "yes"}).status))
    slow.start()
    house.models["blue"].wait_until_seen()
    house.serve(house.endpoint(house.deployment("green")))
    house.models["blue"].release()
    slow.join()
    assert answers == [200]


def test_a_request_whose_body_comes_after_the_switch_is_answered_by_what_its_route_led_to(
    house: House, eventually: Any
) -> None:
    house.model("blue"), house.model("green")
    house.serve(house.endpoint(house.deployment("blue")))
    connection = http.client.HTTPConnection("127.0.0.1", house.ports[1], timeout=20)
    try:
        connection.putrequest("POST", f"/endpoints/{WORKSPACE}/credit/score")
        connection.putheader("authorization", f"Bearer {KEY}")
        connection.putheader("content-length", "2")
        connection.endheaders()
        headers_are_there = r"http\.endpoints\.downstream_rq_active"
        admin = Admin(house.home.socket("envoy-admin"))
        assert eventually(lambda: [*admin.statistics(headers_are_there).values()] == [1])
        house.serve(house.endpoint(house.deployment("green")))
        connection.send(b"{}")
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("azureml-model-deployment")) == (200, "blue")
    finally:
        connection.close()
    assert house.score().headers["azureml-model-deployment"] == "green"


def test_an_upstream_that_nothing_has_led_to_for_a_while_is_taken_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upstreams() -> set[str]:
        return {*discovery.read(house.home.gateway / "cds.pb").clusters}

    house.model("blue"), house.model("green")
    house.serve(house.endpoint(house.deployment("blue")))
    house.serve(house.endpoint(house.deployment("green")))
    house.gateway.forget_former()
    assert upstreams() == {"team-a/credit/blue/1", "team-a/credit/green/1"}
    monkeypatch.setattr(publish, "_LINGER", 0.0)
    house.gateway.forget_former()
    assert upstreams() == {"team-a/credit/green/1"}
    house.gateway.forget_former()
    assert house.score().status == 200


def test_draining_waits_for_the_requests_in_progress(house: House) -> None:
    house.model("blue"), house.model("green")
    house.serve(house.endpoint(house.deployment("blue"), house.deployment("green")))
    answers: list[int] = []
    slow = threading.Thread(target=lambda: answers.append(house.score({"x-test-hold": "yes"}).status))
    slow.start()
    house.models["blue"].wait_until_seen()
    house.serve(house.endpoint(house.deployment("blue"), house.deployment("green"), traffic={"green": 100}))
    assert not house.gateway.drain("team-a", "credit", "blue", 1, timeout=timedelta(seconds=0.2))
    threading.Timer(0.2, house.models["blue"].release).start()
    assert house.gateway.drain("team-a", "credit", "blue", 1, timeout=LONG)
    slow.join()
    assert answers == [200]
    assert house.gateway.drain("team-a", "credit", "never-there", 1, timeout=LONG)


def test_a_revision_is_drained_however_busy_the_one_after_it_is(house: House) -> None:
    house.model("blue"), house.model("after")
    house.serve(house.endpoint(house.deployment("blue")))
    answers: list[int] = []
    former, later = (
        threading.Thread(target=lambda: answers.append(house.score({"x-test-hold": "yes"}).status)) for _ in range(2)
    )
    former.start()
    house.models["blue"].wait_until_seen()
    house.serve(house.endpoint(house.deployment("blue", sockets=(house.models["after"].path,), revision=2)))
    later.start()
    house.models["after"].wait_until_seen()
    assert not house.gateway.drain("team-a", "credit", "blue", 1, timeout=timedelta(seconds=0.2)), "one is in progress"
    threading.Timer(0.2, house.models["blue"].release).start()
    assert house.gateway.drain("team-a", "credit", "blue", 1, timeout=LONG)
    assert not house.gateway.drain("team-a", "credit", "blue", 2, timeout=timedelta(seconds=0.2)), "it is busy"
    house.models["after"].release()
    former.join()
    later.join()
    assert answers == [200, 200]


def test_a_bad_endpoint_is_left_out_and_the_others_are_published(house: House) -> None:
    house.model("blue")
    good, bad = house.endpoint(house.deployment("blue")), _bad(house)
    published = house.gateway.publish(["team-a"], [good, bad])
    assert list(published.rejected) == ["team-a/bad name"]
    assert published.effective
    assert house.score().status == 200


def test_what_only_envoy_finds_bad_is_left_out_with_envoys_reason(house: House) -> None:
    house.model("blue")
    # Longer than a protobuf duration; our own checks know nothing of that.
    endless = house.deployment("blue", request_timeout=timedelta(days=400_000_000))
    bad = house.endpoint(endless, name="bad")
    published = house.gateway.publish(["team-a"], [house.endpoint(house.deployment("blue")), bad])
    assert list(published.rejected) == ["team-a/bad"]
    assert "duration" in published.rejected["team-a/bad"].lower()
    assert (house.score().status, house.score(name="bad").status) == (200, 404)


def test_an_endpoint_which_turns_bad_keeps_what_it_had(house: House) -> None:
    house.model("blue")
    good = house.endpoint(house.deployment("blue"))
    house.serve(good)
    published = house.gateway.publish(["team-a"], [replace(good, traffic={"nobody": 100})])
    assert list(published.rejected) == ["team-a/credit"]
    assert house.score().status == 200


def test_no_reason_tells_a_key(house: House) -> None:
    bad = replace(house.endpoint(house.deployment("blue")), keys=(KEY, "white space in the key"))
    [reason] = house.gateway.publish(["team-a"], [bad]).rejected.values()
    assert "white space" not in reason
    assert KEY not in reason


def test_a_bad_workspace_is_the_callers_mistake(house: House) -> None:
    with pytest.raises(InvalidInput):
        house.gateway.publish(["../etc"], [])


def test_what_envoy_refuses_after_all_is_undone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.model("blue")
    house.serve(house.endpoint(house.deployment("blue")))
    routes = house.home.gateway / "rds-endpoints.pb"
    before = routes.read_bytes()
    bad = house.endpoint(house.deployment("blue", request_timeout=timedelta(days=400_000_000)), name="bad")
    # The preflight has passed this shape before: what it says and what Envoy does have parted.
    house.gateway._passed.add(bad.shape())
    with pytest.raises(InternalError):
        house.gateway.publish(["team-a"], [house.endpoint(house.deployment("blue")), bad])
    assert routes.read_bytes() == before
    assert house.score().status == 200
    house.serve(house.endpoint(house.deployment("blue"), keys=("another-key-0123456789",)))
    assert house.score(key="another-key-0123456789").status == 200


def test_an_envoy_that_is_busy_is_waited_for_and_not_taken_for_one_that_is_down(house: House) -> None:
    house.model("blue"), house.model("green")
    both = (house.deployment("blue"), house.deployment("green"))
    house.serve(house.endpoint(*both))
    impatient = Admin(house.home.socket("envoy-admin"), timeout=0.05)
    house.gateway._admin = house.gateway._watched._admin = impatient
    assert house.process is not None
    house.process.send_signal(signal.SIGSTOP)
    taken: list[bool] = []
    row = house.endpoint(*both, traffic={"green": 100})
    thread = threading.Thread(target=lambda: taken.append(house.gateway.publish(["team-a"], [row]).effective))
    try:
        assert not house.gateway.drain("team-a", "credit", "blue", 1, timeout=timedelta(seconds=0.3))
        assert not house.gateway.is_ready()
        with pytest.raises(Unavailable):
            house.gateway.actual_ports()
        thread.start()
        thread.join(0.5)
        assert taken == []
    finally:
        house.process.send_signal(signal.SIGCONT)
    thread.join()
    assert taken == [True]
    assert house.score().headers["azureml-model-deployment"] == "green"


def test_who_shuts_the_doors_waits_for_the_requests_in_progress_and_lets_nobody_in(house: House) -> None:
    house.model("blue")
    house.serve(house.endpoint(house.deployment("blue")))
    admin = Admin(house.home.socket("envoy-admin"))
    answers: list[int] = []
    slow = threading.Thread(target=lambda: answers.append(house.score({"x-test-hold": "yes"}).status))
    slow.start()
    house.models["blue"].wait_until_seen()
    threading.Timer(0.2, house.models["blue"].release).start()
    assert admin.shut(timeout=LONG)
    slow.join()
    assert answers == [200]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", house.ports[1])).close()
    house.stop_envoy()
    assert admin.shut(timeout=LONG), "nobody there is shut already"


def test_a_replica_that_comes_or_goes_needs_no_preflight(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.model("blue"), house.model("blue-two")
    blue = house.deployment("blue")
    house.serve(house.endpoint(blue))
    monkeypatch.setattr(house.gateway, "_preflight", Preflight(Path("/nowhere/envoy"), house.home.gateway))
    both = (house.models["blue"].path, house.models["blue-two"].path)
    house.serve(house.endpoint(replace(blue, sockets=both)))
    assert {house.score().document["from"] for _ in range(40)} == {"blue", "blue-two"}
    house.serve(house.endpoint(replace(blue, sockets=both[1:], revision=2)))
    assert {house.score().document["from"] for _ in range(5)} == {"blue-two"}


def test_only_what_changed_is_tried(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.model("blue")
    blue = house.deployment("blue")
    rows = [house.endpoint(blue, name=f"credit-{number}") for number in range(5)]
    house.serve(*rows)
    tried: list[str] = []
    refusal = Preflight.refusal

    def seen(self: Preflight, document: dict[str, Any]) -> str:
        tried.extend(row["name"] for row in document["static_resources"]["clusters"])
        return refusal(self, document)

    monkeypatch.setattr(Preflight, "refusal", seen)
    slower = replace(blue, request_timeout=timedelta(seconds=9))
    house.serve(*rows[:2], house.endpoint(slower, name="credit-2"), *rows[3:])
    assert {name for name in tried if "/" in name} == {f"{WORKSPACE}/credit-2/blue/1"}
    house.serve(*rows[:2], replace(rows[2], keys=("another-key-0123456789", SECOND_KEY)), *rows[3:])
    assert len(tried) == len(set(tried)), "a key that comes in another's place is nothing new to Envoy"


def test_a_publisher_which_starts_anew_tries_only_what_is_not_published_already(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.model("blue"), house.model("green")
    both = (house.deployment("blue"), house.deployment("green"))
    rows = [house.endpoint(*both, name=f"credit-{number}") for number in range(3)]
    house.serve(*rows)
    tried: list[str] = []
    refusal = Preflight.refusal

    def seen(self: Preflight, document: dict[str, Any]) -> str:
        tried.extend(row["name"] for row in document["static_resources"]["clusters"] if "/" in row["name"])
        return refusal(self, document)

    monkeypatch.setattr(Preflight, "refusal", seen)
    house.gateway = Gateway(house.home, house.doors)
    slower = house.endpoint(*(replace(row, request_timeout=timedelta(seconds=9)) for row in both), name="credit-2")
    house.serve(*rows[:2], slower)
    assert set(tried) == {f"{WORKSPACE}/credit-2/{name}/1" for name in ("blue", "green")}
    tried.clear()
    house.serve(rows[0], replace(rows[1], traffic={"green": 100}), slower)
    assert house.score(name="credit-1").headers["azureml-model-deployment"] == "green"
    assert tried == []


def test_a_first_switch_needs_no_preflight(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.model("blue"), house.model("green")
    both = (house.deployment("blue"), house.deployment("green"))
    house.serve(house.endpoint(*both, traffic={"blue": 100}))
    monkeypatch.setattr(house.gateway, "_preflight", Preflight(Path("/nowhere/envoy"), house.home.gateway))
    house.serve(house.endpoint(*both, traffic={"blue": 90, "green": 10}, mirror={"green": 10}))
    house.serve(house.endpoint(*both, traffic={"green": 100}))
    assert {house.score().document["from"] for _ in range(5)} == {"green"}
