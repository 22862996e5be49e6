"""The web application on a port of loopback, and the real git program as its client."""

import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
import structlog
import uvicorn

from pratique.base.clock import utc_now
from pratique.base.home import Home
from pratique.base.settings import Settings
from pratique.cli.main import run
from pratique.compute.local import LocalCompute
from pratique.control import groups, principals, projects, repositories, roles
from pratique.control.actor import PLATFORM
from pratique.control.credentials import Credential
from pratique.control.grants import token_of
from pratique.control.tokens import Issuer
from pratique.engine.delivery_runs import RunSettler
from pratique.engine.delivery_units import UnitRunner
from pratique.engine.loop import Stop
from pratique.engine.server_jobs import ServerJobs
from pratique.engine.triggers import Triggers
from pratique.store import delivery_runs as delivery_run_rows
from pratique.store import repositories as repository_rows
from pratique.store.blobs import BlobStore
from pratique.store.database import Database
from pratique.store.repositories import Push, Repository
from pratique.store.schema import metadata
from pratique.store.sealing import Sealer
from pratique.web.app import create_app
from pratique.web.bell import Bell
from pratique.web.platform import Platform

from .openid_provider import CLIENT, Provider

PROJECT: Final = "credit"
LIMIT: Final = 300.0
"""Seconds that no run here takes unless something is broken."""


class Git:
    """Runs git in one folder as one user."""

    def __init__(self, folder: Path, header: str = "") -> None:
        self.folder = folder
        self._header = header

    def __call__(self, *words: str, check: bool = True, **environment: str) -> "subprocess.CompletedProcess[str]":
        settings = ["-c", f"http.extraHeader={self._header}"] if self._header else []
        done = subprocess.run(
            ["git", *settings, *words],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_TERMINAL_PROMPT": "0",
                "GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.org",
                "GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.org",
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"git {' '.join(words)}: {done.stdout}{done.stderr}")
        return done

    def commit(self, message: str = "a change", **files: str) -> str:
        """Write `files` (dots in a name stand as they are), commit, and answer the commit."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self("add", "--all")
        self("commit", "--quiet", "--allow-empty", "-m", message)
        return self("rev-parse", "HEAD").stdout.strip()


class Site:
    """The platform that serves, and who may do what on it."""

    def __init__(self, platform: Platform, port: int, folder: Path) -> None:
        self.platform = platform
        self.door = f"http://127.0.0.1:{port}"
        self._folder = folder

    def repository(self, name: str) -> str:
        """The address of a new, empty repository."""
        made = repositories.create(
            self.platform.database, self.platform.repositories, PLATFORM, PROJECT, name, now=utc_now()
        )
        return repositories.address_of(self.door, PROJECT, made.name)

    def token(self, name: str, role: str | None = "Contributor", scope: str = "/") -> str:
        """A token of a user who is made on first use and has that role."""
        with self.platform.database.write() as tx:
            known = {one.name: one for one in principals.every(tx, PLATFORM, kind="user")}
            user = known.get(name) or principals.create_user(
                tx,
                PLATFORM,
                name,
                display_name="",
                credential=Credential("", "$argon2id$unused", utc_now()),
                now=utc_now(),
            )
            if role:
                roles.assign(tx, PLATFORM, role=role, assignee=name, scope=scope, now=utc_now())
        return token_of(self.platform.issuer, user, lasting=timedelta(hours=1), now=utc_now())

    def git(self, folder: str, token: str = "") -> Git:
        """Git in a new folder, as whoever `token` is for."""
        path = self._folder / folder
        path.mkdir(parents=True, exist_ok=True)
        return Git(path, f"Authorization: Bearer {token}" if token else "")

    def clone(self, address: str, folder: str, token: str) -> Git:
        """A clone of a repository."""
        path = self._folder / folder
        self.git(f"{folder}.of", token)("clone", "--quiet", address, str(path))
        git = Git(path, f"Authorization: Bearer {token}")
        git("checkout", "--quiet", "-B", "main")
        return git

    def row(self, name: str) -> Repository:
        """The row of a repository."""
        with self.platform.database.read() as tx:
            return repositories.found(tx, PROJECT, name)


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """An OpenID provider at which people log in, and whose tokens programs may bring."""
    provider = Provider()
    yield provider
    provider.stop()


@pytest.fixture(scope="session")
def _server_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the server logs is no output of the commands that run beside it."""
    with (tmp_path_factory.mktemp("log") / "server.log").open("w", encoding="utf-8") as file:
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=file))
        yield
        structlog.reset_defaults()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, provider: Provider, _server_log: None) -> Iterator[Site]:
    """One server for all tests; each makes repositories of its own."""
    root = tmp_path_factory.mktemp("site")
    home = Home(root / "home")
    home.prepare()
    listener = socket.create_server(("127.0.0.1", 0))
    port = int(listener.getsockname()[1])
    database = Database.at(home.database)
    with database.change_schema() as tx:
        metadata.create_all(tx)
    with database.write() as tx:
        principals.ensure_owner(tx, "owner", now=utc_now())
        projects.create(tx, PLATFORM, PROJECT, now=utc_now())
    platform = Platform(
        home=home,
        settings=Settings(
            door_port=port,
            trusted_issuers=provider.issuer,
            login_issuer=provider.issuer,
            login_client_id=CLIENT,
        ),
        database=database,
        blobs=BlobStore(home.blobs),
        sealer=Sealer(home.keys / "seal"),
        issuer=Issuer(home.keys, f"http://127.0.0.1:{port}"),
        door=f"http://127.0.0.1:{port}",
        endpoints_door="http://127.0.0.1:1",
        tracking_socket=root / "mlflow.sock",
        bell=Bell(),
        parts=dict,
    )
    config = uvicorn.Config(create_app(platform), log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    yield Site(platform, port, root)
    server.should_exit = True
    thread.join(10)
    database.close()


@pytest.fixture
def site(server: Site, tmp_path: Path) -> Site:
    """The server, with folders of this test."""
    return Site(server.platform, int(server.door.rpartition(":")[2]), tmp_path)


def pushes_of(site: Site, name: str) -> list[Push]:
    """The pushes to a repository, newest first."""
    known = site.row(name)
    with site.platform.database.read() as tx:
        return repository_rows.pushes_of(tx, known.id)


def wait_until(until: Callable[[], bool]) -> None:
    """Until what is told holds."""
    deadline = time.monotonic() + LIMIT
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@dataclass(frozen=True)
class Ran:
    """What one command did."""

    args: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Ran]


