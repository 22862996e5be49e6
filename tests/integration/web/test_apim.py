"""A private endpoint behind an API that checks tokens, by the command line, the real API, the engine and Envoy."""

import base64
import contextlib
import hashlib
import http.client
import json
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from pratique.base.clock import utc_now
from pratique.base.settings import Settings
from pratique.compute.environments import Environments
from pratique.compute.local import LocalCompute
from pratique.content.manifest import Entry, Manifest
from pratique.control import deployments as deployment_verbs
from pratique.control.actor import PLATFORM
from pratique.engine.key_sets import KeySets
from pratique.engine.loop import Loop, Stop, join_all
from pratique.engine.replicas import socket_of
from pratique.engine.routes import Routes
from pratique.engine.workbench import Workbench
from pratique.gateway.model import Doors
from pratique.gateway.publish import Gateway
from pratique.store import deployments, holdings, replicas
from pratique.store.replicas import Replica
from pratique.tracking.client import RunsClient

from .conftest import Run, Site, wait_until

WORKSPACE: Final = "published"
SERVICE: Final = "apim-published"
HERE: Final = ("--service-name", SERVICE, "--api-id", "credit")
AUDIENCE: Final = "api://credit"
EMPTY: Final = Entry("MLmodel", hashlib.sha256(b"").hexdigest(), 0)
POLICY: Final = """<policies>
  <inbound>
    <base />
    <validate-jwt header-name="Authorization" failed-validation-httpcode="401">
      <openid-config url="CONFIGURATION" />
      <audiences><audience>{{audience}}</audience></audiences>
      <required-claims><claim name="client_id"><value>shop</value></claim></required-claims>
    </validate-jwt>
    <set-header name="Authorization"><value>Bearer {{endpoint-key}}</value></set-header>
  </inbound>
  <backend><base /></backend>
  <outbound><base /></outbound>
  <on-error><base /></on-error>
</policies>
"""


# --- what stands around -------------------------------------------------------------------------------------------


