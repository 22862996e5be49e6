"""A database of its own for every test: a copy of one that is made once from the tables themselves."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pratique.content.manifest import Entry, Manifest
from pratique.control import assets, deployments, endpoints, jobs
from pratique.control.actor import Actor, Grant
from pratique.control.assets import Kind
from pratique.store import events, groups, holdings, workspaces
from pratique.store.assets import AssetVersion
from pratique.store.database import Database
from pratique.store.deployments import OnlineDeployment
from pratique.store.endpoints import OnlineEndpoint
from pratique.store.events import StoredEvent
from pratique.store.groups import ResourceGroup
from pratique.store.jobs import Job
from pratique.store.schema import metadata
from pratique.store.sealing import Sealer
from pratique.store.workspaces import Workspace


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "pratique.db"
    database = Database.at(path)
    with database.change_schema() as tx:
        metadata.create_all(tx)
    database.close()
    return path


@pytest.fixture
def database(tmp_path: Path, empty_database: Path) -> Iterator[Database]:
    path = tmp_path / "pratique.db"
    shutil.copyfile(empty_database, path)
    database = Database.at(path)
    yield database
    database.close()


# --- a home with something in it ----------------------------------------------------------------------------------

CONDA = {"dependencies": ["python=3.11", {"pip": ["numpy==1.26.4"]}]}


@dataclass(frozen=True)
class World:
    """A home with the group team, the workspaces dev and qa-1, and who may do something there."""

    database: Database
    now: datetime
    sealer: Sealer

    owner: ClassVar[Actor] = Actor("1", "ann", "user", (Grant("Owner", "/"),))
    reader: ClassVar[Actor] = Actor("2", "rob", "user", (Grant("Reader", "/workspaces/dev"),))

    def upload(self, files: Mapping[str, bytes], name: str, *, workspace: str = "dev") -> str:
        """Let the workspace hold files, as a client does, and return how a spec names them."""
        entries = [Entry(path, hashlib.sha256(data).hexdigest(), len(data)) for path, data in files.items()]
        manifest = Manifest(entries)
        with self.database.write() as tx:
            holdings.hold(tx, workspace, "blob", [(entry.digest, entry.size) for entry in entries], now=self.now)
            holdings.add_manifest(tx, workspace, manifest, now=self.now)
        return f"upload:{manifest.digest}/{name}"

    def asset(self, kind: Kind, name: str, *, text: str = "x", workspace: str = "dev", **spec: Any) -> AssetVersion:
        """Make a version of an asset; `text` is its content."""
        given: dict[str, Any] = {"name": name, **spec}
        if kind == "environments":
            given.setdefault("conda_file", CONDA)
        else:
            given.setdefault("path", self.upload({"file.txt": text.encode()}, "folder", workspace=workspace))
        with self.database.write() as tx:
            return assets.create(tx, self.owner, workspace, kind, given, now=self.now)

    def job(self, **spec: Any) -> Job:
        """Make a job in dev."""
        given = {"command": "true", "environment": {"conda_file": CONDA}, **spec}
        with self.database.write() as tx:
            return jobs.create(tx, self.owner, "dev", given, git={}, now=self.now)

    def endpoint(self, name: str = "credit", **spec: Any) -> OnlineEndpoint:
        """Make an endpoint in dev."""
        with self.database.write() as tx:
            return endpoints.write(tx, self.owner, "dev", {"name": name, **spec}, sealer=self.sealer, now=self.now)

    def deployment(self, name: str = "blue", endpoint: str = "credit", **spec: Any) -> OnlineDeployment:
        """Make a deployment of an MLflow model, or of what `spec` says."""
        given = {"name": name, "model": {"path": self.upload({"MLmodel": b""}, "model"), "type": "mlflow_model"}}
        with self.database.write() as tx:
            return deployments.write(tx, self.owner, "dev", endpoint, given | spec, all_traffic=False, now=self.now)

    def told(self) -> list[StoredEvent]:
        """The journal."""
        with self.database.read() as tx:
            return events.after(tx, 0, limit=1000)


@pytest.fixture(scope="session")
def filled_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    database, moment = Database.at(folder / "pratique.db"), datetime(2026, 2, 1, tzinfo=UTC)
    with database.change_schema() as tx:
        metadata.create_all(tx)
    with database.write() as tx:
        groups.add(tx, ResourceGroup("team", "local", {}, moment))
        for name in ("dev", "qa-1"):
            workspaces.add(tx, Workspace(name, "team", "local", name, "", {}, moment, {}))
    database.close()
    return folder / "pratique.db"


@pytest.fixture
def world(tmp_path: Path, filled_database: Path, now: datetime) -> Iterator[World]:
    path = tmp_path / "world.db"
    shutil.copyfile(filled_database, path)
    database = Database.at(path)
    yield World(database, now, Sealer(tmp_path / "seal"))
    database.close()
