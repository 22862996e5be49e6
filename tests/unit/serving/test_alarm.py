"""A call that is interrupted when it takes too long."""

import signal
import threading

import pytest

from pratique_serving.alarm import Overrun, refused, within


def wait(seconds: float) -> str:
    threading.Event().wait(seconds)
    return "done"


def test_a_call_in_time_returns_what_it_returns_and_leaves_no_alarm() -> None:
    before = signal.getsignal(signal.SIGALRM)
    assert within(60.0, wait, seconds=0) == "done"
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_call_that_takes_too_long_is_interrupted_whatever_it_catches() -> None:
    def stubborn() -> None:
        try:
            threading.Event().wait(600)
        except Exception:  # noqa: BLE001 - what scripts do.
            wait(600)

    with pytest.raises(Overrun):
        within(0.01, stubborn)


def test_the_caller_is_told_as_azures_server_tells() -> None:
    assert (refused(0.05).status, refused(0.05).message) == (500, "Scoring timeout after 50 ms")
    assert refused(0.05).run_failed


def test_another_thread_is_never_interrupted() -> None:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(within(0.001, wait, seconds=0.05)))
    thread.start()
    thread.join()
    assert found == ["done"]
