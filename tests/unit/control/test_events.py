"""Who sees which events."""

from typing import Any

import pytest

from pratique.base.errors import Forbidden
from pratique.control import events, groups
from pratique.control.actor import Actor, Grant


@pytest.fixture(autouse=True)
def journal(world: Any) -> None:
    """Events 1 to 5: dev, qa, the home, qa, dev."""
    world.asset("models", "one")
    world.asset("models", "two", workspace="qa-1")
    with world.database.write() as tx:
        groups.create(tx, world.owner, "other", location="", tags={}, now=world.now)
    world.asset("models", "three", workspace="qa-1")
    world.asset("models", "four")


def actor(*scopes: str, role: str = "Reader") -> Actor:
    return Actor("9", "eve", "user", tuple(Grant(role, scope) for scope in scopes))


@pytest.mark.parametrize(
    ("scopes", "seen"),
    [
        (("/",), [1, 2, 3, 4, 5]),
        (("/workspaces/dev",), [1, 5]),
        (("/workspaces/dev", "/workspaces/qa-1"), [1, 2, 4, 5]),
        (("/groups/team",), []),
        (("/workspaces/gone",), []),
        (("/workspaces/de",), []),
    ],
)
def test_one_sees_what_happened_where_one_may_look(world: Any, scopes: tuple[str, ...], seen: list[int]) -> None:
    with world.database.read() as tx:
        assert [event.sequence for event in events.after(tx, actor(*scopes), 0, limit=100)] == seen
        assert [event.sequence for event in events.newest(tx, actor(*scopes), limit=100)] == seen


def test_a_page_is_full_of_what_one_sees_so_that_a_follower_never_stalls(world: Any) -> None:
    eve = actor("/workspaces/dev")
    with world.database.read() as tx:
        assert [event.sequence for event in events.after(tx, eve, 0, limit=1)] == [1]
        assert [event.sequence for event in events.after(tx, eve, 1, limit=1)] == [5]
        assert [event.sequence for event in events.newest(tx, eve, limit=1)] == [5]


@pytest.mark.parametrize("nobody", [actor(), actor("/", role="Job"), actor("/workspaces/dev", role="Tracking")])
def test_who_may_look_nowhere_is_told_so(world: Any, nobody: Actor) -> None:
    with world.database.read() as tx, pytest.raises(Forbidden):
        events.after(tx, nobody, 0, limit=1)
