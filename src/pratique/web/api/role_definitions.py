"""Custom roles, and those of the permission table, as Azure shows them."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from pydantic import Field

from pratique.base.clock import utc_now
from pratique.control import role_definitions
from pratique.control.actor import Actor
from pratique.control.role_definitions import NewRole, Role
from pratique.web.api.fields import RequestBody
from pratique.web.auth import allow_somewhere
from pratique.web.platform import Here

router = APIRouter(prefix="/role-definitions", tags=["identity"])

Reader = Annotated[Actor, Depends(allow_somewhere("roles/read"))]
Writer = Annotated[Actor, Depends(allow_somewhere("roles/write"))]
Deleter = Annotated[Actor, Depends(allow_somewhere("roles/delete"))]
Texts = Annotated[list[str], Field(max_length=1000)]

_TYPE: Final = "Microsoft.Authorization/roleDefinitions"


class DefinitionRequest(RequestBody):
    """What a role grants, and where it may be given."""

    description: str = Field(default="", max_length=1024, pattern=r"^[^\x00-\x1f\x7f]*$")
    actions: Texts = Field(default_factory=list)
    not_actions: Texts = Field(default_factory=list)
    data_actions: Texts = Field(default_factory=list)
    not_data_actions: Texts = Field(default_factory=list)
    assignable_scopes: Texts = Field(default_factory=list)

    def role(self, name: str) -> NewRole:
        """The role called `name` that this describes."""
        return NewRole(
            name, self.description, self.actions, self.not_actions, self.data_actions, self.not_data_actions,
            self.assignable_scopes,
        )  # fmt: skip


@router.get("")
def every(platform: Here, actor: Reader) -> list[dict[str, Any]]:
    """The roles that can be given."""
    with platform.database.read() as tx:
        return [_document(one) for one in role_definitions.every(tx, actor)]


@router.post("/{name}", status_code=201)
def create(name: str, body: DefinitionRequest, platform: Here, actor: Writer) -> dict[str, Any]:
    """Define a role."""
    with platform.database.write() as tx:
        return _document(role_definitions.create(tx, actor, body.role(name), now=utc_now()))


@router.put("/{name}")
def update(name: str, body: DefinitionRequest, platform: Here, actor: Writer) -> dict[str, Any]:
    """Let a role that was defined mean something else."""
    with platform.database.write() as tx:
        return _document(role_definitions.update(tx, actor, body.role(name), now=utc_now()))


@router.get("/{name}")
def get(name: str, platform: Here, actor: Reader) -> dict[str, Any]:
    """One role, by its name."""
    with platform.database.read() as tx:
        return _document(role_definitions.get(tx, actor, name))


@router.delete("/{name}", status_code=204)
def delete(name: str, platform: Here, actor: Deleter) -> None:
    """Forget a role that nobody has; nothing happens when there is none."""
    with platform.database.write() as tx:
        role_definitions.delete(tx, actor, name, now=utc_now())


def _document(role: Role) -> dict[str, Any]:
    return {
        "id": role.id,
        "name": role.id,
        "type": _TYPE,
        "roleName": role.name,
        "roleType": role.kind,
        "description": role.description,
        "assignableScopes": list(role.assignable_scopes),
        "permissions": [
            {
                "actions": list(role.actions),
                "notActions": list(role.not_actions),
                "dataActions": list(role.data_actions),
                "notDataActions": list(role.not_data_actions),
            }
        ],
    }
