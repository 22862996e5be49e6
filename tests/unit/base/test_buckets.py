"""Buckets that fill evenly."""

from pratique.base.buckets import Buckets


def test_as_much_as_it_holds_may_be_taken_at_once_and_then_what_has_come_since() -> None:
    buckets = Buckets(per_second=0.5, most=3)
    assert [buckets.take("ann", now=0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]
    assert buckets.take("ann", now=2.0) == 0.0
    assert buckets.take("ann", now=3.0) == 1.0


def test_asking_how_long_takes_nothing() -> None:
    buckets = Buckets(per_second=1, most=1)
    assert [buckets.wait("ann", now=0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    buckets.take("ann", now=0.0)
    assert buckets.wait("ann", now=0.25) == 0.75
    assert buckets.wait("bob", now=0.25) == 0.0


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    buckets = Buckets(per_second=1, most=2)
    assert buckets.take("ann", now=100.0) == 0.0
    assert buckets.take("ann", now=50.0) == 0.0
    assert buckets.take("ann", now=50.0) == 1.0


def test_a_flood_of_names_is_forgotten_again() -> None:
    buckets = Buckets(per_second=1, most=10)
    for number in range(20_001):
        buckets.take(str(number), now=0.0)
    assert buckets.known == 10_000
