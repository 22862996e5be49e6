"""Routes of the endpoints' door: key or token, pinned deployment, split, mirror.

    POST|GET|OPTIONS  /endpoints/<workspace>/<name>/score          → /score
    GET               /endpoints/<workspace>/<name>/swagger.json   → /swagger.json
    POST|GET          /endpoints/<workspace>/<name>/v2…            → /v2…, the Open Inference Protocol
    any               /apis/<service>/<path>/<operation>           → see `apis`

With the header ``azureml-model-deployment`` a call goes to the deployment it
names, whatever its share; otherwise shares decide. Every one of these routes
carries the endpoint's keys, or asks for a token; one that forgot them would let
nobody in.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from pratique.gateway.model import LOOPBACK_NAMES, DeploymentRoute, EndpointRoute, cluster_name
from pratique.gateway.render.replies import refusals
from pratique.gateway.render.resources import (
    SKIPPED,
    Branch,
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
from pratique.gateway.render.tokens import FILTER as TOKENS
from pratique.gateway.render.tokens import RULES, needs, only_subjects

ROUTES: Final = "endpoints"
"""The name of this door's route configuration."""

PIN: Final = "azureml-model-deployment"

_WHO_MAY: Final = "a token for this endpoint is needed: Authorization: Bearer TOKEN"
_EVERYTHING: Final = {"prefix": "/"}
KEYS: Final = "envoy.filters.http.api_key_auth"
_ENDPOINTS: Final = header_is(":path", r"/endpoints/.*")
_PROTOCOL: Final = r"v2(?:/health/(?:live|ready)|/models/[^/?]+(?:/versions/[^/?]+)?(?:/ready|/infer)?)?"
_ADDRESSES: Final = rf"/endpoints/[^/?]+/[^/?]+/(?:score|swagger\.json|{_PROTOCOL})(?:\?.*)?|/apis/[^/?]+/.+"
_OPENAPI: Final = header_is(":path", r"/endpoints/[^?]*/swagger\.json(?:\?.*)?")

# Before an endpoint is looked up, once for all of them: one that is not called properly is not named.
_GUARDS: Final = (
    (
        negated(header_is(":path", _ADDRESSES)),
        direct("other", _EVERYTHING, 404, "there is no such path; an endpoint has /score, /swagger.json and /v2"),
    ),
    (
        all_of(_OPENAPI, negated(header_is(":method", "GET"))),
        direct("method", _EVERYTHING, 405, "swagger.json takes GET"),
    ),
    (
        all_of(negated(header_is(":method", "POST|GET|OPTIONS")), _ENDPOINTS),
        direct("method", _EVERYTHING, 405, "an endpoint takes POST, GET and OPTIONS"),
    ),
)

