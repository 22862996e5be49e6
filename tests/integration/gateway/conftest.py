"""A real Envoy in front of small servers on unix sockets, one set for each test."""

import contextlib
import hashlib
import http.client
import json
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from pratique.base.home import Home
from pratique.gateway.model import DeploymentRoute, Doors, EndpointRoute
from pratique.gateway.publish import Gateway

KEY = "primary-key-0123456789abcdef0123456789"
SECOND_KEY = "secondary-key-0123456789abcdef012345"
WORKSPACE = "team-a"
LONG = timedelta(seconds=60)
"""Longer than anything here takes unless it is broken."""


@dataclass(frozen=True)
class Seen:
    """One request as a server behind the door received it."""

    method: str
    path: str
    headers: Mapping[str, str]
    size: int
    digest: str


class Upstream:
    """A server on a unix socket that tells what it received; headers of the request direct it.

    x-test-status: 500     answer with that status        x-test-sleep: 0.5    wait so many seconds first
    x-test-die: yes        end the connection unanswered  x-test-answer: k=v   add a header to the answer
    x-test-hold: yes       wait for `release`
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path
        self.seen: list[Seen] = []
        self.refusals: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.extra_headers: dict[str, str] = {}
        self._released = threading.Event()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> "Upstream":
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def release(self) -> None:
        """Answer what is held, and from now on hold nothing."""
        self._released.set()

    def stop(self) -> None:
        self.release()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self.path.unlink(missing_ok=True)
            self._server = self._thread = None

    def wait_until_seen(self, count: int = 1) -> None:
        """Until so many requests have come; fails after a minute."""
        deadline = time.monotonic() + 60
        while len(self.seen) < count:
            assert time.monotonic() < deadline, f"{self.name} has seen {len(self.seen)} requests"
            time.sleep(0.001)

    def hold(self) -> None:
        """Wait for `release`."""
        assert self._released.wait(60)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        upstream.path.unlink(missing_ok=True)
        super().__init__(str(upstream.path), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that Envoy ended is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _answer(self) -> None:
        upstream, headers = self.server.upstream, {k.lower(): v for k, v in self.headers.items()}
        body = self._body(headers)
        digest = hashlib.sha256(body).hexdigest()
        upstream.seen.append(Seen(self.command, self.path, headers, len(body), digest))
        time.sleep(float(headers.get("x-test-sleep", "0")))
        if "x-test-hold" in headers:
            upstream.hold()
        if "x-test-die" in headers:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        for prefix, (status, extra, text) in upstream.refusals.items():
            if self.path.startswith(prefix):
                self._send(status, extra, text)
                return
        extra = dict([headers["x-test-answer"].split("=", 1)]) if "x-test-answer" in headers else {}
        said = json.dumps({"from": upstream.name, "path": self.path, "headers": headers}).encode()
        self._send(int(headers.get("x-test-status", "200")), extra | upstream.extra_headers, said)

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(headers.get("content-length", "0")))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, extra: Mapping[str, str], body: bytes) -> None:
        empty = status in (204, 304)
        self.send_response(status)
        for name, value in extra.items():
            self.send_header(name, value)
        if not empty:
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if not empty and self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_HEAD = do_PATCH = _answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass
class House:
    """Envoy, the platform's two servers, and whatever models a test adds."""

    home: Home
    doors: Doors
    gateway: Gateway
    sockets: Path
    api: Upstream
    mlflow: Upstream
    stack: ExitStack
    process: subprocess.Popen[bytes] | None = None
    ports: tuple[int, int] = (0, 0)
    models: dict[str, Upstream] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        return self.home.logs / "envoy.log"

    def start_envoy(self) -> None:
        self.gateway.write_bootstrap()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.gateway.argv(), stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not self.gateway.is_ready():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.01)
        self.ports = self.gateway.actual_ports()

    def stop_envoy(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def model(self, name: str) -> Upstream:
        upstream = Upstream(name, self.sockets / f"{name}.sock").start()
        self.stack.callback(upstream.stop)
        self.models[name] = upstream
        return upstream

    def deployment(self, name: str, **changes: Any) -> DeploymentRoute:
        """A deployment whose one replica is the model of that name."""
        sockets = (self.models[name].path,) if name in self.models else ()
        plain = DeploymentRoute(name, sockets, LONG, None, 1_000_000)
        return replace(plain, **changes)

    def endpoint(
        self, *deployments: DeploymentRoute, name: str = "credit", traffic: Mapping[str, int] | None = None,
        mirror: Mapping[str, int] | None = None, keys: Sequence[str] = (KEY, SECOND_KEY),
    ) -> EndpointRoute:  # fmt: skip
        shares = {deployments[0].name: 100} if traffic is None else traffic
        return EndpointRoute(WORKSPACE, name, tuple(keys), shares, mirror or {}, tuple(deployments))

    def serve(self, *endpoints: EndpointRoute, workspaces: Sequence[str] = (WORKSPACE,)) -> None:
        published = self.gateway.publish(workspaces, endpoints)
        assert published.rejected == {}
        assert published.effective

    def door(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        return call(self.ports[0], method, path, headers or {}, body)

    def score(
        self, headers: Mapping[str, str] | None = None, *, body: bytes = b"{}", key: str = KEY,
        name: str = "credit", path: str = "score", method: str = "POST",
    ) -> Answer:  # fmt: skip
        authorised = {"authorization": f"Bearer {key}"} if key else {}
        return call(
            self.ports[1], method, f"/endpoints/{WORKSPACE}/{name}/{path}", authorised | dict(headers or {}), body
        )


def call(port: int, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.putrequest(method, path, skip_host="host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body or method in ("POST", "PUT"):
            connection.putheader("content-length", str(len(body)))
        # An answer may come before all is sent, and the door then closes.
        with contextlib.suppress(ConnectionError):
            connection.endheaders(body or None)
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


@pytest.fixture
def idle_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Everything prepared and nothing started."""
    # Sockets need short paths, which tmp_path is not.
    runtime = Path(tempfile.mkdtemp(prefix="pq-", dir="/tmp"))
    monkeypatch.setenv("PRATIQUE_RUNTIME_DIR", str(runtime))
    home = Home(tmp_path / "home")
    home.prepare()
    doors = Doors(0, 0, runtime / "api.sock", runtime / "mlflow.sock", 2_000_000, 50_000_000)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, runtime, True)
        house = House(
            home, doors, Gateway(home, doors), runtime,
            Upstream("api", doors.api_socket), Upstream("mlflow", doors.mlflow_socket), stack,
        )  # fmt: skip
        stack.callback(house.api.stop)
        stack.callback(house.mlflow.stop)
        stack.callback(house.stop_envoy)
        yield house


@pytest.fixture
def house(idle_house: House) -> House:
    """Envoy, the API and MLflow running, nothing published."""
    idle_house.api.start()
    idle_house.mlflow.start()
    idle_house.start_envoy()
    return idle_house


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], bool]:
    """Whether something comes true within a minute."""

    def wait(condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + 60
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    return wait
