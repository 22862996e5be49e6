"""HTTP/1.1: bytes to Request, Response to bytes. Knows no sockets.

Strict on purpose. Whatever two parsers could read differently (a bare line
feed, a folded header, two lengths, a length beside chunks) is refused with 400,
so that no request hides inside another. Sizes and pauses have bounds.
"""

import re
import time
from http import HTTPStatus
from typing import Dict, List, NamedTuple, Optional, Tuple
from urllib.parse import parse_qsl

from pratique_serving.errors import Malformed, Refused

MAX_HEAD_BYTES = 64 * 1024
MAX_TARGET_BYTES = 16 * 1024
MAX_HEADERS = 100
MAX_CHUNK_LINE_BYTES = 1024

# Answers that have no body, whatever a script gave them.
BODILESS = frozenset({204, 304})

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET = re.compile(r"[\x21-\x7e\x80-\xff]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_FOREIGN = re.compile(r"[^\x00-\xff]")
_VERSION = re.compile(r"HTTP/(\d)\.(\d)")
_DIGITS = re.compile(r"[0-9]{1,18}")
_HEX = re.compile(rb"[0-9A-Fa-f]{1,15}")

CHUNKED = -1
_SIZE, _TRAILERS = -1, -2

# Headers that no second request has, so there is no use in remembering them; and those that nobody should remember.
_OF_ONE_REQUEST = frozenset({"authorization", "cookie", "x-request-id", "traceparent", "x-ms-client-request-id"})

# Headers of answers with few values.
_REPEATED = frozenset({"Content-Type", "x-ms-run-function-failed", "x-ms-server-version"})
_ready_lines: Dict[Tuple[str, str], str] = {}

_OURS = frozenset({"connection", "content-length", "date", "keep-alive", "transfer-encoding", "upgrade"})
_STATUS_LINES = {int(status): f"HTTP/1.1 {int(status)} {status.phrase}" for status in HTTPStatus}


class Limits(NamedTuple):
    """Bounds of one connection; seconds."""

    body_bytes: int
    pause: float


class Request(NamedTuple):
    """One request, whole. Header names are lower case; repeated headers are joined with a comma."""

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

    __slots__ = ("body", "headers", "rows", "status")

    def __init__(self, status: int, body: bytes, headers: Optional[List[Tuple[str, str]]] = None) -> None:
        self.status = status
        self.body = body
        self.headers = headers if headers is not None else []
        self.rows = 0
        """How many rows were predicted, where that is known."""


class Head(NamedTuple):
    """What stands before a body."""

    method: str
    path: str
    query: str
    headers: Dict[str, str]
    length: int
    """Bytes of the body, or CHUNKED."""
    wants_close: bool
    wants_invitation: bool
    """Whether the client waits for ``100 Continue`` before it sends the body."""


class Reader:
    """The bytes of one connection, as they come, to whole requests."""

    __slots__ = ("_body", "_buffer", "_chunk", "_head", "_limits", "_searched", "_trailers", "is_invited")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._searched = 0
        self._head: Optional[Head] = None
        self._body = bytearray()
        self._chunk = _SIZE
        self._trailers = 0
        self.is_invited = False
        """Whether ``100 Continue`` should be sent now; whoever sends it sets this to False."""

    @property
    def is_idle(self) -> bool:
        """Whether it waits for the first byte of a request: only then may the connection be closed at any time."""
        return self._head is None and not self._buffer

    @property
    def waiting_bytes(self) -> int:
        """How much has come that is not part of a request that was returned."""
        return len(self._buffer)

    def read(self, data: bytes) -> Optional[Request]:
        """Take in `data`; the next request if it is whole by now. Raises Malformed."""
        if self._head is None and not self._buffer:
            request = self._whole(data)
            if request is not None:
                return request
        self._buffer += data
        return self.next()

    def next(self) -> Optional[Request]:
        """The next request among the bytes that are here; None while it is not whole. Raises Malformed."""
        if self._head is None:
            self._head = self._take_head()
            if self._head is None:
                return None
            if self._head.length > self._limits.body_bytes:
                raise _too_large(self._limits.body_bytes)
            self.is_invited = self._head.wants_invitation
        head = self._head
        body = self._take_chunks() if head.length == CHUNKED else self._take(head.length)
        if body is None:
            return None
        self._head = None
        return Request(head.method, head.path, head.query, head.headers, body, head.wants_close)

    def end(self) -> None:
        """The client sends no more. Raises Malformed when it has stopped within a request."""
        if not self.is_idle:
            raise Malformed(400, "The connection was closed in the middle of a request.")

    def _whole(self, data: bytes) -> Optional[Request]:
        """The usual case: one request arrives in one piece, and nothing has to be kept."""
        end = data.find(b"\r\n\r\n")
        if not 0 < end <= MAX_HEAD_BYTES or data.startswith(b"\r"):
            return None
        head = head_of(data[:end])
        body = data[end + 4 :]
        if len(body) != head.length or head.length > self._limits.body_bytes or head.wants_invitation:
            return None
        return Request(head.method, head.path, head.query, head.headers, body, head.wants_close)

    def _take_head(self) -> Optional[Head]:
        buffer = self._buffer
        while buffer.startswith(b"\r\n"):
            del buffer[:2]
            self._searched = 0
        end = buffer.find(b"\r\n\r\n", self._searched)
        if 0 <= end <= MAX_HEAD_BYTES:
            head = bytes(buffer[:end])
            del buffer[: end + 4]
            self._searched = 0
            return head_of(head)
        if len(buffer) > MAX_HEAD_BYTES:
            raise Malformed(431, f"The request line and headers must not exceed {MAX_HEAD_BYTES} bytes.")
        self._searched = max(0, len(buffer) - 3)
        return None

    def _take(self, count: int) -> Optional[bytes]:
        if len(self._buffer) < count:
            return None
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _take_chunks(self) -> Optional[bytes]:
        """Read on where the last piece ended: a size, that many bytes, …, and then trailers."""
        while self._chunk != _TRAILERS:
            if self._chunk == _SIZE and not self._take_size():
                return None
            if self._chunk >= 0 and not self._take_chunk():
                return None
        if not self._skip_trailers():
            return None
        body = bytes(self._body)
        self._body.clear()
        self._chunk, self._trailers = _SIZE, 0
        return body

    def _take_size(self) -> bool:
        line = self._take_line()
        if line is None:
            return False
        digits = line.split(b";", 1)[0].strip(b" \t")
        if not _HEX.fullmatch(digits):
            raise Malformed(400, "The size of a chunk is not a hexadecimal number.")
        size = int(digits, 16)
        if len(self._body) + size > self._limits.body_bytes:
            raise _too_large(self._limits.body_bytes)
        self._chunk = size or _TRAILERS
        return True

    def _take_chunk(self) -> bool:
        data = self._take(self._chunk + 2)
        if data is None:
            return False
        if not data.endswith(b"\r\n"):
            raise Malformed(400, "A chunk is not as long as it says.")
        self._body += data[:-2]
        self._chunk = _SIZE
        return True

    def _skip_trailers(self) -> bool:
        while True:
            line = self._take_line()
            if line is None:
                return False
            if not line:
                return True
            self._trailers += 1
            if self._trailers >= MAX_HEADERS:
                raise Malformed(431, f"There are more than {MAX_HEADERS} trailers.")

    def _take_line(self) -> Optional[bytes]:
        end = self._buffer.find(b"\r\n")
        if 0 <= end <= MAX_CHUNK_LINE_BYTES:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 2]
            return line
        if len(self._buffer) > MAX_CHUNK_LINE_BYTES:
            raise Malformed(400, "A line between chunks is too long.")
        return None


