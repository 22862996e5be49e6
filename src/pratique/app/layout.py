"""Where the services of a home are and what they are called; light, because `up` and `status` begin here."""

import sys
from typing import Final

from pratique.base.home import Home
from pratique.base.settings import Settings
from pratique.compute.environments import Environments, Lock
from pratique.gateway.model import Doors
from pratique.tracking.server import TrackingServer

ENVOY: Final = "envoy"
MLFLOW: Final = "mlflow"
SERVER: Final = "server"
API_SOCKET: Final = "api"
MLFLOW_SOCKET: Final = "mlflow"


def doors_of(home: Home, settings: Settings) -> Doors:
    """Where the two doors listen and what is behind the first."""
    return Doors(
        door_port=settings.door_port,
        endpoints_port=settings.endpoints_port,
        api_socket=home.socket(API_SOCKET),
        mlflow_socket=home.socket(MLFLOW_SOCKET),
        score_body_limit=settings.score_body_limit_mb * 1_000_000,
        upload_body_limit=settings.upload_body_limit_mb * 1_000_000,
    )


def tracking_lock(home: Home, environments: Environments) -> Lock:
    """The lock of MLflow's own environment, for the Python that runs the platform itself."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return environments.adopt(TrackingServer(home).requirements(), version)
