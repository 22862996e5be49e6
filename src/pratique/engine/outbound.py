"""The one way in which the platform calls an address that a user wrote down.

    whom     loopback, or a host of the setting `check_hosts`; nobody else
    how      http only to loopback, else https with its certificate checked; no redirect is followed
    where    the name is looked up once, and the address that was judged is the one that is connected to
    limits   ten seconds for everything, a megabyte of answer

An address of a link (169.254.0.0/16, fe80::/10) is refused also for a host that is
allowed: that is where clouds keep their secrets. No proxy of the environment is used.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

SECONDS: Final = 10.0
LARGEST: Final = 1_000_000
"""Bytes of an answer that are read."""
_PORTS: Final = {"http": 80, "https": 443}
_LOCAL: Final = "localhost"


class RefusedError(Exception):
    """The address may not be called."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


def hosts_of(setting: str) -> frozenset[str]:
    """The hosts that a setting names, separated by commas."""
    return frozenset(host.strip().lower() for host in setting.split(",") if host.strip())


@dataclass(frozen=True)
class Place:
    """Where an address leads, judged once: whoever connects elsewhere has not been judged."""

    scheme: str
    host: str
    port: int
    address: str


def place_of(url: str, *, allowed: Collection[str]) -> Place:
    """Where `url` leads, for a program that makes the call itself; raises `RefusedError`, and `OSError` for no name."""
    scheme, host, port, _ = _parts(url)
    return Place(scheme, host, port, _address(scheme, host, port, allowed))


def call(method: str, url: str, *, headers: Mapping[str, str], body: bytes, allowed: Collection[str]) -> Answer:
    """Ask `url`; raises `RefusedError` for one that may not be asked, and `OSError` when no whole answer comes."""
    scheme, host, port, target = _parts(url)
    address = _address(scheme, host, port, allowed)
    with socket.create_connection((address, port), timeout=SECONDS) as plain:
        living = [plain]
        # A peer that sends a byte now and then resets the timeout of every read, but not this one.
        watchdog = threading.Timer(SECONDS, _cut, (living,))
        watchdog.daemon = True
        watchdog.start()
        try:
            return _asked(living, scheme, host, port, method, target, headers, body)
        except http.client.HTTPException as error:
            raise ConnectionError(f"no HTTP came back: {type(error).__name__}") from error
        finally:
            watchdog.cancel()


def _asked(
    living: list[socket.socket], scheme: str, host: str, port: int, method: str, target: str,
    headers: Mapping[str, str], body: bytes,
) -> Answer:  # fmt: skip
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    if scheme == "https":
        living[0] = ssl.create_default_context().wrap_socket(living[0], server_hostname=host)
    connection.sock = living[0]
    try:
        connection.request(method, target, body or None, {**headers, "Connection": "close"})
        answer = connection.getresponse()
        said = answer.read(LARGEST + 1)
        if len(said) > LARGEST:
            raise ConnectionError(f"the answer has more than {LARGEST:,} bytes")
        return Answer(answer.status, said)
    finally:
        connection.close()


def _parts(url: str) -> tuple[str, str, int, str]:
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise RefusedError(f"it is no URL: {error}") from error
    if scheme not in _PORTS or not host or parts.username is not None or not url.isascii() or not url.isprintable():
        raise RefusedError("expected http://… or https://… without a user")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if " " in target:
        raise RefusedError("a URL has no spaces")
    return scheme, host, port or _PORTS[scheme], target


def _address(scheme: str, host: str, port: int, allowed: Collection[str]) -> str:
    """The address to connect to, which is judged and then not looked up again."""
    is_local = host == _LOCAL or _is_loopback(host)
    if not is_local and host not in allowed:
        raise RefusedError("its host is neither loopback nor one of the setting check_hosts")
    if not is_local and scheme != "https":
        raise RefusedError("https is needed beyond loopback")
    found = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    address = ipaddress.ip_address(found.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    real = mapped or address
    if is_local and not real.is_loopback:
        raise RefusedError(f"{host} is {address} here, which is not loopback")
    if real.is_link_local or real.is_multicast or real.is_unspecified or real.is_reserved:
        raise RefusedError(f"{host} is {address}, which is never asked")
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _cut(living: list[socket.socket]) -> None:
    try:
        living[0].shutdown(socket.SHUT_RDWR)
    except OSError:
        return
