"""The load counts every request once, and every one that did not end well as failed."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pratique.app.load import Tally, send

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
BAD = b"HTTP/1.1 424 Failed Dependency\r\nContent-Length: 2\r\n\r\n{}"
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n[]"


def _request(caller: socket.socket) -> bool:
    """Read one request to the end of its body, which is ``{}``; False when there is none."""
    heard = b""
    while not heard.endswith(b"{}"):
        more = caller.recv(65536)
        if not more:
            return False
        heard += more
    return True


@contextmanager
def answering(answer: Callable[[int], bytes]) -> Iterator[str]:
    """A server that sends what `answer` makes of the request's number, and ends the connection after `CUT` or b""."""
    numbers, lock = iter(range(10**6)), threading.Lock()

    def serve(caller: socket.socket) -> None:
        with caller:
            while _request(caller):
                with lock:
                    said = answer(next(numbers))
                caller.sendall(said)
                if said in (b"", CUT):
                    return

    def accept() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(caller,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/score"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize("requests", [0, 1, 3, 41])
def test_exactly_as_many_requests_are_sent_as_were_asked_for(requests: int) -> None:
    seen: list[int] = []

    def answer(number: int) -> bytes:
        seen.append(number)
        return GOOD

    with answering(answer) as uri:
        tally = send(uri, {}, b"{}", requests=requests)
    assert (tally.answered, tally.failed, len(tally.seconds), len(seen)) == (requests, 0, requests, requests)


def test_other_answers_and_broken_connections_are_failures_and_nothing_is_tried_again() -> None:
    def answer(number: int) -> bytes:
        return (GOOD, BAD, CUT, b"")[number % 4]

    with answering(answer) as uri:
        tally = send(uri, {}, b"{}", requests=40)
    assert (tally.answered, tally.failed) == (10, 30)
    assert tally.failures.count("status 424") == 10
    assert sum("IncompleteRead" in failure for failure in tally.failures) == 10
    assert sum("RemoteDisconnected" in failure for failure in tally.failures) == 10


def test_a_door_that_is_closed_fails_every_request() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # Nobody else can listen there, and it does not.
        tally = send(f"http://127.0.0.1:{deaf.getsockname()[1]}/score", {}, b"{}", requests=8)
    assert (tally.answered, tally.failed) == (0, 8)


def test_quantiles_are_of_the_answers_in_order() -> None:
    tally = Tally(answered=100, seconds=[number / 1000 for number in reversed(range(100))])
    assert tally.quantile(0.0) == 0.0
    assert tally.quantile(0.5) == 0.05
    assert tally.quantile(0.99) == 0.099
    assert tally.quantile(1.0) == 0.099
    assert Tally().quantile(0.5) == 0.0
