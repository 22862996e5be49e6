"""What the doors serve follows the rows of endpoints and deployments.

`publish` is the only way to the gateway: it reads what is wished, publishes it
when it differs from what is served, and writes down which generation is served.
It returns when the gateway has taken the change, so that whoever calls it may
go on with what must come after, such as stopping an old replica.
"""

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from pratique.base.clock import utc_now
from pratique.base.logging import get_logger
from pratique.control import endpoints as endpoint_verbs
from pratique.control.actor import PLATFORM
from pratique.engine.replicas import socket_of
from pratique.engine.workbench import Workbench
from pratique.gateway.model import DeploymentRoute, EndpointRoute
from pratique.store import deployments, endpoints, workspaces
from pratique.store.database import Transaction
from pratique.store.deployments import OnlineDeployment
from pratique.store.endpoints import OnlineEndpoint

_log = get_logger(__name__)
DEFAULT_TIMEOUT: Final = timedelta(milliseconds=5000)
"""Azure's default of `request_settings.request_timeout_ms`."""


class Routes:
    """Publishes endpoints; one at a time, from any thread."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._lock = threading.Lock()
        self._served: Any = None

    def step(self) -> bool:
        """Publish when something changed; never finds more to do."""
        self.publish()
        return False

    def publish(self) -> None:
        """Make the gateway serve what is wished now."""
        with self._lock:
            with self._bench.database.read() as tx:
                wished = endpoints.every(tx)
                names = [workspace.name for workspace in workspaces.every(tx)]
                routes = [_route(tx, self._bench, endpoint) for endpoint in wished if _is_served(endpoint)]
            rejected: Mapping[str, str] = {}
            if (names, routes) != self._served:
                rejected = self._bench.gateway.publish(names, routes).rejected
                self._served = None if rejected else (names, routes)
            if any(endpoint.generation != endpoint.applied for endpoint in wished):
                self._apply(wished, rejected)

    def _apply(self, wished: list[OnlineEndpoint], rejected: Mapping[str, str]) -> None:
        with self._bench.database.write() as tx:
            for endpoint in wished:
                if endpoint.generation != endpoint.applied:
                    _settle(tx, endpoint, rejected.get(f"{endpoint.workspace}/{endpoint.name}"))


def _is_served(endpoint: OnlineEndpoint) -> bool:
    return endpoint.provisioning_state != "Deleting"


def _settle(tx: Transaction, endpoint: OnlineEndpoint, refusal: str | None) -> None:
    """Write down that the gateway serves this generation of `endpoint`, or why it does not."""
    now = utc_now()
    if endpoint.provisioning_state == "Deleting":
        if not deployments.of_endpoint(tx, endpoint.id):
            endpoints.remove(tx, endpoint.id)
            endpoint_verbs.tell(tx, PLATFORM, "Pratique.EndpointDeleted", endpoint, now=now)
        return
    if refusal:
        error = {"message": f"the gateway refused this endpoint: {refusal}", "hint": "", "log_tail": []}
        endpoints.change(
            tx, endpoint.id, applied=endpoint.generation, provisioning_state="Failed", error=error, updated_at=now
        )
        _log.warning("endpoint.refused", endpoint=endpoint.name, workspace=endpoint.workspace)
        return
    endpoints.change(
        tx, endpoint.id, applied=endpoint.generation, provisioning_state="Succeeded", error=None, updated_at=now
    )


def _route(tx: Transaction, bench: Workbench, endpoint: OnlineEndpoint) -> EndpointRoute:
    live = [row for row in deployments.of_endpoint(tx, endpoint.id) if row.applied and not row.is_going]
    names = {row.name for row in live}
    return EndpointRoute(
        workspace=endpoint.workspace,
        name=endpoint.name,
        keys=endpoint_verbs.opened_keys(endpoint, bench.sealer),
        traffic={name: share for name, share in endpoint.traffic.items() if name in names},
        mirror={name: share for name, share in endpoint.mirror_traffic.items() if name in names},
        deployments=tuple(_deployment(bench, row) for row in live),
    )


def _deployment(bench: Workbench, row: OnlineDeployment) -> DeploymentRoute:
    wanted = row.spec.get("request_settings") or {}
    milliseconds = wanted.get("request_timeout_ms")
    concurrency = wanted.get("max_concurrent_requests_per_instance")
    return DeploymentRoute(
        name=row.name,
        sockets=(socket_of(bench.home, row.id, row.applied),),
        request_timeout=timedelta(milliseconds=int(milliseconds)) if milliseconds else DEFAULT_TIMEOUT,
        # Azure refuses when more than twice the concurrency is pending.
        max_pending=2 * int(concurrency) if concurrency else None,
        max_body=bench.settings.score_body_limit_mb * 1_000_000,
    )
