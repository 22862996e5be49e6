"""HTTP/1.1 over a unix socket: how the parts of one platform speak to one another."""

import http.client
import socket
from pathlib import Path


class UnixConnection(http.client.HTTPConnection):
    """A connection to the unix socket at `path`; `timeout` is the seconds that each single wait may take.

    The Host it names is ``localhost``, which every server behind such a socket lets through.
    """

    def __init__(self, path: Path, *, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect; `http.client` does so itself at the first request."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self.timeout)
        try:
            connection.connect(str(self._path))
        except OSError:
            connection.close()
            raise
        self.sock = connection
