"""MLflow behind the door, one branch for each workspace, as an allow-list.

Registered models and proxied artifacts are ours and go to the API as they are.
Of MLflow only what is named here is reached: with the workspace put by us, the
caller's credentials taken away, and the API's permission (`listeners`).
Everything else is 404: workspaces, webhooks, jobs, gateway, assistant, and
whatever a later MLflow adds.
"""

from collections.abc import Sequence
from typing import Final

from pratique.gateway.render.classes import CALL, SANDBOX, UPLOAD, RouteClass, action, to_api
from pratique.gateway.render.clusters import MLFLOW
from pratique.gateway.render.resources import Json, direct, method_in, set_header

_API: Final = r"/(?:api|ajax-api)"
_SAFE: Final = r"[A-Za-z0-9_.:@=-]+"
"""A path segment of MLflow's: an id, a tag key, a verb; nothing that needs decoding."""

_OURS: Final = rf"{_API}/2\.0/(?:preview/)?mlflow/(?:registered-models|model-versions)/[a-z/-]+"
_ARTIFACTS: Final = rf"{_API}/2\.0/mlflow-artifacts/.*"
_FILES: Final = (
    r"/get-artifact",
    rf"{_API}/[23]\.0/mlflow/get-trace-artifact",
    rf"{_API}/2\.0/mlflow/logged-models/{_SAFE}/artifacts/files",
)
"""Answers of these are somebody's files: large, and never to be run by a browser in the pages' origin."""

_TRACKING: Final = (
    rf"{_API}/2\.0/(?:preview/)?mlflow/(?:experiments|runs|metrics)/[a-z-]+",
    rf"{_API}/2\.0/mlflow/artifacts/list",
    rf"{_API}/2\.0/mlflow/(?:logged-models|traces)(?:/{_SAFE}){{0,4}}",
    rf"{_API}/2\.0/mlflow/(?:unified-traces|get-online-trace-details)",
    rf"{_API}/3\.0/mlflow/(?:traces|datasets)(?:/{_SAFE}){{0,4}}",
    rf"{_API}/3\.0/mlflow/(?:server-info|scorers/(?:list|get|versions))",
    r"/graphql",
    r"/v1/traces",  # OpenTelemetry's place for spans; clients of MLflow 3 send theirs there.
)
_PAGES: Final = (r"/", r"/static-files/.*", r"/version", r"/health")
_NOBODY_ELSE: Final = (
    set_header(
        "content-security-policy",
        "connect-src 'self'; img-src 'self' data: blob:; object-src 'none'; "
        "base-uri 'self'; form-action 'self'; frame-ancestors 'self'",
    ),
)
"""The pages show words that others wrote, as Markdown; a picture in them tells no foreign server who looks.

Scripts are not named: a report in HTML that a run has logged is shown in a
sandbox of its own, inherits this, and would stay empty.
"""


def workspace_prefix(workspace: str) -> str:
    """Where a workspace's MLflow is: its tracking URI, with a slash."""
    return f"/mlflow/{workspace}/"


def workspace_routes(workspace: str) -> list[Json]:
    """Every route below a workspace's prefix."""
    base = f"/mlflow/{workspace}"
    return [
        to_api("mlflow-artifacts", _regex(base, [_ARTIFACTS]), UPLOAD, SANDBOX),
        to_api("mlflow-version-files", {"path": f"{base}/model-versions/get-artifact"}, UPLOAD, SANDBOX),
        to_api("mlflow-registry", _regex(base, [_OURS]), CALL),
        _to_mlflow("mlflow-files", base, workspace, _regex(base, _FILES) | _reading(), UPLOAD, SANDBOX),
        _to_mlflow("mlflow-tracking", base, workspace, _regex(base, _TRACKING), CALL),
        _to_mlflow("mlflow-pages", base, workspace, _regex(base, _PAGES) | _reading(), CALL, _NOBODY_ELSE),
        direct("mlflow-refused", {"prefix": "/"}, 404, "MLflow has no such path behind this door"),
    ]


def _to_mlflow(
    name: str, base: str, workspace: str, match: Json, route_class: RouteClass, headers: Sequence[Json] = ()
) -> Json:
    rewrite = {"pattern": {"regex": rf"^{base}((?:{_API}/2\.0)?)(?:/preview)?/"}, "substitution": r"\1/"}
    return {
        "name": name,
        "match": match,
        # MLflow checks the host itself, and knows only this one.
        "route": action(MLFLOW, route_class) | {"regex_rewrite": rewrite, "host_rewrite_literal": "localhost"},
        "request_body_buffer_limit": route_class.kept,
        "request_headers_to_add": [set_header("x-mlflow-workspace", workspace)],
        "request_headers_to_remove": ["authorization", "cookie"],
        "response_headers_to_add": list(headers),
        "response_headers_to_remove": ["set-cookie"],
        "typed_per_filter_config": dict(route_class.filters),
    }


def _regex(base: str, patterns: Sequence[str]) -> Json:
    return {"safe_regex": {"regex": f"{base}(?:{'|'.join(patterns)})"}}


def _reading() -> Json:
    return {"headers": [method_in(("GET", "HEAD"))]}
