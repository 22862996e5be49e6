"""Resource groups."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from pratique.base.clock import utc_now
from pratique.control import groups
from pratique.control.actor import Actor
from pratique.specs.key_types import Text
from pratique.store.groups import ResourceGroup
from pratique.web.api.fields import RequestBody
from pratique.web.auth import allow_somewhere
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/groups", tags=["groups"])
# A role may be given at a group, and the verbs ask there: what a route can ask is whether there is any such role.
Reader = Annotated[Actor, Depends(allow_somewhere("groups/read"))]
Writer = Annotated[Actor, Depends(allow_somewhere("groups/write"))]
Deleter = Annotated[Actor, Depends(allow_somewhere("groups/delete"))]


class GroupBody(RequestBody):
    """What is said of a group."""

    location: Text | None = None
    tags: dict[Text, Text] | None = None


def document(group: ResourceGroup, platform: Platform) -> dict[str, Any]:
    """A group as Azure prints it."""
    return {
        "id": platform.ids.of_group(group.name),
        "name": group.name,
        "location": group.location,
        "tags": dict(group.tags),
        "properties": {"provisioningState": "Succeeded"},
        "type": "Microsoft.Resources/resourceGroups",
    }


@router.get("")
def every(platform: Here, actor: Reader) -> list[dict[str, Any]]:
    """The groups that the caller may see."""
    with platform.database.read() as tx:
        return [document(group, platform) for group in groups.every(tx, actor)]


@router.put("/{name}")
def create(
    platform: Here,
    actor: Writer,
    name: str,
    body: GroupBody,
) -> dict[str, Any]:
    """Make or change a group."""
    with platform.database.write() as tx:
        found = groups.create(tx, actor, name, location=body.location or "", tags=body.tags or {}, now=utc_now())
        return document(found, platform)


@router.get("/{name}")
def get(platform: Here, actor: Reader, name: str) -> dict[str, Any]:
    """One group."""
    with platform.database.read() as tx:
        return document(groups.get(tx, actor, name), platform)


@router.delete("/{name}")
def delete(platform: Here, actor: Deleter, name: str) -> dict[str, Any]:
    """Remove an empty group."""
    with platform.database.write() as tx:
        groups.delete(tx, actor, name, now=utc_now())
    return {}
