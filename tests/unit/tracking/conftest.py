"""A small server on a unix socket in the place of MLflow or of the API: it answers what a test tells it to."""

import json
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest


class Answering(socketserver.ThreadingUnixStreamServer):
    """Remembers what was asked; answers `answers` by "METHOD path", a status and a document or bytes."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Handler)
        self.path = path
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: dict[str, tuple[int, Any]] = {}


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        status, said = self.server.answers.get(
            f"{self.command} {self.path.partition('?')[0]}",
            (404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "nothing there"}),
        )
        sent = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the library's names.

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *args: Any) -> None:
        """Nothing: the test looks at `asked`."""


@pytest.fixture
def server() -> Iterator[Answering]:
    with tempfile.TemporaryDirectory(prefix="pq-") as folder:  # Short, because socket paths are.
        server = Answering(Path(folder) / "s")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
        server.server_close()
