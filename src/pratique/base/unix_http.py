"""HTTP/1.1 over a unix socket: how the parts of one platform speak to one another."""

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator
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


@contextlib.contextmanager
def bounded(path: Path, *, within: float) -> Iterator[UnixConnection]:
    """A connection to what a user's code may answer: after `within` seconds it is cut, whatever has come.

    A timeout bounds each single wait, and who sends a byte now and then could keep us for ever.
    """
    connection = UnixConnection(path, timeout=within)
    connection.connect()
    # Of the socket itself, because `http.client` lets go of it before it reads the last answer.
    end = threading.Timer(within, _cut, [connection.sock])
    end.daemon = True
    end.start()
    try:
        yield connection
    finally:
        end.cancel()
        connection.close()


def _cut(living: socket.socket) -> None:
    with contextlib.suppress(OSError):  # It may be closed at this moment.
        living.shutdown(socket.SHUT_RDWR)
