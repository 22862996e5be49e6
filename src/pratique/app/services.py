"""Envoy and MLflow, as the engine keeps them running beside the server."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from pratique.app.layout import API_SOCKET, ENVOY, MLFLOW, MLFLOW_SOCKET, tracking_lock
from pratique.base.clock import utc_now
from pratique.base.logging import get_logger
from pratique.compute.sources import package_copy
from pratique.compute.task import Task
from pratique.control import changed_outside, grants
from pratique.control.tokens import LONGEST
from pratique.engine.services import Service
from pratique.engine.starts import LOG_NAME
from pratique.engine.workbench import Workbench
from pratique.tracking.server import PACKAGE, TrackingServer, is_ready

_log = get_logger(__name__)
_GRACE: Final = timedelta(seconds=10)
_RENEWED_BEFORE: Final = timedelta(days=2)
"""How long before the end of its token MLflow is started again with another."""


def services_of(bench: Workbench) -> tuple[Service, Service]:
    """Envoy and MLflow, in this order."""
    envoy = Service(
        ENVOY, bench.home, bench.compute, lambda folder: _envoy(bench, folder), lambda _: bench.gateway.is_ready()
    )
    mlflow_socket = bench.home.socket(MLFLOW_SOCKET)
    mlflow = Service(
        MLFLOW,
        bench.home,
        bench.compute,
        lambda folder: _mlflow(bench, folder),
        lambda within: is_ready(mlflow_socket, within),
        lifetime=LONGEST - _RENEWED_BEFORE,
    )
    return envoy, mlflow


def _envoy(bench: Workbench, folder: Path) -> Task:
    write_bootstrap(bench)
    return _task(folder, bench.gateway.argv(), {"PATH": "/usr/bin:/bin"}, socket=None)


def write_bootstrap(bench: Workbench) -> None:
    """Write what Envoy starts from, and into the journal which files it does not start from."""
    refused = bench.gateway.write_bootstrap()
    if refused:
        _log.warning("gateway.files_refused", files=", ".join(map(str, refused)))
        with bench.database.write() as tx:
            changed_outside.tell_files(tx, refused, now=utc_now())


def _mlflow(bench: Workbench, folder: Path) -> Task:
    python = bench.environments.ensure(tracking_lock(bench.home, bench.environments), log=folder / LOG_NAME)
    token = grants.token_of_service(bench.issuer, "mlflow", lasting=LONGEST, now=utc_now())
    argv, environment = TrackingServer(bench.home).command(
        python,
        package_copy(PACKAGE, bench.home.sources),
        bench.home.socket(API_SOCKET),
        token,
    )
    return _task(folder, argv, environment, socket=bench.home.socket(MLFLOW_SOCKET))


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
