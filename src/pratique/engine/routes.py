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
from dataclasses import dataclass, field, replace
from typing import Final

from pratique.base.clock import utc_now
from pratique.base.errors import ComputeFailed, PratiqueError
from pratique.base.logging import get_logger
from pratique.control import endpoints as endpoint_verbs
from pratique.control.actor import PLATFORM
from pratique.engine import endpoint_tokens
from pratique.engine.apis import ApiRoutes, ApiRows
from pratique.engine.failures import error_document
from pratique.engine.launches import request_timeout
from pratique.engine.replicas import socket_of
from pratique.engine.workbench import Workbench
from pratique.gateway.apis import ApiRoute
from pratique.gateway.model import DeploymentRoute, EndpointRoute, EndpointTokens
from pratique.store import apim, deployments, endpoints, replicas, workspaces
from pratique.store.apim import Api
from pratique.store.database import Transaction
from pratique.store.deployments import ServedDeployment
from pratique.store.endpoints import OnlineEndpoint
from pratique.store.replicas import Replica

_log = get_logger(__name__)
_LONGEST_PAUSE: Final = 60.0
"""Seconds between two tries of a publication that fails."""


@dataclass(frozen=True)
class _Wish:
    """What the doors should serve."""

    workspaces: Sequence[str]
    routes: Sequence[EndpointRoute]
    apis: Sequence[ApiRoute] = ()


@dataclass(frozen=True)
class _Unsettled:
    """Of which the rows do not say yet that they are served as they are wished."""

    endpoints: Sequence[OnlineEndpoint]
    apis: Sequence[Api]
    """All of them: a policy that could be read may not be read any more, without anybody having wished anything."""


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
        self._opened: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {}
        self._made: dict[str, tuple[object, EndpointRoute]] = {}
        self._apis = ApiRoutes(bench.sealer)

    def step(self) -> bool:
        """Publish when something changed; never finds more to do."""
        with self._lock:
            wish, unsettled = self._read()
            failed = self._failure
            if failed and failed.wish == wish and time.monotonic() < failed.not_before:
                return False
            self._publish(wish, unsettled)
        self._bench.gateway.forget_former()
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

    def _read(self) -> tuple[_Wish, _Unsettled]:
        """What is wished, and of what the rows do not say yet that it is so."""
        with self._bench.database.read() as tx:
            wished = endpoints.every(tx)
            names = [workspace.name for workspace in workspaces.every(tx)]
            behind: dict[str, list[ServedDeployment]] = {}
            for row in deployments.served(tx):
                behind.setdefault(row.endpoint_id, []).append(row)
            processes = replicas.by_deployment(tx)
            rows = ApiRows.of(tx)
            served = [endpoint for endpoint in wished if not _is_going(endpoint)]
            tokens = endpoint_tokens.of_endpoints(tx, served, self._bench.issuer, now=utc_now())
        routes = [
            self._route(endpoint, behind.get(endpoint.id, ()), processes, tokens.get(endpoint.id))
            for endpoint in served
        ]
        there = {endpoint.id for endpoint in served}
        self._made = {identity: known for identity, known in self._made.items() if identity in there}
        self._opened = {identity: known for identity, known in self._opened.items() if identity in there}
        apis = self._apis.made(rows, {route.label: route for route in routes})
        unsettled = [endpoint for endpoint in wished if _is_unsettled(endpoint, behind.get(endpoint.id, ()))]
        return _Wish(names, routes, apis), _Unsettled(unsettled, rows.apis)

    def _route(
        self,
        endpoint: OnlineEndpoint,
        behind: Sequence[ServedDeployment],
        processes: Mapping[str, Sequence[Replica]],
        tokens: EndpointTokens | None,
    ) -> EndpointRoute:
        """Made once of the same rows: after a commit mostly one of a thousand endpoints has changed, or none."""
        made_of = (endpoint, behind, [processes.get(row.id) for row in behind], tokens)
        known = self._made.get(endpoint.id)
        if known is None or known[0] != made_of:
            made = replace(self._routed(endpoint, behind, processes), tokens=tokens)
            known = self._made[endpoint.id] = (made_of, made)
        return known[1]

    def _routed(
        self,
        endpoint: OnlineEndpoint,
        behind: Sequence[ServedDeployment],
        processes: Mapping[str, Sequence[Replica]],
    ) -> EndpointRoute:
        live = sorted((row for row in behind if row.applied and not row.is_going), key=lambda row: row.name)
        names = {row.name for row in live}
        return EndpointRoute(
            workspace=endpoint.workspace,
            name=endpoint.name,
            keys=self._keys(endpoint),
            traffic={name: share for name, share in endpoint.traffic.items() if name in names},
            mirror={name: share for name, share in endpoint.mirror_traffic.items() if name in names},
            deployments=tuple(_deployment(self._bench, row, processes.get(row.id, ())) for row in live),
            is_private=endpoint.spec.get("public_network_access") == "disabled",
        )

    def _keys(self, endpoint: OnlineEndpoint) -> tuple[str, str]:
        """Both keys in clear; opened once, because a thousand endpoints have two thousand."""
        sealed = (endpoint.primary_key, endpoint.secondary_key)
        if self._opened.get(endpoint.id, (None,))[0] != sealed:
            self._opened[endpoint.id] = (sealed, endpoint_verbs.opened_keys(endpoint, self._bench.sealer))
        return self._opened[endpoint.id][1]

    def _publish(self, wish: _Wish, unsettled: _Unsettled) -> None:
        if wish != self._served:
            try:
                self._refused = self._bench.gateway.publish(wish.workspaces, wish.routes, wish.apis).rejected
            except PratiqueError as error:
                self._fail(wish, unsettled, error)
                raise
            self._served, self._failure = wish, None
        # Nothing is written without need: every write wakes all loops, this one too.
        apis = [(api, reason) for api in unsettled.apis if _is_news(api, reason := self._why_refused(api))]
        if unsettled.endpoints or apis:
            with self._bench.database.write() as tx:
                for endpoint in unsettled.endpoints:
                    _settle(tx, endpoint, self._refused.get(_label(endpoint)))
                for api, reason in apis:
                    _settle_api(tx, api, reason)

    def _why_refused(self, api: Api) -> str | None:
        """Why `api` is not served as it is wished; None when it is."""
        label = f"apis/{api.service}/{api.name}"
        return self._apis.broken.get(label) or self._refused.get(label)

    def _fail(self, wish: _Wish, unsettled: _Unsettled, error: PratiqueError) -> None:
        """Nobody knows which routes are served now; say so on every endpoint that waits, once."""
        before = self._failure
        self._served = None
        tries = before.tries + 1 if before and before.wish == wish else 1
        pause = min(_LONGEST_PAUSE, 2.0**tries)
        self._failure = _Failure(wish, error, tries, time.monotonic() + pause)
        told = error_document(error)
        if news := [endpoint for endpoint in unsettled.endpoints if endpoint.error != told]:
            with self._bench.database.write() as tx:
                for endpoint in news:
                    if _is_as_read(tx, endpoint):
                        state = endpoint.provisioning_state if _is_going(endpoint) else "Failed"
                        endpoints.change(tx, endpoint.id, error=told, provisioning_state=state, updated_at=utc_now())


