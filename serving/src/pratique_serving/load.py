"""Sends one request again and again over several connections to a unix socket, and measures: standard library only.

Closed loop: each connection sends its next request when the answer is there.
So the number of connections is the number of requests in flight.
"""

import select
import socket
import time
from typing import Dict, List, NamedTuple, Optional

# A server that says nothing for so long is not waited for.
SILENCE_SECONDS = 30.0


class Measured(NamedTuple):
    """One step of load."""

    connections: int
    seconds: float
    answers: int
    failures: int
    """Answers other than 200, and connections that broke."""
    latencies: List[float]
    """Seconds of every answer that was 200, sorted."""

    @property
    def rate(self) -> float:
        """Good answers in a second."""
        return (self.answers - self.failures) / self.seconds if self.seconds else 0.0

    def quantile(self, share: float) -> float:
        """Seconds that `share` of the good answers did not exceed; 0 when there was none."""
        last = len(self.latencies) - 1
        return self.latencies[min(last, int(share * len(self.latencies)))] if self.latencies else 0.0


class _Line:
    """One connection and the request that is on its way."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(SILENCE_SECONDS)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise
        self.began = 0.0
        self.received = b""

    def status(self) -> Optional[int]:
        """Of the answer, once it is whole."""
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return None
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if len(body) < length:
            return None
        self.received = b""
        return int(head[9:12])


def post(path: str, body: bytes, content_type: str = "application/json") -> bytes:
    """The bytes of a request for `path`."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def measure(path: str, request: bytes, connections: int, seconds: float) -> Measured:
    """Load the server at the socket `path`. Raises OSError when it cannot be reached."""
    load = _Load(request)
    try:
        for _ in range(connections):
            load.open(path)
        return load.run(seconds)
    finally:
        load.close()


class _Load:
    """Connections that send the request again as soon as it is answered."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._poller = select.epoll()
        self._lines: Dict[int, _Line] = {}
        self._latencies: List[float] = []
        self._answers = 0
        self._failures = 0

    def open(self, path: str) -> None:
        """One more connection."""
        line = _Line(path)
        self._lines[line.socket.fileno()] = line
        self._poller.register(line.socket, select.EPOLLIN)

    def run(self, seconds: float) -> Measured:
        """Send for so long, and wait for the answers to what was sent."""
        connections, began = len(self._lines), time.perf_counter()
        for descriptor in list(self._lines):
            self._send(descriptor)
        while self._lines:
            ready = self._poller.poll(SILENCE_SECONDS)
            if not ready:
                for descriptor in list(self._lines):
                    self._break(descriptor)
            for descriptor, _ in ready:
                self._hear(descriptor, began + seconds)
        took = time.perf_counter() - began
        return Measured(connections, took, self._answers, self._failures, sorted(self._latencies))

    def close(self) -> None:
        """Let go of everything."""
        for descriptor in list(self._lines):
            self._end(descriptor)
        self._poller.close()

    def _send(self, descriptor: int) -> None:
        line = self._lines[descriptor]
        line.began = time.perf_counter()
        try:
            line.socket.sendall(self._request)
        except OSError:
            self._break(descriptor)

    def _hear(self, descriptor: int, until: float) -> None:
        line = self._lines[descriptor]
        status = _receive(line)
        if status is None:
            return
        if status == 0:
            self._break(descriptor)
            return
        now = time.perf_counter()
        self._answers += 1
        if status == 200:
            self._latencies.append(now - line.began)
        else:
            self._failures += 1
        if now < until:
            self._send(descriptor)
        else:
            self._end(descriptor)

    def _break(self, descriptor: int) -> None:
        """No answer comes there any more."""
        self._answers += 1
        self._failures += 1
        self._end(descriptor)

    def _end(self, descriptor: int) -> None:
        self._poller.unregister(descriptor)
        self._lines.pop(descriptor).socket.close()


def _receive(line: _Line) -> Optional[int]:
    """The status of a whole answer; 0 when the connection has ended, None when more is to come."""
    try:
        data = line.socket.recv(65536)
    except OSError:
        return 0
    if not data:
        return 0
    line.received += data
    return line.status()
