"""What is heard of what was rung."""

import select
from collections.abc import Iterator

import pytest

from pratique_serving.bell import Bell


@pytest.fixture
def bell() -> Iterator[Bell]:
    made = Bell()
    yield made
    made.close()


def is_readable(bell: Bell) -> bool:
    return bool(select.select([bell.descriptor], [], [], 0)[0])


def test_a_ring_wakes_and_is_no_stop(bell: Bell) -> None:
    assert not is_readable(bell)
    bell.ring()
    assert is_readable(bell)
    assert not bell.heard_stop()
    assert not is_readable(bell)


def test_a_stop_is_heard_among_many_rings(bell: Bell) -> None:
    bell.ring()
    bell.stop()
    bell.ring()
    assert bell.heard_stop()
    assert not is_readable(bell)


def test_who_rings_never_waits_for_who_hears(bell: Bell) -> None:
    for _ in range(10_000):
        bell.ring()
    assert is_readable(bell)
