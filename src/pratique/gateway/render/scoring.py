"""Routes of the endpoints' door: key, pinned deployment, split, mirror.

    POST|GET|OPTIONS  /endpoints/<workspace>/<name>/score          → /score
    GET               /endpoints/<workspace>/<name>/swagger.json   → /swagger.json

With the header ``azureml-model-deployment`` a call goes to the deployment it
names, whatever its share; otherwise shares decide. Every one of these routes
carries the endpoint's keys; one that forgot them would let nobody in.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from pratique.gateway.model import DeploymentRoute, EndpointRoute, cluster_name
from pratique.gateway.render.resources import (
    Json,
    by_prefix,
    direct,
    exact_header,
    method_in,
    route_configuration,
    set_header,
    typed,
)

ROUTES: Final = "endpoints"
"""The name of this door's route configuration."""

PIN: Final = "azureml-model-deployment"

_PATHS: Final[Mapping[str, Sequence[str]]] = {"score": ("POST", "GET", "OPTIONS"), "swagger.json": ("GET",)}

_RETRIES: Final = {
    # Only a connection that was refused: the model has seen nothing, so nothing runs twice.
    "retry_on": "connect-failure",
    "num_retries": 2,
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": typed("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"),
        }
    ],
    "host_selection_retry_max_attempts": 3,
    "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
}


def scoring_routes(branches: Mapping[str, Sequence[Json]]) -> Json:
    """Every endpoint's routes by prefix; the cost of one request does not grow with their number."""
    unknown = direct("unknown", {"prefix": "/"}, 404, "there is no such endpoint")
    return route_configuration(ROUTES, by_prefix(branches, [unknown]), "endpoints are called as 127.0.0.1 or localhost")


def endpoint_prefix(label: str) -> str:
    """Where an endpoint is, by its ``workspace/name``."""
    return f"/endpoints/{label}/"


def endpoint_routes(endpoint: EndpointRoute) -> list[Json]:
    """Every route below an endpoint's prefix."""
    routes = [route for path in _PATHS for route in _path_routes(endpoint, path)]
    other = direct(f"{endpoint.label}/other", {"prefix": "/"}, 404, "an endpoint has /score and /swagger.json")
    return [*routes, other]


def _path_routes(endpoint: EndpointRoute, path: str) -> list[Json]:
    place = f"/endpoints/{endpoint.label}/{path}"
    allowed = method_in(_PATHS[path])
    pinned = {"path": place, "headers": [allowed, {"name": PIN, "present_match": True}]}
    unknown_pin = direct(f"{endpoint.label}/unknown-pin", pinned, 404, f"no deployment has the name in {PIN}")
    return [
        *(_pinned(endpoint, deployment, place, path) for deployment in endpoint.deployments),
        _guarded(unknown_pin, endpoint),
        _split(endpoint, {"path": place, "headers": [allowed]}, path),
        direct(f"{endpoint.label}/method", {"path": place}, 405, f"{path} takes {', '.join(_PATHS[path])}"),
    ]


def _pinned(endpoint: EndpointRoute, deployment: DeploymentRoute, place: str, path: str) -> Json:
    headers = [method_in(_PATHS[path]), exact_header(PIN, deployment.name)]
    return _guarded(
        {
            "name": f"{endpoint.label}/pin",
            "match": {"path": place, "headers": headers},
            "route": _action(path, [_share(endpoint, deployment, 100)]),
        },
        endpoint,
    )


def _split(endpoint: EndpointRoute, match: Json, path: str) -> Json:
    shares = [
        _share(endpoint, deployment, weight)
        for deployment in endpoint.deployments
        if (weight := endpoint.traffic.get(deployment.name, 0)) > 0
    ]
    name = f"{endpoint.label}/split"
    if not shares:
        return _guarded(direct(name, match, 404, "no deployment of the endpoint takes traffic"), endpoint)
    action = _action(path, shares) | _mirrors(endpoint, path)
    return _guarded({"name": name, "match": match, "route": action}, endpoint)


def _action(path: str, shares: Sequence[Json]) -> Json:
    return {
        "weighted_clusters": {"clusters": list(shares)},
        "prefix_rewrite": f"/{path}",
        # The deployment's cluster has the time limit.
        "timeout": "0s",
        "retry_policy": _RETRIES,
    }


def _share(endpoint: EndpointRoute, deployment: DeploymentRoute, weight: int) -> Json:
    limit = typed(
        "envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
        {"buffer": {"max_request_bytes": deployment.max_body}},
    )
    return {
        "name": cluster_name(endpoint, deployment.name),
        "weight": weight,
        "response_headers_to_add": [set_header(PIN, deployment.name)],
        "typed_per_filter_config": {"envoy.filters.http.buffer": limit},
    }


def _mirrors(endpoint: EndpointRoute, path: str) -> Json:
    if path != "score":
        return {}
    return {
        "request_mirror_policies": [
            {
                "cluster": cluster_name(endpoint, name),
                "runtime_fraction": {"default_value": {"numerator": percent, "denominator": "HUNDRED"}},
                "disable_shadow_host_suffix_append": True,
            }
            for name, percent in endpoint.mirror.items()
            if percent > 0
        ]
    }


def _guarded(route: Json, endpoint: EndpointRoute) -> Json:
    """`route`, for callers with one of the endpoint's keys; the key ends here and is not passed on."""
    # One key under two names makes Envoy refuse the whole file, hence the set of keys.
    credentials = [{"client": f"key-{index}", "key": key} for index, key in enumerate(dict.fromkeys(endpoint.keys))]
    keys = typed(
        "envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuthPerRoute",
        {
            "credentials": credentials,
            "key_sources": [{"header": "Authorization"}],
            "forwarding": {"hide_credentials": True},
        },
    )
    return route | {"typed_per_filter_config": {"envoy.filters.http.api_key_auth": keys}}
