"""What attackers send to the application itself: each payload of each class against every route that takes it.

The door in front refuses much of this before it comes here. Nothing of that is relied upon.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from fastapi import FastAPI
from joserfc.jwk import RSAKey

from pratique.base.clock import utc_now
from pratique.control import principals, sessions
from pratique.control.actor import PLATFORM
from pratique.control.grants import actor_for, token_of_job
from pratique.store import jobs
from pratique.store.events import Event, append
from pratique.store.jobs import Job
from pratique.web.auth import KNOWN, PUBLIC, declarations, session_cookie
from pratique.web.platform import Platform

Bearer = Callable[..., dict[str, str]]
Attack = Callable[[str, str], None]
DOOR: Final = "http://127.0.0.1:7070"
CANARY: Final = b"canary-51c6a0f3"


class Raw:
    """Hands the application a path as it came over the wire, decoded once as the server does it."""

    def __init__(self, app: FastAPI, runner: asyncio.Runner, headers: dict[str, str]) -> None:
        self._app, self._runner = app, runner
        self.answered: dict[str, str] = {}
        """The headers of the last answer."""
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    def __call__(self, method: str, target: str, body: bytes = b"{}") -> tuple[int, bytes]:
        raw, _, query = target.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": unquote(raw, errors="replace"), "raw_path": raw.encode("latin-1", "replace"), "root_path": "",
            "query_string": query.encode("latin-1", "replace"), "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 7070),
            "headers": [(b"host", b"127.0.0.1:7070"), (b"content-type", b"application/json"), *self._headers],
        }  # fmt: skip
        status, parts, sent = 0, [], False

        async def receive() -> dict[str, Any]:
            nonlocal sent
            if sent:
                return {"type": "http.disconnect"}
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self.answered = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        self._runner.run(asyncio.wait_for(self._app(scope, receive, send), 30))
        return status, b"".join(parts)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


# --- traversal

TRAVERSALS: Final = (
    "..%2f..%2f..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2fsecret.txt", "..%252f..%252fsecret.txt",
    "..%5c..%5csecret.txt", "%2fetc%2fpasswd", "file:%2f%2f%2fetc%2fpasswd", "x;%2f..%2f..%2fsecret.txt",
    "x%23%2f..%2f..%2fsecret.txt", "x%3f%2f..%2fsecret.txt", "%c0%ae%c0%ae%2fsecret.txt", "..", "%00..%2fsecret.txt",
    "....%2f%2fsecret.txt", "~root%2f.bashrc", "..%2fpratique.db", "..%2fkeys%2ftokens.json", "%ff%fe", "a" * 5000,
)  # fmt: skip
"""Every shape by which a name has left its folder in platforms like this one."""
FILLED: Final = {"workspace": "dev", "project": "x1y", "version": "1"}
_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")


def targets(app: FastAPI) -> Iterator[tuple[str, str, str]]:
    """Each method, route and parameter of it."""
    for declared in declarations(app):
        for method in declared.methods:
            for parameter in _PARAMETER.findall(declared.path):
                yield method, declared.path, parameter


def filled(path: str, parameter: str, payload: str) -> str:
    return _PARAMETER.sub(lambda found: payload if found[1] == parameter else FILLED.get(found[1], "x1y"), path)


def test_no_name_in_any_route_leads_out_of_the_store(
    app: FastAPI, platform: Platform, bearer: Bearer, runner: asyncio.Runner, attack: Attack
) -> None:
    """As the Owner, so that no permission stands before it: never a server's error, never a byte from elsewhere."""
    root = platform.home.root
    secrets = [root / "secret.txt", root.parent / "secret.txt", platform.home.blobs / "secret.txt"]
    for secret in secrets:
        secret.write_bytes(CANARY)
    keys = (root / "keys" / "tokens.json").read_bytes()
    raw = Raw(app, runner, bearer("ann"))
    before = files_of(root)
    for number, (method, path, parameter) in enumerate(targets(app)):
        # All of the payloads at every fortieth place, one of them in turn at the others.
        for payload in TRAVERSALS if number % 40 == 0 else (TRAVERSALS[number % len(TRAVERSALS)],):
            target = filled(path, parameter, payload)
            attack("traversal", f"{method} {target}")
            status, body = raw(method, target)
            said = f"{method} {target[:200]}: {status} {body[:200]!r}"
            assert status < 500 or status == 501, said  # What MLflow calls not implemented.
            for leak in (b"root:x:0:0", CANARY, b"SQLite format 3", keys[:64], b"Traceback"):
                assert leak not in body, said
    assert [secret.read_bytes() for secret in secrets] == [CANARY] * 3
    assert files_of(root) - before <= {one for one in files_of(root) if "/blobs/" in one or "/repositories/" in one}
    assert not before - files_of(root)


