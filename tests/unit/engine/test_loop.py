"""Loops work while there is work, sleep while there is none, and none of them misses its wake-up."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from pratique.engine.loop import Loop, Stop, join_all

LONG = timedelta(seconds=60)


@pytest.fixture
def stop() -> Iterator[Stop]:
    """Ends every loop of the test with the test."""
    made = Stop()
    yield made
    made.wish()


def looping(stop: Stop, step: Callable[[], bool], *, idle: timedelta = LONG, name: str = "test") -> Loop:
    loop = Loop(name, step, stop, idle=idle)
    loop.start()
    return loop


def test_a_loop_steps_again_as_long_as_there_is_work(stop: Stop) -> None:
    done, left = threading.Event(), [3]

    def step() -> bool:
        left[0] -= 1
        if left[0] == 0:
            done.set()
        return left[0] > 0

    looping(stop, step)
    assert done.wait(60)


def test_a_ring_wakes_a_loop_that_would_sleep_for_long(stop: Stop) -> None:
    steps = threading.Semaphore(0)

    def step() -> bool:
        steps.release()
        return False

    looping(stop, step)
    assert steps.acquire(timeout=60)
    stop.ring()
    assert steps.acquire(timeout=60)


def test_a_ring_during_a_step_is_not_lost(stop: Stop) -> None:
    steps: list[int] = []
    again = threading.Event()

    def step() -> bool:
        steps.append(1)
        if len(steps) == 1:
            stop.ring()  # Somebody commits after this step has looked, and before it sleeps.
        else:
            again.set()
        return False

    looping(stop, step)
    assert again.wait(60)


def test_without_a_ring_a_loop_looks_when_its_time_is_over(stop: Stop) -> None:
    steps = threading.Semaphore(0)

    def step() -> bool:
        steps.release()
        return False

    looping(stop, step, idle=timedelta(milliseconds=1))
    for _ in range(3):
        assert steps.acquire(timeout=60)


def test_a_step_that_fails_does_not_end_the_loop(stop: Stop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pratique.engine.loop._FIRST_PAUSE", 0.001)
    tried: list[int] = []
    went_on = threading.Event()

    def step() -> bool:
        tried.append(1)
        if len(tried) < 3:
            raise ValueError("a bad row")
        went_on.set()
        return False

    loop = looping(stop, step)
    assert went_on.wait(60)
    assert loop.is_alive


def test_a_loop_ends_when_it_is_wished_even_while_it_rests_after_a_failure(stop: Stop) -> None:
    failed = threading.Event()

    def step() -> bool:
        failed.set()
        raise ValueError("a bad row")

    loops = [looping(stop, step), looping(stop, lambda: False)]
    assert failed.wait(60)
    stop.wish()
    assert join_all(loops, LONG) == []
    assert not any(loop.is_alive for loop in loops)


def test_a_loop_that_does_not_end_in_time_is_named(stop: Stop) -> None:
    gate, begun = threading.Event(), threading.Event()

    def step() -> bool:
        begun.set()
        return not gate.wait(60)

    loops = [looping(stop, step, name="slow"), looping(stop, lambda: False, name="quick")]
    assert begun.wait(60)
    stop.wish()
    assert join_all(loops, timedelta(milliseconds=20)) in (["slow"], ["slow", "quick"])
    gate.set()
    assert join_all(loops, LONG) == []


def test_a_loop_that_never_began_has_ended(stop: Stop) -> None:
    loop = Loop("never", lambda: False, stop, idle=LONG)
    assert not loop.is_alive
    assert join_all([loop], LONG) == []


def test_a_loop_whose_steps_fail_again_and_again_does_not_get_on(stop: Stop) -> None:
    failures = threading.Semaphore(0)

    def step() -> bool:
        failures.release()
        raise ValueError("every row is bad")

    loop = looping(stop, step)
    assert failures.acquire(timeout=60)
    assert loop.gets_on
    for _ in range(3):
        assert failures.acquire(timeout=60)
    assert loop.is_alive
    assert not loop.gets_on
