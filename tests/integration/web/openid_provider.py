"""A small OpenID provider on loopback: a configuration, keys, an authorization endpoint that asks nobody, tokens.

It checks what a real one checks of a program without a secret: the client, the
address to come back to, and that whoever has the code has the verifier as well.
"""

import base64
import hashlib
import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT: Final = "pratique-of-tests"


class Provider:
    """What it says can be changed while it runs."""

    def __init__(self) -> None:
        self.keys = [RSAKey.generate_key(2048, {"kid": "first"})]
        self.person: dict[str, Any] = {"sub": "248289761001", "email": "ada@example.com", "email_verified": True}
        self.answers: dict[str, str] = {}
        """What it puts over the query with which it sends the browser back."""
        self.claims: dict[str, Any] = {}
        """What it puts over the claims of its tokens."""
        self.is_gone = False
        self.asked = 0
        self._codes: dict[str, dict[str, str]] = {}
        handler = type("Bound", (_Handler,), {"provider": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.issuer: Final = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def token(self, audience: str = CLIENT, **claims: Any) -> str:
        """A token as its newest key signs it; a claim that is ... is left out."""
        now = int(time.time())
        said = {"iss": self.issuer, "aud": audience, "iat": now, "exp": now + 300, **self.person, **claims}
        body = {name: value for name, value in said.items() if value is not ...}
        return jwt.encode({"alg": "RS256", "typ": "JWT", "kid": self.keys[-1].kid}, body, self.keys[-1])

    def rotate(self) -> None:
        """Sign with another key; the one before is published no more."""
        self.keys = [RSAKey.generate_key(2048, {"kid": uuid.uuid4().hex})]

    def configuration(self) -> dict[str, Any]:
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.issuer, **{name: f"{self.issuer}/{path}" for name, path in places.items()}}

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser goes: back, with a code."""
        code = uuid.uuid4().hex
        self._codes[code] = query
        back = {"code": code, "state": query["state"], "iss": self.issuer, **self.answers}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def exchange(self, form: dict[str, str]) -> dict[str, Any]:
        """The tokens for a code, once; raises `KeyError` or `ValueError` for what it refuses."""
        asked = self._codes.pop(form["code"])
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        for name in ("client_id", "redirect_uri"):
            if form[name] != asked[name]:
                raise ValueError(name)
        if asked["client_id"] != CLIENT or asked["code_challenge_method"] != "S256":
            raise ValueError("client")
        if challenge.decode() != asked["code_challenge"]:
            raise ValueError("verifier")
        claims = {"nonce": asked["nonce"], **self.claims}
        return {"id_token": self.token(**claims), "access_token": "opaque", "token_type": "Bearer"}


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        provider, parts = self.provider, urlsplit(self.path)
        provider.asked += 1
        if provider.is_gone:
            self._send(503, {})
        elif parts.path == "/.well-known/openid-configuration":
            self._send(200, provider.configuration())
        elif parts.path == "/keys":
            self._send(200, {"keys": [key.as_dict(private=False) for key in provider.keys]})
        elif parts.path == "/authorize":
            self.send_response(302)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self.send_header("Location", provider.authorize(query))
            self.end_headers()
        else:
            self._send(404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        try:
            self._send(200, self.provider.exchange(form))
        except (KeyError, ValueError):
            self._send(400, {"error": "invalid_grant"})

    def _send(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name.
        """Quiet."""
