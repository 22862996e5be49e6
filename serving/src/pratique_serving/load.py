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
        self.socket.connect(path)
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
    poller = select.epoll()
    lines: Dict[int, _Line] = {}
    latencies: List[float] = []
    answers = failures = 0
    try:
        for _ in range(connections):
            line = _Line(path)
            lines[line.socket.fileno()] = line
            poller.register(line.socket, select.EPOLLIN)
        began = time.perf_counter()
        for line in lines.values():
            line.began = time.perf_counter()
            line.socket.sendall(request)
        until = began + seconds
        while lines:
            ready = poller.poll(SILENCE_SECONDS)
            if not ready:
                failures += len(lines)
                answers += len(lines)
                break
            for descriptor, _ in ready:
                line = lines[descriptor]
                status = _receive(line)
                if status is None:
                    continue
                now = time.perf_counter()
                answers += 1
                if status == 200:
                    latencies.append(now - line.began)
                else:
                    failures += 1
                if status == 0 or now >= until:
                    poller.unregister(descriptor)
                    lines.pop(descriptor).socket.close()
                    continue
                line.began = now
                line.socket.sendall(request)
        took = time.perf_counter() - began
    finally:
        for line in lines.values():
            line.socket.close()
        poller.close()
    return Measured(connections, took, answers, failures, sorted(latencies))


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
