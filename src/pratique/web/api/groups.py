"""Resource groups."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends

from pratique.base.clock import utc_now
from pratique.control import groups
from pratique.control.actor import Actor
from pratique.store.groups import ResourceGroup
from pratique.web.auth import allow
from pratique.web.platform import Platform, platform_of

router = APIRouter(prefix="/groups", tags=["groups"])
Here = Annotated[Platform, Depends(platform_of)]


def document(group: ResourceGroup) -> dict[str, Any]:
    """A group as Azure prints it."""
    return {
        "id": f"/resourceGroups/{group.name}",
        "name": group.name,
        "location": group.location,
        "tags": dict(group.tags),
        "properties": {"provisioningState": "Succeeded"},
        "type": "Microsoft.Resources/resourceGroups",
    }


@router.get("")
def every(platform: Here, actor: Annotated[Actor, Depends(allow("groups/read"))]) -> list[dict[str, Any]]:
    """All groups."""
    with platform.database.read() as tx:
        return [document(group) for group in groups.every(tx, actor)]


@router.put("/{name}")
def create(
    platform: Here,
    actor: Annotated[Actor, Depends(allow("groups/write"))],
    name: str,
    body: Annotated[dict[str, Any], Body()],
) -> dict[str, Any]:
    """Make or change a group."""
    with platform.database.write() as tx:
        location, tags = str(body.get("location") or ""), dict(body.get("tags") or {})
        return document(groups.create(tx, actor, name, location=location, tags=tags, now=utc_now()))


@router.get("/{name}")
def get(platform: Here, actor: Annotated[Actor, Depends(allow("groups/read"))], name: str) -> dict[str, Any]:
    """One group."""
    with platform.database.read() as tx:
        return document(groups.get(tx, actor, name))


@router.delete("/{name}")
def delete(platform: Here, actor: Annotated[Actor, Depends(allow("groups/delete"))], name: str) -> dict[str, Any]:
    """Remove an empty group."""
    with platform.database.write() as tx:
        groups.delete(tx, actor, name, now=utc_now())
    return {}
