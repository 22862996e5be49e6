"""A unix socket answers over HTTP, or says that nobody is there."""

import socket
import threading
from pathlib import Path

import pytest

from pratique.base.unix_http import UnixConnection


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
