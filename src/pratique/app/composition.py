"""The composition root: everything that has a constructor is constructed here, from a home and its settings.

What serves and what supervises share it.
"""

import getpass
from functools import partial
from pathlib import Path

from pratique.app.layout import MLFLOW_SOCKET, doors_of
from pratique.base.home import Home
from pratique.base.settings import Settings
from pratique.compute.cgroups import Cgroups, folders_of
from pratique.compute.environments import Environments
from pratique.compute.launching import Nursery
from pratique.compute.local import LocalCompute
from pratique.compute.sandbox import Sandbox
from pratique.control.tokens import Issuer
from pratique.control.workspaces import tracking_of
from pratique.engine.delivery_units import WORKER
from pratique.engine.workbench import Workbench
from pratique.gateway.publish import Gateway
from pratique.store.blobs import BlobStore
from pratique.store.database import Database
from pratique.store.sealing import Sealer
from pratique.tracking.client import RunsClient


def workbench_of(home: Home, settings: Settings) -> Workbench:
    """What the engine of `home`, which has been prepared, works with; nothing is started."""
    sandbox = sandbox_of(home, settings)
    database = database_of(home, settings)
    return Workbench(
        home=home,
        settings=settings,
        database=database,
        blobs=BlobStore(home.blobs),
        sealer=Sealer(home.keys / "sealing.key"),
        issuer=Issuer(home.keys, settings.door),
        compute=LocalCompute(sandbox, Nursery(str(home.root)).launch, Cgroups(folders_of(settings.cgroups))),
        workers=LocalCompute(launch=Nursery(str(home.root), loads=WORKER).launch),
        environments=Environments(home.environments, is_protected=sandbox.is_in_force, conda_mode=settings.conda),
        gateway=Gateway(home, doors_of(home, settings)),
        runs=RunsClient(home.socket(MLFLOW_SOCKET), partial(tracking_of, database)),
        door=settings.door,
    )


def database_of(home: Home, settings: Settings) -> Database:
    """The database that the settings name, else the one in `home`."""
    return Database(settings.database_url) if settings.database_url else Database.at(home.database)


def sandbox_of(home: Home, settings: Settings) -> Sandbox:
    """How the code of users is kept from the platform's own files."""
    shared = tuple(Path(folder) for folder in settings.sandbox_paths.split(":") if folder)
    return Sandbox(settings.sandbox, hidden=(home.root, home.runtime), shared=shared)


def login_name() -> str:
    """The name of whoever runs this, for the owner of an embedded home."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "owner"
