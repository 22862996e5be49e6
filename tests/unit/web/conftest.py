"""The web application over a real database, called without a network."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI

from pratique.base.clock import utc_now
from pratique.base.home import Home
from pratique.base.settings import Settings
from pratique.control import principals, roles
from pratique.control.actor import PLATFORM
from pratique.control.credentials import Credential
from pratique.control.grants import token_of
from pratique.control.tokens import Issuer
from pratique.store import groups, workspaces
from pratique.store.blobs import BlobStore
from pratique.store.database import Database
from pratique.store.groups import ResourceGroup
from pratique.store.schema import metadata
from pratique.store.sealing import Sealer
from pratique.store.workspaces import Workspace
from pratique.web.app import create_app
from pratique.web.bell import Bell
from pratique.web.platform import Platform

DOOR: Final = "http://127.0.0.1:7070"


class Caller:
    """Sends requests as one client does, which keeps its cookies."""

    def __init__(self, app: FastAPI, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=DOOR)
        self.cookies = self._client.cookies

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._runner.run(self._client.request(method, path, **options))


@pytest.fixture(scope="session")
def first_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with user ann, its Owner, the workspaces dev and qa-1, and a signing key; each test copies it."""
    root = tmp_path_factory.mktemp("first") / "home"
    for folder in (root, root / "keys", root / "blobs"):
        folder.mkdir(mode=0o700)
    database, now = Database.at(root / "pratique.db"), utc_now()
    with database.change_schema() as tx:
        metadata.create_all(tx)
    with database.write() as tx:
        principals.ensure_owner(tx, "ann", now=now)
        groups.add(tx, ResourceGroup("team", "local", {}, now))
        for name in ("dev", "qa-1"):
            workspaces.add(tx, Workspace(name, "team", "local", name, "", {}, now, {}))
    database.close()
    Issuer(root / "keys", DOOR).jwks(now=now)
    return root


@pytest.fixture(scope="session")
def whole_app(first_home: Path) -> FastAPI:
    """Every route of the application, made once; `app` gives it the platform of a test."""
    platform = _platform(first_home)
    platform.database.close()
    return create_app(platform)


@pytest.fixture
def platform(tmp_path: Path, first_home: Path) -> Iterator[Platform]:
    shutil.copytree(first_home, tmp_path / "home")
    platform = _platform(tmp_path / "home")
    yield platform
    platform.database.close()


def _platform(root: Path) -> Platform:
    home = Home(root)
    return Platform(
        home=home,
        settings=Settings(),
        database=Database.at(home.database),
        blobs=BlobStore(home.blobs),
        sealer=Sealer(home.keys / "seal"),
        issuer=Issuer(home.keys, DOOR),
        door=DOOR,
        endpoints_door="http://127.0.0.1:7071",
        tracking_socket=root / "mlflow.sock",
        bell=Bell(),
        parts=lambda: {"gateway": "ready"},
    )


@pytest.fixture
def app(whole_app: FastAPI, platform: Platform) -> FastAPI:
    whole_app.state.platform = platform
    return whole_app


@pytest.fixture
def call(app: FastAPI) -> Iterator[Caller]:
    """One client without credentials."""
    with asyncio.Runner() as runner:
        yield Caller(app, runner)


@pytest.fixture
def bearer(platform: Platform) -> Callable[..., dict[str, str]]:
    """The header of a user who is made on first use: ``bearer("bob", "Reader", "/workspaces/dev")``."""

    def header(name: str, role: str | None = None, scope: str = "/") -> dict[str, str]:
        now = utc_now()
        with platform.database.write() as tx:
            known = {user.name: user for user in principals.every(tx, PLATFORM, kind="user")}
            credential = Credential("", "$argon2id$unused", now)
            user = known.get(name) or principals.create_user(
                tx, PLATFORM, name, display_name="", credential=credential, now=now
            )
            if role:
                roles.assign(tx, PLATFORM, role=role, assignee=name, scope=scope, now=now)
        return {"Authorization": f"Bearer {token_of(platform.issuer, user, lasting=timedelta(hours=1), now=now)}"}

    return header
