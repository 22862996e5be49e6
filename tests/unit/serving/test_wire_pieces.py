"""However bytes are cut into pieces, they are the same requests, or refused with the same status."""

from hypothesis import given
from hypothesis import strategies as st

from pratique_serving.errors import Malformed
from pratique_serving.wire import Limits, Reader, Request

HEADS = (
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab",
    b"POST /score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"POST /score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n",
    b"POST /score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
    b"POST /score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n",
    b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n",
    b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na",
    b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
    b"\r\n",
    b"\r",
    b"\x16\x03\x01",
)
BYTES = st.lists(st.sampled_from(HEADS) | st.binary(max_size=6), max_size=5).map(b"".join)


def read(pieces: list[bytes]) -> tuple[list[Request], int]:
    """Every request, and the status with which the rest is refused; 0 is none."""
    reader, requests = Reader(Limits(body_bytes=1000, pause=1.0)), []
    try:
        for piece in pieces:
            request = reader.read(piece)
            while request is not None:
                requests.append(request)
                request = reader.next() if reader.waiting_bytes else None
        reader.end()
    except Malformed as error:
        return requests, error.status
    return requests, 0


@given(BYTES, st.lists(st.integers(1, 40), max_size=12))
def test_pieces_do_not_change_what_is_read(data: bytes, sizes: list[int]) -> None:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    pieces.append(data[at:])
    assert read([piece for piece in pieces if piece]) == read([data] if data else [])


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    requests, status = read([data])
    assert status in (0, 400, 413, 414, 417, 431, 501, 505)
    assert all(isinstance(request, Request) for request in requests)