@pytest.fixture
def pratique(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process as somebody who is made on first use, an Owner by default."""
    with site.platform.database.write() as tx:
        groups.create(tx, PLATFORM, "rg", location="local", tags={}, now=utc_now())
    for name, value in (
        ("PRATIQUE_CONFIG_DIR", str(tmp_path / "config")), ("PRATIQUE_HOME", str(tmp_path / "nowhere")),
        ("PRATIQUE_URL", site.door), ("AZURE_DEFAULTS_GROUP", "rg"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)

    def command(*words: str, who: str = "ada", role: str | None = "Owner", stdin: str = "") -> Ran:
        monkeypatch.setenv("PRATIQUE_TOKEN", site.token(who, role))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        capfd.readouterr()
        # Some read --debug from there, as they do when it is typed.
        monkeypatch.setattr(sys, "argv", ["pratique", *words])
        code = run(list(words))
        out, err = capfd.readouterr()
        print(f"$ pratique {' '.join(words)} → {code}\n{out}{err}")  # Shown by pytest when the test fails.
        return Ran(words, code, out, err)

    return command


class House:
    """The platform that serves, its command line, and an engine that the test turns."""

    def __init__(self, site: Site, pratique: Run, *, workers: LocalCompute | None = None) -> None:
        self.site = site
        self._pratique = pratique
        known = site.platform
        self._bench: Any = SimpleNamespace(
            database=known.database, home=known.home, sealer=known.sealer, issuer=known.issuer, door=known.door,
            workers=workers or LocalCompute(), settings=Settings(),
        )  # fmt: skip
        self.new_engine()

    def new_engine(self) -> None:
        """Everything that an engine keeps in memory, anew; leases of the one before are dropped, as at its start."""
        with self.site.platform.database.write() as tx:
            delivery_run_rows.free_all(tx)
        self._moving = (RunSettler(self._bench), ServerJobs(self._bench), Triggers(self._bench))
        self._units = UnitRunner(self._bench, Stop(), at_once=4)

    def do(self, *words: str) -> Any:
        """Run a command that ends well; its document."""
        done = self._pratique(*words, "-o", "json")
        assert done.returncode == 0, done
        return json.loads(done.stdout) if done.stdout else None

    def ask(self, path: str) -> bytes:
        """What the API answers an Owner."""
        headers = {"Authorization": f"Bearer {self.site.token('ada', 'Owner')}"}
        request = urllib.request.Request(f"{self.site.door}/api/v1/{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())

    def turn(self) -> None:
        """Let everything move that can."""
        while any(one.step() for one in self._moving):
            pass
        self._units.step()
        time.sleep(0.05)

    def run_until(self, run: int, *, waits: bool = False) -> dict[str, Any]:
        """Turn until the run has ended, or until it waits for somebody."""
        ends = time.monotonic() + LIMIT
        while True:
            self.turn()
            found: dict[str, Any] = json.loads(self.ask(f"delivery/runs/{run}"))
            if found["status"] == "completed" or (waits and any(one["state"] == "waiting" for one in found["stages"])):
                return found
            assert time.monotonic() < ends, self.log(run)

    def log(self, run: int) -> str:
        return (self.site.platform.home.delivery_run(run) / "stream.log").read_text()
