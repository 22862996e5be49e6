"""A unix socket answers over HTTP, or says that nobody is there."""

import contextlib
import http.client
import socket
import threading
from pathlib import Path

import pytest

from pratique.base.unix_http import UnixConnection, bounded


def test_a_request_reaches_the_socket_and_names_localhost(tmp_path: Path) -> None:
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()

        def serve() -> None:
            caller, _ = listener.accept()
            with caller:
                heard.append(caller.recv(65536))
                caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        thread = threading.Thread(target=serve)
        thread.start()
        connection = UnixConnection(tmp_path / "s", timeout=20)
        connection.request("GET", "/health")
        assert connection.getresponse().read() == b"ok"
        connection.close()
        thread.join()
    assert b"\r\nHost: localhost\r\n" in heard[0]


def test_nobody_there_is_an_error_and_leaves_no_open_socket(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        UnixConnection(tmp_path / "s", timeout=1).request("GET", "/")


def test_a_silent_server_is_given_up_after_the_timeout(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        connection = UnixConnection(tmp_path / "s", timeout=0.01)
        connection.request("GET", "/")
        with pytest.raises(TimeoutError):
            connection.getresponse()
        connection.close()


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"], ids=["head", "body"])
def test_who_sends_a_byte_now_and_then_is_cut_all_the_same(tmp_path: Path, head: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        cut = threading.Event()

        def drip() -> None:
            caller, _ = listener.accept()
            with caller:
                caller.recv(65536)
                caller.sendall(head)
                with contextlib.suppress(OSError):
                    while not cut.wait(0.01):
                        caller.sendall(b"H")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            with bounded(tmp_path / "s", within=0.1) as connection:
                connection.request("GET", "/")
                with contextlib.suppress(http.client.HTTPException, ConnectionError):
                    connection.getresponse().read()
        finally:
            cut.set()
            thread.join()


def test_a_bounded_connection_leaves_nothing_behind(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        before = {*threading.enumerate()}
        with bounded(tmp_path / "s", within=600) as connection:
            assert connection.sock is not None
            [watchdog] = {*threading.enumerate()} - before
        assert connection.sock is None
        watchdog.join(60)
        assert not watchdog.is_alive()
