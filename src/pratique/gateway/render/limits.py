"""Rate limits: buckets in the filter's own resource, and what a route counts by.

Buckets that stood at a route would be full again after every publication of
any route. In a resource of their own (ECDS) only a change of limits fills them.
Each value that is counted by has a bucket of its own; the least recently used
go when there are too many.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pratique.gateway.apis import ApiRoute
from pratique.gateway.render.resources import Json, typed
from pratique.gateway.render.tokens import CLAIMS
from pratique.gateway.render.tokens import FILTER as TOKENS
from pratique.specs.policy import Counted, Policy, RateLimit

FILTER: Final = "envoy.filters.http.local_ratelimit"
SUBSCRIPTION_HEADER: Final = "x-pratique-subscription"
"""Says whose key opened an API; set by the door, and taken away before the model sees it."""

_LIMIT: Final = "limit"
_VALUE: Final = "value"
_NOTHING: Final = "header_match"
_BUCKETS: Final = 10_000
"""Values that are remembered for one limit."""
_ALL: Final = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}


def limit_settings(apis: Iterable[ApiRoute]) -> Json:
    """The settings of the filter for every limit of `apis`."""
    rows = [
        row
        for api in apis
        for treatment in api.treatments
        for limit in treatment.policy.limits
        for row in _buckets(_name(api, limit), limit, api)
    ]
    return _settings({_first(row): row for row in rows})


def both(before: Json, after: Json) -> Json:
    """Settings with the buckets of both."""
    known = {_first(row): row for row in (*before.get("descriptors", ()), *after["descriptors"])}
    return _settings(known)


def counted(api: ApiRoute, policy: Policy) -> list[Json]:
    """What the routes of `api` with `policy` say of each call, for each limit; two that are one are said once."""
    limits = {_name(api, limit): limit for limit in policy.limits}
    return [{"actions": actions} for name, limit in limits.items() for actions in _actions(name, limit, api)]


def _settings(rows: dict[str, Json]) -> Json:
    return typed(
        "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        {
            "stat_prefix": "limits",
            "filter_enabled": _ALL,
            "filter_enforced": _ALL,
            "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
            "max_dynamic_descriptors": _BUCKETS,
            "descriptors": [rows[key] for key in sorted(rows)],
        },
    )


def _name(api: ApiRoute, limit: RateLimit) -> str:
    """Of one limit: another number of calls is another limit, so that both are there while routes change."""
    counted = f"{limit.counted.by}:{limit.counted.header}"
    return f"{limit.scope or api.label} {limit.calls}/{limit.period} {counted}"


def _kind(limit: RateLimit, api: ApiRoute) -> Counted:
    """Without subscriptions there is nobody to tell apart."""
    if limit.counted.by == "subscription" and not api.needs_key:
        return Counted("everything")
    return limit.counted


def _buckets(name: str, limit: RateLimit, api: ApiRoute) -> list[Json]:
    bucket = {"max_tokens": limit.calls, "tokens_per_fill": limit.calls, "fill_interval": f"{limit.period}s"}
    by = _kind(limit, api).by
    # An entry without a value stands for each value there is.
    each: Mapping[str, list[list[Json]]] = {
        "everything": [[]],
        "address": [[{"key": "remote_address"}]],
        "subscription": [[{"key": _VALUE}]],
        "subject": [[{"key": _VALUE}]],
        "header": [[{"key": _VALUE}], [{"key": _NOTHING, "value": "none"}]],
    }
    this = {"key": _LIMIT, "value": name}
    return [{"entries": [this, *entries], "token_bucket": bucket} for entries in each[by]]


def _actions(name: str, limit: RateLimit, api: ApiRoute) -> list[list[Json]]:
    this: Json = {"generic_key": {"descriptor_key": _LIMIT, "descriptor_value": name}}
    match _kind(limit, api):
        case Counted("everything"):
            return [[this]]
        case Counted("address"):
            return [[this, {"remote_address": {}}]]
        case Counted("subscription"):
            return [[this, _header(SUBSCRIPTION_HEADER)]]
        case Counted("subject"):
            return [[this, _subject()]]
        case Counted("header", header=header):
            # Whoever leaves the header out shares one bucket with everybody who does.
            absent = {"name": header, "present_match": True}
            none: Json = {"descriptor_value": "none", "expect_match": False, "headers": [absent]}
            return [[this, _header(header)], [this, {"header_value_match": none}]]
        case other:
            raise ValueError(f"{other} is nothing to count by")


def _header(name: str) -> Json:
    return {"request_headers": {"header_name": name, "descriptor_key": _VALUE}}


def _subject() -> Json:
    key = {"key": TOKENS, "path": [{"key": CLAIMS}, {"key": "sub"}]}
    return {"metadata": {"descriptor_key": _VALUE, "metadata_key": key, "default_value": "none"}}


def _first(row: Json) -> str:
    entries: Sequence[Json] = row["entries"]
    return "|".join(f"{entry['key']}={entry.get('value', '')}" for entry in entries)
