"""Turns are given in the order of asking."""

from threading import Event, Thread

import pytest

from pratique.base.errors import Unavailable
from pratique.store.turns import Turns

LONG = 60.0


def queued(turns: Turns) -> int:
    return len(turns._waiting)


def await_queue(turns: Turns, length: int) -> None:
    pause = Event()
    while queued(turns) != length:
        pause.wait(0.001)


def test_turns_come_in_the_order_of_asking() -> None:
    turns, order = Turns(), list[int]()

    def ask(number: int) -> None:
        with turns.turn(LONG):
            order.append(number)

    threads = [Thread(target=ask, args=(number,)) for number in range(8)]
    with turns.turn(LONG):
        for number, thread in enumerate(threads):
            thread.start()
            await_queue(turns, number + 1)
    for thread in threads:
        thread.join()
    assert order == list(range(8))


def test_who_has_just_had_a_turn_waits_behind_those_who_waited() -> None:
    turns, order = Turns(), list[str]()

    def ask() -> None:
        with turns.turn(LONG):
            order.append("waited")

    waiting = Thread(target=ask)
    with turns.turn(LONG):
        waiting.start()
        await_queue(turns, 1)
    with turns.turn(LONG):
        order.append("again")
    waiting.join()
    assert order == ["waited", "again"]


def test_who_gives_up_leaves_the_queue_and_the_next_is_served() -> None:
    turns = Turns()
    with turns.turn(LONG):
        with pytest.raises(Unavailable, match=r"busy for 0\.01 seconds"), turns.turn(0.01):
            pass
        assert queued(turns) == 0
    with turns.turn(0.01):
        pass


def test_a_turn_that_ends_with_an_error_is_handed_on() -> None:
    turns = Turns()
    with pytest.raises(KeyError), turns.turn(LONG):
        raise KeyError
    with turns.turn(0.01):
        pass
