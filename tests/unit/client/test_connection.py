"""The wire: errors come back as themselves, paths cannot climb, streams that break are told from those that end."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import Conflict, InternalError, InvalidInput, NotFound, Unavailable
from pratique.client.connection import Connection, StreamCutError, path_of
from pratique.client.door import Door, find_door


@pytest.fixture
def connection(platform: Any) -> Connection:
    return Connection(find_door())


@pytest.fixture
def answers() -> Iterator[Any]:
    """Serves raw bytes, one answer for each connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve(*raw: bytes) -> Connection:
        def work() -> None:
            for answer in raw:
                peer, _ = listener.accept()
                with closing(peer):
                    peer.recv(65536)
                    peer.sendall(answer)

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        return Connection(Door(f"http://127.0.0.1:{listener.getsockname()[1]}", "t", None))

    yield serve
    for thread in threads:
        thread.join()
    listener.close()


def http(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_a_segment_that_climbs_is_refused(segment: str) -> None:
    with pytest.raises(InvalidInput):
        path_of("workspaces", segment, "jobs")


@pytest.mark.parametrize("name", ["a/b", "a?b", "a#b", "%2e%2e", "a b", "ä", "..%2f", "\\..", "a;b"])
def test_a_name_stays_one_segment(connection: Connection, platform: Any, name: str) -> None:
    with pytest.raises(NotFound):
        connection.get(path_of("workspaces", "ws", "jobs", name))
    assert platform.requests[-1][1].count("/") == 6


def test_a_label_is_sent_as_it_is() -> None:
    assert path_of("versions", "@latest") == "/api/v1/versions/@latest"


def test_an_error_comes_back_as_its_own_class(answers: Any) -> None:
    problem = {"message": "m", "line": 3}
    said = {"error": {"code": "Conflict", "message": "in use", "hint": "wait", "problems": [problem]}}
    body = json.dumps(said).encode()
    with pytest.raises(Conflict, match="in use") as caught:
        answers(http("409 Conflict", body)).get("/x")
    assert caught.value.hint == "wait"
    assert caught.value.problems[0].line == 3


def test_a_proxy_s_own_words_are_shown(answers: Any) -> None:
    with pytest.raises(Unavailable, match="the platform answered 503: no healthy upstream"):
        answers(http("503 Service Unavailable", b"no healthy upstream")).get("/x")


def test_an_answer_that_is_no_json_is_our_mistake(answers: Any) -> None:
    with pytest.raises(InternalError, match="no JSON"):
        answers(http("200 OK", b"<html>")).get("/x")


def test_a_redirect_is_not_followed(answers: Any) -> None:
    with pytest.raises(InternalError, match="302"):
        answers(http("302 Found", b"", "Location: http://169.254.169.254/")).get("/x")


def test_nothing_there_says_how_to_start_it() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # Nobody else can listen there, and it does not.
        with pytest.raises(Unavailable, match="nothing answers") as caught:
            Connection(Door(f"http://127.0.0.1:{deaf.getsockname()[1]}", "t", None)).get("/x")
    assert "pratique up" in caught.value.hint


def test_reading_is_tried_again_when_the_connection_was_closed_behind_our_back(answers: Any) -> None:
    assert answers(b"", http("200 OK", b"[1]")).get("/x") == [1]


def test_writing_is_not_tried_again(answers: Any) -> None:
    with pytest.raises(Unavailable, match="broke"):
        answers(b"").post("/x", {})


def test_a_stream_that_ends_too_early_is_cut(answers: Any) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for rest in (b"3\r\nabc\r\n", b"3\r\nab", b""):
        arrived: list[bytes] = []
        stream = answers(head + rest).stream("/x")
        with pytest.raises(StreamCutError):
            arrived.extend(stream)
        assert b"abc".startswith(b"".join(arrived))


def test_a_stream_gives_what_there_is_without_waiting_for_more(answers: Any) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert b"".join(answers(head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").stream("/x")) == b"abcde"


def test_a_large_file_is_sent_whole(connection: Connection, platform: Any, tmp_path: Path) -> None:
    body = b"x" * 3_000_000
    digest = platform.keep_tree({"big": body}) and next(iter(platform.blobs))
    platform.blobs.clear()
    (tmp_path / "big").write_bytes(body)
    with (tmp_path / "big").open("rb") as stream:
        connection.send_bytes(path_of("workspaces", "ws", "blobs", digest), stream, len(body))
    assert platform.blobs[digest] == body
