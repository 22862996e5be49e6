"""The parts of one platform, made from its home and settings: the composition root.

Everything that has a constructor is constructed here and nowhere else; what
serves and what supervises share it.
"""

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from pratique.app.layout import API_SOCKET, ENVOY, MLFLOW, MLFLOW_SOCKET, doors_of, tracking_lock
from pratique.base.clock import utc_now
from pratique.base.home import Home
from pratique.base.logging import get_logger
from pratique.base.settings import Settings
from pratique.compute.cgroups import Cgroups, folders_of
from pratique.compute.environments import Environments
from pratique.compute.launching import Nursery
from pratique.compute.local import LocalCompute
from pratique.compute.sandbox import Sandbox
from pratique.compute.sources import package_copy
from pratique.compute.task import Task
from pratique.control import changed_outside, grants
from pratique.control.tokens import LONGEST, Issuer
from pratique.engine.delivery_units import WORKER
from pratique.engine.services import Service
from pratique.engine.starts import LOG_NAME
from pratique.gateway.publish import Gateway
from pratique.store.blobs import BlobStore
from pratique.store.database import Database
from pratique.store.sealing import Sealer
from pratique.tracking.server import PACKAGE, TrackingServer, is_ready

_log = get_logger(__name__)
_GRACE: Final = timedelta(seconds=10)
_RENEWED_BEFORE: Final = timedelta(days=2)
"""How long before the end of its token MLflow is started again with another."""


@dataclass(frozen=True)
class Parts:
    """What is made once per process."""

    home: Home
    settings: Settings
    database: Database
    blobs: BlobStore
    sealer: Sealer
    issuer: Issuer
    compute: LocalCompute
    workers: LocalCompute
    environments: Environments
    gateway: Gateway
    tracking: TrackingServer

    @property
    def door(self) -> str:
        """The origin of the front door."""
        return f"http://127.0.0.1:{self.settings.door_port}"

    @property
    def endpoints_door(self) -> str:
        """The origin where endpoints answer."""
        return f"http://127.0.0.1:{self.settings.endpoints_port}"


def make_parts(home: Home, settings: Settings) -> Parts:
    """Every part of the platform in `home`, which has been prepared; nothing is started."""
    sandbox = sandbox_of(home, settings)
    return Parts(
        home=home,
        settings=settings,
        database=Database(settings.database_url) if settings.database_url else Database.at(home.database),
        blobs=BlobStore(home.blobs),
        sealer=Sealer(home.keys / "sealing.key"),
        issuer=Issuer(home.keys, f"http://127.0.0.1:{settings.door_port}"),
        compute=LocalCompute(sandbox, Nursery(str(home.root)).launch, Cgroups(folders_of(settings.cgroups))),
        workers=LocalCompute(launch=Nursery(str(home.root), loads=WORKER).launch),
        environments=Environments(home.environments, is_protected=sandbox.is_in_force, conda_mode=settings.conda),
        gateway=Gateway(home, doors_of(home, settings)),
        tracking=TrackingServer(home),
    )


def sandbox_of(home: Home, settings: Settings) -> Sandbox:
    """How the code of users is kept from the platform's own files."""
    shared = tuple(Path(folder) for folder in settings.sandbox_paths.split(":") if folder)
    return Sandbox(settings.sandbox, hidden=(home.root, home.runtime), shared=shared)


def services_of(parts: Parts) -> tuple[Service, Service]:
    """Envoy and MLflow, as the engine keeps them running."""
    envoy = Service(
        ENVOY, parts.home, parts.compute, lambda folder: _envoy(parts, folder), lambda _: parts.gateway.is_ready()
    )
    mlflow_socket = parts.home.socket(MLFLOW_SOCKET)
    mlflow = Service(
        MLFLOW,
        parts.home,
        parts.compute,
        lambda folder: _mlflow(parts, folder),
        lambda within: is_ready(mlflow_socket, within),
        lifetime=LONGEST - _RENEWED_BEFORE,
    )
    return envoy, mlflow


def _envoy(parts: Parts, folder: Path) -> Task:
    write_bootstrap(parts)
    return _task(folder, parts.gateway.argv(), {"PATH": "/usr/bin:/bin"}, socket=None)


def write_bootstrap(parts: Parts) -> None:
    """Write what Envoy starts from, and into the journal which files it does not start from."""
    refused = parts.gateway.write_bootstrap()
    if refused:
        _log.warning("gateway.files_refused", files=", ".join(map(str, refused)))
        with parts.database.write() as tx:
            changed_outside.tell_files(tx, refused, now=utc_now())


def _mlflow(parts: Parts, folder: Path) -> Task:
    python = parts.environments.ensure(tracking_lock(parts.home, parts.environments), log=folder / LOG_NAME)
    token = grants.token_of_service(parts.issuer, "mlflow", lasting=LONGEST, now=utc_now())
    argv, environment = parts.tracking.command(
        python,
        package_copy(PACKAGE, parts.home.sources),
        parts.home.socket(API_SOCKET),
        token,
    )
    return _task(folder, argv, environment, socket=parts.home.socket(MLFLOW_SOCKET))


def _task(folder: Path, argv: tuple[str, ...], environment: Mapping[str, str], *, socket: Path | None) -> Task:
    return Task(
        folder=folder,
        argv=argv,
        environment=environment,
        working_folder=folder,
        log=folder / LOG_NAME,
        socket=socket,
        grace=_GRACE,
    )


def login_name() -> str:
    """The name of whoever runs this, for the owner of an embedded home."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "owner"
