"""The load that measures a model: every answer is counted, and every connection that breaks."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pratique_serving import load

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BAD = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"


@contextlib.contextmanager
def answering(path: Path, answer: Callable[[int], bytes]) -> Iterator[str]:
    """A server that says `answer` of the number of a request on its connection; nothing ends the connection."""

    def serve(peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):
            number = 0
            while peer.recv(65536) and (said := answer(number)):
                peer.sendall(said)
                number += 1

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        yield str(path)
        listener.shutdown(socket.SHUT_RDWR)
        acceptor.join()


def test_good_answers_have_latencies_and_others_are_failures(tmp_path: Path) -> None:
    with answering(tmp_path / "s", lambda number: BAD if number % 2 else GOOD) as path:
        found = load.measure(path, load.post("/score", b"{}"), connections=3, seconds=0.05)
    assert found.connections == 3
    assert found.answers == len(found.latencies) + found.failures
    assert len(found.latencies) > 0
    assert found.latencies == sorted(found.latencies)


def test_a_connection_that_breaks_is_one_failure_and_the_others_go_on(tmp_path: Path) -> None:
    with answering(tmp_path / "s", lambda number: GOOD if number < 2 else b"") as path:
        found = load.measure(path, load.post("/score", b"{}"), connections=2, seconds=60)
    assert (found.answers, found.failures) == (6, 2)


def test_nobody_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load.measure(str(tmp_path / "none"), b"", connections=1, seconds=0)
