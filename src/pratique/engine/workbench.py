"""Everything that the engine works with, in one value."""

from dataclasses import dataclass, field

from pratique.base.home import Home
from pratique.base.settings import Settings
from pratique.compute.environments import Environments
from pratique.compute.local import LocalCompute
from pratique.control.tokens import Issuer
from pratique.gateway.publish import Gateway
from pratique.store.blobs import BlobStore
from pratique.store.database import Database
from pratique.store.sealing import Sealer
from pratique.tracking.client import RunsClient


@dataclass(frozen=True)
class Workbench:
    """The parts below the engine, made once by the composition root."""

    home: Home
    settings: Settings
    database: Database
    blobs: BlobStore
    sealer: Sealer
    issuer: Issuer
    compute: LocalCompute
    environments: Environments
    gateway: Gateway
    runs: RunsClient
    door: str
    """The origin of the front door, such as ``http://127.0.0.1:7070``."""
    workers: LocalCompute = field(default_factory=LocalCompute)
    """The same machine, for the workers of units: it may have loaded their module."""
