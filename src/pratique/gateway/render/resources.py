"""Small parts of Envoy's configuration: typed values, versions, direct answers."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

Json = dict[str, Any]
"""A message of Envoy's; its shape is Envoy's schema, which we do not repeat in types."""

_TYPES: Final = "type.googleapis.com/"


def typed(name: str, fields: Mapping[str, Any] | None = None) -> Json:
    """A message that says its own type, as `Any` fields and dynamic resources must."""
    return {"@type": f"{_TYPES}{name}", **(fields or {})}


def extension(name: str, kind: str, fields: Mapping[str, Any] | None = None) -> Json:
    """A named extension, such as a filter, with its typed configuration."""
    return {"name": name, "typed_config": typed(kind, fields)}


def seconds(duration: timedelta) -> str:
    """A duration as Envoy writes it."""
    return f"{duration.total_seconds():.3f}s"


def response(resources: Sequence[Json]) -> Json:
    """A discovery file; its version is the digest of what it holds, so the same content is the same version."""
    content = json.dumps(resources, sort_keys=True, separators=(",", ":"))
    return {"version_info": hashlib.sha256(content.encode()).hexdigest()[:16], "resources": list(resources)}


def set_header(name: str, value: str) -> Json:
    """Put a header, whatever was there."""
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def exact_header(name: str, value: str) -> Json:
    """Match a header that is just `value`."""
    return {"name": name, "string_match": {"exact": value}}


def method_in(methods: Iterable[str]) -> Json:
    """Match one of `methods`."""
    return {"name": ":method", "string_match": {"safe_regex": {"regex": "|".join(methods)}}}


def direct(name: str, match: Json, status: int, message: str) -> Json:
    """A route that Envoy answers itself, open to everybody; `replies` turns the message into JSON.

    Both authorising filters are told to let it pass: an answer of ours gives
    nothing away, and a refusal would hide it.
    """
    return {
        "name": name,
        "match": match,
        "direct_response": {"status": status, "body": {"inline_string": message}},
        "typed_per_filter_config": {
            "envoy.filters.http.api_key_auth": SKIPPED,
            "envoy.filters.http.ext_authz": SKIPPED,
        },
    }


SKIPPED: Final = typed("envoy.config.route.v3.FilterConfig", {"disabled": True})
"""Switch a filter off for one route; only filters that the listener has are looked up."""


def by_prefix(branches: Mapping[str, Sequence[Json]], otherwise: Sequence[Json]) -> Json:
    """Route by the longest of the prefixes that the path starts with, in time independent of their number.

    Each prefix ends in a slash. The routes of a prefix are tried in order and
    must end in one that takes everything, because nothing falls through to
    `otherwise`. Envoy refuses an empty tree, so without branches it is a list.
    """
    if not branches:
        return {"routes": list(otherwise)}
    tree = {
        "input": extension("path", "envoy.type.matcher.v3.HttpRequestHeaderMatchInput", {"header_name": ":path"}),
        "prefix_match_map": {"map": {prefix: _routes(routes) for prefix, routes in branches.items()}},
    }
    return {"matcher": {"matcher_tree": tree, "on_no_match": _routes(otherwise)}}


def _routes(routes: Sequence[Json]) -> Json:
    return {"action": extension("routes", "envoy.config.route.v3.RouteList", {"routes": list(routes)})}


LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
"""The only names a caller may know us by: a page of another name that resolves here is an attack."""


def route_configuration(name: str, routes: Mapping[str, Any], misdirected: str) -> Json:
    """All routes of one listener, for our own names only; `routes` comes from `by_prefix`."""
    elsewhere = direct("misdirected", {"prefix": "/"}, 421, misdirected)
    return typed(
        "envoy.config.route.v3.RouteConfiguration",
        {
            "name": name,
            "ignore_port_in_host_matching": True,
            "virtual_hosts": [
                {"name": name, "domains": list(LOOPBACK_NAMES), **routes},
                {"name": "misdirected", "domains": ["*"], "routes": [elsewhere]},
            ],
            # A publication writes the clusters first and waits; this makes a mistake loud.
            "validate_clusters": True,
        },
    )
