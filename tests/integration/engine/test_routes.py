"""What the doors serve follows the rows, and the rows say what the doors serve."""

from datetime import timedelta

import pytest

from pratique.base.clock import utc_now
from pratique.base.errors import InternalError, NotFound
from pratique.control import endpoints as endpoint_verbs
from pratique.engine.replicas import socket_of
from pratique.gateway.publish import Published
from pratique.store import deployments, endpoints, replicas

from .conftest import OWNER, House, replica


def settle(house: House, name: str = "blue", **values: object) -> None:
    """Let a deployment look as if its first generation was routed."""
    blue = house.deployment(name)
    with house.database.write() as tx:
        served = {"applied": 1, "applied_spec": dict(blue.spec), "provisioning_state": "Succeeded"}
        deployments.change(tx, blue.id, **served | values)
        replicas.add(tx, replica(blue))


def send(house: House, **traffic: int) -> None:
    with house.database.write() as tx:
        endpoint_verbs.update(tx, OWNER, "dev", "credit", {"traffic": traffic}, now=utc_now())


def test_a_route_is_what_the_rows_wish(house: House) -> None:
    house.make_endpoint()
    house.deploy(
        "", name="blue", request_settings={"request_timeout_ms": 1500, "max_concurrent_requests_per_instance": 2}
    )
    house.deploy("", name="green")
    for name in ("blue", "green"):
        settle(house, name)
    send(house, blue=90, green=10)
    house.routes.step()
    route = house.gateway.route("credit")
    assert (route.workspace, dict(route.traffic), len(set(route.keys))) == ("dev", {"blue": 90, "green": 10}, 2)
    blue, green = route.deployments
    assert blue.sockets == (socket_of(house.home, replica(house.deployment("blue"))),)
    assert (blue.request_timeout, blue.max_pending) == (timedelta(milliseconds=1500), 4)
    assert (green.request_timeout, green.max_pending) == (timedelta(seconds=5), None), "unset means automatic"
    assert house.gateway.published[-1][0] == ["dev"]
    assert house.endpoint().provisioning_state == "Succeeded"


def test_a_deployment_that_never_was_ready_is_not_routed(house: House) -> None:
    house.make_endpoint()
    house.deploy("", name="blue")
    house.routes.step()
    assert house.gateway.route("credit").deployments == ()


def test_nothing_is_published_or_written_when_nothing_changed(house: House) -> None:
    house.make_endpoint()
    house.routes.step()
    published, commits = len(house.gateway.published), house.commits
    for _ in range(3):
        house.routes.step()
    assert (len(house.gateway.published), house.commits) == (published, commits)


def test_what_did_not_change_is_not_made_anew(house: House) -> None:
    house.make_endpoint()
    house.make_endpoint("fraud")
    house.routes.step()
    served = []
    for _ in range(2):
        with house.database.write() as tx:
            sealer = house.bench.sealer
            endpoint_verbs.regenerate_key(tx, OWNER, "dev", "credit", "secondary", sealer=sealer, now=utc_now())
        house.routes.step()
        served.append((house.gateway.route("credit"), house.gateway.route("fraud")))
    (credit, fraud), (changed, same) = served
    assert same is fraud
    assert [one == other for one, other in zip(changed.keys, credit.keys, strict=True)] == [True, False]


def test_an_endpoint_that_goes_writes_nothing_while_its_deployments_are_stopped(house: House) -> None:
    house.make_endpoint()
    house.deploy("")
    settle(house)
    with house.database.write() as tx:
        endpoint_verbs.delete(tx, OWNER, "dev", "credit", now=utc_now())
    house.routes.step()
    commits = house.commits
    house.routes.step()
    assert house.commits == commits, "a write would wake it again, without end"
    house.deployer.step()
    with pytest.raises(NotFound):
        house.endpoint()
    assert len(house.told("Pratique.EndpointDeleted")) == 1


def test_an_endpoint_without_deployments_goes_at_once(house: House) -> None:
    house.make_endpoint()
    house.routes.step()
    with house.database.write() as tx:
        endpoint_verbs.delete(tx, OWNER, "dev", "credit", now=utc_now())
    house.routes.step()
    with pytest.raises(NotFound):
        house.endpoint()
    assert house.gateway.published[-1][1] == []


def test_a_refused_endpoint_fails_with_the_reason_and_the_others_are_served(house: House) -> None:
    house.make_endpoint()
    house.make_endpoint("other")
    house.gateway.refusals = {"dev/credit": "a value is out of range"}
    house.routes.step()
    credit, other = house.endpoint(), house.endpoint("other")
    assert (credit.provisioning_state, other.provisioning_state) == ("Failed", "Succeeded")
    assert credit.error is not None
    assert "a value is out of range" in credit.error["message"]
    assert credit.error["hint"]
    published = len(house.gateway.published)
    house.routes.step()
    assert len(house.gateway.published) == published, "it is asked again when something else is wished"
    house.gateway.refusals = {}
    with house.database.write() as tx:
        endpoint_verbs.update(tx, OWNER, "dev", "credit", {"tags": {"a": "b"}}, now=utc_now())
    house.make_endpoint("third")
    house.routes.step()
    assert (house.endpoint().provisioning_state, house.endpoint().error) == ("Succeeded", None)


def test_a_gateway_that_fails_is_told_once_on_the_endpoint_and_left_alone_for_a_while(house: House) -> None:
    house.make_endpoint()
    house.gateway.error = InternalError("Envoy did not take routes.json", hint="see its log")
    with pytest.raises(InternalError):
        house.routes.step()
    credit = house.endpoint()
    assert credit.provisioning_state == "Failed"
    assert credit.error is not None
    assert credit.error["message"] == "Envoy did not take routes.json"
    commits = house.commits
    house.routes.step()
    assert house.commits == commits
    with pytest.raises(InternalError):
        house.routes.publish()
    assert house.commits == commits, "the same failure is not written again"
    house.gateway.error = None
    house.make_endpoint("other")
    house.routes.step()
    assert {house.endpoint(name).provisioning_state for name in ("credit", "other")} == {"Succeeded"}
    assert house.endpoint().error is None


def test_a_change_that_comes_while_routes_are_published_is_not_settled_with_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.make_endpoint()
    publish = house.gateway.publish

    def publish_slowly(*given: object) -> Published:
        with house.database.write() as tx:
            endpoints.wish(tx, house.endpoint().id, now=utc_now(), provisioning_state="Deleting")
        return publish(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(house.gateway, "publish", publish_slowly)
    house.routes.step()
    monkeypatch.undo()
    assert house.endpoint().provisioning_state == "Deleting"
