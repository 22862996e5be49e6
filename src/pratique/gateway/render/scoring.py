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
    all_of,
    by_prefix,
    direct,
    exact_header,
    guarded_by,
    header_is,
    negated,
    route_configuration,
    set_header,
    typed,
)

ROUTES: Final = "endpoints"
"""The name of this door's route configuration."""

PIN: Final = "azureml-model-deployment"

_EVERYTHING: Final = {"prefix": "/"}
_OPENAPI: Final = header_is(":path", r"[^?]*/swagger\.json(?:\?.*)?")

# Before an endpoint is looked up, once for all of them: one that is not called properly is not named.
_GUARDS: Final = (
    (
        negated(header_is(":path", r"/endpoints/[^/?]+/[^/?]+/(?:score|swagger\.json)(?:\?.*)?")),
        direct("other", _EVERYTHING, 404, "there is no such path; an endpoint has /score and /swagger.json"),
    ),
    (
        all_of(_OPENAPI, negated(header_is(":method", "GET"))),
        direct("method", _EVERYTHING, 405, "swagger.json takes GET"),
    ),
    (
        negated(header_is(":method", "POST|GET|OPTIONS")),
        direct("method", _EVERYTHING, 405, "score takes POST, GET and OPTIONS"),
    ),
)

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
    # Each attempt picks at random: too few of them pick the dead host again and again.
    "host_selection_retry_max_attempts": 32,
    "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
}


def scoring_routes(branches: Mapping[str, Sequence[Json]]) -> Json:
    """Every endpoint's routes by prefix; the cost of one request does not grow with their number."""
    unknown = direct("unknown", _EVERYTHING, 404, "there is no such endpoint")
    return route_configuration(
        ROUTES,
        guarded_by(_GUARDS, by_prefix(branches, [unknown])),
        "endpoints are called as 127.0.0.1 or localhost",
        retry_policy=_RETRIES,
    )


def endpoint_prefix(label: str) -> str:
    """Where an endpoint is, by its ``workspace/name``."""
    return f"/endpoints/{label}/"


def endpoint_routes(endpoint: EndpointRoute) -> list[Json]:
    """The routes below an endpoint's prefix: named deployments first, then the split."""
    pinned = {"prefix": "/", "headers": [{"name": PIN, "present_match": True}]}
    unknown = direct("unknown-pin", pinned, 404, f"no deployment has the name in {PIN}")
    rows = [*(_pinned(endpoint, row) for row in endpoint.deployments), unknown, _split(endpoint)]
    return [_for_keys(row, endpoint.keys) for row in rows]


def _pinned(endpoint: EndpointRoute, deployment: DeploymentRoute) -> Json:
    match = {"prefix": endpoint_prefix(endpoint.label), "headers": [exact_header(PIN, deployment.name)]}
    return {"name": "pin", "match": match, "route": _action([_share(endpoint, deployment, 100)])}


def _split(endpoint: EndpointRoute) -> Json:
    shares = [
        _share(endpoint, deployment, weight)
        for deployment in endpoint.deployments
        if (weight := endpoint.traffic.get(deployment.name, 0)) > 0
    ]
    if not shares:
        return direct("split", _EVERYTHING, 404, "no deployment of the endpoint takes traffic")
    match = {"prefix": endpoint_prefix(endpoint.label)}
    return {"name": "split", "match": match, "route": _action(shares) | _mirrors(endpoint)}


def _action(shares: Sequence[Json]) -> Json:
    # The deployment's cluster has the time limit.
    return {"weighted_clusters": {"clusters": list(shares)}, "prefix_rewrite": "/", "timeout": "0s"}


def _share(endpoint: EndpointRoute, deployment: DeploymentRoute, weight: int) -> Json:
    limit = typed(
        "envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
        {"buffer": {"max_request_bytes": deployment.max_body}},
    )
    return {
        "name": cluster_name(endpoint, deployment),
        "weight": weight,
        "response_headers_to_add": [set_header(PIN, deployment.name)],
        "typed_per_filter_config": {"envoy.filters.http.buffer": limit},
    }


def _mirrors(endpoint: EndpointRoute) -> Json:
    policies = [
        {
            "cluster": cluster_name(endpoint, deployment),
            "runtime_fraction": {"default_value": {"numerator": percent, "denominator": "HUNDRED"}},
            "disable_shadow_host_suffix_append": True,
        }
        for deployment in endpoint.deployments
        if (percent := endpoint.mirror.get(deployment.name, 0)) > 0
    ]
    return {"request_mirror_policies": policies} if policies else {}


def _for_keys(route: Json, keys: Sequence[str]) -> Json:
    """`route`, for callers with one of `keys`; the key ends here and is not passed on."""
    # One key under two names makes Envoy refuse the whole file, hence each once.
    credentials = [{"client": f"key-{index}", "key": key} for index, key in enumerate(dict.fromkeys(keys))]
    settings = {
        "credentials": credentials,
        "key_sources": [{"header": "Authorization"}],
        "forwarding": {"hide_credentials": True},
    }
    per_route = typed("envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuthPerRoute", settings)
    return route | {"typed_per_filter_config": {"envoy.filters.http.api_key_auth": per_route}}
