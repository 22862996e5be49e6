"""Which of MLflow's paths exist behind the door, and what a caller needs for each.

It is an allow-list: what no row names is denied, however it is written. A row
is (methods, path below the API, action of the permission table). ``*`` stands
for one part of a path and ``**`` for one part or more.

The door asks after it has normalised the path and cut off ``/mlflow/<workspace>``.
Nothing here is decoded: a path that still has a ``%`` matches only where a
name of a file or a tag may stand, never in place of a word.
"""

import re
from typing import Final

Row = tuple[str, str, str]

# Below /api/2.0/mlflow, /api/3.0/mlflow and the same with ajax-api, which the pages use.
_TRACKING: Final[tuple[Row, ...]] = (
    ("GET", "experiments/get", "runs/read"),
    ("GET", "experiments/get-by-name", "runs/read"),
    ("GET POST", "experiments/search", "runs/read"),
    ("POST", "experiments/search-datasets", "runs/read"),
    ("POST", "experiments/create", "runs/write"),
    ("POST", "experiments/update", "runs/write"),
    ("POST", "experiments/delete", "runs/write"),
    ("POST", "experiments/restore", "runs/write"),
    ("POST", "experiments/set-experiment-tag", "runs/write"),
    ("POST", "experiments/delete-experiment-tag", "runs/write"),
    ("GET", "runs/get", "runs/read"),
    ("POST", "runs/search", "runs/read"),
    ("POST", "runs/create", "runs/write"),
    ("POST", "runs/update", "runs/write"),
    ("POST", "runs/delete", "runs/write"),
    ("POST", "runs/restore", "runs/write"),
    ("POST", "runs/log-metric", "runs/write"),
    ("POST", "runs/log-parameter", "runs/write"),
    ("POST", "runs/log-batch", "runs/write"),
    ("POST", "runs/log-model", "runs/write"),
    ("POST", "runs/log-inputs", "runs/write"),
    ("POST", "runs/outputs", "runs/write"),
    ("POST", "runs/set-tag", "runs/write"),
    ("POST", "runs/delete-tag", "runs/write"),
    ("GET", "metrics/get-history", "runs/read"),
    ("GET", "metrics/get-history-bulk", "runs/read"),
    ("GET", "metrics/get-history-bulk-interval", "runs/read"),
    ("GET", "artifacts/list", "artifacts/read"),
    ("GET", "get-trace-artifact", "artifacts/read"),
    ("POST", "logged-models", "runs/write"),
    ("POST", "logged-models/search", "runs/read"),
    ("GET", "logged-models/*", "runs/read"),
    ("PATCH DELETE", "logged-models/*", "runs/write"),
    ("PATCH", "logged-models/*/tags", "runs/write"),
    ("DELETE", "logged-models/*/tags/*", "runs/write"),
    ("POST", "logged-models/*/params", "runs/write"),
    ("GET", "logged-models/*/artifacts/directories", "artifacts/read"),
    ("GET", "logged-models/*/artifacts/files", "artifacts/read"),
    ("GET", "traces", "runs/read"),
    ("GET", "traces/get", "runs/read"),
    ("GET", "traces/batchGet", "runs/read"),
    ("POST", "traces/batchGetInfos", "runs/read"),
    ("POST", "traces/search", "runs/read"),
    ("POST", "traces/metrics", "runs/read"),
    ("POST", "traces/calculate-filter-correlation", "runs/read"),
    ("POST", "traces", "runs/write"),
    ("POST", "traces/link-to-run", "runs/write"),
    ("POST", "traces/delete-traces", "runs/write"),
    ("GET", "traces/*", "runs/read"),
    ("GET", "traces/*/info", "runs/read"),
    ("PATCH", "traces/*", "runs/write"),
    ("PATCH DELETE", "traces/*/tags", "runs/write"),
    ("POST", "traces/*/assessments", "runs/write"),
    ("GET", "traces/*/assessments/*", "runs/read"),
    ("PATCH DELETE", "traces/*/assessments/*", "runs/write"),
    ("POST", "datasets/create", "runs/write"),
    ("GET POST", "datasets/search", "runs/read"),
    ("GET", "datasets/*", "runs/read"),
    ("DELETE", "datasets/*", "runs/write"),
    ("GET", "datasets/*/experiment-ids", "runs/read"),
    ("GET", "datasets/*/records", "runs/read"),
    ("POST DELETE", "datasets/*/records", "runs/write"),
    ("PATCH", "datasets/*/tags", "runs/write"),
    ("DELETE", "datasets/*/tags/*", "runs/write"),
    ("POST", "datasets/*/add-experiments", "runs/write"),
    ("POST", "datasets/*/remove-experiments", "runs/write"),
    # The pages ask for these even where nobody uses them.
    ("GET", "server-info", "runs/read"),
    ("GET", "ui-telemetry", "runs/read"),
    ("GET", "label-schemas/list", "runs/read"),
    ("GET", "review-queues/list", "runs/read"),
    ("POST", "issues/search", "runs/read"),
)

