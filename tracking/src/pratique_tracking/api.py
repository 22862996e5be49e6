"""How this process asks Pratique's API: HTTP over a unix socket, with the service's token.

Only the standard library, because it is imported before MLflow is.
"""

import http.client
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import quote, urlencode

TIMEOUT_SECONDS = 60.0
"""How long one read or write on the socket may take; not the whole transfer of a large file."""

CHUNK = 1 << 20


class ApiError(Exception):
    """The API said no, in MLflow's words when it used them."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclass(frozen=True)
class Api:
    """The API behind the unix socket at `socket_path`."""

    socket_path: str
    token: str

    @classmethod
    def from_environment(cls) -> "Api":
        """``PRATIQUE_API_SOCKET`` and ``PRATIQUE_API_TOKEN``, which the platform sets for its service."""
        return cls(os.environ["PRATIQUE_API_SOCKET"], os.environ["PRATIQUE_API_TOKEN"])

    def call(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None
    ) -> dict[str, Any]:
        """Ask and return the JSON answer; raises `ApiError` for any status above 299."""
        sent = None if body is None else json.dumps(body).encode()
        with self._answer(method, path, query, sent, {"Content-Type": "application/json"}) as answer:
            said = answer.read()
        return dict(json.loads(said)) if said.strip() else {}

    def upload(self, path: str, source: IO[bytes], size: int) -> None:
        """PUT the `size` bytes of `source`, a piece at a time."""
        with self._answer("PUT", path, None, source, {"Content-Length": str(size)}) as answer:
            answer.read()

    def download(self, path: str, into: IO[bytes]) -> None:
        """GET `path` and write its bytes, a piece at a time."""
        with self._answer("GET", path, None, None, {}) as answer:
            while piece := answer.read(CHUNK):
                into.write(piece)

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: bytes | IO[bytes] | None,
        headers: Mapping[str, str],
    ) -> Iterator[http.client.HTTPResponse]:
        connection = _UnixConnection(self.socket_path)
        target = quote(path) + (f"?{urlencode(query, doseq=True)}" if query else "")
        try:
            connection.request(method, target, body, {"Authorization": f"Bearer {self.token}", **headers})
            answer = connection.getresponse()
            if answer.status > 299:
                raise _refusal(answer)
            yield answer
        except OSError as error:
            raise ApiError(503, "TEMPORARILY_UNAVAILABLE", f"the Pratique API does not answer: {error}") from error
        finally:
            connection.close()


def _refusal(answer: http.client.HTTPResponse) -> ApiError:
    said = answer.read(65536)
    try:
        document = json.loads(said)
    except ValueError:
        return ApiError(answer.status, "INTERNAL_ERROR", said.decode("utf-8", "replace"))
    inner = document.get("error")
    message = inner.get("message", "") if isinstance(inner, dict) else document.get("message", "")
    return ApiError(answer.status, document.get("error_code", "INTERNAL_ERROR"), message)
