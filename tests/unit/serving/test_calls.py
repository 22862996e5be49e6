"""Requests that wait for the model: which are called for, and who is turned away."""

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pratique_serving.calls import Calls, Patience
from pratique_serving.memory import MemoryBound
from pratique_serving.routes import Routes
from pratique_serving.settings import read_settings
from pratique_serving.wire import Response

from .conftest import Echo
from .room import Client, Room

OK, FAILED = Response(200, b"fine"), Response(500, b"")


class Exhausted(MemoryBound):
    """What a model that keeps what it takes leaves."""

    def __init__(self) -> None:
        super().__init__(0)

    def is_used_up(self) -> bool:
        return True


class Desk:
    """Calls with connections before them and no thread that makes them."""

    def __init__(
        self, folder: Path, *, longest: float = math.inf, memory: MemoryBound | None = None, **environment: str
    ) -> None:
        self.room = Room(folder)
        self.routes = Routes(read_settings({"AZUREML_ENTRY_SCRIPT": "score.py", **environment}))
        self.routes.become_ready(Echo(lambda request: request.body.decode()))
        self.left: list[bool] = []
        patience = Patience(longest, lambda: self.left.append(True))
        self.calls = Calls(self.room.connections, self.routes, memory, patience)
        self.room.connections.open(self.calls.take)

    def asked(self, *bodies: bytes) -> list[Client]:
        """Clients who have sent this, each of which was read."""
        clients = []
        for body in bodies:
            client = self.room.enters()
            client.sends(body)
            clients.append(client)
            self.room.turn()
        self.room.turn()
        return clients

    def called(self, most: int = 1) -> list[bytes]:
        """Call the model for so many who wait, and answer them; what they sent."""
        running = self.calls.begin(most)
        if running is None:
            return []
        responses = [self.routes.perform([call])[0] for call in running.calls]
        self.calls.finish(running, responses, time.monotonic())
        return [call.request.body for call in running.calls]


Opened = Callable[..., Desk]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    desks: list[Desk] = []

    def make(**given: object) -> Desk:
        desks.append(Desk(tmp_path, **given))  # type: ignore[arg-type]
        return desks[-1]

    yield make
    for desk in desks:
        desk.room.close()


def test_those_who_have_waited_longest_are_called_for_first(opened: Opened) -> None:
    desk = opened()
    clients = desk.asked(b"1", b"2", b"3")
    assert desk.called(2) == [b"1", b"2"]
    assert [client.status() for client in clients] == [200, 200, 0]
    assert desk.called(2) == [b"3"]
    assert desk.calls.begin(2) is None


def test_for_a_client_that_has_gone_the_model_is_not_called(opened: Opened) -> None:
    desk = opened()
    goes, stays = desk.asked(b"goes", b"stays")
    goes.socket.close()
    desk.room.turn()
    assert desk.called() == [b"stays"]
    assert stays.status() == 200
    assert desk.room.gone == [False]


def test_who_finds_no_room_is_turned_away(opened: Opened) -> None:
    desk = opened(PRATIQUE_MAX_WAITING="1")
    waits, refused = desk.asked(b"1", b"2")
    assert (waits.status(), refused.status()) == (0, 429)
    assert desk.called(2) == [b"1"]


def test_who_has_waited_for_too_long_is_told_so_and_not_called_for(opened: Opened) -> None:
    desk = opened(PRATIQUE_REQUEST_TIMEOUT_MS="60000")
    [late] = desk.asked(b"late")
    desk.calls.look_after(time.monotonic())
    assert late.status() == 0
    desk.calls.look_after(time.monotonic() + 61)
    assert late.status() == 408
    assert desk.called() == []


def test_a_call_that_has_not_ended_gives_everybody_an_answer_and_leaves(opened: Opened) -> None:
    desk = opened(longest=10)
    hangs, waits = desk.asked(b"hangs", b"waits")
    desk.calls.begin(1)
    desk.calls.look_after(time.monotonic())
    assert not desk.left
    desk.calls.look_after(time.monotonic() + 11)
    assert desk.left
    given_back = (waits.received() or b"").lower()
    assert given_back.startswith(b"http/1.1 503")
    assert b"x-pratique-not-computed: true" in given_back
    assert hangs.status() == 408


def test_it_leaves_after_the_other_calls_which_go_on(opened: Opened) -> None:
    desk = opened(longest=10)
    _, works = desk.asked(b"hangs", b"works")
    desk.calls.begin(1)
    other = desk.calls.begin(1)
    assert other is not None
    later = time.monotonic() + 11
    other.began = later
    desk.calls.look_after(later)
    assert not desk.left
    desk.calls.finish(other, [OK], later)
    assert works.status() == 200
    desk.calls.look_after(later)
    assert desk.left


def test_it_does_not_wait_for_others_without_end(opened: Opened) -> None:
    desk = opened(longest=10)
    desk.asked(b"hangs", b"works")
    desk.calls.begin(1)
    other = desk.calls.begin(1)
    assert other is not None
    later = time.monotonic() + 11
    other.began = later
    desk.calls.look_after(later)
    desk.calls.look_after(later + 10)
    assert desk.left


def test_a_failure_without_memory_gives_the_others_their_requests_back(opened: Opened) -> None:
    desk = opened(memory=Exhausted())
    fails, waits = desk.asked(b"fails", b"waits")
    running = desk.calls.begin(1)
    assert running is not None
    desk.calls.finish(running, [FAILED], time.monotonic())
    assert (fails.status(), waits.status()) == (500, 503)
    assert desk.calls.has_used_up
    assert desk.room.connections.is_stopping


def test_a_good_answer_is_no_reason_to_look_at_memory(opened: Opened) -> None:
    desk = opened(memory=Exhausted())
    desk.asked(b"works")
    assert desk.called() == [b"works"]
    assert not desk.calls.has_used_up


def test_it_is_looked_after_in_time(opened: Opened) -> None:
    desk = opened(longest=10)
    assert desk.calls.pause() == math.inf
    desk.asked(b"waits")
    assert desk.calls.pause() <= 0.1
    desk.calls.begin(1)
    assert 0 < desk.calls.pause() <= 10
