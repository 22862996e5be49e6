"""Connections without a model behind them, moved turn by turn, and clients of them."""

import socket
from pathlib import Path

from pratique_serving.bell import Bell
from pratique_serving.connection import Connection
from pratique_serving.connections import Connections
from pratique_serving.listening import at_path
from pratique_serving.wire import Limits, Request, Response


class Client:
    """One connection to the room."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(path))
        self.socket.setblocking(False)

    def sends(self, body: bytes, path: str = "/score") -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        self.socket.sendall(head.encode() + body)

    def received(self) -> bytes | None:
        """What has come; empty when the server has closed, None when nothing has."""
        try:
            return self.socket.recv(65536)
        except BlockingIOError:
            return None

    def status(self) -> int:
        """Of the answer that has come."""
        return int((self.received() or b"HTTP/1.1 000")[9:12])


class Room:
    """What a path of `/now` asks is answered at once, everything else is `taken` and waits."""

    def __init__(self, folder: Path, pause: float = 30.0) -> None:
        self.taken: list[Connection] = []
        self.bodies: list[bytes] = []
        self.gone: list[bool] = []
        self.stops = 0
        self.bell = Bell()
        self._path = folder / "socket"
        listener = at_path(str(self._path))
        self.connections = Connections(listener, Limits(1000, pause), self.bell, self._stop, self.gone.append)
        self._clients: list[Client] = []

    def open(self) -> "Room":
        self.connections.open(self._take)
        return self

    def turn(self) -> float:
        return self.connections.turn(0)

    def enters(self) -> Client:
        """A client, whom a later turn lets in."""
        client = Client(self._path)
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.socket.close()
        self.connections.become_copy()
        self.bell.close()

    def _take(self, connection: Connection, request: Request) -> Response | None:
        self.bodies.append(request.body)
        if request.path == "/now":
            return Response(200, request.body)
        self.taken.append(connection)
        return None

    def _stop(self) -> None:
        self.stops += 1
