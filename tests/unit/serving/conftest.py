"""A connection of which the test holds the other end, settings without an environment, and a model of three lines."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pratique_serving.errors import Refused
from pratique_serving.models import Model
from pratique_serving.results import to_response
from pratique_serving.settings import Settings, read_settings
from pratique_serving.wire import Connection, Limits, Request, Response
from pratique_serving.workers import Workers

Ask = Callable[..., Request]


class Wire:
    """Both ends: write bytes as a client, read requests as the server."""

    def __init__(self, limits: Limits) -> None:
        self.client, self._server = socket.socketpair()
        self.connection = Connection(self._server, limits)

    def sends(self, data: bytes) -> Request | None:
        """What the server reads when a client sends this and then no more."""
        self.client.sendall(data)
        self.client.shutdown(socket.SHUT_WR)
        return self.connection.read_request()

    def receives(self) -> bytes:
        """Everything the server has sent, once it has closed."""
        self._server.shutdown(socket.SHUT_WR)
        received = b""
        while data := self.client.recv(65536):
            received += data
        return received

    def close(self) -> None:
        self.client.close()
        self._server.close()


class Echo(Model):
    """Answers with whatever function it is given."""

    def __init__(self, respond: Callable[[Request], object]) -> None:
        self._respond = respond

    def answer(self, request: Request, request_id: str) -> Response:
        return to_response(self._respond(request))

    def swagger(self, version: str) -> dict[str, Any]:
        if version != "2":
            raise Refused(404, "no such version")
        return {"swagger": "2.0"}


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A connection that accepts bodies of at most 1,000 bytes."""
    pair = Wire(Limits(body_bytes=1000, pause=5.0))
    yield pair
    pair.close()


@pytest.fixture
def settings() -> Settings:
    return read_settings({"AZUREML_ENTRY_SCRIPT": "score.py", "PRATIQUE_READY_TIMEOUT_SECONDS": "0"})


@pytest.fixture
def workers() -> Iterator[Workers]:
    """One worker in a thread of its own."""
    pool = Workers(1)
    thread = threading.Thread(target=pool.serve)
    thread.start()
    yield pool
    pool.close()
    thread.join(10)


@pytest.fixture
def ask() -> Ask:
    """Make a request: `ask("/score", method="POST", body=b"{}", query="a=1", content_type="…")`."""

    def make(path: str, *, method: str = "GET", query: str = "", body: bytes = b"", **headers: str) -> Request:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Request(method, path, query, named, body, False)

    return make
