"""The question that the front door asks before it lets a request through to MLflow.

The door repeats the request's method and path (below ``/internal/authorize``)
and hands over the headers that prove who asks; 200 lets it through, anything
else is what the caller gets. The path is ``/mlflow/<workspace>/<rest>``, after
the door has normalised it, and is judged as it was sent: a letter that somebody
found worth escaping is not the letter that a rule names.
"""

from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from pratique.base.errors import Forbidden, NotFound, PratiqueError, Unauthenticated
from pratique.base.names import problem_with_name
from pratique.control.actor import Actor
from pratique.control.permissions import permit, workspace_scope
from pratique.store import workspaces
from pratique.web.auth import PUBLIC, authenticate
from pratique.web.browser import is_a_person, sign_in_page
from pratique.web.mlflow.permissions import permission_for
from pratique.web.platform import Here

router = APIRouter(include_in_schema=False)

ACTOR_HEADER: Final = "x-pratique-actor"
"""Tells MLflow who asks; callers cannot set it, because the door overwrites it."""
TRACKING_HEADER: Final = "x-pratique-tracking"
"""Tells MLflow what it knows the workspace by, in the same way."""

_PREFIX: Final = "/internal/authorize/"
_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@router.api_route(_PREFIX + "{path:path}", methods=_METHODS, dependencies=[Depends(PUBLIC)])
def authorize(request: Request, platform: Here) -> Response:
    """200 when the caller may do this to MLflow, else 401 or 403."""
    try:
        actor, workspace = _permitted(request)
        with platform.database.read() as tx:
            tracking = workspaces.tracking_of(tx, workspace)
        if tracking is None:
            raise NotFound(f"there is no workspace {workspace!r}")
    except Unauthenticated as error:
        if is_a_person(request):
            return sign_in_page()
        return _refused(error, {"WWW-Authenticate": f'Bearer realm="{platform.door}"'})
    except PratiqueError as error:
        return _refused(error, {})
    return Response(status_code=200, headers={ACTOR_HEADER: actor.name, TRACKING_HEADER: tracking})


def _permitted(request: Request) -> tuple[Actor, str]:
    """Who asks, and of which workspace."""
    actor = authenticate(request)
    path = request.scope["raw_path"].decode("latin-1").removeprefix(_PREFIX)
    first, workspace, rest = (*path.split("/", 2), "", "")[:3]
    if first != "mlflow" or problem_with_name("workspace", workspace):
        raise Forbidden("this is not a path of MLflow: expected /mlflow/WORKSPACE/…")
    action = permission_for(request.method, f"/{rest}")
    if action is None:
        raise Forbidden("MLflow's server is not asked for this here")
    permit(actor, action, workspace_scope(workspace))
    return actor, workspace


def _refused(error: PratiqueError, headers: dict[str, str]) -> JSONResponse:
    return JSONResponse(error.to_document(), status_code=error.status, headers=headers)
