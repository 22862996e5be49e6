"""Where the services of a home are and what they are called; light, because `up` and `status` begin here."""

import ipaddress
import re
import sys
from pathlib import Path
from typing import Final

from pratique.base.errors import InvalidInput, Problem
from pratique.base.home import Home
from pratique.base.settings import Settings
from pratique.compute.environments import Environments
from pratique.compute.locks import Lock
from pratique.gateway.model import Doors, Tls
from pratique.gateway.ports import LOOPBACK
from pratique.tracking.server import TrackingServer

ENVOY: Final = "envoy"
MLFLOW: Final = "mlflow"
SERVER: Final = "server"
API_SOCKET: Final = "api"
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,45}", re.ASCII)
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
        tls=_tls_of(settings),
        inside_socket=home.inside_door,
        identity_socket=home.identity_door,
    )


def tls_doors(settings: Settings) -> dict[str, str]:
    """The addresses of the doors that others reach, by what is behind; empty when none is open to them."""
    tls = _tls_of(settings)
    host = next(iter(tls.names), tls.address) if tls else ""
    ports = {"door": settings.tls_door_port, "endpoints": settings.tls_endpoints_port}
    return {name: f"https://{host}:{port}" for name, port in ports.items() if tls and port}


def _tls_of(settings: Settings) -> Tls | None:
    """Where the doors are open to others; raises `InvalidInput` for settings that contradict one another."""
    names = tuple(name.strip() for name in settings.tls_names.split(",") if name.strip())
    if not settings.tls_door_port and not settings.tls_endpoints_port:
        if settings.tls_address != LOOPBACK:
            raise _contradiction(
                "tls_address",
                f"nothing listens at {settings.tls_address}: plain HTTP stays on loopback",
                "set tls_door_port or tls_endpoints_port, which are over TLS",
            )
        return None
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise _contradiction("tls_certificate", "a certificate and its key go together", "set tls_key as well")
    _check_address(settings.tls_address)
    if settings.tls_address != LOOPBACK and not names:
        raise _contradiction("tls_names", "others have to call this machine by a name", "such as ml.example.org")
    for name in names:
        if not _HOST.fullmatch(name):
            raise _contradiction("tls_names", f"{name[:80]!r} is no name of a machine", "such as ml.example.org")
    return Tls(
        address=settings.tls_address,
        door_port=settings.tls_door_port or None,
        endpoints_port=settings.tls_endpoints_port or None,
        names=names,
        certificate=Path(settings.tls_certificate),
        key=Path(settings.tls_key),
    )


def _check_address(address: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError as error:
        raise _contradiction("tls_address", f"{address[:80]!r} is no address", "such as 0.0.0.0") from error


def _contradiction(key: str, said: str, hint: str) -> InvalidInput:
    return InvalidInput(f"{key}: {said}", hint=hint, problems=[Problem(said, key=key, hint=hint)])


def tracking_lock(home: Home, environments: Environments) -> Lock:
    """The lock of MLflow's own environment, for the Python that runs the platform itself."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return environments.adopt(TrackingServer(home).requirements(), version)
