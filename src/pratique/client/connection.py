"""The wire: JSON in, JSON out, and the platform's errors raised here as what they were there.

Paths are built from segments, each quoted by itself; a segment that would
climb (``..``) is refused, because HTTP libraries fold it away and the request
would reach another route.
"""

import json
import logging
import os
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import IO, Any, Final, TypeAlias
from urllib.parse import quote, urlencode

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError, ReadTimeoutError

import pratique
from pratique.base import reason
from pratique.base.errors import InternalError, InvalidInput, PratiqueError, Unavailable, from_document
from pratique.base.home import Home
from pratique.client.door import Door

Document: TypeAlias = dict[str, Any]
"""A JSON object of the API: the field names are Azure's; values are JSON, so `Any`."""

Query: TypeAlias = Mapping[str, str | Sequence[str]]
"""A sequence is the same name several times."""

_READ_TIMEOUT: Final = timedelta(seconds=75)
"""A little above the 60 s that the door gives the API, so that the door's answer arrives."""

_CHUNK: Final = 1 << 16

RUN_VARIABLE: Final = "PRATIQUE_DELIVERY_RUN"
RUN_HEADER: Final = "X-Pratique-Delivery-Run"
"""Which unit of a delivery run a request was made for: RUN/STAGE/JOB/UNIT, as the worker put it into the variable.

The caller says it, so it is a note beside what the token proves, and never a proof itself.
"""
_RUN: Final = re.compile(r"[0-9]{1,9}/[A-Za-z0-9_/.-]{1,250}")

_log = logging.getLogger("cli.pratique.client")
"""Below the command line's own logger, which --verbose makes speak. Paths only: a query or a body may be private."""


class StreamCutError(Exception):
    """The connection broke in the middle of a stream; the rest can be asked for at an offset."""


def path_of(*segments: str) -> str:
    """The API's path of `segments`, each quoted by itself."""
    return below("/api/v1", *segments)


def below(path: str, *segments: str) -> str:
    """The path of `segments` below `path`, each quoted by itself."""
    for segment in segments:
        if segment in ("", ".", ".."):
            raise InvalidInput(f"{segment!r} is not a name")
    return "/".join((path, *(quote(segment, safe="@") for segment in segments)))


def _trusting() -> dict[str, Any]:
    """Whom to trust over TLS: this machine's authorities, REQUESTS_CA_BUNDLE as az has it, and that of our home."""
    context = ssl.create_default_context()
    for path in (os.environ.get("REQUESTS_CA_BUNDLE", ""), str(Home.from_environment().keys / "ca.pem")):
        try:
            if path:
                context.load_verify_locations(path)
        except FileNotFoundError:
            continue
        except (OSError, ssl.SSLError) as error:
            raise InvalidInput(f"{path} holds no authorities that can be read: {error}") from error
    return {"ssl_context": context}


def _run_header() -> dict[str, str]:
    run = os.environ.get(RUN_VARIABLE, "")
    return {RUN_HEADER: run} if _RUN.fullmatch(run) else {}


def _reason_header() -> dict[str, str]:
    """Why all this is asked, as `base.reason` has it."""
    why = reason.said() or reason.checked(os.environ.get(reason.VARIABLE, ""))
    return {reason.HEADER: reason.to_header(why)} if why else {}


