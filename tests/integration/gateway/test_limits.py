"""What a caller may cost a door: connections, headers, time; slow ones are let go, and the others are served."""

import contextlib
import socket
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from pratique.gateway.model import Patience
from pratique.gateway.publish import Gateway

from .conftest import KEY, WORKSPACE, House

SECOND = timedelta(seconds=1)
SCORE = f"/endpoints/{WORKSPACE}/credit/score"


@pytest.fixture
def strict(idle_house: House) -> House:
    """A house that waits a second, for four callers at a time, with a model."""
    idle_house.doors = replace(idle_house.doors, patience=Patience(4, SECOND, SECOND))
    idle_house.gateway = Gateway(idle_house.home, idle_house.doors)
    idle_house.api.start()
    idle_house.mlflow.start()
    idle_house.start_envoy()
    idle_house.model("blue")
    idle_house.serve(idle_house.endpoint(idle_house.deployment("blue")))
    return idle_house


def answer_to(port: int, *pieces: bytes, pause: float = 0.3) -> bytes:
    """What comes back when the pieces are sent with pauses, until the door lets go."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
        with contextlib.suppress(ConnectionError):  # A door that has let go may have said why.
            for piece in pieces:
                plain.sendall(piece)
                time.sleep(pause)
        with contextlib.suppress(ConnectionError):
            while piece := plain.recv(65_536):
                said += piece
    return said


def test_headers_that_trickle_in_are_not_waited_for(strict: House) -> None:
    trickle = [b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n", *(b"X-Slow: 1\r\n" for _ in range(6))]
    said = answer_to(strict.ports[0], *trickle)
    assert said == b"" or b" 408 " in said.splitlines()[0]
    assert strict.api.seen == []
    assert strict.door("GET", "/api/v1/status").status == 200


def test_a_body_for_a_model_that_trickles_in_is_not_waited_for(strict: House) -> None:
    head = f"POST {SCORE} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 1000\r\n\r\n"
    said = answer_to(strict.ports[1], head.encode(), *(b"x" for _ in range(6)))
    assert b" 408 " in said.splitlines()[0]
    assert strict.models["blue"].seen == []
    assert strict.score().status == 200


def test_more_connections_than_a_door_has_are_let_go_and_the_other_door_has_its_own(strict: House) -> None:
    with contextlib.ExitStack() as stack:
        held = [
            stack.enter_context(socket.create_connection(("127.0.0.1", strict.ports[0]), timeout=60)) for _ in range(4)
        ]
        for one in held:
            one.sendall(b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert one.recv(65_536).startswith(b"HTTP/1.1 200")
        with pytest.raises((ConnectionError, OSError)):
            strict.door("GET", "/api/v1/status")
        assert strict.score().status == 200
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError):
            assert strict.door("GET", "/api/v1/status").status == 200
            break
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    "headers",
    [{"x-long": "x" * 70_000}, {f"x-{number}": "1" for number in range(120)}],
    ids=["too long", "too many"],
)
def test_headers_that_are_too_much_are_refused(strict: House, headers: dict[str, str]) -> None:
    assert strict.door("GET", "/api/v1/status", headers).status == 431
    assert strict.score(headers).status == 431
    assert strict.api.seen == strict.models["blue"].seen == []
