"""Small parts of Envoy's configuration: typed values, matchers, direct answers."""

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


def extension_resource(name: str, settings: Json) -> Json:
    """The settings of a filter as a resource of their own."""
    return typed("envoy.config.core.v3.TypedExtensionConfig", {"name": name, "typed_config": settings})


def seconds(duration: timedelta) -> str:
    """A duration as Envoy writes it."""
    return f"{duration.total_seconds():.3f}s"


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


def routes(rows: Sequence[Json]) -> Json:
    """What to do with a request: try these in order."""
    return {"action": extension("routes", "envoy.config.route.v3.RouteList", {"routes": list(rows)})}


Branch = Sequence[Json] | bytes
"""The routes below a prefix; as bytes when they are one message already (`discovery.branch`)."""


def by_prefix(branches: Mapping[str, Branch], otherwise: Sequence[Json]) -> Json:
    """Route by the longest of the prefixes that the path starts with, in time independent of their number.

    The routes of a prefix must end in one that takes everything, because
    nothing falls through to a shorter prefix or to `otherwise`.
    """
    if not branches:
        # Envoy refuses an empty tree.
        return {"on_no_match": routes(otherwise)}
    tree = {
        "input": _header_input(":path"),
        "prefix_match_map": {
            "map": {prefix: rows if isinstance(rows, bytes) else routes(rows) for prefix, rows in branches.items()}
        },
    }
    return {"matcher_tree": tree, "on_no_match": routes(otherwise)}


def guarded_by(guards: Sequence[tuple[Json, Json]], matcher: Json) -> Json:
    """`matcher`, for requests that none of the `guards`, pairs of predicate and route, answers before."""
    rows = [{"predicate": predicate, "on_match": routes([route])} for predicate, route in guards]
    return {"matcher_list": {"matchers": rows}, "on_no_match": {"matcher": matcher}}


def header_is(name: str, pattern: str) -> Json:
    """A predicate: the whole header matches an RE2 expression; the path counts with its query."""
    value = {"safe_regex": {"google_re2": {}, "regex": pattern}}
    return {"single_predicate": {"input": _header_input(name), "value_match": value}}


def negated(predicate: Json) -> Json:
    """A predicate: not `predicate`."""
    return {"not_matcher": predicate}


def all_of(*predicates: Json) -> Json:
    """A predicate: every one of `predicates`."""
    return {"and_matcher": {"predicate": list(predicates)}}


def _header_input(name: str) -> Json:
    return extension(name.strip(":"), "envoy.type.matcher.v3.HttpRequestHeaderMatchInput", {"header_name": name})


def route_configuration(name: str, matcher: Json, misdirected: str, names: Sequence[str], **host: Any) -> Json:
    """All routes of one listener, for our own `names` only; `host` are settings for all of them."""
    elsewhere = direct("misdirected", {"prefix": "/"}, 421, misdirected)
    return typed(
        "envoy.config.route.v3.RouteConfiguration",
        {
            "name": name,
            "ignore_port_in_host_matching": True,
            "virtual_hosts": [
                {"name": name, "domains": list(names), "matcher": matcher, **host},
                {"name": "misdirected", "domains": ["*"], "routes": [elsewhere]},
            ],
            # A publication writes the clusters first and waits; this makes a mistake loud.
            "validate_clusters": True,
        },
    )