def files_of(root: Path) -> set[str]:
    changing = ("pratique.db", "logs")
    return {
        str(path) for path in [*root.rglob("*"), *root.parent.iterdir()]
        if path.is_file() and not path.name.startswith(changing)
    }  # fmt: skip


QUERIES: Final = ("path", "run_id", "run_uuid", "name", "filter", "page_token", "max_results", "next", "version")
"""What routes read of a query by themselves, without saying so in the API's description."""


def test_no_word_of_a_query_leads_out_of_the_store(
    app: FastAPI, platform: Platform, bearer: Bearer, runner: asyncio.Runner, attack: Attack
) -> None:
    secret = platform.home.root / "secret.txt"
    secret.write_bytes(CANARY)
    raw, described = Raw(app, runner, bearer("ann")), app.openapi()["paths"]
    before = files_of(platform.home.root)
    asked = 0
    for declared in declarations(app):
        known = described.get(re.sub(r":\w+\}", "}", declared.path), {})
        for method in declared.methods:
            said = known.get(method.lower(), {}).get("parameters", ())
            names = [one["name"] for one in said if one["in"] == "query"]
            for name in names or [QUERIES[asked % len(QUERIES)]]:
                payload = TRAVERSALS[asked % len(TRAVERSALS)]
                target = f"{filled(declared.path, '', '')}?{name}={payload}"
                asked += 1
                attack("traversal", f"{method} {target}")
                status, body = raw(method, target)
                assert status < 500 or status == 501, (method, target[:200], status, body[:200])
                assert not [leak for leak in (b"root:x:0:0", CANARY, b"SQLite format 3") if leak in body], target[:200]
    assert asked > 400
    own = ("/blobs/", "/repositories/", "/keys/journal", "/housekeeping.lock")  # What these routes are there to write.
    assert not [one for one in files_of(platform.home.root) - before if not any(part in one for part in own)]


SOURCES: Final = (
    "file:///etc/passwd", "/etc/passwd", "../../secret.txt", "upload:../../etc/passwd", "upload:" + "0" * 64 + "/../x",
    "runs:/../../etc/passwd", "azureml://jobs/../../x/outputs/a/paths/../../etc/passwd", "http://169.254.169.254/latest",
    "azureml://datastores/workspaceblobstore/paths/../../../secret.txt", "file:///%2e%2e/etc/passwd#/../../x",
    "\\\\evil\\share", "dbfs:/etc/passwd", "models:/../../etc/passwd/1",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["models", "data"])
def test_nothing_is_registered_from_the_servers_disk_or_the_network(
    call: Any, bearer: Bearer, attack: Attack, kind: str
) -> None:
    ann = bearer("ann")
    for source in SOURCES:
        attack("traversal", f"{kind} from {source}")
        spec = {"name": "stolen", "type": "custom_model" if kind == "models" else "uri_file", "path": source}
        answer = call("POST", f"/api/v1/workspaces/dev/{kind}", headers=ann, json={"spec": spec})
        assert 400 <= answer.status_code < 500, (source, answer.text)
        assert "root:x" not in answer.text


# --- archives: what comes in as files

