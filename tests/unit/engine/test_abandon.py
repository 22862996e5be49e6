"""Long work can be left: it goes on in silence for whoever asks next."""

import threading

import pytest

from pratique.engine.abandon import Left, Say, while_wanted


def be_patient() -> None:
    """For those who never leave."""


def test_what_the_work_returns_says_and_raises_is_passed_on() -> None:
    heard: list[str] = []

    def work(say: Say) -> int:
        say("working")
        return 7

    def fail(say: Say) -> int:
        raise TimeoutError("of its own")

    assert while_wanted(work, say=heard.append, check=be_patient) == 7
    assert heard == ["working"]
    with pytest.raises(TimeoutError, match="of its own"):
        while_wanted(fail, say=heard.append, check=be_patient)


def test_work_that_is_left_goes_on_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pratique.engine.abandon._LOOK", 0.001)
    heard: list[str] = []
    begun, gate, ended = threading.Event(), threading.Event(), threading.Event()

    def work(say: Say) -> None:
        say("begun")
        begun.set()
        gate.wait(60)
        say("ended")
        ended.set()

    def leave() -> None:
        if begun.is_set():
            raise Left("something else is wished")

    with pytest.raises(Left):
        while_wanted(work, say=heard.append, check=leave)
    gate.set()
    assert ended.wait(60)
    assert heard == ["begun"]
