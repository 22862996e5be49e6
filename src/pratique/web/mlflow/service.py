"""What the MLflow server itself asks of the platform, with its own token."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from pratique.base.clock import utc_now
from pratique.control import artifacts, workspaces
from pratique.control.actor import Actor
from pratique.web.auth import allow
from pratique.web.mlflow.errors import MlflowRoute
from pratique.web.platform import Here

router = APIRouter(prefix="/internal/tracking", include_in_schema=False, route_class=MlflowRoute)


class LoggedModel(BaseModel):
    """A model of MLflow 3 whose files are complete."""

    run_id: Annotated[str, Field(max_length=64)]
    name: Annotated[str, Field(max_length=255)]
    model_id: Annotated[str, Field(max_length=64)]


@router.get("/workspaces")
def names(platform: Here, actor: Annotated[Actor, Depends(allow("workspaces/read"))]) -> dict[str, Any]:
    """Every workspace's name, and what MLflow knows it by."""
    with platform.database.read() as tx:
        return {"workspaces": {one.name: one.tracking for one in workspaces.every(tx, actor)}}


@router.post("/workspaces/{workspace}/logged-models")
def link_model(
    platform: Here,
    actor: Annotated[Actor, Depends(allow("artifacts/write"))],
    workspace: str,
    said: LoggedModel,
) -> dict[str, Any]:
    """Show the files of a logged model in the run that logged it as well."""
    with platform.database.write() as tx:
        artifacts.link_model(tx, actor, workspace, said.run_id, said.name, said.model_id, now=utc_now())
    return {}
