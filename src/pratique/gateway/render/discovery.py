"""The files that Envoy watches: resources, under a version that is the digest of what they are.

A file that has something for each endpoint is binary (``.pb``): of a thousand
of them Envoy reads the routes in a quarter of the time that JSON takes. The
others are JSON.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from pratique.gateway.render import wire
from pratique.gateway.render.resources import Json, routes

_VERSION: Final = 16
"""Characters of a version."""
_JSON: Final = re.compile(rb'\{"version_info":"([0-9a-f]{16})","resources":(\[.*\])\}', re.DOTALL)
_RESOURCES: Final = 2
"""The number of the resources in a binary file; the version is field 1, and comes first."""

_CONFIGURATION: Final = "envoy.config.route.v3.RouteConfiguration"
_HOST: Final = "envoy.config.route.v3.VirtualHost"
_MATCHER: Final = "xds.type.matcher.v3.Matcher"
_ON_MATCH: Final = "xds.type.matcher.v3.Matcher.OnMatch"
_TREE: Final = "xds.type.matcher.v3.Matcher.MatcherTree"
_MAP: Final = "xds.type.matcher.v3.Matcher.MatcherTree.MatchMap"


@dataclass(frozen=True)
class Discovery:
    """One file as a whole."""

    version: str
    content: bytes

    @cached_property
    def resources(self) -> Sequence[Json]:
        """Of a JSON file; none of no file."""
        found: list[Json] = json.loads(self.content)["resources"] if self.content else []
        return found

    @cached_property
    def messages(self) -> Sequence[bytes]:
        """Of a binary file, each with its type; none of no file."""
        return [message for number, message in wire.fields(self.content) if number == _RESOURCES]

    @cached_property
    def clusters(self) -> Mapping[str, bytes]:
        """The clusters of a binary file by their names."""
        kind = "envoy.config.cluster.v3.Cluster"
        return {next(wire.values(kind, wire.unpacked(one), "name")).decode(): one for one in self.messages}

    @cached_property
    def branches(self) -> Mapping[str, bytes]:
        """What `by_prefix` put into the route configuration of a binary file, by prefix."""
        return _branches(wire.unpacked(self.messages[0])) if self.messages else {}


NOTHING: Final = Discovery("", b"")
"""No file, or none that is as it was written."""


def in_json(resources: Sequence[Json]) -> Discovery:
    """A JSON file of `resources`."""
    held = json.dumps(resources, separators=(",", ":")).encode()
    version = _digest(held)
    return Discovery(version, b'{"version_info":"%s","resources":%s}' % (version.encode(), held))


def in_binary(messages: Sequence[bytes]) -> Discovery:
    """A binary file of resources that are messages with their type (`wire.packed`)."""
    held = b"".join([wire.sized(_RESOURCES, message) for message in messages])
    version = _digest(held)
    return Discovery(version, wire.sized(1, version.encode()) + held)


def branch(rows: Sequence[Json]) -> bytes:
    """One branch of `by_prefix` as a message."""
    return wire.encoded(_ON_MATCH, routes(rows))


def read(file: Path) -> Discovery:
    """`file` as it was written; `NOTHING` when there is none, or one of which a byte was changed."""
    try:
        content = file.read_bytes()
    except OSError:
        return NOTHING
    version, held = _parts_of_binary(content) if file.suffix == ".pb" else _parts_of_json(content)
    return Discovery(version.decode(), content) if version and _digest(held).encode() == version else NOTHING


def _parts_of_json(content: bytes) -> tuple[bytes, bytes]:
    found = _JSON.fullmatch(content)
    return (found[1], found[2]) if found else (b"", b"")


def _parts_of_binary(content: bytes) -> tuple[bytes, bytes]:
    begin = wire.sized(1, b" " * _VERSION)[:-_VERSION]
    end = len(begin) + _VERSION
    return (content[len(begin) : end], content[end:]) if content.startswith(begin) else (b"", b"")


def _digest(held: bytes) -> str:
    return hashlib.sha256(held).hexdigest()[:_VERSION]


def _branches(configuration: bytes) -> Mapping[str, bytes]:
    host = next(wire.values(_CONFIGURATION, configuration, "virtual_hosts"))
    matcher = next(wire.values(_HOST, host, "matcher"), None)
    while matcher is not None:
        tree = next(wire.values(_MATCHER, matcher, "matcher_tree"), None)
        if tree is not None:
            entries = [dict(wire.fields(one)) for one in _entries(tree)]
            return {entry[1].decode(): entry[2] for entry in entries}
        otherwise = next(wire.values(_MATCHER, matcher, "on_no_match"), b"")
        matcher = next(wire.values(_ON_MATCH, otherwise, "matcher"), None)
    return {}


def _entries(tree: bytes) -> Sequence[bytes]:
    return [entry for held in wire.values(_TREE, tree, "prefix_match_map") for entry in wire.values(_MAP, held, "map")]
