"""Routes of APIs: operation, subscription key, token, limits, headers; then the endpoint's own split.

    <METHOD>  /apis/<service>/<path><template>   → /score or /swagger.json of the endpoint

An API that asks for neither a key nor a token lets nobody in. What the caller
proved themselves with ends here: neither a model nor its mirror sees a key or
a token, and a secret header goes to the deployment that answers, not to a mirror.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from pratique.gateway.apis import ApiRoute, Operation, Treatment
from pratique.gateway.render.clusters import API
from pratique.gateway.render.limits import SUBSCRIPTION_HEADER, counted
from pratique.gateway.render.replies import refusals
from pratique.gateway.render.resources import SKIPPED, Json, direct, exact_header, typed
from pratique.gateway.render.scoring import KEYS, leading
from pratique.gateway.render.tokens import FILTER as TOKENS
from pratique.gateway.render.tokens import RULES, needs, rules
from pratique.specs.policy import Cors, HeaderChange, Policy

KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"
KEY_PARAMETER: Final = "subscription-key"
"""Where a subscription's key stands, as on Azure."""

_CORS: Final = "envoy.filters.http.cors"
_APPEND: Final = {
    "override": "OVERWRITE_IF_EXISTS_OR_ADD",
    "append": "APPEND_IF_EXISTS_OR_ADD",
    "skip": "ADD_IF_ABSENT",
}


def api_prefix(api: ApiRoute) -> str:
    """What the paths of an API begin with: with no slash behind it, because its address alone is one of them.

    Beside an API without a path, whose operations may begin as `api` does, it has the slash.
    """
    base = _base(api)
    return f"{base}/" if api.is_beside_root or not api.path else base


def _base(api: ApiRoute) -> str:
    return f"/apis/{api.service}/{api.path}" if api.path else f"/apis/{api.service}"


def api_routes(api: ApiRoute) -> list[Json]:
    """The routes below an API's prefix, in the order in which its operations are looked up."""
    operations = sorted(api.operations, key=lambda one: one.precision)
    rows = [row for operation in operations for row in _operation(api, operation)]
    unknown = direct("api-unknown", {"prefix": "/"}, 404, "the API has no such operation")
    return [*_preflights(api, operations), *rows, unknown]


def _match(api: ApiRoute, operation: Operation) -> Json:
    """The paths of `operation`, whatever the method."""
    base = _base(api)
    if operation.is_exact:
        return {"path": f"{base}{operation.template}"}
    return {"safe_regex": {"regex": re.escape(base) + operation.pattern}}


def _operation(api: ApiRoute, operation: Operation) -> list[Json]:
    treatment = api.treatment_of(operation)
    match = _match(api, operation) | {"headers": [exact_header(":method", operation.method)]}
    target = treatment.target(operation.template)
    rewrite: Json = {"regex_rewrite": {"pattern": {"regex": "^.*$"}, "substitution": target}}
    if operation.is_exact:
        rewrite = {"prefix_rewrite": target}
    if treatment.backend is None or not target:
        missing = "the endpoint of the API is not there" if target else "the endpoint has no such path"
        return [_guarded(api, treatment, direct("api-nowhere", match, 404, missing))]
    if treatment.presents_wrong_key:
        said = "the endpoint refuses the key that the policy of the API presents"
        return [_guarded(api, treatment, direct("api-key", match, 403, said))]
    hidden = [change.name for change in treatment.policy.request_headers if change.is_secret]
    rows = leading(treatment.backend, match, rewrite, hidden=hidden)
    return [_guarded(api, treatment, row | {"name": f"api-{row['name']}"}) for row in rows]


def _guarded(api: ApiRoute, treatment: Treatment, route: Json) -> Json:
    """`route`, for callers that the API lets in."""
    policy = treatment.policy
    filters: Json = {KEYS: _keys(api)} if api.needs_key else {KEYS: SKIPPED} if policy.tokens else {}
    if policy.tokens:
        filters[TOKENS] = needs(api.required(treatment))
    if wrong := rules([check.claims for check in policy.tokens], policy.addresses):
        filters[RULES] = wrong
    if policy.cors:
        filters[_CORS] = _cors(policy.cors)
    guarded = route | {"typed_per_filter_config": filters, "metadata": _refusals(api, policy)}
    if "route" in guarded:
        limits = {"rate_limits": counted(api, policy)} if policy.limits else {}
        time = {"timeout": f"{policy.seconds}s"} if policy.seconds else {}
        guarded |= {"route": guarded["route"] | limits | time, **_headers(policy)}
    return guarded


