"""MLflow's REST of registered models and their versions, answered from our rows.

The same routes stand where clients of every age ask: ``api`` and ``ajax-api``
(the pages), with and without ``preview`` (clients of 1.30). A GET says what it
wants in its query, everything else in a JSON body.
"""

from fastapi import APIRouter

from pratique.web.mlflow import model_versions, registered_models, registry_search

router = APIRouter(include_in_schema=False)
for _prefix in ("api/2.0", "api/2.0/preview", "ajax-api/2.0", "ajax-api/2.0/preview"):
    for _verbs in (registered_models, model_versions, registry_search):
        router.include_router(_verbs.router, prefix=f"/mlflow/{{workspace}}/{_prefix}/mlflow")
