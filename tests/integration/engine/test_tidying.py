"""What a job has worked with goes: beside the next one that lasts, when there are many, and when nothing is next."""

import threading
import time
from pathlib import Path

import pytest

from pratique.engine import tidying

from .conftest import LIMIT, House


def folders_of(house: House, name: str) -> list[Path]:
    return [path for path in house.attempt(name).iterdir() if path.is_dir()]


def are_gone(house: House, name: str) -> bool:
    deadline = time.monotonic() + LIMIT
    while folders_of(house, name) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not folders_of(house, name)


def test_what_short_jobs_worked_with_waits_for_the_last_of_them(house: House) -> None:
    first, last = house.submit("true"), house.submit("true")
    worker = house.worker()
    worker.step()
    assert folders_of(house, first), "the next one is claimed, and nobody waits for a disk"
    worker.step()
    assert [folders_of(house, name) for name in (first, last)] == [[], []]
    assert (house.attempt(first) / "stream.log").is_file()


def test_it_goes_while_the_next_one_lasts(house: House) -> None:
    first, lasting = house.submit("true"), house.submit("sleep 300")
    worker = house.worker()
    worker.step()
    second = threading.Thread(target=worker.step)
    second.start()
    try:
        assert are_gone(house, first)
        assert second.is_alive(), "the next one still runs"
    finally:
        house.cancel(lasting)
        second.join()


def test_many_are_not_kept_though_something_is_always_next(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "_MANY", 1)
    first, _ = house.submit("true"), house.submit("true")
    worker = house.worker()
    worker.step()
    assert are_gone(house, first)
    worker.step()