# The same places, answered by this platform; 1.30 clients put "preview/" in front of "mlflow".
_REGISTRY: Final[tuple[Row, ...]] = (
    ("GET", "registered-models/get", "models/read"),
    ("GET", "registered-models/search", "models/read"),
    ("GET", "registered-models/list", "models/read"),
    ("GET POST", "registered-models/get-latest-versions", "models/read"),
    ("GET", "registered-models/alias", "models/read"),
    ("POST", "registered-models/create", "models/write"),
    ("POST", "registered-models/rename", "models/write"),
    ("PATCH", "registered-models/update", "models/write"),
    ("POST", "registered-models/set-tag", "models/write"),
    ("DELETE", "registered-models/delete-tag", "models/write"),
    ("POST DELETE", "registered-models/alias", "models/write"),
    ("DELETE", "registered-models/delete", "models/delete"),
    ("GET", "model-versions/get", "models/read"),
    ("GET", "model-versions/search", "models/read"),
    ("GET", "model-versions/get-download-uri", "models/read"),
    ("POST", "model-versions/create", "models/write"),
    ("PATCH", "model-versions/update", "models/write"),
    ("POST", "model-versions/transition-stage", "models/write"),
    ("POST", "model-versions/set-tag", "models/write"),
    ("DELETE", "model-versions/delete-tag", "models/write"),
    ("DELETE", "model-versions/delete", "models/delete"),
)

# Below /api/2.0 and /ajax-api/2.0, answered by this platform.
_FILES: Final[tuple[Row, ...]] = (
    ("GET", "mlflow-artifacts/artifacts", "artifacts/read"),
    ("GET", "mlflow-artifacts/artifacts/**", "artifacts/read"),
    ("PUT DELETE", "mlflow-artifacts/artifacts/**", "artifacts/write"),
    ("GET", "mlflow-artifacts/presigned/**", "artifacts/read"),
    ("POST", "mlflow-artifacts/mpu/**", "artifacts/write"),
)

# Beside the API: the pages and what they load.
_PAGES: Final[tuple[Row, ...]] = (
    ("GET", "/", "runs/read"),
    ("GET", "/static-files/**", "runs/read"),
    ("GET", "/version", "runs/read"),
    ("GET", "/health", "runs/read"),
    ("GET", "/get-artifact", "artifacts/read"),
    ("GET", "/model-versions/get-artifact", "models/read"),
    ("POST", "/graphql", "runs/read"),  # Its only mutation is a test that echoes.
    ("POST", "/v1/traces", "runs/write"),
)


def permission_for(method: str, path_after_workspace: str) -> str | None:
    """The action that `method` on this path needs, such as ``runs/write``; None when it is not served.

    `path_after_workspace` begins with a slash and has no query.
    """
    asked = "GET" if method == "HEAD" else method
    return next(
        (action for methods, pattern, action in _RULES if asked in methods and pattern.fullmatch(path_after_workspace)),
        None,
    )


def every_rule() -> list[tuple[str, str, str]]:
    """(method, pattern, action) of all rows, for the reference and for tests."""
    return [(method, pattern.pattern, action) for methods, pattern, action in _RULES for method in sorted(methods)]


def _compiled(prefix: str, rows: tuple[Row, ...]) -> list[tuple[frozenset[str], re.Pattern[str], str]]:
    return [(frozenset(methods.split()), re.compile(prefix + _regex(path)), action) for methods, path, action in rows]


def _regex(path: str) -> str:
    parts = {"*": "[^/]+", "**": "[^/]+(?:/[^/]+)*"}
    return "/".join(parts.get(part) or re.escape(part) for part in path.split("/"))


_RULES: Final = [
    *_compiled("/(?:ajax-)?api/[23]\\.0/mlflow/", _TRACKING),
    *_compiled("/(?:ajax-)?api/2\\.0/(?:preview/)?mlflow/", _REGISTRY),
    *_compiled("/(?:ajax-)?api/2\\.0/", _FILES),
    *_compiled("", _PAGES),
]
