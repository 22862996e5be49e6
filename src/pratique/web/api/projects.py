"""Projects."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends

from pratique.base.clock import iso, utc_now
from pratique.control import projects
from pratique.control.actor import Actor
from pratique.store.projects import Project
from pratique.web.api.fields import RequestBody
from pratique.web.auth import allow_somewhere
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/delivery/projects", tags=["delivery"])
Reader = Annotated[Actor, Depends(allow_somewhere("projects/read"))]
Writer = Annotated[Actor, Depends(allow_somewhere("projects/write"))]
Deleter = Annotated[Actor, Depends(allow_somewhere("projects/delete"))]


class ProjectBody(RequestBody):
    """What is said of a project."""

    description: str = ""


def document(project: Project, platform: Platform) -> dict[str, Any]:
    """A project as Azure DevOps prints it."""
    return {
        "id": project.id,
        "name": project.name,
        "description": project.description,
        "state": "wellFormed",
        "visibility": "private",
        "lastUpdateTime": iso(project.created_at),
        "url": f"{platform.door}/api/v1/delivery/projects/{project.name}",
    }


@router.get("")
def every(platform: Here, actor: Reader) -> list[dict[str, Any]]:
    """The projects that the caller may see."""
    with platform.database.read() as tx:
        return [document(project, platform) for project in projects.every(tx, actor)]


@router.put("/{project}")
def create(platform: Here, actor: Writer, project: str, body: Annotated[ProjectBody, Body()]) -> dict[str, Any]:
    """Make a project; one that is there stays as it is."""
    with platform.database.write() as tx:
        made = projects.create(tx, actor, project, description=body.description, now=utc_now())
        return document(made, platform)


@router.get("/{project}")
def get(platform: Here, actor: Reader, project: str) -> dict[str, Any]:
    """One project."""
    with platform.database.read() as tx:
        return document(projects.get(tx, actor, project), platform)


@router.delete("/{project}")
def delete(platform: Here, actor: Deleter, project: str) -> dict[str, Any]:
    """Remove a project in which nothing runs."""
    with platform.database.write() as tx:
        projects.delete(tx, actor, project, now=utc_now())
    return {}
