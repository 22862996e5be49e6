"""The real API, the real MLflow server and a real Envoy in front of them, once for all tests of this folder."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from tests.ports import free_port

from pratique.base.clock import utc_now
from pratique.base.home import Home
from pratique.base.settings import Settings
from pratique.compute.environments import Environments
from pratique.control import groups, workspaces
from pratique.control.actor import PLATFORM
from pratique.control.grants import token_of, token_of_service
from pratique.control.tokens import Issuer
from pratique.gateway.model import Doors
from pratique.gateway.publish import Gateway
from pratique.store import principals
from pratique.store.blobs import BlobStore
from pratique.store.database import Database
from pratique.store.migrate import migrate
from pratique.store.principals import Principal, RoleAssignment
from pratique.store.sealing import Sealer
from pratique.tracking.server import TrackingServer, is_ready
from pratique.web.app import create_app
from pratique.web.bell import Bell
from pratique.web.platform import Platform

ROOT = Path(__file__).parents[3]
LISTENING_FD = 3


@dataclass(frozen=True)
class House:
    """A running platform, as far as MLflow needs one: two workspaces, ``ada`` who owns both."""

    door: str
    token: str
    platform: Platform
    mlflow: subprocess.Popen[bytes]
    seconds_until_ready: float

    def tracking_uri(self, workspace: str) -> str:
        """What a client sets as its tracking URI."""
        return f"{self.door}/mlflow/{workspace}"


@pytest.fixture(scope="session")
def environments() -> Environments:
    """Environments that outlive one run of the tests, because making one takes half a minute."""
    folder = Path(tempfile.gettempdir()) / f"pratique-tests-{os.getuid()}" / "environments"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Environments(folder)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, environments: Environments) -> Iterator[House]:
    with contextlib.ExitStack() as stack:
        short = stack.enter_context(tempfile.TemporaryDirectory(prefix="pq-"))  # Socket paths are short.
        old = os.environ.get("PRATIQUE_RUNTIME_DIR")
        os.environ["PRATIQUE_RUNTIME_DIR"] = short
        stack.callback(_restore, old)
        home = Home(tmp_path_factory.mktemp("home") / "home")
        home.prepare()
        platform = _platform(home)
        stack.callback(platform.database.close)
        stack.enter_context(_serving(platform, home.socket("api")))
        _gateway(home, platform, stack)
        begun = time.monotonic()
        mlflow = stack.enter_context(_mlflow(home, platform, environments))
        _until(lambda: is_ready(home.socket("mlflow"), timedelta(seconds=2)), 120, "MLflow")
        ready = time.monotonic() - begun
        yield House(platform.door, _token(platform), platform, mlflow, ready)


def _platform(home: Home) -> Platform:
    settings = Settings(door_port=free_port(), endpoints_port=free_port())
    database = Database.at(home.database)
    migrate(database)
    now = datetime(2026, 3, 1, tzinfo=UTC)
    with database.write() as tx:
        groups.create(tx, PLATFORM, "team", location="local", tags={}, now=now)
        for name in ("dev", "qua"):
            workspaces.create(tx, PLATFORM, {"name": name}, group="team", now=now)
        principals.add(tx, Principal("ada-id", "user", "ada", "Ada", None, None, now))
        principals.assign(tx, RoleAssignment("a1", "ada-id", "Owner", "/", now, {}))
    return Platform(
        home=home,
        settings=settings,
        database=database,
        blobs=BlobStore(home.blobs),
        sealer=Sealer(home.keys / "sealing.key"),
        issuer=Issuer(home.keys, f"http://127.0.0.1:{settings.door_port}"),
        door=f"http://127.0.0.1:{settings.door_port}",
        endpoints_door=f"http://127.0.0.1:{settings.endpoints_port}",
        tracking_socket=home.socket("mlflow"),
        bell=Bell(),
        parts=dict,
    )


@contextlib.contextmanager
def _serving(platform: Platform, path: Path) -> Iterator[None]:
    """The web application on its unix socket, in a thread."""
    server = uvicorn.Server(uvicorn.Config(create_app(platform), uds=str(path), log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        _until(lambda: server.started, 60, "the API")
        yield
    finally:
        server.should_exit = True
        thread.join(15)


def _gateway(home: Home, platform: Platform, stack: contextlib.ExitStack) -> None:
    doors = Doors(
        door_port=platform.settings.door_port,
        endpoints_port=platform.settings.endpoints_port,
        api_socket=home.socket("api"),
        mlflow_socket=home.socket("mlflow"),
        score_body_limit=1_000_000,
        upload_body_limit=5_000_000_000,
    )
    gateway = Gateway(home, doors)
    gateway.write_bootstrap()
    log = stack.enter_context((home.logs / "envoy.log").open("wb"))
    stack.enter_context(_process(subprocess.Popen(gateway.argv(), stdout=log, stderr=log)))
    _until(gateway.is_ready, 30, "Envoy")
    gateway.publish(["dev", "qua"], [])


@contextlib.contextmanager
def _mlflow(home: Home, platform: Platform, environments: Environments) -> Iterator[subprocess.Popen[bytes]]:
    """MLflow as the platform starts it: its socket listens before it lives and is inherited as fd 3."""
    server = TrackingServer(home)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    python = environments.ensure(environments.adopt(server.requirements(), version))
    token = token_of_service(platform.issuer, "mlflow", lasting=timedelta(hours=1), now=utc_now())
    source = ROOT / "tracking" / "src"
    argv, environment = server.command(python, source, home.socket("api"), token)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(home.socket("mlflow")))
    listener.listen(128)
    # A few lines of Python hand the socket over as fd 3, as the shim does.
    hand_over = f"import os, sys; os.dup2({listener.fileno()}, {LISTENING_FD}); os.execv(sys.argv[1], sys.argv[1:])"
    with (home.logs / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", hand_over, *argv],
            env={**environment, "LISTEN_FDS": "1"},
            pass_fds=(listener.fileno(),),
            stdout=log,
            stderr=log,
        )
    listener.close()
    with _process(process):
        yield process


@contextlib.contextmanager
def _process(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _token(platform: Platform) -> str:
    with platform.database.read() as tx:
        ada = principals.named(tx, "ada")
    assert ada
    return token_of(platform.issuer, ada, lasting=timedelta(hours=2), now=utc_now())


def _until(is_so: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not ready after {seconds} s")
        time.sleep(0.05)


def _restore(old: str | None) -> None:
    if old is None:
        del os.environ["PRATIQUE_RUNTIME_DIR"]
    else:
        os.environ["PRATIQUE_RUNTIME_DIR"] = old
