"""MLflow's tracking server for every workspace of Pratique; runs in MLflow's own environment.

    Envoy ──unix socket──► launcher ── gate ── MLflow's ASGI app
                                                 │ workspaces   which workspaces there are
                                                 │ experiments  the tracking store (SQLite, WAL)
                                                 │ registry     the model registry, read over the API
                                                 └ artifacts    files of runs, kept by the API

Nothing here imports `pratique`, and `pratique` imports nothing of this: the two
live in different environments and talk over the API's unix socket (`api`).
MLflow itself is imported late, inside functions, because its plugins' entry
points load while it is being imported and because its import takes seconds.
"""

__version__ = "0.1.0"
