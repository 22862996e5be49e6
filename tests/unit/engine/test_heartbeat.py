"""A lease is renewed as long as work lasts, and no longer."""

import threading
from datetime import timedelta

from pratique.engine.heartbeat import LEASE, heartbeat

OFTEN = timedelta(milliseconds=1)


def test_a_lease_is_renewed_until_the_work_ends() -> None:
    beats = threading.Semaphore(0)

    def renew() -> bool:
        beats.release()
        return True

    with heartbeat(renew, every=OFTEN):
        for _ in range(3):
            assert beats.acquire(timeout=60)
    assert "heartbeat" not in [thread.name for thread in threading.enumerate()]


def test_a_lost_lease_is_not_asked_for_again() -> None:
    beats: list[int] = []
    lost = threading.Event()

    def renew() -> bool:
        beats.append(1)
        lost.set()
        return False

    with heartbeat(renew, every=OFTEN):
        assert lost.wait(60)
        for thread in threading.enumerate():
            if thread.name == "heartbeat":
                thread.join(60)
    assert len(beats) == 1


def test_a_database_that_is_busy_once_does_not_end_the_heartbeat() -> None:
    beats: list[int] = []
    again = threading.Event()

    def renew() -> bool:
        beats.append(1)
        if len(beats) == 1:
            raise OSError("busy")
        again.set()
        return True

    with heartbeat(renew, every=OFTEN):
        assert again.wait(60)


def test_several_renewals_fit_into_a_lease() -> None:
    assert timedelta(seconds=60) == LEASE
