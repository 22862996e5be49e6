"""The doors that others reach: TLS only, by names of ours, with a certificate that is replaced while calls go on."""

import http.client
import socket
import ssl
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.base.clock import utc_now
from pratique.base.errors import InvalidInput
from pratique.gateway.certificates import LASTS, RENEWED_BEFORE, own_pair
from pratique.gateway.files import write_private
from pratique.gateway.model import Tls
from pratique.gateway.publish import Gateway
from pratique.gateway.render.discovery import in_json
from pratique.gateway.render.listeners import certificate_secret

from .conftest import KEY, WORKSPACE, House, call

NAME = "ml.example.test"


@pytest.fixture
def open_house(idle_house: House) -> House:
    """The house with its doors open to others, a model behind it."""
    tls = Tls("127.0.0.1", 0, 0, (NAME,), Path(), Path())
    idle_house.doors = replace(idle_house.doors, tls=tls)
    idle_house.gateway = Gateway(idle_house.home, idle_house.doors)
    idle_house.api.start()
    idle_house.mlflow.start()
    idle_house.start_envoy()
    idle_house.model("blue")
    idle_house.serve(idle_house.endpoint(idle_house.deployment("blue")))
    return idle_house


def trusting(house: House) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(house.home.keys / "ca.pem"))


def ask(house: House, context: ssl.SSLContext, port: int, method: str, path: str, **headers: str) -> Any:
    """One request over TLS, to this machine by the name of the certificate."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sock = context.wrap_socket(plain, server_hostname=NAME)
    try:
        given = {"Host": f"{NAME}:{port}", **headers}
        connection.request(method, path, headers=given)
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()


def shown(house: House, port: int) -> str:
    """The serial number of the certificate that the door shows."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        trusting(house).wrap_socket(plain, server_hostname=NAME) as wrapped,
    ):
        found = wrapped.getpeercert()
        assert found is not None
        return str(found["serialNumber"])


def test_both_doors_answer_over_tls_whom_the_own_authority_vouches_for(open_house: House) -> None:
    door, endpoints = open_house.gateway.tls_ports()
    assert door
    assert endpoints
    assert ask(open_house, trusting(open_house), door, "GET", "/api/v1/status").status == 200
    seen = open_house.api.seen[-1].headers
    assert (seen["x-forwarded-proto"], seen["host"]) == ("https", f"{NAME}:{door}")
    path = f"/endpoints/{WORKSPACE}/credit/score"
    assert ask(open_house, trusting(open_house), endpoints, "POST", path).status == 401
    authorised = {"Authorization": f"Bearer {KEY}"}
    assert ask(open_house, trusting(open_house), endpoints, "POST", path, **authorised).status == 200


def test_nobody_is_trusted_blindly_and_nobody_comes_in_without_tls(open_house: House) -> None:
    port = open_house.gateway.tls_ports()[0]
    assert port
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(open_house, ssl.create_default_context(), port, "GET", "/api/v1/status")
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        call(port, "GET", "/api/v1/status", {})
    old = trusting(open_house)
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError):  # noqa: PT011 - TLS or the connection says so.
        ask(open_house, old, port, "GET", "/api/v1/status")
    assert open_house.api.seen == []


def test_another_name_is_misdirected_and_a_caller_cannot_say_how_it_came(open_house: House) -> None:
    port = open_house.gateway.tls_ports()[0]
    assert port
    assert ask(open_house, trusting(open_house), port, "GET", "/", Host="evil.example").status == 421
    spoofed = {"x-forwarded-proto": "https", "host": f"{NAME}:1"}
    assert open_house.door("GET", "/api/v1/status", spoofed).status == 200
    assert open_house.api.seen[-1].headers["x-forwarded-proto"] == "http"


def test_a_certificate_is_renewed_in_time_without_a_call_that_fails(open_house: House, eventually: Any) -> None:
    port = open_house.gateway.tls_ports()[0]
    assert port
    first, now = shown(open_house, port), utc_now()
    assert not open_house.gateway.renew_certificate(now=now + LASTS - RENEWED_BEFORE - timedelta(hours=1))
    old = own_pair(open_house.home.keys, ("localhost", "127.0.0.1", "::1", NAME), now=now - LASTS + RENEWED_BEFORE)
    write_private(open_house.home.gateway / "sds-tls.json", in_json([certificate_secret(old.chain, old.key)]).content)
    assert eventually(lambda: shown(open_house, port) != first)
    first = shown(open_house, port)
    statuses: list[int] = []
    ends = threading.Event()

    def calling() -> None:
        while not ends.is_set():
            statuses.append(ask(open_house, trusting(open_house), port, "GET", "/api/v1/status").status)

    caller = threading.Thread(target=calling)
    caller.start()
    try:
        assert open_house.gateway.renew_certificate(now=now)
        assert eventually(lambda: shown(open_house, port) != first)
    finally:
        ends.set()
        caller.join()
    assert set(statuses) == {200}


def test_the_operators_certificate_is_shown_and_a_broken_one_changes_nothing(
    idle_house: House, tmp_path: Path, eventually: Any
) -> None:
    now = utc_now()
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"

    def write(text: str, secret: str) -> None:
        certificate.write_text(text)
        key.write_text(secret)

    # Its own authority stands where one of the operator's would.
    pair = own_pair(idle_house.home.keys, (NAME,), now=now)
    write(pair.chain, pair.key)
    tls = Tls("127.0.0.1", 0, None, (NAME,), certificate, key)
    idle_house.doors = replace(idle_house.doors, tls=tls)
    gateway = idle_house.gateway = Gateway(idle_house.home, idle_house.doors)
    idle_house.api.start()
    idle_house.start_envoy()
    idle_house.serve()
    port, other = gateway.tls_ports()
    assert port
    assert other is None
    first = shown(idle_house, port)
    another = own_pair(idle_house.home.keys, (NAME,), now=now)
    for broken in ((another.chain, pair.key), ("no certificate", another.key), (another.chain, ""), ("", "")):
        write(*broken)
        with pytest.raises(InvalidInput, match="cannot be used"):
            gateway.renew_certificate(now=now)
        assert shown(idle_house, port) == first
    write(another.chain, another.key)
    with pytest.raises(InvalidInput, match="has ended"):
        gateway.renew_certificate(now=now + LASTS + timedelta(days=1))
    assert gateway.renew_certificate(now=now)
    assert not gateway.renew_certificate(now=now)
    assert eventually(lambda: shown(idle_house, port) != first)
    key.unlink()
    with pytest.raises(InvalidInput, match=r"server\.key cannot be read"):
        gateway.renew_certificate(now=now)


def test_keys_are_private_and_the_authority_is_made_once(open_house: House) -> None:
    tls = open_house.home.keys
    assert [(path.name, path.stat().st_mode & 0o777) for path in sorted(tls.iterdir())] == [
        ("ca.key", 0o600),
        ("ca.pem", 0o644),
    ]
    assert (open_house.home.gateway / "sds-tls.json").stat().st_mode & 0o777 == 0o600
    before = (tls / "ca.pem").read_bytes()
    Gateway(open_house.home, open_house.doors).write_bootstrap()
    assert (tls / "ca.pem").read_bytes() == before
