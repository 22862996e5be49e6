"""HTTP/1.1 on one connection: what is read, what is refused, what is written."""

import pytest

from pratique_serving.errors import Malformed, Refused
from pratique_serving.wire import Request, Response, is_header_safe, render

from .conftest import Wire


def refused(wire: Wire, data: bytes) -> int:
    with pytest.raises(Malformed) as caught:
        wire.sends(data)
    return caught.value.status


def read(wire: Wire, data: bytes) -> Request:
    request = wire.sends(data)
    assert request is not None
    return request


def test_a_request_is_read_whole(wire: Wire) -> None:
    request = read(
        wire, b"POST /score?a=1&b=%20 HTTP/1.1\r\nHost: x\r\nX-A:  1 \r\nx-a: 2\r\nContent-Length: 3\r\n\r\nabc"
    )
    assert (request.method, request.path, request.query, request.body) == ("POST", "/score", "a=1&b=%20", b"abc")
    assert request.headers["x-a"] == "1,2"
    assert request.arguments() == [("a", "1"), ("b", " ")]
    assert not request.wants_close


def test_nothing_at_all_is_the_end_of_the_connection(wire: Wire) -> None:
    assert wire.sends(b"") is None


def test_two_requests_in_one_packet_are_two_requests(wire: Wire) -> None:
    first = read(wire, b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n")
    second = wire.reader.next()
    assert second is not None
    assert (first.path, second.path) == ("/a", "/b")
    assert wire.reader.next() is None
    assert wire.reader.is_idle


def test_empty_lines_before_a_request_are_skipped(wire: Wire) -> None:
    assert read(wire, b"\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n").path == "/"


def test_chunks_are_joined_and_trailers_dropped(wire: Wire) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    request = read(wire, head + b"3\r\nabc\r\nA;name=value\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n")
    assert request.body == b"abc0123456789"
    assert "x-trailer" not in request.headers


def test_an_absolute_address_is_its_path(wire: Wire) -> None:
    assert read(wire, b"GET http://somewhere/score?a=1 HTTP/1.1\r\nHost: x\r\n\r\n").path == "/score"


@pytest.mark.parametrize(
    ("version", "connection", "closes"),
    [("1.1", "keep-alive", False), ("1.1", "Close", True), ("1.1", "x, close", True), ("1.0", "keep-alive", True)],
)
def test_who_wants_the_connection_closed(wire: Wire, version: str, connection: str, closes: bool) -> None:
    data = f"GET / HTTP/{version}\r\nHost: x\r\nConnection: {connection}\r\n\r\n"
    assert read(wire, data.encode()).wants_close is closes


@pytest.mark.parametrize(
    "head",
    [
        b"GET /\r\nHost: x",
        b"GET  / HTTP/1.1\r\nHost: x",
        b"GET / HTTP/1.1 \r\nHost: x",
        b"G\x00T / HTTP/1.1\r\nHost: x",
        b"GET score HTTP/1.1\r\nHost: x",
        b"GET ftp://x/ HTTP/1.1\r\nHost: x",
        b"GET /\x01 HTTP/1.1\r\nHost: x",
        b"GET / HTTP/1.1",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded",
        b"GET / HTTP/1.1\r\nHost: x\r\nname : value",
        b"GET / HTTP/1.1\r\nHost: x\r\nno colon",
        b"GET / HTTP/1.1\r\nHost: x\r\n: no name",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\nY: b",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\rb",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \xb2",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_two_parsers_could_read_differently_is_refused(wire: Wire, head: bytes) -> None:
    assert refused(wire, head + b"\r\n\r\n") == 400


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n", 417),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n", 413),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", 400),
    ],
)
def test_each_refusal_has_its_status(wire: Wire, data: bytes, status: int) -> None:
    assert refused(wire, data) == status


@pytest.mark.parametrize(
    ("chunks", "status"),
    [
        (b"g\r\nabc\r\n0\r\n\r\n", 400),
        (b"-1\r\nabc\r\n0\r\n\r\n", 400),
        (b"0x3\r\nabc\r\n0\r\n\r\n", 400),
        (b"3\r\nabcd\r\n0\r\n\r\n", 400),
        (b"3\r\nabc\r\n", 400),
        (b"3", 400),
        (b"1" * 2000, 400),
        (b"3;" + b"a" * 2000 + b"\r\nabc\r\n0\r\n\r\n", 400),
        (b"FFFFFFFF\r\n", 413),
        (b"1F4\r\n" + b"a" * 500 + b"\r\n1F5\r\n", 413),
        (b"0\r\n" + b"A: b\r\n" * 200, 431),
    ],
)
def test_chunks_that_lie_are_refused(wire: Wire, chunks: bytes, status: int) -> None:
    assert refused(wire, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks) == status


