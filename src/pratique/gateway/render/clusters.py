"""The upstreams: the API, MLflow, and one cluster for each revision of a deployment.

Replicas stand in their deployment's cluster itself, not in EDS files: Envoy
takes one inotify instance for each watched path and ends when the kernel's
limit (128 for a user) is reached, while a changed cluster is replaced without
losing a request.
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from pratique.gateway.model import DeploymentRoute, EndpointRoute, cluster_name
from pratique.gateway.render.resources import Json, seconds, typed

API: Final = "api"
MLFLOW: Final = "mlflow"

_IDLE: Final = timedelta(seconds=3)
"""Below the 5 s after which uvicorn closes an idle connection, so that no request meets a closing one."""

_NO_LIMIT: Final = 2**32 - 1
_CLUSTER: Final = "envoy.config.cluster.v3.Cluster"
_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def platform_clusters(api_socket: Path, mlflow_socket: Path) -> list[Json]:
    """The two upstreams that never change; they stand in the bootstrap."""
    return [_cluster(API, [api_socket], 1024), _cluster(MLFLOW, [mlflow_socket], 1024)]


def deployment_clusters(endpoint: EndpointRoute) -> list[Json]:
    """One cluster for each deployment, as dynamic resources."""
    return [typed(_CLUSTER, _deployment_cluster(endpoint, row)) for row in endpoint.deployments]


def _deployment_cluster(endpoint: EndpointRoute, deployment: DeploymentRoute) -> Json:
    limit = deployment.max_pending or _NO_LIMIT
    name = cluster_name(endpoint, deployment)
    return _cluster(name, deployment.sockets, limit, longest=deployment.request_timeout)


def _cluster(name: str, sockets: Sequence[Path], limit: int, longest: timedelta | None = None) -> Json:
    common = {"idle_timeout": seconds(_IDLE)}
    if longest is not None:
        # Here and not at the route, because a split route leads to deployments with different limits.
        common["max_stream_duration"] = seconds(longest)
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [_replica(path) for path in sockets]}],
        },
        "circuit_breakers": {"thresholds": [_thresholds(limit)]},
        "typed_extension_protocol_options": {
            _OPTIONS: typed(
                _OPTIONS,
                {"explicit_http_config": {"http_protocol_options": {}}, "common_http_protocol_options": common},
            )
        },
    }


def _replica(socket: Path) -> Json:
    return {"endpoint": {"address": {"pipe": {"path": str(socket)}}}}


def _thresholds(limit: int) -> Json:
    """Requests in progress are what is limited; connections and the queue in front of them are not.

    With 3 retries at once, Envoy's default, callers that wait for a start-up
    would be refused.
    """
    return {
        "max_requests": limit,
        "max_connections": _NO_LIMIT,
        "max_pending_requests": _NO_LIMIT,
        "max_retries": _NO_LIMIT,
    }
