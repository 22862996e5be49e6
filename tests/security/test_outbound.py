"""Addresses that somebody else wrote down: the platform calls whom it may, and nobody through them.

No name is really looked up and nothing beyond loopback is asked: a resolver of
the test answers, as a rebinding one would.
"""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import pytest

from pratique.engine import outbound
from pratique.engine.outbound import RefusedError, call, hosts_of

Attack = Callable[[str, str], None]
ALLOWED: Final = frozenset({"checks.example.org"})

NOBODY: Final = (
    "http://169.254.169.254/latest/meta-data/", "https://169.254.169.254/", "http://2852039166/", "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/", "http://[::ffff:169.254.169.254]/", "http://[fe80::1]/", "http://[fd00:ec2::254]/",
    "http://metadata.google.internal/", "http://10.0.0.1/", "http://192.168.1.1/", "http://0.0.0.0/", "http://0/",
    "http://[::]/", "https://evil.example/", "http://127.0.0.1@169.254.169.254/", "http://ada:x@127.0.0.1/",
    "http://127.0.0.1.evil.example/", "http://localhost.evil.example/", "http://127.0.0.1%2f@evil.example/",
    "http://evil.example#@127.0.0.1/", "http://evil.example\\@127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/_x",
    "ftp://127.0.0.1/", "dict://127.0.0.1:11211/stat", "unix:///run/docker.sock", "//169.254.169.254/", "http:///x",
    "http://", "", "http://127.0.0.1:99999/", "http://127.0.0.1:x/", "http://[::1/", "http://①②⑦.⓪.⓪.①/",
    "http://127.0.0.1/ HTTP/1.1\r\nHost: evil", "http://127.0.0.1/\r\nX: y", "http://127.0.0.1/\x00", "http://checks.example.org/",
)  # fmt: skip
"""Nobody here is asked; the last is a host that is allowed, by plain http."""

LINKS: Final = (
    "169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "::", "240.0.0.1", "ff02::1",  # noqa: S104
)  # fmt: skip
"""What no name may stand for, also that of a host which is allowed."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that somebody connected to."""
    seen: list[Any] = []
    connect = socket.create_connection

    def connected(address: Any, *args: Any, **options: Any) -> socket.socket:
        seen.append(address)
        assert address[0] in ("127.0.0.1", "::1"), f"{address} was connected to"
        return connect(address, *args, **options)

    monkeypatch.setattr(socket, "create_connection", connected)
    return seen


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """A resolver that gives these answers one after another, whatever it is asked; returns the names that were."""
    names: list[str] = []
    left = list(answers)

    def answered(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        if is_address(host):
            address = host
        else:
            names.append(host)
            address = left.pop(0) if len(left) > 1 else left[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", answered)
    return names


def is_address(host: str) -> bool:
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def ask(url: str, allowed: frozenset[str] = ALLOWED) -> outbound.Answer:
    return call("GET", url, headers={}, body=b"", allowed=allowed)


@pytest.mark.parametrize("url", NOBODY)
def test_nobody_else_is_asked(url: str, asked: list[Any], monkeypatch: pytest.MonkeyPatch, attack: Attack) -> None:
    attack("ssrf", url or "nothing")
    resolve_to(monkeypatch, "169.254.169.254")
    with pytest.raises(RefusedError):
        ask(url)
    assert asked == []


@pytest.mark.parametrize("address", LINKS)
def test_a_name_that_is_allowed_may_not_stand_for_any_address(
    address: str, asked: list[Any], monkeypatch: pytest.MonkeyPatch, attack: Attack
) -> None:
    attack("ssrf", f"checks.example.org is {address}")
    resolve_to(monkeypatch, address)
    with pytest.raises(RefusedError, match="is never asked"):
        ask("https://checks.example.org/")
    assert asked == []


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "192.0.2.1", "::ffff:10.0.0.1"])
def test_localhost_is_loopback_or_nothing(
    address: str, asked: list[Any], monkeypatch: pytest.MonkeyPatch, attack: Attack
) -> None:
    attack("ssrf", f"localhost is {address}")
    resolve_to(monkeypatch, address)
    with pytest.raises(RefusedError, match="which is not loopback"):
        ask("http://localhost:1/")
    assert asked == []


class _Page(BaseHTTPRequestHandler):
    seen: Final[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.path)
        parts = self.path.split("/")
        if parts[1] == "redirect":
            self.send_response(int(parts[2]))
            self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
            self.end_headers()
        elif parts[1] == "endless":
            self.send_response(200)
            self.end_headers()
            for _ in range(40):
                self.wfile.write(b"x" * 100_000)
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"fine")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's word.
        """Quiet."""


@contextmanager
def page() -> Iterator[int]:
    """A web server on loopback, and its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_a_redirect_is_an_answer_and_nobody_follows_it(asked: list[Any], attack: Attack) -> None:
    with page() as port:
        for status in (301, 302, 303, 307, 308):
            attack("ssrf", f"redirect by {status} to a metadata service")
            assert ask(f"http://127.0.0.1:{port}/redirect/{status}").status == status
    assert {address[0] for address in asked} == {"127.0.0.1"}


def test_a_name_that_changes_between_two_looks_is_looked_up_once(
    asked: list[Any], monkeypatch: pytest.MonkeyPatch, attack: Attack
) -> None:
    """The address that was judged is the one that is connected to."""
    attack("ssrf", "rebinding: loopback first, a metadata service then")
    with page() as port:
        names = resolve_to(monkeypatch, "127.0.0.1", "169.254.169.254")
        assert ask(f"http://localhost:{port}/").body == b"fine"
        assert names == ["localhost"]
        assert [address[0] for address in asked] == ["127.0.0.1"]
    attack("ssrf", "rebinding: refused at the second question")
    with pytest.raises(RefusedError):
        ask("http://localhost:1/")


def test_an_endless_answer_is_cut(asked: list[Any], attack: Attack) -> None:
    attack("ssrf", "an endless answer")
    with page() as port, pytest.raises(ConnectionError, match="more than"):
        ask(f"http://127.0.0.1:{port}/endless")


def test_a_peer_that_drips_is_cut_off(asked: list[Any], monkeypatch: pytest.MonkeyPatch, attack: Attack) -> None:
    attack("slow callers", "an answer of one byte now and then")
    monkeypatch.setattr(outbound, "SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def drip() -> None:
            peer, _ = listener.accept()
            with peer:
                for _ in range(200):
                    if done.is_set():
                        return
                    try:
                        peer.sendall(b"H")
                    except OSError:
                        return
                    time.sleep(0.05)

        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises((ConnectionError, TimeoutError)):
            ask(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        done.set()
        thread.join()


def test_a_setting_names_hosts_and_no_patterns() -> None:
    assert hosts_of(" Checks.example.org , ,b.example ") == {"checks.example.org", "b.example"}
    for url in ("https://x.checks.example.org/", "https://checks.example.org.evil/", "https://checksXexample.org/"):
        with pytest.raises(RefusedError):
            ask(url)