@dataclass
class Issuer:
    """An OpenID provider of our own on loopback: its configuration and its keys."""

    keys: list[RSAKey] = field(default_factory=lambda: [RSAKey.generate_key(2048, {"kid": "first"})])
    port: int = 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def configuration(self) -> str:
        return f"{self.origin}/.well-known/openid-configuration"

    def document(self, path: str) -> Mapping[str, Any] | None:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.origin, "jwks_uri": f"{self.origin}/jwks"}
        return {"keys": [key.as_dict(private=False) for key in self.keys]} if path == "/jwks" else None

    def token(self, key: RSAKey | None = None, **claims: Any) -> str:
        signer, now = key or self.keys[0], int(time.time())
        body = {
            "iss": self.origin, "aud": AUDIENCE, "sub": "shop", "client_id": "shop", "nbf": now, "exp": now + 300,
            **claims,
        }  # fmt: skip
        return jwt.encode({"alg": "RS256", "kid": signer.kid}, body, signer, ["RS256"])


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def say(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""

    def address_string(self) -> str:
        """A unix socket has none."""
        return ""


@contextlib.contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def listening(issuer: Issuer) -> Iterator[Issuer]:
    class Handler(_Quiet):
        def do_GET(self) -> None:
            found = issuer.document(self.path)
            self.say(200 if found else 404, found)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.port = server.server_address[1]
    with serving(server):
        yield issuer


class _Model(socketserver.ThreadingUnixStreamServer):
    """Says which headers it saw."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(str(path), _Score)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that Envoy ended is no news."""


class _Score(_Quiet):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.say(200, {name.lower(): value for name, value in self.headers.items()})


@dataclass
class Shop:
    """The site with engine and Envoy, and the endpoints that a test makes."""

    site: Site
    gateway: Gateway
    run: Run
    stack: contextlib.ExitStack

    def do(self, *words: str, **options: Any) -> Any:
        ran = self.run(*words, **options)
        assert ran.returncode == 0, ran
        return json.loads(ran.stdout) if ran.stdout else None

    def endpoint(self, name: str, **spec: str) -> None:
        """An endpoint with a deployment that answers, as if a replica had been started."""
        flags = [word for key, value in spec.items() for word in ("--set", f"{key}={value}")]
        self.do("ml", "online-endpoint", "create", "-n", name, "-w", WORKSPACE, *flags)
        platform = self.site.platform
        with platform.database.write() as tx:
            holdings.hold(tx, WORKSPACE, "blob", [(EMPTY.digest, 0)], now=utc_now())
            holdings.add_manifest(tx, WORKSPACE, Manifest([EMPTY]), now=utc_now())
            model = {"path": f"upload:{Manifest([EMPTY]).digest}/model", "type": "mlflow_model"}
            row = deployment_verbs.write(
                tx, PLATFORM, WORKSPACE, name, {"name": "blue", "model": model}, all_traffic=False, now=utc_now()
            )
            served = {"applied": row.generation, "applied_spec": dict(row.spec), "provisioning_state": "Succeeded"}
            deployments.change(tx, row.id, **served)
            replica = Replica(row.id, row.generation, 0, 0, "Ready", 0, 0, None, utc_now())
            replicas.add(tx, replica)
        self.stack.enter_context(serving(_Model(socket_of(platform.home, replica))))
        self.do("ml", "online-endpoint", "update", "-n", name, "-w", WORKSPACE, "--traffic", "blue=100")

    def publish(self, configuration: str, folder: Path) -> None:
        """Everything by verbs, as a pipeline would; said twice, because it must not matter."""
        (folder / "policy.xml").write_text(POLICY.replace("CONFIGURATION", configuration), encoding="utf-8")
        for _ in range(2):
            self.do("apim", "create", "-n", SERVICE, "-g", "rg", "--publisher-email", "ml@example.org")
            self.do(
                "apim", "api", "create", *HERE, "--path", "credit", "--subscription-required", "false",
                "--service-url", f"http://127.0.0.1:7071/endpoints/{WORKSPACE}/private-credit",
            )  # fmt: skip
            self.do("apim", "api", "operation", "create", *HERE, "--operation-id", "score", "--method", "POST",
                    "--url-template", "/score")  # fmt: skip
            self.set_key(self.keys("private-credit")["primaryKey"])
            self.do("apim", "nv", "create", "-n", SERVICE, "--named-value-id", "audience", "--value", AUDIENCE)
            self.set_policy(folder)

    def set_policy(self, folder: Path) -> None:
        self.do("apim", "api", "policy", "set", *HERE, "--file", str(folder / "policy.xml"))

    def set_key(self, key: str) -> None:
        self.do("apim", "nv", "create", "-n", SERVICE, "--named-value-id", "endpoint-key", "--secret", "true",
                "--value", "-", stdin=key)  # fmt: skip

    def keys(self, name: str) -> Any:
        return self.do("ml", "online-endpoint", "get-credentials", "-n", name, "-w", WORKSPACE)

    def call(self, token: str, path: str = f"/apis/{SERVICE}/credit/score") -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.actual_ports()[1], timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", path, b"{}", {"authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def score(self, name: str, key: str) -> int:
        return self.call(key, f"/endpoints/{WORKSPACE}/{name}/score")[0]


@pytest.fixture
def shop(site: Site, pratique: Run) -> Iterator[Shop]:
    """Envoy and the loops of the engine that have to do with routes, on the home of the site."""
    platform = site.platform
    sockets = platform.home.runtime
    doors = Doors(0, 0, sockets / "api.sock", sockets / "mlflow.sock", 2_000_000, 50_000_000)
    gateway = Gateway(platform.home, doors)
    gateway.write_bootstrap()
    bench = Workbench(
        home=platform.home,
        settings=Settings(),
        database=platform.database,
        blobs=platform.blobs,
        sealer=platform.sealer,
        issuer=platform.issuer,
        compute=LocalCompute(),
        environments=Environments(platform.home.environments),
        gateway=gateway,
        runs=RunsClient(platform.tracking_socket, lambda _: ""),
        door=platform.door,
    )
    stop = Stop()
    often = timedelta(seconds=0.2)
    loops = [
        Loop("routes", Routes(bench).step, stop, idle=often),
        Loop("key-sets", KeySets(bench, every=often).step, stop, idle=often),
    ]
    platform.database.on_commit(stop.ring)
    with contextlib.ExitStack() as stack:
        envoy = subprocess.Popen(gateway.argv(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(envoy.wait, 30)
        stack.callback(envoy.kill)
        wait_until(gateway.is_ready)
        for loop in loops:
            loop.start()
        stack.callback(join_all, loops, timedelta(seconds=20))
        stack.callback(stop.wish)
        made = Shop(site, gateway, pratique, stack)
        made.do("ml", "workspace", "create", "-n", WORKSPACE, "-g", "rg")
        made.endpoint("private-credit", public_network_access="disabled")
        yield made
        made.do("apim", "delete", "-n", SERVICE, "--yes")
        with platform.database.write() as tx:
            for row in deployments.in_workspace(tx, WORKSPACE):
                deployments.remove(tx, row.id)
        made.do("ml", "workspace", "delete", "-n", WORKSPACE, "--yes")


def test_an_api_opens_a_private_endpoint_while_both_its_key_and_its_provider_rotate(shop: Shop, tmp_path: Path) -> None:
    with listening(Issuer()) as issuer:
        shop.publish(issuer.configuration, tmp_path)
        good = issuer.token()
        status, seen = shop.call(good)
        assert (status, "authorization" in seen) == (200, False)
        assert shop.score("private-credit", shop.keys("private-credit")["primaryKey"]) == 403
        for bad in (issuer.token(aud="api://other"), issuer.token(client_id="thief"), issuer.token(iss="x"), "no"):
            assert shop.call(bad)[0] == 401
        _rotate_the_key_of_the_backend(shop, good)
        second = RSAKey.generate_key(2048, {"kid": "second"})
        assert shop.call(issuer.token(second))[0] == 401
        issuer.keys.append(second)
        wait_until(lambda: shop.call(issuer.token(second))[0] == 200)
        assert shop.call(good)[0] == 200
    assert shop.call(good)[0] == 200, "the provider is gone, and what it said last counts"
    refused = shop.run("apim", "api", "policy", "set", *HERE, "--file", str(tmp_path / "policy.xml"))
    assert (refused.returncode, "policy.xml:5 openid-config" in refused.stderr) == (1, True)
    assert shop.call(good)[0] == 200
    shop.set_key("a-key-that-is-none-of-the-endpoints")
    wait_until(lambda: shop.call(good)[0] == 403)


def _rotate_the_key_of_the_backend(shop: Shop, good: str) -> None:
    """Secondary, named value, primary: callers never notice."""
    statuses: list[int] = []
    over = threading.Event()

    def caller() -> None:
        while not over.is_set():
            statuses.append(shop.call(good)[0])

    callers = [threading.Thread(target=caller) for _ in range(2)]
    for thread in callers:
        thread.start()
    renew = ("ml", "online-endpoint", "regenerate-keys", "-n", "private-credit", "-w", WORKSPACE, "--yes")
    try:
        for _ in range(3):
            shop.set_key(shop.do(*renew, "--key-type", "secondary")["secondaryKey"])
            shop.set_key(shop.do(*renew, "--key-type", "primary")["primaryKey"])
    finally:
        over.set()
        for thread in callers:
            thread.join()
    assert len(statuses) > 20
    assert set(statuses) == {200}


def test_each_way_to_authenticate_opens_an_endpoint_to_its_own_callers(shop: Shop) -> None:
    shop.endpoint("by-token", auth_mode="aml_token")
    own = shop.keys("by-token")["accessToken"]
    assert shop.score("by-token", own) == 200
    assert shop.score("by-token", shop.site.token("ada")) == 401, "a token for the platform's own API"
    shop.do("ml", "online-endpoint", "create", "-n", "by-token", "-w", WORKSPACE, "--auth-mode", "aad_token")
    scorer = shop.keys("by-token")["accessToken"]
    assert shop.score("by-token", scorer) == 200
    assert shop.score("by-token", own) == 401
    ran = shop.run(
        "ml", "online-endpoint", "get-credentials", "-n", "by-token", "-w", WORKSPACE, who="rob", role="Reader"
    )
    assert shop.score("by-token", json.loads(ran.stdout)["accessToken"]) == 401, "who may not score"


def test_subscriptions_named_values_and_openapi_files_by_the_verbs(shop: Shop, tmp_path: Path) -> None:
    said = {
        "openapi": "3.0.1", "info": {"title": "Credit"}, "servers": [{"url": f"/endpoints/{WORKSPACE}/private-credit"}],
        "paths": {"/score": {"post": {"operationId": "score", "summary": "Score"}}},
    }  # fmt: skip
    (tmp_path / "openapi.json").write_text(json.dumps(said), encoding="utf-8")
    shop.do("apim", "create", "-n", SERVICE, "-g", "rg")
    file = ("--specification-path", str(tmp_path / "openapi.json"), "--specification-format", "OpenApiJson")
    made = shop.do("apim", "api", "import", *HERE, "--path", "v1/credit", *file)
    assert (made["displayName"], made["subscriptionRequired"], made["provisioningState"]) == (
        "Credit",
        True,
        "Succeeded",
    )
    assert [one["urlTemplate"] for one in shop.do("apim", "api", "operation", "list", *HERE)] == ["/score"]
    path = f"/apis/{SERVICE}/v1/credit/score?subscription-key="
    shop.do("apim", "subscription", "create", "-n", SERVICE, "--sid", "web", "--scope", "/apis/credit")
    keys = shop.do("apim", "subscription", "keys", "-n", SERVICE, "--sid", "web")
    for key in keys.values():
        wait_until(lambda key=key: shop.call("", path + key)[0] == 200)  # type: ignore[misc] # Bound at once.
    renewed = shop.do("apim", "subscription", "regenerate-key", "-n", SERVICE, "--sid", "web", "--yes")
    wait_until(lambda: shop.call("", path + keys["primaryKey"])[0] == 401)
    assert shop.call("", path + renewed["primaryKey"])[0] == 200
    value = ("-n", SERVICE, "--named-value-id", "word")
    shop.do("apim", "nv", "create", *value, "--secret", "true", "--value", "canary-of-nv")
    assert "canary" not in shop.run("apim", "nv", "list", "-n", SERVICE).stdout
    assert shop.do("apim", "nv", "show-secret", *value)["value"] == "canary-of-nv"
    reader = shop.run("apim", "nv", "show-secret", *value, who="rob", role="Reader")
    assert (reader.returncode, "canary" in reader.stdout + reader.stderr) == (1, False)
    _follow_a_secret(shop, path + renewed["primaryKey"], tmp_path)
    bad = tmp_path / "bad.xml"
    bad.write_text("<policies>\n <inbound>\n  <choose/>\n  <quota/>\n </inbound></policies>", encoding="utf-8")
    refused = shop.run("apim", "api", "policy", "set", *HERE, "--file", str(bad))
    assert refused.returncode == 1
    assert "bad.xml:3 choose" in refused.stderr
    assert "bad.xml:4 quota" in refused.stderr
    shop.do("apim", "delete", "-n", SERVICE, "--yes")
    again = shop.run("apim", "delete", "-n", SERVICE, "--yes")
    assert (again.returncode, "nothing to delete" in again.stderr) == (0, True)


def test_policies_of_all_apis_and_of_one_operation_are_in_force_by_the_verbs(shop: Shop, tmp_path: Path) -> None:
    with listening(Issuer()) as issuer:
        _set_up_with_a_policy_for_all(shop, issuer.configuration, tmp_path)
        good, path = issuer.token(), f"/apis/{SERVICE}/credit"
        assert (shop.call(good, f"{path}/score")[0], shop.call("no", f"{path}/score")[0]) == (200, 401)
        assert shop.call(good, f"{path}/score")[1]["x-from"] == "all"
        written = _file(tmp_path, '<base/><set-header name="x-from"><value>one</value></set-header>')
        at = (*HERE, "--operation-id", "again")
        shop.do("apim", "api", "operation", "policy", "set", *at, "--file", written)
        shown = shop.run("apim", "api", "operation", "policy", "show", *at, "-o", "tsv", "--query", "value").stdout
        assert shown.rstrip("\n") == (tmp_path / "p.xml").read_text(encoding="utf-8")
        assert shop.call(good, f"{path}/again")[1]["x-from"] == "one"
        assert shop.call(good, f"{path}/score")[1]["x-from"] == "all", "the other operation goes on"
        assert shop.call("no", f"{path}/again")[0] == 401
        shop.do("apim", "api", "operation", "create", *at, "--method", "POST", "--url-template", "/second")
        assert shop.call(good, f"{path}/second")[1]["x-from"] == "one", "an operation that changes keeps its policy"
        used = shop.run("apim", "nv", "delete", "-n", SERVICE, "--named-value-id", "who", "--yes")
        assert (used.returncode, "the policy of all APIs has {{who}} in it" in used.stderr) == (1, True)
        shop.do("apim", "nv", "update", "-n", SERVICE, "--named-value-id", "who", "--value", "everybody")
        wait_until(lambda: shop.call(good, f"{path}/score")[1]["x-from"] == "everybody")
        _refuse_what_does_not_go_together(shop, tmp_path)
        shop.do("apim", "api", "operation", "policy", "delete", *at, "--yes")
        assert shop.call(good, f"{path}/second")[1]["x-from"] == "everybody"
        shop.do("apim", "policy", "delete", "-n", SERVICE, "--yes")
        assert shop.call(good, f"{path}/score")[0] == 401, "nobody is asked for anything: closed"
        again = shop.run("apim", "policy", "delete", "-n", SERVICE, "--yes")
        assert (again.returncode, "nothing to delete" in again.stderr) == (0, True)


def _set_up_with_a_policy_for_all(shop: Shop, configuration: str, folder: Path) -> None:
    shop.do("apim", "create", "-n", SERVICE, "-g", "rg")
    shop.do("apim", "nv", "create", "-n", SERVICE, "--named-value-id", "who", "--value", "all")
    check = POLICY.partition("<base />")[2].partition("<set-header")[0].replace("CONFIGURATION", configuration)
    check = check.replace("{{audience}}", AUDIENCE)
    header = '<set-header name="x-from"><value>{{who}}</value></set-header><rewrite-uri template="/score"/>'
    shop.do("apim", "policy", "set", "-n", SERVICE, "--file", _file(folder, check + header))
    url = f"http://127.0.0.1:7071/endpoints/{WORKSPACE}/private-credit"
    shop.do("apim", "api", "create", *HERE, "--service-url", url, "--subscription-required", "false")
    for name in ("score", "again"):
        at = ("--operation-id", name, "--url-template", f"/{name}", "--method", "POST")
        shop.do("apim", "api", "operation", "create", *HERE, *at)


def _refuse_what_does_not_go_together(shop: Shop, folder: Path) -> None:
    other = '<base/>\n<validate-jwt header-name="x-other"><openid-config url="URL"/><audiences><audience>a</audience>'
    file = _file(folder, f"{other}</audiences></validate-jwt>".replace("URL", "http://127.0.0.1:1/x"))
    refused = shop.run("apim", "api", "policy", "set", *HERE, "--file", file)
    assert (refused.returncode, "p.xml:2 openid-config" in refused.stderr) == (1, True)
    limit = '<rate-limit-by-key calls="1" renewal-period="1" counter-key="@(context.Request.Headers.GetValueOrDefault('
    file = _file(folder, f'<base/>\n{limit}"Authorization","").AsJwt()?.Subject)"/>')
    shop.do("apim", "api", "policy", "set", *HERE, "--file", file)
    refused = shop.run("apim", "policy", "delete", "-n", SERVICE, "--yes")
    assert (refused.returncode, "policy of credit:2 rate-limit-by-key" in refused.stderr) == (1, True)
    shop.do("apim", "api", "policy", "delete", *HERE, "--yes")


def _file(folder: Path, inbound: str) -> str:
    (folder / "p.xml").write_text(f"<policies><inbound>{inbound}</inbound></policies>", encoding="utf-8")
    return str(folder / "p.xml")


def _follow_a_secret(shop: Shop, path: str, folder: Path) -> None:
    """A named value has what a vault says, whatever that is from one moment to the next, and nobody reads it here."""
    shop.do("keyvault", "create", "--name", "kv-apim", "-g", "rg")
    secret = ("keyvault", "secret", "set", "--vault-name", "kv-apim", "--name", "word")
    made = shop.do(*secret, "--value", "canary-one")
    value = ("-n", SERVICE, "--named-value-id", "from-vault")
    shown = shop.do("apim", "nv", "create", *value, "--key-vault-secret-id", made["id"].rpartition("/")[0])
    assert (shown["secret"], shown.get("value")) == (True, None)
    assert shown["keyVault"]["lastStatus"] == {"code": "Success"}
    refused = shop.run("apim", "nv", "show-secret", *value)
    assert (refused.returncode, "keyvault secret show --vault-name kv-apim" in refused.stderr) == (1, True)
    header = '<set-header name="x-word"><value>{{from-vault}}</value></set-header>'
    (folder / "word.xml").write_text(f"<policies><inbound>{header}</inbound></policies>", encoding="utf-8")
    shop.do("apim", "api", "policy", "set", *HERE, "--file", str(folder / "word.xml"))
    assert shop.call("", path)[1]["x-word"] == "canary-one"
    shop.do(*secret, "--value", "canary-two")
    wait_until(lambda: shop.call("", path)[1]["x-word"] == "canary-two")
    shop.do("keyvault", "secret", "delete", "--vault-name", "kv-apim", "--name", "word")
    wait_until(lambda: shop.do("apim", "nv", "show", *value)["keyVault"]["lastStatus"] == {"code": "Failed"})
    assert shop.call("", path)[1]["x-word"] == "canary-two", "what it said last counts"
    wait_until(lambda: shop.do("apim", "api", "show", *HERE)["provisioningState"] == "Failed")
    assert "from-vault" in shop.do("apim", "api", "show", *HERE)["error"]["message"]
    shop.do("keyvault", "secret", "recover", "--vault-name", "kv-apim", "--name", "word")
    wait_until(lambda: shop.do("apim", "api", "show", *HERE)["provisioningState"] == "Succeeded")
    shop.do("apim", "api", "policy", "set", *HERE, "--file", _empty(folder))
    shop.do("apim", "nv", "delete", *value, "--yes")


def _empty(folder: Path) -> str:
    (folder / "empty.xml").write_text("<policies><inbound><base/></inbound></policies>", encoding="utf-8")
    return str(folder / "empty.xml")


# --- a real provider ----------------------------------------------------------------------------------------------


def _token_of(port: int, resource: str) -> str:
    """What the provider gives the shop for its secret."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    basic = base64.b64encode(b"shop:secret-of-the-shop").decode()
    form = urlencode({"grant_type": "client_credentials", "resource": resource, "scope": "score"})
    headers = {"authorization": f"Basic {basic}", "content-type": "application/x-www-form-urlencoded"}
    with contextlib.closing(connection):
        connection.request("POST", "/token", form, headers)
        answer = connection.getresponse()
        document = json.loads(answer.read())
    assert answer.status == 200, document
    return str(document["access_token"])


@pytest.mark.slow
def test_a_real_provider_issues_the_token_that_opens_the_private_endpoint(
    shop: Shop, real_openid_provider: int, tmp_path: Path
) -> None:
    port = real_openid_provider
    shop.publish(f"http://127.0.0.1:{port}/.well-known/openid-configuration", tmp_path)
    good = _token_of(port, AUDIENCE)
    assert shop.call(good)[0] == 200
    head, body, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    stranger = RSAKey.generate_key(2048, {"kid": "real"})

    def signed(**changes: Any) -> str:
        return jwt.encode({"alg": "RS256", "kid": "real"}, {**claims, **changes}, stranger, ["RS256"])

    wrong = {
        "nobody signed it": f"{_encoded({'alg': 'none'})}.{body}.",
        "a shared secret": f"{_encoded({'alg': 'HS256', 'kid': 'real'})}.{body}.{signature}",
        "for somebody else": _token_of(port, "api://other"),
        "of another issuer": signed(iss="http://127.0.0.1:1"),
        "expired": signed(exp=int(time.time()) - 60),
        "not yet": signed(nbf=int(time.time()) + 3600),
        "a name of a key that is a path": f"{_encoded({'alg': 'RS256', 'kid': '../keys'})}.{body}.{signature}",
        "another signature": f"{head}.{body}.{signature[:-8]}AAAAAAAA",
        "changed": f"{head}.{_encoded({**claims, 'client_id': 'root'})}.{signature}",
        "huge": signed(padding="x" * 50_000),
    }
    answers = {kind: shop.call(token)[0] for kind, token in wrong.items()}
    assert answers == {kind: 431 if kind == "huge" else 401 for kind in wrong}
    _rotate_the_key_of_the_backend(shop, good)


def _encoded(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
