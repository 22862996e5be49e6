"""A shop whose model is behind an API: its issuer, its model, the engine and Envoy, by the command line."""

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


@contextlib.contextmanager
def opened(site: Site, pratique: Run) -> Iterator[Shop]:
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
