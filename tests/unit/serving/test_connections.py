"""Who is let in, read, answered and given up, whatever stands behind it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pratique_serving import connections as module
from pratique_serving.wire import Response

from .room import Room


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path).open()
    yield made
    made.close()


def test_what_is_known_is_answered_in_the_turn_in_which_it_is_asked(room: Room) -> None:
    client = room.enters()
    client.sends(b"hello", "/now")
    room.turn()
    room.turn()
    assert (client.received() or b"").endswith(b"\r\n\r\nhello")
    assert room.connections.busy == 0


def test_an_answer_may_come_later(room: Room) -> None:
    client = room.enters()
    client.sends(b"hello")
    room.turn()
    room.turn()
    assert client.received() is None
    assert room.connections.busy == 1
    room.connections.reply(room.taken[0], Response(200, b"at last"))
    assert (client.received() or b"").endswith(b"at last")
    assert room.connections.busy == 0


def test_nothing_more_is_read_of_a_client_that_waits_for_an_answer(room: Room) -> None:
    client = room.enters()
    client.sends(b"first")
    client.sends(b"second")
    for _ in range(4):
        room.turn()
    assert room.bodies == [b"first"]
    room.connections.reply(room.taken[0], Response(200, b""))
    room.turn()
    assert room.bodies == [b"first", b"second"]


def test_requests_sent_at_once_are_answered_in_order(room: Room) -> None:
    client = room.enters()
    for body in (b"1", b"2", b"3"):
        client.sends(body, "/now")
    room.turn()
    room.turn()
    assert [part[-1:] for part in (client.received() or b"").split(b"HTTP/1.1 200 OK")[1:]] == [b"1", b"2", b"3"]


def test_a_stop_closes_who_is_idle_and_lets_the_others_finish(room: Room) -> None:
    idle, asks = room.enters(), room.enters()
    asks.sends(b"hello")
    room.turn()
    room.turn()
    room.bell.stop()
    room.turn()
    assert idle.received() == b""
    assert (room.stops, len(room.connections), room.connections.is_over) == (1, 1, False)
    room.connections.reply(room.taken[0], Response(200, b"bye"))
    answer = asks.received() or b""
    assert b"connection: close" in answer.lower()
    assert asks.received() == b""
    room.turn()
    assert room.connections.is_over


def test_who_came_before_a_stop_is_answered(room: Room) -> None:
    client = room.enters()
    client.sends(b"hello", "/now")
    room.bell.stop()
    room.turn()
    assert client.status() == 200
    assert room.connections.is_over


def test_to_stop_twice_is_to_stop_once(room: Room) -> None:
    room.connections.stop()
    room.connections.stop()
    assert room.stops == 1


def test_who_leaves_before_the_answer_is_told_of(room: Room) -> None:
    client = room.enters()
    client.sends(b"hello")
    room.turn()
    room.turn()
    client.socket.close()
    room.turn()
    assert room.taken[0].gone
    room.connections.reply(room.taken[0], Response(200, b""))
    assert room.gone == [True]
    assert len(room.connections) == 0


def test_who_pauses_within_a_request_is_given_up(tmp_path: Path) -> None:
    room = Room(tmp_path, pause=0.0).open()
    client = room.enters()
    client.socket.sendall(b"POST /score HT")
    for _ in range(3):
        room.turn()
    assert client.status() == 408
    assert client.received() == b""
    room.close()


def test_who_finds_no_room_waits_until_somebody_goes(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 2)
    clients = [room.enters() for _ in range(3)]
    clients[2].sends(b"hello", "/now")
    for _ in range(3):
        room.turn()
    assert (len(room.connections), clients[2].received()) == (2, None)
    clients[0].socket.close()
    for _ in range(3):
        room.turn()
    assert (len(room.connections), clients[2].status()) == (2, 200)


def test_nobody_is_let_in_before_it_is_open(tmp_path: Path) -> None:
    room = Room(tmp_path)
    client = room.enters()
    client.sends(b"hello", "/now")
    room.turn()
    assert len(room.connections) == 0
    room.open()
    room.turn()
    room.turn()
    assert client.status() == 200
    room.close()