def _is_going(endpoint: OnlineEndpoint) -> bool:
    return endpoint.provisioning_state == "Deleting"


def _is_unsettled(endpoint: OnlineEndpoint, behind: Sequence[ServedDeployment]) -> bool:
    return not behind if _is_going(endpoint) else endpoint.generation != endpoint.applied


def _is_news(api: Api, reason: str | None) -> bool:
    """Whether the row of `api` does not say yet that it is served as it is wished, or that it is not."""
    return api.generation != api.applied or (api.provisioning_state == "Failed") is not bool(reason)


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
            endpoint_verbs.gone(tx, PLATFORM, endpoint, now=now)
        return
    state, error = ("Failed", error_document(_refusal(reason))) if reason else ("Succeeded", None)
    endpoints.change(
        tx, endpoint.id, applied=endpoint.generation, provisioning_state=state, error=error, updated_at=now
    )
    if reason:
        _log.warning("endpoint.refused", endpoint=endpoint.name, workspace=endpoint.workspace, reason=reason)


def _settle_api(tx: Transaction, api: Api, reason: str | None) -> None:
    """Write down that the gateway serves this generation of `api`, or why it does not."""
    now = apim.api(tx, api.service, api.name)
    if now is None or now.generation != api.generation:
        return
    state, error = ("Failed", error_document(_refusal(reason))) if reason else ("Succeeded", None)
    apim.change_api(
        tx, api.service, api.name, applied=api.generation, provisioning_state=state, error=error, updated_at=utc_now()
    )
    if reason:
        _log.warning("api.refused", api=api.name, service=api.service, reason=reason)


def _refusal(reason: str) -> ComputeFailed:
    return ComputeFailed(
        f"the gateway refused it: {reason}",
        hint="change what it refuses; until then it is served as it was before",
    )


def _label(endpoint: OnlineEndpoint) -> str:
    return f"{endpoint.workspace}/{endpoint.name}"


def _deployment(bench: Workbench, row: ServedDeployment, processes: Sequence[Replica]) -> DeploymentRoute:
    """What is served of a deployment: by the spec that was applied, whatever has been wished since."""
    concurrency = (row.applied_spec.get("request_settings") or {}).get("max_concurrent_requests_per_instance")
    return DeploymentRoute(
        name=row.name,
        sockets=tuple(socket_of(bench.home, replica) for replica in in_rotation(row, processes)),
        request_timeout=request_timeout(row.applied_spec),
        # Azure refuses when more than twice the concurrency of all instances is pending.
        max_pending=2 * int(concurrency) * row.applied_instances if concurrency else None,
        revision=row.applied,
    )


def in_rotation(deployment: ServedDeployment, processes: Sequence[Replica]) -> list[Replica]:
    """The replicas that requests are led to: those which are ready.

    When none is, those which are starting: their sockets listen already, and
    callers wait there, no longer than their time limit, instead of being refused.
    """
    served = [row for row in processes if deployment.serves(row.revision, row.slot)]
    ready = [row for row in served if row.state == "Ready"]
    return ready or [row for row in served if row.state == "Starting"]
