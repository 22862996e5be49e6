"""The MLflow routes of the web on a real database and content store, without the rest of the platform."""

import asyncio
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from pratique.base.clock import utc_now
from pratique.base.home import Home
from pratique.base.settings import Settings
from pratique.control import groups, workspaces
from pratique.control.actor import PLATFORM
from pratique.control.grants import token_of, token_of_service
from pratique.control.tokens import Issuer
from pratique.store import principals
from pratique.store.blobs import BlobStore
from pratique.store.database import Database
from pratique.store.principals import Principal, RoleAssignment
from pratique.store.schema import metadata
from pratique.store.sealing import Sealer
from pratique.web import errors
from pratique.web.auth import check_routes
from pratique.web.bell import Bell
from pratique.web.mlflow import artifacts, registry, service
from pratique.web.platform import Platform

WORKSPACES = ("dev", "qua")
"""The two workspaces of these tests; ``ada`` owns the home, ``rob`` reads dev."""


class AppTransport(httpx.BaseTransport):
    """Hands requests to the application itself, without a network."""

    def __init__(self, app: FastAPI) -> None:
        self._transport = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = httpx.ByteStream(request.read())  # A stream, so that no length is announced which was not.
        copy = httpx.Request(request.method, request.url, headers=request.headers, stream=body)

        async def ask() -> httpx.Response:
            answer = await self._transport.handle_async_request(copy)
            return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

        return asyncio.run(ask())


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    """One key for all tests, because making one takes longer than a test."""
    return Issuer(tmp_path_factory.mktemp("keys"), "http://127.0.0.1:7070")


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the workspaces and people of these tests; each test copies it."""
    file = tmp_path_factory.mktemp("filled") / "pratique.db"
    database = Database.at(file)
    with database.change_schema() as tx:
        metadata.create_all(tx)
    _populate(database, datetime(2026, 3, 1, tzinfo=UTC))
    database.close()
    return file


@pytest.fixture
def platform(tmp_path: Path, issuer: Issuer, filled: Path) -> Iterator[Platform]:
    home = Home(tmp_path / "home")
    for folder in (home.root, home.keys, home.blobs):
        folder.mkdir(mode=0o700)
    shutil.copyfile(filled, home.database)
    database = Database.at(home.database)
    platform = Platform(
        home=home,
        settings=Settings(upload_body_limit_mb=3),
        database=database,
        blobs=BlobStore(home.blobs),
        sealer=Sealer(home.keys / "sealing.key"),
        issuer=issuer,
        door="http://127.0.0.1:7070",
        endpoints_door="http://127.0.0.1:7071",
        tracking_socket=tmp_path / "mlflow.sock",
        bell=Bell(),
        parts=dict,
    )
    yield platform
    database.close()


@pytest.fixture(scope="session")
def routes() -> FastAPI:
    """The application with its routes, made once; the platform behind it is each test's own."""
    app = FastAPI(docs_url=None, redoc_url=None)
    errors.install(app)
    for part in (registry, artifacts, service):
        app.include_router(part.router)
    check_routes(app)
    return app


@pytest.fixture
def app(routes: FastAPI, platform: Platform) -> FastAPI:
    routes.state.platform = platform
    return routes


@pytest.fixture
def owner(app: FastAPI, platform: Platform) -> httpx.Client:
    return _client(app, _token(platform, "ada"))


@pytest.fixture
def reader(app: FastAPI, platform: Platform) -> httpx.Client:
    return _client(app, _token(platform, "rob"))


@pytest.fixture
def nobody(app: FastAPI) -> httpx.Client:
    return _client(app, "")


@pytest.fixture
def tracking(app: FastAPI, platform: Platform) -> httpx.Client:
    """The MLflow server itself."""
    return _client(app, token_of_service(platform.issuer, "mlflow", lasting=timedelta(hours=1), now=utc_now()))


def _client(app: FastAPI, token: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(transport=AppTransport(app), base_url="http://door", headers=headers)


def _token(platform: Platform, name: str) -> str:
    with platform.database.read() as tx:
        principal = principals.named(tx, name)
    assert principal
    return token_of(platform.issuer, principal, lasting=timedelta(hours=1), now=utc_now())


def _populate(database: Database, now: datetime) -> None:
    with database.write() as tx:
        groups.create(tx, PLATFORM, "team", location="local", tags={}, now=now)
        for name in WORKSPACES:
            workspaces.create(tx, PLATFORM, {"name": name}, group="team", now=now)
        for number, (name, role, scope) in enumerate([("ada", "Owner", "/"), ("rob", "Reader", "/workspaces/dev")]):
            id_ = f"00000000-0000-7000-8000-00000000000{number}"
            principals.add(tx, Principal(id_, "user", name, name, None, None, now))
            principals.assign(tx, RoleAssignment(f"a{number}", id_, role, scope, now, {}))