SLIPS: Final = (
    ["../x"], ["/etc/passwd"], ["a/../../x"], ["a//b"], ["./a"], ["a/"], [""], ["a\\..\\b"], ["a\x00b"], ["C:/x"],
    ["a", "a"], ["a", "a/b"], ["A", "a"], ["é", "é"], ["a\nb"], ["a/." + "/b"], ["x" * 5000], ["con\u202e.txt/.."],
)  # fmt: skip


def test_no_manifest_slips_out_of_its_folder(call: Any, bearer: Bearer, attack: Attack) -> None:
    ann = bearer("ann")
    for paths in SLIPS:
        attack("archives", f"manifest of {paths!r:.60}")
        entries = [{"path": path, "digest": "0" * 64, "size": 1} for path in paths]
        answer = call("POST", "/api/v1/workspaces/dev/manifests", headers=ann, json={"entries": entries})
        assert 400 <= answer.status_code < 500, (paths, answer.status_code, answer.text)


def test_no_manifest_claims_what_it_is_not(call: Any, bearer: Bearer, attack: Attack) -> None:
    ann, entry = bearer("ann"), {"path": "a", "digest": "0" * 64, "size": 1}
    lies: tuple[Any, ...] = (
        {**entry, "size": -1}, {**entry, "size": 1 << 60}, {**entry, "size": True}, {**entry, "size": 1e300},
        {**entry, "digest": "../../etc/passwd"}, {**entry, "digest": "0" * 63}, {**entry, "link": "/etc/passwd"},
        {**entry, "executable": "yes"}, {**entry, "mode": 0o4777}, None, [], "a",
    )  # fmt: skip
    for lie in lies:
        attack("archives", f"entry {lie!r:.60}")
        answer = call("POST", "/api/v1/workspaces/dev/manifests", headers=ann, json={"entries": [lie]})
        assert 400 <= answer.status_code < 500, (lie, answer.status_code, answer.text)


def test_packs_that_lie_leave_nothing(call: Any, bearer: Bearer, platform: Platform, attack: Attack) -> None:
    ann = bearer("ann")
    before = sorted(platform.blobs.every())
    digest = hashlib.sha256(b"x").hexdigest().encode()
    lies = (
        b"", b"\x00" * 64, b"PK\x03\x04" + b"\0" * 60, digest, digest + b"\xff" * 8 + b"x",
        b"0" * 64 + b"\0" * 7 + b"\1y",
        b"../../etc/passwd" * 4 + b"\0" * 8, b"\x1f\x8b" + b"\0" * 80,
    )  # fmt: skip
    for lie in lies:
        attack("archives", f"pack {lie[:20]!r}")
        headers = ann | {"Content-Type": "application/octet-stream"}
        answer = call("POST", "/api/v1/workspaces/dev/blobs", headers=headers, content=lie)
        assert answer.status_code < 500, (lie, answer.text)
        wrong = call("PUT", f"/api/v1/workspaces/dev/blobs/{'0' * 64}", headers=headers, content=lie)
        assert 400 <= wrong.status_code < 500
    assert sorted(platform.blobs.every()) == before


# --- bodies: what no reader should choke on

BODIES: Final = (
    b"", b"null", b"[]", b"0", b'"x"', b"{", b"\xff\xfe{}", b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b'{"a": NaN}',
    b'{"a": 1e999}', b'{"a": -Infinity}', b'{"a": ' + b"9" * 5000 + b"}", b'{"a": 1, "a": 2}', b"[" * 100_000,
    b'{"a":' * 20_000, b'{"a": "\\ud800"}', b'{"a": "\\u0000"}', b'{"\\u0000": 1}', b'{"spec": null}', b'{"spec": []}',
    b'{"spec": {"name": {"a": 1}}}', b'{"spec": {"name": 1e308}}', b'{"name": ["a"], "tags": 1, "traffic": {"a": "b"}}',
    b'{"spec": "' + b"x" * 200_000 + b'"}', b"{" + b",".join(b'"k%d": 1' % one for one in range(20_000)) + b"}",
    b"a=b&c=%00&d=%ff", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--", b"%PDF-1.4",
    b"\x80\x04K\x01.",
)  # fmt: skip
"""Every way in which a body has made a server stumble: depth, width, numbers, spellings, types, other formats."""


