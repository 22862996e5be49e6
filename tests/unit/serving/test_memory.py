"""When a process has used up what it may take."""

from collections.abc import Callable

import pytest

from pratique_serving import memory
from pratique_serving.memory import MemoryBound

Taken = Callable[[int], None]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Taken:
    """Say how much the process has taken."""
    return lambda size: monkeypatch.setattr(memory, "_taken", lambda: size)


@pytest.fixture
def bound(taken: Taken, monkeypatch: pytest.MonkeyPatch) -> MemoryBound:
    """Of 1,000 bytes, 600 of which the loaded model has; the kernel is not told."""
    made = MemoryBound(0)
    monkeypatch.setattr(made, "_most", 1000)
    taken(600)
    made.note_loaded()
    return made


def test_what_the_loaded_model_has_is_its_own(bound: MemoryBound) -> None:
    assert not bound.is_used_up()


def test_it_is_used_up_when_little_is_left_of_what_it_had_then(bound: MemoryBound, taken: Taken) -> None:
    taken(899)
    assert not bound.is_used_up()
    taken(900)
    assert bound.is_used_up()
    assert str(bound) == "900 of 1,000 bytes"


def test_without_a_bound_nothing_is_ever_used_up() -> None:
    unbound = MemoryBound(0)
    unbound.note_loaded()
    assert not unbound.is_used_up()


def test_the_kernel_is_asked_what_is_taken() -> None:
    before = memory._taken()
    more = bytearray(100_000_000)
    assert memory._taken() - before > 50_000_000
    del more
