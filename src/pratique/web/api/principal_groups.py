"""Groups of principals and who is in them, in the shapes of ``az ad group``."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from pydantic import Field

from pratique.base.clock import iso, utc_now
from pratique.control import principal_groups
from pratique.control.actor import Actor
from pratique.store.principals import Principal
from pratique.web.api.fields import RequestBody
from pratique.web.auth import allow
from pratique.web.platform import Here

router = APIRouter(prefix="/principal-groups", tags=["identity"])

Reader = Annotated[Actor, Depends(allow("principals/read"))]
Writer = Annotated[Actor, Depends(allow("principals/write"))]
Deleter = Annotated[Actor, Depends(allow("principals/delete"))]

_TYPES: Final = {
    "user": "#microsoft.graph.user",
    "service_principal": "#microsoft.graph.servicePrincipal",
    "managed_identity": "#microsoft.graph.servicePrincipal",
}


class GroupRequest(RequestBody):
    """A new group."""

    description: str = Field(default="", max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")


@router.get("")
def every(platform: Here, actor: Reader) -> list[dict[str, Any]]:
    """Every group, by name."""
    with platform.database.read() as tx:
        return [_document(one) for one in principal_groups.every(tx, actor)]


@router.put("/{group}", status_code=201)
def create(group: str, body: GroupRequest, platform: Here, actor: Writer) -> dict[str, Any]:
    """Make a group; one of that name is answered as it is."""
    with platform.database.write() as tx:
        made = principal_groups.create(tx, actor, group, description=body.description, now=utc_now())
    return _document(made)


@router.get("/{group}")
def get(group: str, platform: Here, actor: Reader) -> dict[str, Any]:
    """One group, by id or name."""
    with platform.database.read() as tx:
        return _document(principal_groups.get(tx, actor, group))


@router.delete("/{group}", status_code=204)
def delete(group: str, platform: Here, actor: Deleter) -> None:
    """Remove a group with its roles."""
    with platform.database.write() as tx:
        principal_groups.delete(tx, actor, group, now=utc_now())


@router.get("/{group}/members")
def members(group: str, platform: Here, actor: Reader) -> list[dict[str, Any]]:
    """Who is in a group, by name."""
    with platform.database.read() as tx:
        return [_member(one) for one in principal_groups.members(tx, actor, group)]


@router.get("/{group}/members/{member}")
def check(group: str, member: str, platform: Here, actor: Reader) -> dict[str, bool]:
    """Whether somebody is in a group."""
    with platform.database.read() as tx:
        return {"value": principal_groups.is_member(tx, actor, group, member)}


@router.put("/{group}/members/{member}", status_code=204)
def add(group: str, member: str, platform: Here, actor: Writer) -> None:
    """Put somebody into a group."""
    with platform.database.write() as tx:
        principal_groups.add_member(tx, actor, group, member, now=utc_now())


@router.delete("/{group}/members/{member}", status_code=204)
def remove(group: str, member: str, platform: Here, actor: Writer) -> None:
    """Take somebody out of a group."""
    with platform.database.write() as tx:
        principal_groups.remove_member(tx, actor, group, member, now=utc_now())


def _document(group: Principal) -> dict[str, Any]:
    return {
        "id": group.id,
        "displayName": group.name,
        "mailNickname": group.name,
        "description": group.display_name,
        "createdDateTime": iso(group.created_at),
        "securityEnabled": True,
    }


def _member(member: Principal) -> dict[str, Any]:
    shown = {"@odata.type": _TYPES[member.kind], "id": member.id, "displayName": member.display_name}
    return {**shown, "userPrincipalName": member.name} if member.kind == "user" else {**shown, "appId": member.id}
