"""Log in at an OpenID provider in a browser: the authorization code flow with PKCE, for a program without a secret.

    the door says who the provider is ─► its configuration ─► a page in the browser
    ─► the browser comes back to a port of ours on loopback with a code
    ─► the provider gives its token for the code and the verifier that only we know
    ─► the door gives its own token for that

RFC 8252, RFC 7636. The `state` ties the answer to this login, the `nonce` ties
the provider's token to it; the door checks the signature.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from pratique.base.errors import InvalidInput, Unauthenticated, Unavailable
from pratique.client.connection import Connection, Document, path_of
from pratique.client.door import Door, check_url
from pratique.client.login import BROWSER, Profile, save_profile

_WAITS: Final = 300.0
"""Seconds for a person to log in."""
_PAGE: Final = b"<!doctype html><title>Pratique</title><p>You are logged in; this page can be closed.</p>"


def log_in_by_browser(door: Door, show: Callable[[str], None], *, waits: float = _WAITS) -> Profile:
    """Log in as a person and keep the token; `show` brings an address before them. Raises `Unauthenticated`."""
    at_door = Connection(Door(door.url, "", None))
    said: Document = at_door.get(path_of("login"))
    issuer = check_url(str(said["issuer"]))
    provider = Connection(Door(issuer, "", None))
    found: Document = provider.get("/.well-known/openid-configuration")
    if str(found.get("issuer", "")).rstrip("/") != issuer:
        raise InvalidInput(f"{issuer} says that it is {str(found.get('issuer'))[:200]!r}")
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    with _Answers(state, issuer) as answers:
        asked = {
            "response_type": "code", "client_id": str(said["client_id"]), "redirect_uri": answers.address,
            "scope": str(said["scope"]), "state": state, "nonce": nonce,
            "code_challenge": _challenge(verifier), "code_challenge_method": "S256",
        }  # fmt: skip
        show(f"{_endpoint(found, 'authorization_endpoint')}?{urlencode(asked)}")
        code = answers.wait(waits)
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": answers.address,
            "client_id": asked["client_id"], "code_verifier": verifier,
        }  # fmt: skip
    place = urlsplit(_endpoint(found, "token_endpoint"))
    exchange = Connection(Door(f"{place.scheme}://{place.netloc}", "", None))
    token = str(exchange.post_form(place.path, form).get("id_token", ""))
    if _claims(token).get("nonce") != nonce:
        raise Unauthenticated("the provider's token is not of this login", hint="log in again")
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": token}
    answer: Document = at_door.post_form("/oauth2/token", grant)
    ends = int(time.time()) + int(answer["expires_in"])
    profile = Profile(door.url, "", "", "", str(answer["access_token"]), ends, BROWSER)
    save_profile(profile)
    return profile


class _Answers:
    """A port on loopback to which the browser comes back, once."""

    def __init__(self, state: str, issuer: str) -> None:
        self.query: dict[str, list[str]] | None = None
        self._state, self._issuer = state, issuer
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                is_ours = parts.path == "/callback"
                if is_ours:
                    answers.query = parse_qs(parts.query)
                self.send_response(200 if is_ours else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(_PAGE if is_ours else b"")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name.
                """Say nothing: the address has the code."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address: Final = f"http://127.0.0.1:{self._server.server_port}/callback"

    def __enter__(self) -> "_Answers":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    def wait(self, seconds: float) -> str:
        """The code; raises `Unauthenticated` for an answer that is none to this login."""
        until = time.monotonic() + seconds
        while self.query is None:
            self._server.timeout = until - time.monotonic()
            if self._server.timeout <= 0:
                raise Unavailable("nobody logged in at the provider in time", hint="pratique login --browser")
            self._server.handle_request()
        said = {name: values[0] for name, values in self.query.items() if len(values) == 1}
        if not secrets.compare_digest(said.get("state", "").encode(), self._state.encode()):
            raise Unauthenticated("the browser came back with an answer to another login", hint="log in again")
        if said.get("iss", self._issuer).rstrip("/") != self._issuer:
            raise Unauthenticated("the answer is of another provider", hint="log in again")
        if "error" in said:
            raise Unauthenticated(f"the provider refused: {said['error'][:100]}")
        if not said.get("code"):
            raise Unauthenticated("the provider answered without a code")
        return said["code"]


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _endpoint(found: Document, name: str) -> str:
    place = str(found.get(name, ""))
    check_url(place)
    return place


def _claims(token: str) -> Document:
    """What a token says; the door checks whether it may be believed."""
    parts = token.split(".")
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (IndexError, ValueError) as error:
        raise Unauthenticated("the provider gave no token that can be read") from error
    return found if isinstance(found, dict) else {}
