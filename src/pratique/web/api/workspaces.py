"""Workspaces."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends

from pratique.base.clock import utc_now
from pratique.control import managed_identities, workspaces
from pratique.control.actor import Actor
from pratique.store.workspaces import Workspace
from pratique.web.api.changes import WorkspaceChanges, read_changes
from pratique.web.api.fields import creation_context, present
from pratique.web.api.specs import WorkspaceBody, read_spec
from pratique.web.auth import KNOWN, allow, allow_somewhere, allow_within
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/workspaces", tags=["workspaces"])


def document(workspace: Workspace, platform: Platform) -> dict[str, Any]:
    """A workspace as Azure prints it."""
    shown = {
        "id": platform.ids.of_workspace(workspace.name, workspace.resource_group),
        "name": workspace.name,
        "resource_group": workspace.resource_group,
        "location": workspace.location,
        "display_name": workspace.display_name,
        "description": workspace.description,
        "tags": dict(workspace.tags),
        "mlflow_tracking_uri": f"{platform.door}/mlflow/{workspace.name}",
        "discovery_url": f"{platform.door}/api/v1/workspaces/{workspace.name}",
        "identity": platform.ids.identity(managed_identities.of_workspace(workspace.name)),
        "provisioning_state": "Succeeded",
        "creation_context": creation_context(workspace.created_at, workspace.created_by),
    }
    return present(shown)


@router.get("")
def every(platform: Here, actor: Annotated[Actor, Depends(KNOWN)]) -> list[dict[str, Any]]:
    """The workspaces that the caller may see."""
    with platform.database.read() as tx:
        return [document(workspace, platform) for workspace in workspaces.every(tx, actor)]


@router.put("/{workspace}")
def create(
    platform: Here,
    # Whoever may make workspaces in the group may make this one: the verb asks there.
    actor: Annotated[Actor, Depends(allow_somewhere("workspaces/write"))],
    workspace: str,
    body: WorkspaceBody,
) -> dict[str, Any]:
    """Make or change a workspace."""
    spec = read_spec("workspace", body, name=workspace)
    group = body.resource_group or str(spec.get("resource_group") or "")
    with platform.database.write() as tx:
        made = workspaces.create(tx, actor, spec, group=group, now=utc_now())
    return document(made, platform)


@router.get("/{workspace}")
def get(
    platform: Here, actor: Annotated[Actor, Depends(allow_within("workspaces/read"))], workspace: str
) -> dict[str, Any]:
    """One workspace."""
    with platform.database.read() as tx:
        return document(workspaces.get(tx, actor, workspace), platform)


@router.patch("/{workspace}")
def update(
    platform: Here,
    actor: Annotated[Actor, Depends(allow("workspaces/write"))],
    workspace: str,
    body: Annotated[dict[str, Any], Body()],
) -> dict[str, Any]:
    """Change display name, description or tags."""
    with platform.database.write() as tx:
        changes = read_changes(WorkspaceChanges, body)
        return document(workspaces.update(tx, actor, workspace, changes, now=utc_now()), platform)


@router.delete("/{workspace}")
def delete(
    platform: Here, actor: Annotated[Actor, Depends(allow("workspaces/delete"))], workspace: str
) -> dict[str, Any]:
    """Remove a workspace in which nothing runs."""
    with platform.database.write() as tx:
        workspaces.delete(tx, actor, workspace, now=utc_now())
    return {}
