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


def extension_resource(name: str, settings: Json) -> Json:
    """The settings of a filter as a resource of their own."""
    return typed("envoy.config.core.v3.TypedExtensionConfig", {"name": name, "typed_config": settings})


def seconds(duration: timedelta) -> str:
    """A duration as Envoy writes it."""
    return f"{duration.total_seconds():.3f}s"


def discovery(resources: Sequence[Json]) -> tuple[str, str]:
    """The version and the text of a discovery file; the version is the digest of what it holds."""
    return discovery_of([as_text(resource) for resource in resources])


def discovery_of(resources: Sequence[str]) -> tuple[str, str]:
    """The same of resources that are text already."""
    content = f"[{','.join(resources)}]"
    version = hashlib.sha256(content.encode()).hexdigest()[:16]
    return version, f'{{"version_info":"{version}","resources":{content}}}'


def as_text(message: Any) -> str:
    """A message as Envoy's files have it."""
    return json.dumps(message, separators=(",", ":"))


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


def by_prefix(branches: Mapping[str, Sequence[Json]], otherwise: Sequence[Json]) -> Json:
    """Route by the longest of the prefixes that the path starts with, in time independent of their number.

    Each prefix ends in a slash. The routes of a prefix must end in one that
    takes everything, because nothing falls through to `otherwise`.
    """
    if not branches:
        # Envoy refuses an empty tree.
        return {"on_no_match": routes(otherwise)}
    tree = {
        "input": _header_input(":path"),
        "prefix_match_map": {"map": {prefix: routes(rows) for prefix, rows in branches.items()}},
    }
    return {"matcher_tree": tree, "on_no_match": routes(otherwise)}


def with_branches(configuration: Json, branches: Mapping[str, str]) -> str:
    """The text of a route configuration whose `by_prefix` got `STAND_IN`, with the text of each branch in its place.

    A thousand branches of which one has changed are then not made text again.
    """
    whole = as_text(configuration)
    rows = ",".join(f"{as_text(prefix)}:{text}" for prefix, text in branches.items())
    return whole.replace(f"{as_text(_STAND_IN)}:{branch_text([])}", rows)


_STAND_IN: Final = "/ /"
"""A prefix that no path has."""
STAND_IN: Final[Mapping[str, Sequence[Json]]] = {_STAND_IN: []}


def branch_text(rows: Sequence[Json]) -> str:
    """One branch of `by_prefix` as text."""
    return as_text(routes(rows))


def branches_of(configuration: Json) -> Mapping[str, Sequence[Json]]:
    """The branches that `by_prefix` put into a route configuration."""
    matcher = configuration["virtual_hosts"][0]["matcher"]
    while "matcher_tree" not in matcher:
        if "matcher" not in matcher["on_no_match"]:
            return {}
        matcher = matcher["on_no_match"]["matcher"]
    tree = matcher["matcher_tree"]["prefix_match_map"]["map"]
    return {prefix: branch["action"]["typed_config"]["routes"] for prefix, branch in tree.items()}


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