def test_no_body_makes_any_route_fail(
    app: FastAPI, platform: Platform, bearer: Bearer, runner: asyncio.Runner, attack: Attack
) -> None:
    """As the Owner: refused or taken, and never a server's error."""
    raw = Raw(app, runner, bearer("ann"))
    taking = [
        (method, filled(one.path, "", ""))
        for one in declarations(app)
        for method in one.methods
        if method in ("POST", "PUT", "PATCH", "DELETE")
    ]
    assert len(taking) > 120
    failed = []
    for number, (method, path) in enumerate(taking):
        some = (BODIES[number % len(BODIES)], BODIES[(number * 7 + 3) % len(BODIES)])
        for body in BODIES if number % 30 == 0 else some:
            attack("bodies", f"{method} {path} {body[:40]!r}")
            status, said = raw(method, path, body)
            if status >= 500 and status != 501:
                failed.append((method, path, body[:40], status, said[:200]))
            assert b"Traceback" not in said
    assert failed == []
    assert raw("GET", "/api/v1/account")[0] == 200, "and the server is there"


# --- rights


def test_without_a_role_no_route_gives_or_does_anything(
    app: FastAPI, call: Any, bearer: Bearer, platform: Platform, runner: asyncio.Runner, attack: Attack
) -> None:
    """By nobody, by a principal without a role and by the token of a job of another workspace, with every method."""
    with platform.database.write() as tx:
        now = utc_now()
        job = Job(
            "j9", "qa-1", "far_boat", {}, {}, {}, "Running", 1, "", "", False, False, None, {}, now, now, None, {}
        )
        jobs.add(tx, job)
    far = token_of_job(platform.issuer, job, lasting=timedelta(hours=1), now=utc_now())
    callers = {
        "nobody": (Raw(app, runner, {}), (401,)),
        "no role": (Raw(app, runner, bearer("bob", None)), (401, 403, 404, 405)),
        "another job": (Raw(app, runner, {"Authorization": f"Bearer {far}"}), (401, 403, 404, 405)),
    }
    asked = 0
    for declared in declarations(app):
        if PUBLIC in declared.marks or KNOWN in declared.marks:
            continue  # What is shown there is the caller's own, or is filtered by a role: tested with each verb.
        for method in declared.methods:
            for who, (raw, expected) in callers.items():
                attack("rights", f"{method} {declared.path} by {who}")
                status, body = raw(method, filled(declared.path, "", ""))
                assert status in expected, (who, method, declared.path, status, body[:200])
                asked += 1
    assert asked > 500


# --- tokens


