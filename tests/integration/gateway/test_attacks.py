"""What strangers do to the two doors: slow them down, flood them, and ask them under other names."""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

from .conftest import House

Attack = Callable[[str, str], None]
SLOW: Final = 60
HOSTS: Final = (
    "evil.example", "evil.example:7070", "127.0.0.1.evil.example", "169.254.169.254", "localhost.evil.example",
    "127.0.0.1@evil.example", "[::ffff:169.254.169.254]", "localhost,evil.example", "evil.example#localhost",
)  # fmt: skip


@pytest.fixture
def served(house: House) -> House:
    """A door with one endpoint behind it."""
    house.model("blue")
    house.serve(house.endpoint(house.deployment("blue")))
    return house


def begun(port: int, data: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(data)
    return connection


def test_slow_callers_keep_nobody_waiting(served: House, attack: Attack) -> None:
    """Headers that never end, bodies that never come, answers that nobody reads; and beside them a call is answered."""
    door, endpoints = served.ports
    key = "Authorization: Bearer primary-key-0123456789abcdef0123456789"
    shapes = {
        "a head that never ends": (door, b"GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-a: b\r\n"),
        "one byte": (door, b"G"),
        "nothing": (door, b""),
        "a body that never comes": (
            door, b"POST /api/v1/groups/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
        ),
        "chunks that never end": (
            endpoints,
            b"POST /endpoints/team-a/credit/score HTTP/1.1\r\nHost: 127.0.0.1\r\n" + key.encode()
            + b"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ),
        "a scoring body that never comes": (
            endpoints,
            b"POST /endpoints/team-a/credit/score HTTP/1.1\r\nHost: 127.0.0.1\r\n" + key.encode()
            + b"\r\nContent-Length: 100000\r\n\r\n{",
        ),
    }  # fmt: skip
    held = []
    for what, (port, data) in shapes.items():
        for _ in range(SLOW // len(shapes)):
            attack("slow callers", what)
            held.append(begun(port, data))
    try:
        assert served.score().status == 200
        assert served.door("GET", "/api/v1/status").status == 200
        # A request is handed over once it has arrived whole, so the model has seen one.
        assert [one.method for one in served.models["blue"].seen] == ["POST"]
    finally:
        for connection in held:
            connection.close()


def test_a_flood_is_answered_or_refused_and_the_door_lives(served: House, attack: Attack) -> None:
    def ask(number: int) -> int:
        return served.score(key="" if number % 2 else "wrong-key").status

    with ThreadPoolExecutor(max_workers=16) as pool:
        for status in pool.map(ask, range(200)):
            attack("floods", "a call without a right key")
            assert status == 401
    assert served.score().status == 200
    assert len(served.models["blue"].seen) == 1
    assert served.process is not None
    assert served.process.poll() is None


def test_requests_that_are_too_much_are_refused_before_anybody_sees_them(served: House, attack: Attack) -> None:
    door = served.ports[0]
    much = {
        "a head of a megabyte": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
        "a thousand headers": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
        "an address of a megabyte": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "two lengths": b"POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 9\r\n\r\nx",
        "a length and chunks": b"POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "no host": b"GET /api/v1/status HTTP/1.1\r\n\r\n",
        "two hosts": b"GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        "a broken line": b"GET /api/v1/a b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "a bare line feed": b"GET /api/v1/status HTTP/1.1\nHost: 127.0.0.1\nX: a\x00b\n\n",
        "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
    }
    for what, data in much.items():
        attack("floods", what)
        with begun(door, b"") as connection:
            answer = sent(connection, data)
        assert not answer or answer.split(b" ")[1][:1] == b"4", (what, answer[:100])
    assert served.api.seen == []
    assert served.door("GET", "/api/v1/status").status == 200


def sent(connection: socket.socket, data: bytes) -> bytes:
    """What comes back, as far as anything does: the door may close before all is sent."""

    def send() -> None:
        try:
            connection.sendall(data)
        except OSError:
            return

    sender = threading.Thread(target=send)
    sender.start()
    try:
        answer = connection.recv(200)
    except OSError:
        answer = b""
    sender.join(20)
    return answer


def test_a_page_that_rebinds_its_name_to_loopback_gets_nothing(served: House, attack: Attack) -> None:
    for host in HOSTS:
        for number, port in enumerate(served.ports):
            attack("browser", f"Host {host} at door {number}")
            data = f"GET /api/v1/status HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
            with begun(port, data) as connection:
                answer: Any = connection.recv(4096)
            assert answer.split(b" ")[1][:1] == b"4", (host, answer[:80])
    assert served.api.seen == []
