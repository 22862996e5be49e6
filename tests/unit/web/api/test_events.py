"""The journal over the API: whose events, which page, and following it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from pratique.base.clock import utc_now
from pratique.control import groups
from pratique.control.actor import PLATFORM
from pratique.store import events
from pratique.web import bell as bells
from pratique.web.platform import Platform

Bearer = Callable[..., dict[str, str]]


def numbers(found: list[dict[str, Any]]) -> list[int]:
    return [event["sequence"] for event in found]


def write(platform: Platform, name: str = "other") -> None:
    with platform.database.write() as tx:
        groups.create(tx, PLATFORM, name, location="", tags={}, now=utc_now())


def last(platform: Platform) -> int:
    with platform.database.read() as tx:
        return events.last_sequence(tx)


def test_an_event_is_a_cloud_event(api: Any) -> None:
    api.asset("models", "credit")
    event = api.ok("GET", "/events", params={"after": -1, "limit": 1})[0]
    assert set(event) == {
        "specversion", "id", "type", "source", "subject", "time", "actor", "targets", "data", "sequence", "hash",
        "previous_hash", "reason",
    }  # fmt: skip
    assert (event["specversion"], event["source"], event["subject"]) == ("1.0", "/workspaces/dev", "models/credit:1")
    assert event["type"] == "Microsoft.MachineLearningServices.ModelRegistered"
    assert event["actor"]["name"] == "ann"


def test_pages_follow_one_another(api: Any, platform: Platform) -> None:
    for name in ("one", "two", "three"):
        write(platform, name)
    every = numbers(api.ok("GET", "/events", params={"limit": 1000}))
    assert every == list(range(1, last(platform) + 1))
    assert numbers(api.ok("GET", "/events", params={"after": every[-3], "limit": 1})) == [every[-2]]
    assert numbers(api.ok("GET", "/events", params={"after": -1, "limit": 2})) == every[-2:]
    assert api.ok("GET", "/events", params={"after": 2**63 - 1}) == []


@pytest.mark.parametrize(
    "query",
    [{"after": -2}, {"after": 2**63}, {"after": "x"}, {"limit": 0}, {"limit": 1001}, {"wait": 51}, {"wait": "nan"}],
)
def test_a_page_that_cannot_be_is_refused(api: Any, query: dict[str, Any]) -> None:
    assert api.keys("GET", "/events", params=query) == [*query]


def test_one_sees_what_happened_where_one_may_look(api: Any, reader: Any, bearer: Bearer) -> None:
    api.asset("models", "secret", workspace="qa-1")
    api.asset("models", "open")
    for query in ({"limit": 1000}, {"after": -1}):
        role, model = reader.ok("GET", "/events", params=query)
        assert (role["type"], role["source"]) == ("Pratique.RoleAssigned", "/workspaces/dev")
        assert model["subject"] == "models/open:1"
    both = type(api)(api.app, api.runner, bearer("lea", "Reader", "/groups/team"))
    assert {event["source"] for event in both.ok("GET", "/events")} == {"/workspaces/dev", "/workspaces/qa-1"}
    nobody = type(api)(api.app, api.runner, bearer("eve"))
    nobody.refused(403, "GET", "/events")


def test_whoever_waits_is_answered_by_the_next_event_of_theirs(
    api: Any, reader: Any, bell: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bells, "_NET", 3600.0)
    upload = api.upload({"a": b"1"}, "a")

    async def wait_and_write() -> Any:
        bell.bell.attach()
        waiting = asyncio.create_task(reader.ask("GET", "/events", params={"after": last(bell), "wait": 50}))
        await asyncio.sleep(0)
        await asyncio.to_thread(write, bell)
        body = {"spec": {"name": "credit", "path": upload}}
        assert (await api.ask("POST", "/workspaces/dev/models", json=body)).is_success
        return (await waiting).json()

    assert [event["subject"] for event in api.run(wait_and_write())] == ["models/credit:1"]


def test_whoever_waits_for_nothing_is_answered_after_the_bound(api: Any, platform: Platform) -> None:
    assert api.ok("GET", "/events", params={"after": last(platform), "wait": 0.05}) == []