def encoded(part: Any) -> str:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def forgeries(platform: Platform) -> dict[str, str]:
    """Tokens of an Owner that nobody has issued, by what is wrong with them."""
    now = utc_now()
    with platform.database.read() as tx:
        ann = next(one for one in principals.every(tx, PLATFORM, kind="user") if one.name == "ann")
    good = platform.issuer.issue(ann.id, kind="user", name="ann", lasting=timedelta(hours=1), now=now)
    head, body, sign = good.split(".")
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in (head, body))
    stamp = int(now.timestamp())
    public = platform.issuer.jwks(now=now)["keys"][0]
    pem = RSAKey.import_key(public).as_pem()
    stranger = rsa.generate_private_key(65537, 2048)

    def plain(new: Any, **changes: Any) -> str:
        return f"{encoded(new)}.{encoded({**claims, **changes})}."

    def by_secret(secret: bytes, algorithm: str = "HS256") -> str:
        signed = f"{encoded({**header, 'alg': algorithm})}.{body}"
        return f"{signed}.{encoded(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"

    def by_stranger(new: Any = None, **changes: Any) -> str:
        signed = f"{encoded({**header, **(new or {})})}.{encoded({**claims, **changes})}"
        return f"{signed}.{encoded(stranger.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def ours(lasting: int = 3600, **changes: Any) -> str:
        """Really signed by us, for something else or another time."""
        when = now + timedelta(seconds=changes.pop("later", 0))
        return platform.issuer.issue(
            ann.id, kind="user", name="ann", lasting=timedelta(seconds=lasting), now=when, **changes
        )

    found = {
        f"alg {name}": plain({**header, "alg": name}) for name in ("none", "None", "NONE", "nOnE", "", "RS256", "HS256")
    }
    nonsense: tuple[Any, ...] = (None, [], {}, 0, ["none", "RS256"])
    found |= {f"alg {value!r}": plain({**header, "alg": value}) for value in nonsense}
    found |= {
        "no alg": plain({"typ": "JWT"}),
        "no signature": f"{head}.{body}.",
        "HS256 by the public key": by_secret(pem),
        "HS256 by the public key without its end": by_secret(pem.strip()),
        "HS256 by the modulus": by_secret(public["n"].encode()),
        "HS256 by nothing": by_secret(b""),
        "RS512 that is HS256": by_secret(pem, "RS512"),
        "a stranger's key": by_stranger(),
        "a stranger's key under our kid": by_stranger({"kid": header["kid"]}),
        "a stranger's key in the header": by_stranger({"jwk": RSAKey.import_key(stranger).as_dict(private=False)}),
        "our claims under another signature": f"{head}.{encoded({**claims, 'name': 'root'})}.{sign}",
        "our header changed": f"{encoded({**header, 'x': 1})}.{body}.{sign}",
        "the signature cut": good[:-8],
        "the signature turned": good[:-4] + good[-4:][::-1],
        "expired": ours(lasting=60, later=-7200),
        "not yet": ours(later=7200),
        "for somebody else": ours(audience="https://example.org"),
        "for an identity": ours(audience="pratique-identity"),
        "for nobody": ours(audience=""),
        "huge": good + "A" * 100_000,
        "huge header": f"{encoded({**header, 'pad': 'x' * 50_000})}.{body}.{sign}",
        "deep": f"{encoded(b'[' * 3000)}.{body}.{sign}",
        "not base64": f"%%%.{body}.{sign}",
        "two parts": f"{head}.{body}",
        "five parts": f"{good}.{head}.{sign}",
        "encrypted": ".".join(["eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0", "", "x", "y", "z"]),
        "NUL": good + "%00",
        "spaces": f" {good} x",
    }
    found |= {
        f"kid {kid!r:.40}": by_stranger({"kid": kid})
        for kid in ("../../keys/tokens.json", "/dev/null", "' OR 1=1 --", "x" * 9000, "", "\u202e")
    }
    found |= {
        f"header {name}": by_stranger({name: value})
        for name, value in (
            ("jku", "http://127.0.0.1:1/jwks"), ("x5u", "http://169.254.169.254/x"), ("x5c", ["MIIB"]), ("b64", False),
            ("crit", ["exp"]), ("zip", "DEF"), ("cty", "JWT"),
        )
    }  # fmt: skip
    found |= {
        f"claim {name}={value!r:.30}": by_stranger(**{name: value})
        for name, value in (
            ("exp", "never"), ("exp", None), ("exp", stamp * 1000), ("nbf", None), ("iss", DOOR + "/"), ("iss", None),
            ("aud", ["pratique", "x"]), ("sub", None), ("sub", ["a"]), ("sub", {"$ne": ""}),
        )
    }  # fmt: skip
    return found


def test_no_forged_token_gets_in_anywhere(
    app: FastAPI, platform: Platform, bearer: Bearer, runner: asyncio.Runner, attack: Attack
) -> None:
    bearer("ann")
    guarded = [one for one in declarations(app) if PUBLIC not in one.marks]
    routes = [(method, filled(one.path, "", "")) for one in guarded for method in one.methods]
    forged = {
        what: token if token.isascii() and token.isprintable() else encoded(token.encode())
        for what, token in forgeries(platform).items()
    }
    # Each of them at one place, and at each other place one of them in turn.
    tried = [(what, "GET", "/api/v1/account") for what in forged]
    tried += [([*forged][number % len(forged)], *route) for number, route in enumerate(routes)]
    assert len(tried) > 250
    for what, method, path in tried:
        attack("tokens", f"{what} by {method} {path}")
        status, body = Raw(app, runner, {"Authorization": f"Bearer {forged[what]}"})(method, path)
        assert status == 401, (what, method, path, status, body[:200])


