"""Managed identities that somebody makes, in the shapes of ``az identity``."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from pratique.base.clock import utc_now
from pratique.control import assigned_identities
from pratique.control.actor import Actor
from pratique.specs.key_types import Text
from pratique.store.assigned_identities import AssignedIdentity
from pratique.web.api.fields import RequestBody
from pratique.web.auth import allow_somewhere
from pratique.web.platform import Here, Platform

router = APIRouter(tags=["identity"])
# A role may be given at a group or at one identity, and the verbs ask there.
Reader = Annotated[Actor, Depends(allow_somewhere("identities/read"))]
Writer = Annotated[Actor, Depends(allow_somewhere("identities/write"))]
Deleter = Annotated[Actor, Depends(allow_somewhere("identities/delete"))]


class IdentityBody(RequestBody):
    """What is said of an identity; tags that are left out stay as they are."""

    location: Text = ""
    tags: dict[Text, Text] | None = None


def document(identity: AssignedIdentity, platform: Platform) -> dict[str, Any]:
    """An identity as Azure prints it."""
    return {
        "clientId": identity.id,
        "id": platform.ids.of_identity(identity.resource_group, identity.name),
        "location": identity.location,
        "name": identity.name,
        "principalId": identity.id,
        "resourceGroup": identity.resource_group,
        "systemData": None,
        "tags": dict(identity.tags),
        "tenantId": platform.home.tenant,
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
    }


@router.get("/identities")
def every(platform: Here, actor: Reader) -> list[dict[str, Any]]:
    """The identities that the caller may see."""
    with platform.database.read() as tx:
        return [document(one, platform) for one in assigned_identities.every(tx, actor)]


@router.put("/groups/{group}/identities/{name}")
def create(platform: Here, actor: Writer, group: str, name: str, body: IdentityBody) -> dict[str, Any]:
    """Make an identity, or change the tags of the one that is there."""
    with platform.database.write() as tx:
        made = assigned_identities.create(tx, actor, group, name, location=body.location, tags=body.tags, now=utc_now())
        return document(made, platform)


@router.get("/groups/{group}/identities/{name}")
def get(platform: Here, actor: Reader, group: str, name: str) -> dict[str, Any]:
    """One identity."""
    with platform.database.read() as tx:
        return document(assigned_identities.get(tx, actor, group, name), platform)


@router.delete("/groups/{group}/identities/{name}", status_code=204)
def delete(platform: Here, actor: Deleter, group: str, name: str) -> None:
    """Remove an identity with its roles."""
    with platform.database.write() as tx:
        assigned_identities.delete(tx, actor, group, name, now=utc_now())
