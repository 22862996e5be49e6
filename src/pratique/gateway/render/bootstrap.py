"""The file that Envoy starts from, and the one that a preflight validates."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pratique.gateway.apis import ApiRoute
from pratique.gateway.model import Doors, EndpointRoute, Requirement
from pratique.gateway.ports import LOOPBACK
from pratique.gateway.render import apis, door, limits, scoring, tokens
from pratique.gateway.render.clusters import deployment_clusters, platform_clusters
from pratique.gateway.render.listeners import (
    door_manager,
    endpoints_manager,
    inside_listener,
    listener,
    tls_listener,
    watched,
    watched_filter,
    watched_routes,
)  # fmt: skip
from pratique.gateway.render.resources import Branch, Json, extension

TLS: Final = "-tls"
"""Ends the name of a listener that others reach."""
INSIDE: Final = "-inside"
"""Ends the name of the listener that jobs without a network reach."""
IDENTITY: Final = "-identity"
"""The same for replicas without a network, which reach tokens of their identity there and nothing else."""
_OWNER_ONLY: Final = 0o600
_CONNECTIONS: Final = 10_000
_LONGEST_REGEX: Final = 2000
"""RE2 instructions. MLflow's allow-list has about 600; Envoy's 100 are for expressions that strangers write."""

_RUNTIME: Final = {
    "layers": [
        {
            "name": "static",
            "static_layer": {
                "re2.max_program_size.error_level": _LONGEST_REGEX,
                "re2.max_program_size.warn_level": _LONGEST_REGEX,
            },
        }
    ]
}


@dataclass(frozen=True)
class Files:
    """Where the gateway's files are: all in one private folder, which Envoy watches.

    Those that grow with the number of endpoints are binary, which Envoy knows by ``.pb``; the others are JSON.
    """

    folder: Path
    admin_socket: Path

    @property
    def bootstrap(self) -> Path:
        return self.folder / "bootstrap.json"

    @property
    def clusters(self) -> Path:
        return self.folder / "cds.pb"

    @property
    def door_routes(self) -> Path:
        return self.folder / "rds-door.json"

    @property
    def endpoint_routes(self) -> Path:
        return self.folder / "rds-endpoints.pb"

    @property
    def published(self) -> tuple[Path, ...]:
        """Those that follow the rows."""
        return (self.clusters, self.door_routes, self.endpoint_routes, self.tokens, self.limits)

    @property
    def certificate(self) -> Path:
        return self.folder / "sds-tls.json"

    @property
    def tokens(self) -> Path:
        return self.folder / "ecds-tokens.json"

    @property
    def limits(self) -> Path:
        return self.folder / "ecds-limits.json"


def bootstrap(doors: Doors, files: Files) -> Json:
    """The two doors, with clusters and routes from the watched files."""
    return {
        "node": {"id": "pratique", "cluster": "pratique"},
        "admin": {"address": {"pipe": {"path": str(files.admin_socket), "mode": _OWNER_ONLY}}},
        "dynamic_resources": {"cds_config": watched(files.clusters)},
        "static_resources": {
            "listeners": _listeners(
                doors,
                watched_routes(door.ROUTES, files.door_routes),
                watched_routes(scoring.ROUTES, files.endpoint_routes),
                watched_filter(tokens.FILTER, files.tokens, tokens.token_settings([])),
                watched_filter(limits.FILTER, files.limits, limits.limit_settings([])),
                files.certificate,
            ),
            "clusters": platform_clusters(doors.api_socket, doors.mlflow_socket),
        },
        "overload_manager": {"resource_monitors": [_connections()]},
        "layered_runtime": _RUNTIME,
    }


def trial(
    doors: Doors, workspaces: Sequence[str], endpoints: Sequence[EndpointRoute], published: Sequence[ApiRoute] = ()
) -> Json:
    """The same doors with everything inside one file, for ``envoy --mode validate``; it is never run."""
    branches: dict[str, Branch] = {
        scoring.endpoint_prefix(row.label): scoring.endpoint_routes(row) for row in endpoints
    }
    branches |= {apis.api_prefix(api): apis.api_routes(api) for api in published}
    behind = {row.label: row for row in (*endpoints, *(row for api in published for row in api.backends))}
    return {
        "static_resources": {
            "listeners": _listeners(
                doors,
                {"route_config": _untyped(door.door_routes(workspaces, doors.names))},
                {"route_config": _untyped(scoring.scoring_routes(branches, doors.names))},
                as_filter(tokens.FILTER, tokens.token_settings(wanted_tokens(endpoints, published))),
                as_filter(limits.FILTER, limits.limit_settings(published)),
            ),
            "clusters": [
                *platform_clusters(doors.api_socket, doors.mlflow_socket),
                *(_untyped(cluster) for row in behind.values() for cluster in deployment_clusters(row)),
            ],
        },
        "layered_runtime": _RUNTIME,
    }


def wanted_tokens(endpoints: Sequence[EndpointRoute], published: Sequence[ApiRoute]) -> list[Requirement]:
    """What each endpoint and API asks for that asks for tokens."""
    return [
        *(((row.tokens.provider,),) for row in endpoints if row.tokens),
        *(api.required(one) for api in published for one in api.treatments if one.policy.tokens),
    ]


def as_filter(name: str, settings: Json) -> Json:
    """A filter with its settings in it."""
    return {"name": name, "typed_config": settings}


def _listeners(
    doors: Doors,
    door_routes: Json,
    endpoint_routes: Json,
    token_filter: Json,
    limit_filter: Json,
    certificate: Path | None = None,
) -> list[Json]:
    """The doors on loopback and for jobs, and those that are open to others.

    Without the place of a `certificate` it is a trial, which needs only the first.
    """
    most = doors.patience.connections
    pages = door_manager(door_routes, doors.upload_body_limit, doors.patience)
    scores = endpoints_manager(endpoint_routes, doors.score_body_limit, token_filter, limit_filter, doors.patience)
    made = [
        listener(door.ROUTES, doors.door_port, pages, most),
        listener(scoring.ROUTES, doors.endpoints_port, scores, most),
    ]
    if doors.inside_socket and certificate:
        from_inside = door_manager(door_routes, doors.upload_body_limit, doors.patience, caller=LOOPBACK)
        made.append(inside_listener(f"{door.ROUTES}{INSIDE}", doors.inside_socket, from_inside, most))
    if doors.identity_socket and certificate:
        narrow = {"route_config": _untyped(door.identity_routes(doors.names))}
        tokens_alone = door_manager(narrow, doors.upload_body_limit, doors.patience, caller=LOOPBACK)
        made.append(inside_listener(f"{door.ROUTES}{IDENTITY}", doors.identity_socket, tokens_alone, most))
    if doors.tls and certificate:
        ports = ((door.ROUTES, doors.tls.door_port, pages), (scoring.ROUTES, doors.tls.endpoints_port, scores))
        made += [
            tls_listener(f"{name}{TLS}", doors.tls.address, port, manager, most, certificate)
            for name, port, manager in ports
            if port is not None
        ]
    return made


def _untyped(message: Json) -> dict[str, Any]:
    """A static resource does not carry its type."""
    return {key: value for key, value in message.items() if key != "@type"}


def _connections() -> Json:
    kind = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    name = "envoy.resource_monitors.global_downstream_max_connections"
    return extension(name, kind, {"max_active_downstream_connections": _CONNECTIONS})