NOT_COMPUTED: Final = "x-pratique-not-computed"
"""With this header a model server gives a request back for which the model was not asked."""
_RETRIES: Final = {
    # Only a connection that was refused, and what a model server that has to end gives back: the model has seen
    # nothing, so nothing runs twice.
    "retry_on": "connect-failure,retriable-headers",
    "retriable_headers": [{"name": NOT_COMPUTED, "present_match": True}],
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


def scoring_routes(branches: Mapping[str, Branch], names: Sequence[str] = LOOPBACK_NAMES) -> Json:
    """Every endpoint's routes by prefix; the cost of one request does not grow with their number."""
    unknown = direct("unknown", _EVERYTHING, 404, "there is no such endpoint")
    return route_configuration(
        ROUTES,
        guarded_by(_GUARDS, by_prefix(branches, [unknown])),
        f"endpoints are called as {' or '.join(names)}",
        names,
        retry_policy=_RETRIES,
    )


def endpoint_prefix(label: str) -> str:
    """Where an endpoint is, by its ``workspace/name``."""
    return f"/endpoints/{label}/"


def endpoint_routes(endpoint: EndpointRoute) -> list[Json]:
    """The routes below an endpoint's prefix: named deployments first, then the split."""
    base = {"prefix": endpoint_prefix(endpoint.label)}
    if endpoint.is_private:
        # Behind the key: whoever has none learns nothing.
        closed = "public network access to this endpoint is disabled: it is reached through an API"
        return [_guarded(direct("private", base, 403, closed), endpoint)]
    rows = leading(endpoint, base, {"prefix_rewrite": "/"})
    return [_guarded(row, endpoint) for row in rows]


def leading(endpoint: EndpointRoute, match: Json, rewrite: Json, *, hidden: Sequence[str] = ()) -> list[Json]:
    """Routes to the deployments of `endpoint` for what `match` takes; who may take them is for the caller to say.

    A mirror does not get the headers `hidden`.
    """
    pinned = [_pinned(endpoint, row, match, rewrite) for row in endpoint.deployments]
    is_named: Json = {"name": PIN, "present_match": True}
    unknown = direct("unknown-pin", _with(match, is_named), 404, f"no deployment has the name in {PIN}")
    return [*pinned, unknown, _split(endpoint, match, rewrite, hidden)]


def _with(match: Json, header: Json) -> Json:
    return match | {"headers": [*match.get("headers", ()), header]}


def _pinned(endpoint: EndpointRoute, deployment: DeploymentRoute, match: Json, rewrite: Json) -> Json:
    shares = [_share(endpoint, deployment, 100)]
    return {"name": "pin", "match": _with(match, exact_header(PIN, deployment.name)), "route": _action(shares, rewrite)}


def _split(endpoint: EndpointRoute, match: Json, rewrite: Json, hidden: Sequence[str]) -> Json:
    shares = [
        _share(endpoint, deployment, weight)
        for deployment in endpoint.deployments
        if (weight := endpoint.traffic.get(deployment.name, 0)) > 0
    ]
    if not shares:
        return direct("split", match, 404, "no deployment of the endpoint takes traffic")
    return {"name": "split", "match": match, "route": _action(shares, rewrite) | _mirrors(endpoint, hidden)}


def _action(shares: Sequence[Json], rewrite: Json) -> Json:
    # The deployment's cluster has the time limit.
    return {"weighted_clusters": {"clusters": list(shares)}, "timeout": "0s", **rewrite}


def _share(endpoint: EndpointRoute, deployment: DeploymentRoute, weight: int) -> Json:
    share = {
        "name": cluster_name(endpoint, deployment),
        "weight": weight,
        "response_headers_to_add": [set_header(PIN, deployment.name)],
    }
    if deployment.max_body is None:
        return share  # A third of Envoy's work for a thousand endpoints would be to read the door's own limit again.
    limit = typed(
        "envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
        {"buffer": {"max_request_bytes": deployment.max_body}},
    )
    return share | {"typed_per_filter_config": {"envoy.filters.http.buffer": limit}}


def _mirrors(endpoint: EndpointRoute, hidden: Sequence[str]) -> Json:
    without = {"request_headers_mutations": [{"remove": name} for name in hidden]} if hidden else {}
    policies = [
        {
            "cluster": cluster_name(endpoint, deployment),
            "runtime_fraction": {"default_value": {"numerator": percent, "denominator": "HUNDRED"}},
            "disable_shadow_host_suffix_append": True,
            **without,
        }
        for deployment in endpoint.deployments
        if (percent := endpoint.mirror.get(deployment.name, 0)) > 0
    ]
    return {"request_mirror_policies": policies} if policies else {}


def _guarded(route: Json, endpoint: EndpointRoute) -> Json:
    """`route`, for callers with one of the endpoint's keys, or with a token when it asks for one."""
    if endpoint.tokens is None:
        return route | {"typed_per_filter_config": {KEYS: _keys(endpoint.keys)}}
    tokens = endpoint.tokens
    filters: Json = {KEYS: SKIPPED, TOKENS: needs(((tokens.provider,),))}
    if tokens.subjects is not None:
        filters[RULES] = only_subjects(tokens.subjects)
    told = refusals(tokens=[(401, _WHO_MAY)])
    guarded = route | {"typed_per_filter_config": filters, "metadata": told}
    return guarded | {"request_headers_to_remove": ["authorization"]} if "route" in route else guarded


def _keys(keys: Sequence[str]) -> Json:
    """Settings that let callers with one of `keys` in; the key ends here and is not passed on.

    Where it stands the filter knows, which tells a route nothing else that the route does not say itself.
    """
    # One key under two names makes Envoy refuse the whole file, hence each once.
    credentials = [{"client": f"key-{index}", "key": key} for index, key in enumerate(dict.fromkeys(keys))]
    kind = "envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuthPerRoute"
    return typed(kind, {"credentials": credentials, "forwarding": {"hide_credentials": True}})
