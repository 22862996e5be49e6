"""Variable groups, in the shapes of ``az pipelines variable-group``; the value of a secret is in no answer."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field

from pratique.base.clock import iso, utc_now
from pratique.control import variable_groups
from pratique.control.actor import Actor
from pratique.control.variable_groups import NewGroup, Value, Whole
from pratique.specs.key_types import Text
from pratique.store.variable_groups import GroupVariable
from pratique.web.api.fields import RequestBody
from pratique.web.auth import allow_somewhere
from pratique.web.platform import Here

router = APIRouter(prefix="/delivery/projects/{project}/variable-groups", tags=["delivery"])
Reader = Annotated[Actor, Depends(allow_somewhere("variable_groups/read"))]
Writer = Annotated[Actor, Depends(allow_somewhere("variable_groups/write"))]
Deleter = Annotated[Actor, Depends(allow_somewhere("variable_groups/delete"))]


class ValueBody(RequestBody):
    """A variable; without a value it is one of the group's vault, or keeps the value that it has."""

    value: str | None = None
    is_secret: bool = False
    new_name: Text = ""


class GroupBody(RequestBody):
    """A new group: values of its own, or a vault and which of its secrets."""

    name: Text
    description: Text = ""
    is_for_all: bool = False
    variables: dict[Text, ValueBody] = Field(default_factory=dict)
    vault: Text = ""
    secrets: list[Text] = Field(default_factory=list)


class GroupChanges(RequestBody):
    """What is to be different."""

    name: Text | None = None
    description: Text | None = None
    is_for_all: bool | None = None
    vault: Text | None = None


def document(whole: Whole) -> dict[str, Any]:
    """A group as Azure DevOps prints it."""
    group = whole.group
    return {
        "authorized": group.is_for_all,
        "createdBy": {"displayName": str(group.created_by.get("name", ""))},
        "createdOn": iso(group.created_at),
        "description": group.description,
        "id": group.id,
        "modifiedOn": iso(group.updated_at),
        "name": group.name,
        "providerData": {"vault": group.vault} if group.vault else None,
        "type": "AzureKeyVault" if group.vault else "Vsts",
        "variables": _variables(whole.variables),
    }


@router.get("")
def every(platform: Here, actor: Reader, project: str) -> list[dict[str, Any]]:
    """The groups of a project."""
    with platform.database.read() as tx:
        return [document(one) for one in variable_groups.every(tx, actor, project)]


@router.post("", status_code=201)
def create(platform: Here, actor: Writer, project: str, body: GroupBody) -> dict[str, Any]:
    """Make a group."""
    values = {name: Value(one.value or "", one.is_secret) for name, one in body.variables.items()}
    new = NewGroup(body.name, values, body.vault, body.secrets, body.description, body.is_for_all)
    with platform.database.write() as tx:
        return document(variable_groups.create(tx, actor, project, new, sealer=platform.sealer, now=utc_now()))


@router.get("/{group}")
def get(platform: Here, actor: Reader, project: str, group: str) -> dict[str, Any]:
    """One group, by id or name."""
    with platform.database.read() as tx:
        return document(variable_groups.get(tx, actor, project, group))


@router.patch("/{group}")
def update(platform: Here, actor: Writer, project: str, group: str, body: GroupChanges) -> dict[str, Any]:
    """Change a group; what the body leaves out stays."""
    changes = {key: value for key, value in body.model_dump().items() if value is not None}
    with platform.database.write() as tx:
        return document(variable_groups.update(tx, actor, project, group, changes, now=utc_now()))


@router.delete("/{group}", status_code=204)
def delete(platform: Here, actor: Deleter, project: str, group: str) -> None:
    """Remove a group with its variables."""
    with platform.database.write() as tx:
        variable_groups.delete(tx, actor, project, group, now=utc_now())


@router.post("/{group}/variables/{name}", status_code=201)
def add_variable(platform: Here, actor: Writer, project: str, group: str, name: str, body: ValueBody) -> dict[str, Any]:
    """Add a variable, or to a group of a vault the secret of that name."""
    now = utc_now()
    with platform.database.write() as tx:
        whole = variable_groups.get(tx, actor, project, group)
        if whole.group.vault and body.value is None:
            made = variable_groups.choose_secret(tx, actor, project, group, name, now=now)
        else:
            value = Value(body.value or "", body.is_secret)
            made = variable_groups.put_variable(
                tx, actor, project, group, name, value, is_new=True, sealer=platform.sealer, now=now
            )
    return _variables([made])


@router.patch("/{group}/variables/{name}")
def change_variable(
    platform: Here, actor: Writer, project: str, group: str, name: str, body: ValueBody
) -> dict[str, Any]:
    """Change the value of a variable, whether it is secret, or its name."""
    now, sealer = utc_now(), platform.sealer
    called = body.new_name or name
    with platform.database.write() as tx:
        if body.new_name:
            made = variable_groups.rename_variable(
                tx, actor, project, group, name, body.new_name, sealer=sealer, now=now
            )
        if body.value is not None or "is_secret" in body.model_fields_set:
            value = (
                Value(body.value, body.is_secret)
                if body.value is not None
                else variable_groups.kept_value(
                    tx, actor, project, group, called, sealer=sealer, is_secret=body.is_secret
                )
            )
            made = variable_groups.put_variable(
                tx, actor, project, group, called, value, is_new=False, sealer=sealer, now=now
            )
        elif not body.new_name:
            made = variable_groups.variable(variable_groups.get(tx, actor, project, group), name)
    return _variables([made])


@router.delete("/{group}/variables/{name}", status_code=204)
def remove_variable(platform: Here, actor: Writer, project: str, group: str, name: str) -> None:
    """Remove a variable."""
    with platform.database.write() as tx:
        variable_groups.remove_variable(tx, actor, project, group, name, now=utc_now())


def _variables(rows: "list[GroupVariable] | Any") -> dict[str, Any]:
    return {
        row.name: {"isSecret": True if row.is_secret else None, "value": None if row.is_secret else row.value}
        for row in rows
    }