def _keys(api: ApiRoute) -> Json:
    # One key under two names makes Envoy refuse the whole file, hence each once.
    credentials = {key: client for client, key in reversed(api.keys)}
    settings = {
        "credentials": [{"client": client, "key": key} for key, client in credentials.items()],
        "key_sources": [{"header": KEY_HEADER}, {"query": KEY_PARAMETER}],
        "forwarding": {"header": SUBSCRIPTION_HEADER, "hide_credentials": True},
    }
    return typed("envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuthPerRoute", settings)


def _refusals(api: ApiRoute, policy: Policy) -> Json:
    key = (
        f"the key of a subscription is needed: {KEY_HEADER}: KEY"
        if api.needs_key
        else "the API asks for neither a subscription nor a token, so it is closed: give it a policy with validate-jwt"
    )
    said = [(check.status, check.message or "a valid token for this API is needed") for check in policy.tokens]
    return refusals(key=key, tokens=said, address="this address may not call the API")


def _headers(policy: Policy) -> Json:
    """Changes of headers; what callers proved themselves with goes in any case."""
    own = [check.header for check in policy.tokens]
    removed = ["authorization", KEY_HEADER.lower(), SUBSCRIPTION_HEADER, *(name.lower() for name in own)]
    gone = [change.name.lower() for change in policy.request_headers if change.action == "delete"]
    return {
        "request_headers_to_remove": [*dict.fromkeys([*removed, *gone])],
        "request_headers_to_add": _added(policy.request_headers),
        "response_headers_to_remove": [one.name for one in policy.response_headers if one.action == "delete"],
        "response_headers_to_add": _added(policy.response_headers),
    }


def _added(changes: Sequence[HeaderChange]) -> list[Json]:
    return [
        {
            # A percent sign begins what Envoy fills in.
            "header": {"key": change.name, "value": value.replace("%", "%%")},
            "append_action": _APPEND["append" if position and change.action == "override" else change.action],
        }
        for change in changes
        if change.action != "delete"
        for position, value in enumerate(change.values)
    ]


def _preflights(api: ApiRoute, operations: Sequence[Operation]) -> list[Json]:
    """What browsers ask before they call: one answer for the API, unless its operations have others."""
    treatments = [api.treatment_of(operation) for operation in operations] or [api.treatment]
    found = [one.policy.cors for one in treatments]
    if all(cors == found[0] for cors in found):
        return [_preflight(found[0], {"prefix": "/"})] if found[0] else []
    return [
        _preflight(cors, _match(api, operation), operation.method)
        for operation, cors in zip(operations, found, strict=True)
        if cors
    ]


def _preflight(cors: Cors, match: Json, method: str = "") -> Json:
    """What a browser asks before it calls: the filter answers for origins that it knows.

    For others the request goes on to a route without any key, which lets nobody
    in. It names a cluster because the filter does not look at direct answers.
    """
    name = "access-control-request-method"
    asked: Json = exact_header(name, method) if method else {"name": name, "present_match": True}
    return {
        "name": "api-preflight",
        "match": match | {"headers": [exact_header(":method", "OPTIONS"), asked]},
        "route": {"cluster": API},
        "typed_per_filter_config": {_CORS: _cors(cors)},
        "metadata": refusals(key="pages of this origin may not call the API"),
    }


def _cors(cors: Cors) -> Json:
    settings: dict[str, Any] = {
        "allow_origin_string_match": [
            {"safe_regex": {"regex": ".*"}} if origin == "*" else {"exact": origin} for origin in cors.origins
        ],
        "allow_methods": ", ".join(cors.methods),
        "allow_headers": ", ".join(cors.headers),
        "expose_headers": ", ".join(cors.exposed),
        "max_age": str(cors.max_age),
        "allow_credentials": cors.with_credentials,
    }
    return typed("envoy.extensions.filters.http.cors.v3.CorsPolicy", settings)