# Callers on a connection that is kept send the same head, or at least the same headers, again and again.
_heads: Dict[bytes, Head] = {}
_lines: Dict[str, Tuple[str, str]] = {}
_MOST_HEADS = 256
_MOST_LINES = 1024
_LONGEST_KEPT = 512


def head_of(head: bytes) -> Head:
    """What these bytes say, without the empty line that ends them; remembered, if short. Raises Malformed.

    Its headers are shared by all requests with this head: whoever changes them makes a copy first.
    """
    known = _heads.get(head)
    if known is not None:
        return known
    parsed = parse_head(head)
    if len(head) <= _LONGEST_KEPT and _OF_ONE_REQUEST.isdisjoint(parsed.headers):
        if len(_heads) >= _MOST_HEADS:
            _heads.clear()
        _heads[head] = parsed
    return parsed


def parse_head(head: bytes) -> Head:
    """The request line and headers, without the empty line that ends them. Raises Malformed."""
    first, *rest = head.decode("latin-1").split("\r\n")
    method, path, query, minor = _parse_request_line(first)
    if len(rest) > MAX_HEADERS:
        raise Malformed(431, f"There are more than {MAX_HEADERS} headers.")
    headers: Dict[str, str] = {}
    for line in rest:
        name, value = _lines.get(line) or _parse_header(line)
        if name in headers:
            value = _repeated(name, headers[name], value)
        headers[name] = value
    if minor >= 1 and "host" not in headers:
        raise Malformed(400, "The Host header is missing.")
    expectation = headers.get("expect", "").lower()
    if expectation and expectation != "100-continue":
        raise Malformed(417, "Only the expectation 100-continue is understood.")
    wants_close = minor == 0 or "close" in _options(headers.get("connection", ""))
    return Head(method, path, query, headers, _body_length(headers), wants_close, bool(expectation))


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
    parsed = name.lower(), value.strip(" \t")
    if len(line) <= _LONGEST_KEPT and parsed[0] not in _OF_ONE_REQUEST:
        if len(_lines) >= _MOST_LINES:
            _lines.clear()
        _lines[line] = parsed
    return parsed