def test_no_forged_proof_gets_a_token_of_an_identity(
    app: FastAPI, platform: Platform, bearer: Bearer, runner: asyncio.Runner, attack: Attack
) -> None:
    bearer("ann")
    for what, token in forgeries(platform).items():
        if what == "for an identity":
            continue  # It is a true proof, of a person: that is tried below.
        attack("tokens", f"{what} as a proof")
        header = token if token.isascii() and token.isprintable() else encoded(token.encode())
        status, body = Raw(app, runner, {"X-IDENTITY-HEADER": header})("GET", "/identity/token?resource=x")
        assert status == 401, (what, status, body[:200])
    attack("tokens", "a proof of a person")
    person = forgeries(platform)["for an identity"]
    assert Raw(app, runner, {"X-IDENTITY-HEADER": person})("GET", "/identity/token")[0] == 401


def test_headers_that_say_who_one_is_are_not_believed(
    app: FastAPI, runner: asyncio.Runner, bearer: Bearer, attack: Attack
) -> None:
    bearer("ann")
    claims = (
        ("x-pratique-actor", "ann"), ("x-forwarded-user", "ann"), ("remote-user", "ann"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-ms-client-principal", encoded({"name": "ann"})), ("authorization", "Basic " + encoded(b"ann:")),
        ("authorization", "Bearer"), ("authorization", "Bearer null"), ("authorization", "Digest username=ann"),
        ("authorization", "Negotiate x"), ("cookie", "pratique-session-7070=ann"), ("cookie", "pratique-session-7070="),
    )  # fmt: skip
    for name, value in claims:
        attack("tokens", f"{name}: {value}")
        status, _ = Raw(app, runner, {name: value})("GET", "/api/v1/account")
        assert status == 401, (name, value, status)


# --- a hostile page in the browser of somebody who is signed in

ORIGINS: Final = (
    "http://evil.example", "https://evil.example", "null", "", "http://127.0.0.1:7071", "http://127.0.0.1",
    "https://127.0.0.1:7070", "http://localhost:7070", "http://127.0.0.1:7070.evil.example", "http://127.0.0.1:70700",
    "http://127.0.0.1:7070@evil.example", "file://", "http://[::1]:7070", "http://0.0.0.0:7070", "HTTP://127.0.0.1:7070",
)  # fmt: skip


def test_a_hostile_page_changes_nothing_by_any_route(
    app: FastAPI, platform: Platform, runner: asyncio.Runner, attack: Attack
) -> None:
    now = utc_now()
    with platform.database.write() as tx:
        ann = next(one for one in principals.every(tx, PLATFORM, kind="user") if one.name == "ann")
        session = sessions.open_link(tx, sessions.make_link(tx, actor_for(tx, ann), now=now), now=now)
    cookie = f"{session_cookie(platform)}={session}"
    own = Raw(app, runner, {"Cookie": cookie, "Origin": DOOR})
    assert own("GET", "/api/v1/account")[0] == 200
    changing = [
        (method, filled(one.path, "", ""))
        for one in declarations(app)
        for method in one.methods
        if method in ("POST", "PUT", "PATCH", "DELETE") and PUBLIC not in one.marks
    ]
    assert len(changing) > 60
    for number, (method, path) in enumerate(changing):
        for origin in ORIGINS if number == 0 else (ORIGINS[number % len(ORIGINS)],):
            attack("browser", f"{method} {path} from {origin!r}")
            given = {"Cookie": cookie} | ({"Origin": origin} if origin else {})
            status, body = Raw(app, runner, given)(method, path)
            # Git takes no cookie at all.
            assert status in (401, 403), (method, path, origin, status, body[:200])


# --- stored markup

MARKUP: Final = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'-alert(1)-'", "{{7*7}}", "${7*7}",
    "<svg/onload=alert(1)>",
    "javascript:alert(1)", "</title><script>alert(1)</script>", "<!--", "]]><x>", "\u202e<b>",
    "<iframe srcdoc='<script>x'>",
    "&lt;script&gt;", "<math><mtext></p><style><img src=x onerror=alert(1)>", "<a href=javas&#99;ript:alert(1)>x</a>",
)  # fmt: skip