def test_a_body_is_invited_when_the_client_asks(wire: Wire) -> None:
    assert wire.reader.read(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n") is None
    assert wire.reader.is_invited
    request = wire.reader.read(b"a")
    assert request is not None
    assert request.body == b"a"


def test_a_connection_is_idle_until_a_request_begins_and_after_it(wire: Wire) -> None:
    assert wire.reader.is_idle
    wire.reader.read(b"G")
    assert not wire.reader.is_idle
    assert wire.reader.read(b"ET / HTTP/1.1\r\nHost: x\r\n\r\n") is not None
    assert wire.reader.is_idle


@pytest.mark.parametrize("piece", [1, 2, 3, 7])
@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 6\r\n\r\nabc123",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3;a=b\r\n123\r\n0\r\nA: b\r\n\r\n",
    ],
)
def test_pieces_of_any_size_are_the_same_request(wire: Wire, piece: int, framing: bytes) -> None:
    request = wire.sends(b"\r\nPOST /score HTTP/1.1\r\nHost: x\r\n" + framing, piece=piece)
    assert request is not None
    assert (request.path, request.body) == ("/score", b"abc123")


def test_headers_of_one_caller_are_not_those_of_another(wire: Wire) -> None:
    first = read(wire, b"GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n\r\n")
    second = read(wire, b"GET / HTTP/1.1\r\nHost: x\r\nX-A: 2\r\n\r\n")
    again = read(wire, b"GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n\r\n")
    assert [request.headers["x-a"] for request in (first, second, again)] == ["1", "2", "1"]


def sent(response: Response, *, without_body: bool = False, close: bool = False) -> list[str]:
    return render(response, without_body, close).decode("latin-1").split("\r\n")


def test_a_response_says_its_length_and_date() -> None:
    lines = sent(Response(200, b"abc", [("X-A", "1"), ("X-A", "2")]))
    assert lines[:4] == ["HTTP/1.1 200 OK", "X-A: 1", "X-A: 2", "Content-Length: 3"]
    assert lines[4].startswith("Date: ")
    assert lines[4].endswith(" GMT")
    assert lines[5:] == ["", "abc"]


def test_a_response_to_head_has_the_length_and_no_body() -> None:
    lines = sent(Response(200, b"abc"), without_body=True)
    assert "Content-Length: 3" in lines
    assert lines[-2:] == ["", ""]


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_have_no_body(status: int) -> None:
    lines = sent(Response(status, b"abc"))
    assert not any(line.startswith("Content-Length") for line in lines)
    assert lines[-2:] == ["", ""]


def test_the_last_response_says_so() -> None:
    assert "Connection: close" in sent(Response(200, b""), close=True)


def test_headers_that_frame_the_message_are_ours_alone() -> None:
    theirs = [("Content-Length", "7"), ("transfer-encoding", "chunked"), ("Connection", "upgrade"), ("X-Mine", "1")]
    lines = sent(Response(299, b"abc", theirs))
    assert lines[0] == "HTTP/1.1 299 Unknown"
    assert [line for line in lines if line.lower().startswith(("content-length", "transfer", "connection"))] == [
        "Content-Length: 3"
    ]
    assert "X-Mine: 1" in lines


@pytest.mark.parametrize(("name", "value"), [("X", "a\r\nY: b"), ("X", "a\nb"), ("X Y", "a"), ("", "a"), ("X:", "a")])
def test_a_header_that_would_begin_another_is_not_safe(name: str, value: str) -> None:
    assert not is_header_safe(name, value)
    assert is_header_safe("X-Y", "a b, c=\xe4")


def test_a_query_of_too_many_fields_is_refused() -> None:
    request = Request("GET", "/", "&".join("a=1" for _ in range(1001)), {}, b"", False)
    with pytest.raises(Refused) as caught:
        request.arguments()
    assert caught.value.status == 400
    assert not isinstance(caught.value, Malformed)