def _repeated(name: str, before: str, value: str) -> str:
    if name in ("content-length", "content-type", "host", "transfer-encoding"):
        raise Malformed(400, f"The header {name} was sent twice.")
    return f"{before},{value}"


def _body_length(headers: Dict[str, str]) -> int:
    """How many bytes follow, or CHUNKED."""
    coding = headers.get("transfer-encoding")
    stated = headers.get("content-length")
    if coding is not None:
        if stated is not None:
            raise Malformed(400, "A length beside chunks is ambiguous.")
        if coding.lower() != "chunked":
            raise Malformed(501, "The only transfer encoding understood is chunked.")
        return CHUNKED
    if stated is None:
        return 0
    if not _DIGITS.fullmatch(stated):
        raise Malformed(400, "The content length is not a number.")
    return int(stated)


def _too_large(limit: int) -> Malformed:
    return Malformed(413, f"The request body must not exceed {limit} bytes.")


def _options(value: str) -> List[str]:
    return [option.strip().lower() for option in value.split(",")]


def render(response: Response, without_body: bool, close: bool) -> bytes:
    """The bytes of a response. `without_body` is for HEAD: the length is still told."""
    status = response.status
    lines = [_STATUS_LINES.get(status) or f"HTTP/1.1 {status} Unknown"]
    for pair in response.headers:
        line = _ready_lines.get(pair)
        if line is None:
            name, value = pair
            if name.lower() in _OURS:
                continue
            line = f"{name}: {value}"
            if name in _REPEATED:
                if len(_ready_lines) >= _MOST_LINES:
                    _ready_lines.clear()
                _ready_lines[pair] = line
        lines.append(line)
    body = response.body
    if status not in BODILESS:
        lines.append(f"Content-Length: {len(body)}")
    lines.append(_date_line(int(time.time())))
    if close:
        lines.append("Connection: close")
    lines.append("\r\n")
    head = "\r\n".join(lines).encode("latin-1", "replace")
    return head if without_body or status in BODILESS else head + body


def is_header_safe(name: str, value: str) -> bool:
    """Whether a header that a script made can be sent: no line ends that would begin another header, no other letters
    than those that HTTP has."""
    return bool(_TOKEN.fullmatch(name)) and not _CONTROL.search(value) and not _FOREIGN.search(value)


WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_last_date = (-1, "")


def _date_line(second: int) -> str:
    """The header with the time as HTTP wants it, which is English in every locale; made once a second."""
    global _last_date
    known, text = _last_date
    if known != second:
        now = time.gmtime(second)
        day, month = WEEKDAYS[now.tm_wday], MONTHS[now.tm_mon - 1]
        text = (
            f"Date: {day}, {now.tm_mday:02} {month} {now.tm_year} {now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02} GMT"
        )
        _last_date = (second, text)
    return text
