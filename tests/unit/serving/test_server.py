"""The threads that take turns."""

import threading
from pathlib import Path

import pytest

from pratique_serving import server as module
from pratique_serving.listening import at_path
from pratique_serving.routes import Routes
from pratique_serving.server import Server
from pratique_serving.wire import Limits
from pratique_serving.workers import Workers

from .room import Client

LIMIT = 300.0


def test_with_several_workers_no_answer_waits_for_a_look_of_the_deputy(
    tmp_path: Path, routes: Routes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As long as the client waits: whoever sleeps for one tick is too late.
    monkeypatch.setattr(module, "TICK", LIMIT)
    path = tmp_path / "socket"
    server = Server(at_path(str(path)), routes, Limits(1000, 30.0), lambda: None)
    server.start()
    serving = threading.Thread(target=server.serve_by, args=(Workers(2),))
    serving.start()
    client = Client(path)
    client.socket.settimeout(LIMIT / 2)
    for body in (b"1", b"2", b"3"):
        client.sends(body)
        assert (client.received() or b"").startswith(b"HTTP/1.1 200")
    client.socket.close()
    server.stop()
    serving.join(LIMIT)
    assert not serving.is_alive()
