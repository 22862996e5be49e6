"""HTTP/1.1 on one connection: bytes to Request, Response to bytes.

Strict on purpose. Whatever two parsers could read differently (a bare line
feed, a folded header, two lengths, a length beside chunks) is refused with 400,
so that no request hides inside another. Sizes and pauses have bounds.
"""

import re
import socket
import time
from http import HTTPStatus
from typing import Dict, List, NamedTuple, Optional, Tuple
from urllib.parse import parse_qsl

from pratique_serving.errors import Malformed, Refused

MAX_HEAD_BYTES = 64 * 1024
MAX_TARGET_BYTES = 16 * 1024
MAX_HEADERS = 100
MAX_CHUNK_LINE_BYTES = 1024
RECEIVE_BYTES = 256 * 1024

# The gateway in front closes connections that were idle for an hour. We wait
# longer, so that we never close one at the moment it is used again.
IDLE_SECONDS = 2 * 3600.0

# A request that trickles in, byte by byte and never pausing too long, ends here.
WHOLE_REQUEST_SECONDS = 600.0

# Answers that have no body, whatever a script gave them.
BODILESS = frozenset({204, 304})

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET = re.compile(r"[\x21-\x7e\x80-\xff]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_VERSION = re.compile(r"HTTP/(\d)\.(\d)")
_DIGITS = re.compile(r"[0-9]{1,18}")
_HEX = re.compile(rb"[0-9A-Fa-f]{1,15}")

_OURS = frozenset({"connection", "content-length", "date", "keep-alive", "transfer-encoding", "upgrade"})
_REASONS = {int(status): status.phrase for status in HTTPStatus}


class Limits(NamedTuple):
    """Bounds of one connection; seconds."""

    body_bytes: int
    pause: float


class Request(NamedTuple):
    """One request, whole. Header names are lower case; repeated headers are joined with ``, ``."""

    method: str
    path: str
    query: str
    headers: Dict[str, str]
    body: bytes
    wants_close: bool

    def arguments(self) -> List[Tuple[str, str]]:
        """The query string as decoded pairs, in order.

        Raises Refused when it has more than a thousand fields.
        """
        try:
            return parse_qsl(self.query, keep_blank_values=True, max_num_fields=1000)
        except ValueError as error:
            raise Refused(400, f"The query string cannot be read: {error}.") from None


class Response:
    """A status, headers in order, and a whole body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes, headers: Optional[List[Tuple[str, str]]] = None) -> None:
        self.status = status
        self.body = body
        self.headers = headers if headers is not None else []


class _Head(NamedTuple):
    method: str
    path: str
    query: str
    headers: Dict[str, str]
    minor: int


class Connection:
    """One accepted socket, used by one thread."""

    def __init__(self, sock: socket.socket, limits: Limits) -> None:
        self._socket = sock
        self._limits = limits
        self._buffer = bytearray()
        self._deadline = 0.0
        self.is_idle = True
        """Whether it waits for the first byte of a request: only then may it be closed at any time."""

    def read_request(self) -> Optional[Request]:
        """The next request; None when the client has closed between requests.

        Raises Malformed, or OSError when the connection breaks.
        """
        if not self._wait_for_request():
            return None
        head = parse_head(self._read_head())
        length = _body_length(head.headers)
        if length is not None and length > self._limits.body_bytes:
            raise _too_large(self._limits.body_bytes)
        self._invite_body(head.headers)
        body = self._read_chunks() if length is None else self._read_exactly(length)
        wants_close = head.minor == 0 or "close" in _options(head.headers.get("connection", ""))
        return Request(head.method, head.path, head.query, head.headers, body, wants_close)

    def send(self, response: Response, without_body: bool, close: bool) -> None:
        """Write the response. `without_body` is for HEAD: the length is still told."""
        self._socket.settimeout(self._limits.pause)
        head = _render_head(response, close)
        without_body = without_body or response.status in BODILESS
        self._socket.sendall(head if without_body else head + response.body)

    def linger(self) -> None:
        """Let the client read our last answer although we have not read all it sent.

        Closing a TCP connection with unread bytes resets it, and the answer is lost.
        """
        until = time.monotonic() + 2.0
        try:
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.settimeout(0.5)
            while time.monotonic() < until and self._socket.recv(RECEIVE_BYTES):
                pass
        except OSError:
            pass

    def _wait_for_request(self) -> bool:
        self._socket.settimeout(IDLE_SECONDS)
        try:
            if not self._buffer and not self._receive():
                return False
        except socket.timeout:
            return False
        self.is_idle = False
        self._deadline = time.monotonic() + WHOLE_REQUEST_SECONDS
        self._socket.settimeout(self._limits.pause)
        return True

    def _receive(self) -> bool:
        data = self._socket.recv(RECEIVE_BYTES)
        self._buffer += data
        return bool(data)

    def _receive_more(self) -> None:
        """More bytes of a request that has begun, or Malformed."""
        try:
            if time.monotonic() < self._deadline:
                if self._receive():
                    return
                raise Malformed(400, "The connection was closed in the middle of a request.")
        except socket.timeout:
            pass
        raise Malformed(408, "The request did not arrive in time.")

    def _read_head(self) -> bytes:
        searched = 0
        while True:
            while self._buffer.startswith(b"\r\n"):
                del self._buffer[:2]
            end = self._buffer.find(b"\r\n\r\n", searched)
            if 0 <= end <= MAX_HEAD_BYTES:
                return self._take(end + 4)[:-4]
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise Malformed(431, f"The request line and headers must not exceed {MAX_HEAD_BYTES} bytes.")
            searched = max(0, len(self._buffer) - 3)
            self._receive_more()

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _invite_body(self, headers: Dict[str, str]) -> None:
        expectation = headers.get("expect", "").lower()
        if not expectation:
            return
        if expectation != "100-continue":
            raise Malformed(417, "Only the expectation 100-continue is understood.")
        self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_exactly(self, length: int) -> bytes:
        while len(self._buffer) < length:
            self._receive_more()
        return self._take(length)

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while True:
            size = self._read_chunk_size()
            if len(body) + size > self._limits.body_bytes:
                raise _too_large(self._limits.body_bytes)
            if size == 0:
                break
            body += self._read_exactly(size)
            if self._read_exactly(2) != b"\r\n":
                raise Malformed(400, "A chunk is not as long as it says.")
        self._skip_trailers()
        return bytes(body)

    def _read_chunk_size(self) -> int:
        digits = self._read_line().split(b";", 1)[0].strip(b" \t")
        if not _HEX.fullmatch(digits):
            raise Malformed(400, "The size of a chunk is not a hexadecimal number.")
        return int(digits, 16)

    def _skip_trailers(self) -> None:
        for _ in range(MAX_HEADERS):
            if not self._read_line():
                return
        raise Malformed(431, f"There are more than {MAX_HEADERS} trailers.")

    def _read_line(self) -> bytes:
        while True:
            end = self._buffer.find(b"\r\n")
            if 0 <= end <= MAX_CHUNK_LINE_BYTES:
                return self._take(end + 2)[:-2]
            if len(self._buffer) > MAX_CHUNK_LINE_BYTES:
                raise Malformed(400, "A line between chunks is too long.")
            self._receive_more()


def parse_head(head: bytes) -> _Head:
    """The request line and headers, without the empty line that ends them. Raises Malformed."""
    first, *rest = head.decode("latin-1").split("\r\n")
    method, path, query, minor = _parse_request_line(first)
    if len(rest) > MAX_HEADERS:
        raise Malformed(431, f"There are more than {MAX_HEADERS} headers.")
    headers: Dict[str, str] = {}
    for line in rest:
        name, value = _parse_header(line)
        if name in headers:
            value = _repeated(name, headers[name], value)
        headers[name] = value
    if minor >= 1 and "host" not in headers:
        raise Malformed(400, "The Host header is missing.")
    return _Head(method, path, query, headers, minor)


def _parse_request_line(line: str) -> Tuple[str, str, str, int]:
    parts = line.split(" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or not _TARGET.fullmatch(parts[1]):
        raise Malformed(400, "The request line cannot be read.")
    version = _VERSION.fullmatch(parts[2])
    if version is None:
        raise Malformed(400, "The request line cannot be read.")
    if version.group(1) != "1":
        raise Malformed(505, "Only HTTP/1.1 is spoken here.")
    if len(parts[1]) > MAX_TARGET_BYTES:
        raise Malformed(414, f"The address must not exceed {MAX_TARGET_BYTES} bytes.")
    path, query = _split_target(parts[0], parts[1])
    return parts[0], path, query, int(version.group(2))


def _split_target(method: str, target: str) -> Tuple[str, str]:
    if target == "*" and method == "OPTIONS":
        return "*", ""
    if not target.startswith("/"):
        scheme, separator, rest = target.partition("://")
        if not separator or scheme.lower() not in ("http", "https"):
            raise Malformed(400, "The request line cannot be read.")
        target = "/" + rest.partition("/")[2]
    path, _, query = target.partition("?")
    return path, query


def _parse_header(line: str) -> Tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not _TOKEN.fullmatch(name) or _CONTROL.search(value):
        raise Malformed(400, "A header cannot be read.")
    return name.lower(), value.strip(" \t")


def _repeated(name: str, before: str, value: str) -> str:
    if name in ("content-length", "host", "transfer-encoding"):
        raise Malformed(400, f"The header {name} was sent twice.")
    return f"{before}, {value}"


def _body_length(headers: Dict[str, str]) -> Optional[int]:
    """How many bytes follow; None when they come in chunks."""
    coding = headers.get("transfer-encoding")
    stated = headers.get("content-length")
    if coding is not None:
        if stated is not None:
            raise Malformed(400, "A length beside chunks is ambiguous.")
        if coding.lower() != "chunked":
            raise Malformed(501, "The only transfer encoding understood is chunked.")
        return None
    if stated is None:
        return 0
    if not _DIGITS.fullmatch(stated):
        raise Malformed(400, "The content length is not a number.")
    return int(stated)


def _too_large(limit: int) -> Malformed:
    return Malformed(413, f"The request body must not exceed {limit} bytes.")


def _options(value: str) -> List[str]:
    return [option.strip().lower() for option in value.split(",")]


def _render_head(response: Response, close: bool) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in response.headers if name.lower() not in _OURS]
    if response.status not in BODILESS:
        lines.append(f"Content-Length: {len(response.body)}")
    lines.append(f"Date: {_http_date(int(time.time()))}")
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def is_header_safe(name: str, value: str) -> bool:
    """Whether a header that a script made can be sent: no line ends that would begin another header."""
    return bool(_TOKEN.fullmatch(name)) and not _CONTROL.search(value)


_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_last_date = (0, "")


def _http_date(second: int) -> str:
    """The time as HTTP wants it, which is English in every locale; made once a second."""
    global _last_date
    known, text = _last_date
    if known != second:
        now = time.gmtime(second)
        day, month = _WEEKDAYS[now.tm_wday], _MONTHS[now.tm_mon - 1]
        text = f"{day}, {now.tm_mday:02} {month} {now.tm_year} {now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02} GMT"
        _last_date = (second, text)
    return text
