"""Envoy and MLflow, or whatever stands for them, run always and are found again."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pratique.base.errors import ComputeFailed
from pratique.base.home import Home
from pratique.compute.local import LocalCompute
from pratique.compute.task import Running, Task
from pratique.engine.services import Service
from pratique.engine.starts import LOG_NAME, newest_start, stop

from .conftest import kill, until

SLEEPS = "import time; print('up', flush=True); time.sleep(300)"


class Place:
    """A home for services."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.compute = LocalCompute()
        self.code = SLEEPS

    def service(self, *, lifetime: timedelta | None = None) -> Service:
        """The same service as another server would make it."""
        return Service("sleeper", self.home, self.compute, self._task, lambda _: True, lifetime=lifetime)

    def running(self) -> Running | None:
        folder = newest_start(self.home, "sleeper")
        seen = self.compute.observe(folder) if folder else None
        return seen if isinstance(seen, Running) else None

    def starts(self) -> list[str]:
        return sorted(path.name for path in (self.home.services / "sleeper").iterdir())

    def _task(self, folder: Path) -> Task:
        if not self.code:
            raise ComputeFailed("it cannot be made")
        argv = (sys.executable, "-I", "-S", "-c", self.code)
        return Task(folder, argv, {}, folder, folder / LOG_NAME)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    stop(place.home, place.compute, "sleeper", grace=timedelta(0))


def fall(place: Place) -> None:
    seen = place.running()
    assert seen is not None
    kill(seen.pid)
    until(lambda: place.running() is None)


def test_a_service_is_started_once_and_found_by_the_next_server(place: Place) -> None:
    place.service().step()
    seen = place.running()
    assert seen is not None
    other = place.service()
    other.step()
    again = place.running()
    assert again is not None
    assert again.pid == seen.pid
    assert (place.starts(), other.state()) == (["1"], "ready")


def test_a_service_that_ended_is_started_again_in_a_folder_of_its_own(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pratique.engine.services._LONGEST_BACK_OFF", 0.0)
    service = place.service()
    service.step()
    for _ in range(4):
        fall(place)
        service.step()
    assert place.starts() == ["3", "4", "5"], "three logs are kept"


def test_a_service_that_falls_again_and_again_waits_and_is_down(place: Place) -> None:
    service = place.service()
    for _ in range(2):
        until(lambda: service.step() or place.running())
        fall(place)
    service.step()
    assert place.running() is None, "it is not its time yet"
    assert service.state() == "down"
    assert place.starts() == ["1", "2"]


def test_a_service_that_cannot_be_made_leaves_no_row_of_empty_folders(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pratique.engine.services._LONGEST_BACK_OFF", 0.0)
    service, place.code = place.service(), ""
    for _ in range(3):
        with pytest.raises(ComputeFailed):
            service.step()
    assert place.starts() == ["1"]
    place.code = SLEEPS
    service.step()
    assert place.running()


def test_a_service_is_started_anew_before_its_token_ends(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pratique.engine.services._LONGEST_BACK_OFF", 0.0)
    place.service(lifetime=timedelta(days=28)).step()
    first = place.running()
    assert first is not None
    place.service(lifetime=timedelta(0)).step()
    second = place.running()
    assert second is not None
    assert first.pid != second.pid


def test_stopping_ends_every_start(place: Place) -> None:
    place.service().step()
    stop(place.home, place.compute, "sleeper", grace=timedelta(seconds=10))
    assert place.running() is None
    assert place.service().state() == "starting"
