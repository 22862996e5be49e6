"""Routes of the front door: the API and its pages, uploads, streams, and MLflow by workspace."""

from collections.abc import Iterable, Sequence
from typing import Final

from pratique.gateway.model import LOOPBACK_NAMES
from pratique.gateway.render.classes import CALL, STREAM, UPLOAD, to_api
from pratique.gateway.render.mlflow import workspace_prefix, workspace_routes
from pratique.gateway.render.resources import SKIPPED, Json, by_prefix, direct, method_in, route_configuration, routes

ROUTES: Final = "door"
"""The name of this door's route configuration."""


def door_routes(workspaces: Iterable[str], names: Sequence[str] = LOOPBACK_NAMES) -> Json:
    """Everything behind the front door."""
    branches = {workspace_prefix(name): workspace_routes(name) for name in workspaces}
    return route_configuration(
        ROUTES, by_prefix(branches, _platform_routes()), f"this door is opened as {' or '.join(names)}", names
    )


def _platform_routes() -> list[Json]:
    blobs = {"safe_regex": {"regex": r"/api/v1/workspaces/[a-z0-9-]+/blobs/[0-9a-f]+"}}
    return [
        # What only the gateway may ask; also in spellings that an application might decode.
        direct("internal", {"safe_regex": {"regex": r"(?i)/internal(?:[/;].*)?"}}, 404, "there is no such path"),
        direct("encoded", {"safe_regex": {"regex": r"/[^/]*%.*"}}, 404, "there is no such path"),
        _workspace_page(),
        direct("mlflow-unknown", {"path_separated_prefix": "/mlflow"}, 404, "there is no such workspace"),
        to_api("stream", {"safe_regex": {"regex": r"/api/.*/stream"}}, STREAM),
        to_api("upload", blobs, UPLOAD),
        to_api("git", {"safe_regex": {"regex": r"/pratique/[^/]+/_git/.*"}}, UPLOAD),
        to_api("api", {"prefix": "/"}, CALL),
    ]


def identity_routes(names: Sequence[str] = LOOPBACK_NAMES) -> Json:
    """The only thing that a replica without a network reaches: whoever has a proof gets a token for it."""
    asked = {"path": "/identity/token", "headers": [method_in(["GET"])]}
    rows = [
        to_api("identity", asked, CALL),
        direct("nothing-else", {"prefix": "/"}, 404, "only tokens of an identity are to be had here"),
    ]
    return route_configuration(
        ROUTES, {"on_no_match": routes(rows)}, f"this door is opened as {' or '.join(names)}", names
    )


def _workspace_page() -> Json:
    """``/mlflow/<workspace>`` without its slash, as people type it: MLflow's page needs the slash."""
    pattern = r"^(/mlflow/[a-z0-9-]+)$"
    return {
        "name": "mlflow-slash",
        "match": {"safe_regex": {"regex": r"/mlflow/[a-z0-9-]+"}},
        "redirect": {
            "regex_rewrite": {"pattern": {"regex": pattern}, "substitution": r"\1/"},
            "response_code": "TEMPORARY_REDIRECT",
        },
        "typed_per_filter_config": {"envoy.filters.http.ext_authz": SKIPPED},
    }