def test_stored_markup_is_text_wherever_it_is_shown(
    call: Any, bearer: Bearer, platform: Platform, attack: Attack
) -> None:
    ann = bearer("ann")
    for number, text in enumerate(MARKUP):
        attack("markup", f"tags, names and words: {text}")
        job = {
            "type": "command", "name": f"job-{number}", "display_name": text, "description": text, "command": text,
            "environment": {"conda_file": {"dependencies": ["python=3.11"]}, "image": "x"}, "tags": {"note": text},
            "experiment_name": f"e{number}",
        }  # fmt: skip
        made = call("POST", "/api/v1/workspaces/dev/jobs", headers=ann, json={"spec": job})
        assert made.status_code in (200, 201, 400), made.text
        words = {"description": text, "display_name": text, "tags": {"note": text}}
        assert call("PATCH", "/api/v1/workspaces/dev", headers=ann, json=words).status_code == 200
        with platform.database.write() as tx:
            append(
                tx, Event("Pratique.AssetUpdated", f"models/{text}", "/workspaces/dev", {"name": text}), now=utc_now()
            )
        page = call("GET", "/", headers=ann)
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        assert page.headers["x-content-type-options"] == "nosniff"
        for live in ("<script>alert", "<img src=x", "<svg/onload", "<iframe srcdoc", "<math>", "<a href=javas"):
            assert live not in page.text, (text, live)
        for path in ("/api/v1/workspaces", "/api/v1/workspaces/dev/jobs", "/api/v1/events"):
            answer = call("GET", path, headers=ann)
            assert "html" not in answer.headers.get("content-type", ""), path


def test_markup_in_any_address_comes_back_as_no_page_that_runs(
    app: FastAPI, platform: Platform, bearer: Bearer, runner: asyncio.Runner, attack: Attack
) -> None:
    """Whatever a route says of a name that it does not know: no page, or one in which nothing runs."""
    raw = Raw(app, runner, bearer("ann"))
    for number, (method, path, parameter) in enumerate(targets(app)):
        text = MARKUP[number % len(MARKUP)]
        quoted = "".join(f"%{byte:02x}" for byte in text.encode())
        attack("markup", f"{method} {path} with {text}")
        status, body = raw(method, filled(path, parameter, quoted))
        assert status < 500 or status == 501, (method, path, status, body[:200])
        kind, policy = raw.answered.get("content-type", ""), raw.answered.get("content-security-policy", "")
        assert "html" not in kind or policy.startswith(("default-src 'none'", "sandbox")), (method, path, text, kind)


@pytest.mark.parametrize(
    "place", ["workspaces/{x}", "workspaces/dev/models/{x}/versions", "groups/{x}", "workspaces/dev/jobs/{x}"]
)
def test_markup_in_an_address_comes_back_as_no_page(call: Any, bearer: Bearer, attack: Attack, place: str) -> None:
    ann = bearer("ann")
    for text in MARKUP:
        attack("markup", f"{place}: {text}")
        quoted = "".join(f"%{byte:02x}" for byte in text.encode())
        answer = call("GET", f"/api/v1/{place.format(x=quoted)}", headers=ann)
        assert answer.status_code >= 400
        assert "html" not in answer.headers.get("content-type", ""), text


def test_markup_is_no_name(call: Any, bearer: Bearer, attack: Attack) -> None:
    ann = bearer("ann")
    for text in MARKUP:
        attack("markup", f"as a name: {text}")
        spec = {"name": text, "type": "custom_model", "path": "upload:" + "0" * 64 + "/x"}
        assert call("POST", "/api/v1/workspaces/dev/models", headers=ann, json={"spec": spec}).status_code == 400
