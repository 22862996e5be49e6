"""What the doors serve follows the rows of endpoints and deployments.

`publish` is the only way to the gateway: it reads what is wished, publishes it
when it differs from what is served, and writes down which generation is served.
It returns when the gateway has taken the change, so that whoever calls it may
go on with what must come after, such as stopping an old replica.

A publication that fails is written on the endpoints that wait for it, and is
tried again, later each time, or at once when somebody wishes something else.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from pratique.base.clock import utc_now
from pratique.base.errors import ComputeFailed, PratiqueError
from pratique.base.logging import get_logger
from pratique.control import endpoints as endpoint_verbs
from pratique.control.actor import PLATFORM
from pratique.engine.failures import error_document
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
_LONGEST_PAUSE: Final = 60.0
"""Seconds between two tries of a publication that fails."""


@dataclass(frozen=True)
class _Wish:
    """What the doors should serve."""

    workspaces: Sequence[str]
    routes: Sequence[EndpointRoute]


@dataclass
class _Failure:
    """A publication that failed, and when it may be tried again."""

    wish: _Wish
    error: PratiqueError
    tries: int = 1
    not_before: float = field(default_factory=time.monotonic)


class Routes:
    """Publishes endpoints; one at a time, from any thread."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._lock = threading.Lock()
        self._served: _Wish | None = None
        self._refused: Mapping[str, str] = {}
        self._failure: _Failure | None = None

    def step(self) -> bool:
        """Publish when something changed; never finds more to do."""
        with self._lock:
            wish, unsettled = self._read()
            failed = self._failure
            if failed and failed.wish == wish and time.monotonic() < failed.not_before:
                return False
            self._publish(wish, unsettled)
        return False

    def publish(self) -> None:
        """Make the gateway serve what is wished now.

        Raises what the gateway raises; then the former routes stay.
        """
        with self._lock:
            self._publish(*self._read())

    def check(self, endpoint: str) -> None:
        """Raise `ComputeFailed` when the gateway refused `endpoint` (``workspace/name``) as it is wished now."""
        if reason := self._refused.get(endpoint):
            raise _refusal(reason)

    def _read(self) -> tuple[_Wish, list[OnlineEndpoint]]:
        """What is wished, and the endpoints of which the rows do not say yet that it is so."""
        with self._bench.database.read() as tx:
            wished = endpoints.every(tx)
            names = [workspace.name for workspace in workspaces.every(tx)]
            routes = [_route(tx, self._bench, endpoint) for endpoint in wished if not _is_going(endpoint)]
            unsettled = [endpoint for endpoint in wished if _is_unsettled(tx, endpoint)]
        return _Wish(names, routes), unsettled

    def _publish(self, wish: _Wish, unsettled: Sequence[OnlineEndpoint]) -> None:
        if wish != self._served:
            try:
                self._refused = self._bench.gateway.publish(wish.workspaces, wish.routes).rejected
            except PratiqueError as error:
                self._fail(wish, unsettled, error)
                raise
            self._served, self._failure = wish, None
        # Nothing is written without need: every write wakes all loops, this one too.
        if unsettled:
            with self._bench.database.write() as tx:
                for endpoint in unsettled:
                    _settle(tx, endpoint, self._refused.get(_label(endpoint)))

    def _fail(self, wish: _Wish, unsettled: Sequence[OnlineEndpoint], error: PratiqueError) -> None:
        """Nobody knows which routes are served now; say so on every endpoint that waits, once."""
        before = self._failure
        self._served = None
        tries = before.tries + 1 if before and before.wish == wish else 1
        pause = min(_LONGEST_PAUSE, 2.0**tries)
        self._failure = _Failure(wish, error, tries, time.monotonic() + pause)
        told = error_document(error)
        if news := [endpoint for endpoint in unsettled if endpoint.error != told]:
            with self._bench.database.write() as tx:
                for endpoint in news:
                    if _is_as_read(tx, endpoint):
                        state = endpoint.provisioning_state if _is_going(endpoint) else "Failed"
                        endpoints.change(tx, endpoint.id, error=told, provisioning_state=state, updated_at=utc_now())


def _is_going(endpoint: OnlineEndpoint) -> bool:
    return endpoint.provisioning_state == "Deleting"


def _is_unsettled(tx: Transaction, endpoint: OnlineEndpoint) -> bool:
    if _is_going(endpoint):
        return not deployments.of_endpoint(tx, endpoint.id)
    return endpoint.generation != endpoint.applied


def _is_as_read(tx: Transaction, endpoint: OnlineEndpoint) -> bool:
    """Whether nobody has wished anything else of `endpoint` since it was read."""
    now = endpoints.by_id(tx, endpoint.id)
    return now is not None and now.generation == endpoint.generation


def _settle(tx: Transaction, endpoint: OnlineEndpoint, reason: str | None) -> None:
    """Write down that the gateway serves this generation of `endpoint`, or why it does not."""
    if not _is_as_read(tx, endpoint):
        return
    now = utc_now()
    if _is_going(endpoint):
        if not deployments.of_endpoint(tx, endpoint.id):
            endpoints.remove(tx, endpoint.id)
            endpoint_verbs.tell(tx, PLATFORM, "Pratique.EndpointDeleted", endpoint, now=now)
        return
    state, error = ("Failed", error_document(_refusal(reason))) if reason else ("Succeeded", None)
    endpoints.change(
        tx, endpoint.id, applied=endpoint.generation, provisioning_state=state, error=error, updated_at=now
    )
    if reason:
        _log.warning("endpoint.refused", endpoint=endpoint.name, workspace=endpoint.workspace, reason=reason)


def _refusal(reason: str) -> ComputeFailed:
    return ComputeFailed(
        f"the gateway refused this endpoint: {reason}",
        hint="change what it refuses; until then the endpoint is served as it was before",
    )


def _label(endpoint: OnlineEndpoint) -> str:
    return f"{endpoint.workspace}/{endpoint.name}"


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
    wanted: Mapping[str, Any] = row.spec.get("request_settings") or {}
    milliseconds = wanted.get("request_timeout_ms")
    concurrency = wanted.get("max_concurrent_requests_per_instance")
    return DeploymentRoute(
        name=row.name,
        sockets=(socket_of(bench.home, row.id, row.applied),),
        request_timeout=timedelta(milliseconds=int(milliseconds)) if milliseconds else DEFAULT_TIMEOUT,
        # Azure refuses when more than twice the concurrency is pending.
        max_pending=2 * int(concurrency) if concurrency else None,
        max_body=bench.settings.score_body_limit_mb * 1_000_000,
        revision=row.applied,
    )
