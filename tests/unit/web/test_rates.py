"""How often a principal may ask."""

import pytest

from pratique.base.errors import TooManyCalls
from pratique.web.rates import BURST, Rates


def taken(rates: Rates, who: str, times: int, now: float) -> int:
    """How many of so many calls at once are let through."""
    through = 0
    for _ in range(times):
        try:
            rates.count(who, now=now)
        except TooManyCalls:
            continue
        through += 1
    return through


def test_a_burst_is_let_through_and_then_as_many_as_the_clock_gives() -> None:
    rates = Rates(per_minute=60)
    assert taken(rates, "ann", 100, now=0.0) == BURST
    assert taken(rates, "ann", 100, now=0.5) == 0
    assert taken(rates, "ann", 100, now=3.0) == 3
    assert taken(rates, "ann", 1000, now=10_000.0) == BURST


def test_nobody_waits_for_another() -> None:
    rates = Rates(per_minute=60)
    taken(rates, "ann", 100, now=0.0)
    assert taken(rates, "bob", 5, now=0.0) == 5


def test_who_asks_too_often_is_told_when_to_try_again() -> None:
    rates = Rates(per_minute=30)
    taken(rates, "ann", 100, now=0.0)
    with pytest.raises(TooManyCalls) as refused:
        rates.count("ann", now=0.0)
    assert "try again in 2.0 s" in refused.value.hint


def test_without_a_limit_nothing_is_counted() -> None:
    assert taken(Rates(per_minute=0), "ann", 10_000, now=0.0) == 10_000
