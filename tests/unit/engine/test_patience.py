"""A part that is being started again is waited for, within limits."""

from datetime import timedelta

import pytest

from pratique.base.errors import NotFound, Unavailable
from pratique.engine.patience import patiently

LONG = timedelta(seconds=60)


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pratique.engine.patience._PAUSE", 0.0)


def test_it_asks_again_until_there_is_an_answer() -> None:
    tries: list[int] = []

    def call() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise Unavailable("not up yet")
        return "here"

    assert patiently(call, within=LONG) == "here"
    assert len(tries) == 3


def test_it_gives_up_when_the_time_is_over() -> None:
    def call() -> str:
        raise Unavailable("never up")

    with pytest.raises(Unavailable, match="never up"):
        patiently(call, within=timedelta(seconds=-1))


def test_an_answer_that_is_an_error_is_not_asked_for_again() -> None:
    tries: list[int] = []

    def call() -> str:
        tries.append(1)
        raise NotFound("no such run")

    with pytest.raises(NotFound):
        patiently(call, within=LONG)
    assert len(tries) == 1


def test_whoever_waits_is_asked_whether_it_still_wants_to() -> None:
    def call() -> str:
        raise Unavailable("not up yet")

    def check() -> None:
        raise KeyError("canceled")

    with pytest.raises(KeyError, match="canceled"):
        patiently(call, within=LONG, check=check)
