"""The route classes of the front door: what a request may cost in time and bytes.

    class    in all        without a byte    body            for
    api      60 s          5 min             20 MB           verbs, pages, MLflow
    stream   no limit      no limit          20 MB           paths of the API that end in /stream
    upload   no limit      5 min             upload limit    blobs, artifacts, git

The fourth class, score, has its limits from the deployment (`scoring`, `clusters`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from pratique.gateway.render.clusters import API
from pratique.gateway.render.resources import SKIPPED, Json, seconds, set_header

CALL_BODY_FILTER: Final = "body_size_limit.api"
UPLOAD_BODY_FILTER: Final = "body_size_limit.upload"
CALL_BODY_LIMIT: Final = 20_000_000
"""Bytes; the classes api and stream."""

SANDBOX: Final = (set_header("content-security-policy", "sandbox"),)
"""For answers that are somebody's files: no browser may run them in the origin of the pages."""

WAIT: Final = {
    # Until the socket of a starting platform answers: about 30 s of full-jitter back-off. The request was
    # not sent, so nothing runs twice.
    "retry_on": "connect-failure",
    "num_retries": 70,
    "retry_back_off": {"base_interval": "0.05s", "max_interval": "1s"},
}


@dataclass(frozen=True)
class RouteClass:
    """What a request of this class may cost; a duration of 0 is no limit."""

    total: timedelta
    """From the end of the request to the end of the answer, waiting for a start-up included."""
    idle: timedelta
    """Without a byte in either direction."""
    filters: Mapping[str, Json] = field(default_factory=dict)
    """Filters of the door that this class changes."""
    kept: int = 1_048_576
    """Bytes of a body that are kept while the request waits for a start-up; a larger one is refused instead."""


CALL: Final = RouteClass(timedelta(seconds=60), timedelta(minutes=5), kept=CALL_BODY_LIMIT)
STREAM: Final = RouteClass(timedelta(0), timedelta(0), kept=CALL_BODY_LIMIT)
# Envoy's streaming body limit takes no settings by route, so the smaller of two is switched off.
UPLOAD: Final = RouteClass(timedelta(0), timedelta(minutes=5), {CALL_BODY_FILTER: SKIPPED})


def action(cluster: str, route_class: RouteClass) -> Json:
    """Send a request to `cluster` and wait for it while it starts."""
    return {
        "cluster": cluster,
        "timeout": seconds(route_class.total),
        "idle_timeout": seconds(route_class.idle),
        "retry_policy": WAIT,
    }


def to_api(name: str, match: Json, route_class: RouteClass, headers: Sequence[Json] = ()) -> Json:
    """A route to the API, which checks by itself who asks."""
    return {
        "name": name,
        "match": match,
        "route": action(API, route_class),
        "request_body_buffer_limit": route_class.kept,
        "typed_per_filter_config": {"envoy.filters.http.ext_authz": SKIPPED, **route_class.filters},
        "response_headers_to_add": list(headers),
    }