class Connection:
    """Requests to one door, over connections that are kept open."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self._pool = urllib3.PoolManager(
            headers={
                "User-Agent": f"pratique/{pratique.__version__}",
                "Accept": "application/json",
                **_run_header(),
                **_reason_header(),
            },
            maxsize=4,  # Uploads send from several threads.
            **(_trusting() if door.url.startswith("https:") else {}),
            timeout=urllib3.Timeout(connect=5, read=_READ_TIMEOUT.total_seconds()),
            # A kept connection may have been closed behind our back: reading again is safe, writing is not.
            retries=urllib3.Retry(
                total=2, connect=0, read=2, status=0, other=0, backoff_factor=0.1, allowed_methods={"GET"}
            ),
        )

    def get(self, path: str, query: Query | None = None, *, headers: Mapping[str, str] | None = None) -> Any:
        """What is at `path`; the shape of the answer is the route's."""
        return _parsed(self._request("GET", path, query=query, headers=headers))

    def put(self, path: str, body: Document) -> Any:
        return self._json("PUT", path, body=body)

    def post(self, path: str, body: Document | None = None) -> Any:
        return self._json("POST", path, body=body or {})

    def patch(self, path: str, body: Document) -> Any:
        return self._json("PATCH", path, body=body)

    def delete(self, path: str) -> Any:
        return self._json("DELETE", path)

    def text(self, path: str, query: Query | None = None) -> str:
        """The text at `path`, such as a log; bytes that are no UTF-8 become replacement characters."""
        answer = self._request("GET", path, query=query)
        return answer.data.decode("utf-8", "replace")

    def post_form(self, path: str, form: Mapping[str, str]) -> Any:
        """Send a form, as OAuth wants it; `path` is taken from the door's root."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self._request("POST", path, body=urlencode(form).encode(), headers=headers)
        return _parsed(answer)

    def send_bytes(self, path: str, stream: IO[bytes], size: int) -> None:
        """PUT `size` bytes of `stream`, never holding them all."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        self._request("PUT", path, body=stream, headers=headers)

    def post_bytes(self, path: str, data: bytes) -> Any:
        """Send `data` as it is."""
        return _parsed(self._request("POST", path, body=data, headers={"Content-Type": "application/octet-stream"}))

    def stream(self, path: str, query: Query | None = None) -> Iterator[bytes]:
        """The bytes at `path` as they arrive; raises `StreamCutError` when they end too early."""
        answer = self._request("GET", path, query=query, preload=False)
        try:
            while chunk := answer.read1(_CHUNK):
                yield chunk
        except HTTPError as error:
            raise StreamCutError(str(error)) from error
        finally:
            answer.close()

    def _json(self, method: str, path: str, *, body: Document | None = None, query: Query | None = None) -> Any:
        encoded = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        return _parsed(self._request(method, path, body=encoded, query=query, headers=headers))

    def _request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | IO[bytes] | None = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        preload: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        url = f"{self.door.url}{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        sent = {**self._pool.headers, **(headers or {})}
        if self.door.token:
            sent["Authorization"] = f"Bearer {self.door.token}"
        try:
            answer = self._pool.request(method, url, body=body, headers=sent, redirect=False, preload_content=preload)
        except HTTPError as error:
            raise self._unreachable(error) from error
        _log.info("%s %s: %d", method, path, answer.status)
        if answer.status >= 300:
            raise _failure(answer)
        return answer

    def _unreachable(self, error: HTTPError) -> Unavailable:
        cause = error.reason if isinstance(error, MaxRetryError) and error.reason else error
        if isinstance(cause, NewConnectionError):
            return Unavailable(f"nothing answers at {self.door.url}", hint="start the platform with `pratique up`")
        if isinstance(cause, ReadTimeoutError):
            return Unavailable(f"{self.door.url} did not answer in time", hint="see `pratique status`")
        return Unavailable(f"the connection to {self.door.url} broke: {cause}", hint="see `pratique status`")


def _parsed(answer: urllib3.BaseHTTPResponse) -> Any:
    if not answer.data:
        return None
    try:
        return json.loads(answer.data)
    except ValueError as error:
        raise InternalError(f"the platform answered something that is no JSON: {answer.data[:200]!r}") from error


def _failure(answer: urllib3.BaseHTTPResponse) -> PratiqueError:
    """The error inside `answer`; a proxy's own words when the platform did not speak."""
    try:
        said = json.loads(answer.data)
    except ValueError:
        said = None
    if isinstance(said, dict) and isinstance(said.get("error"), dict):
        return from_document(said, status=answer.status)
    words = answer.data[:500].decode("utf-8", "replace").strip() or "no words"
    message = f"the platform answered {answer.status}: {words}"
    return from_document({"error": {"code": "", "message": message}}, status=answer.status)
