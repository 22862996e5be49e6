"""`role definition`: roles by their actions, from JSON as Azure writes it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import InvalidInput, Problem
from pratique.cli.arguments import YES
from pratique.cli.confirm import confirm_if_somebody_is_here
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag, switch
from pratique.cli.talk import say
from pratique.client.principals import Definitions

TABLE = Table("role definition")

NAME: Final = flag("name", "--name", "-n", help="The role's name.")
FILE: Final = flag(
    "role_definition", "--role-definition",
    help="A JSON file with Name, Actions, NotActions, DataActions and AssignableScopes, or that JSON itself.",
    required=True,
)  # fmt: skip
COLUMNS: Final = {"Name": "roleName", "Type": "roleType", "Scopes": "join(', ', assignableScopes)"}

_LISTS: Final[Mapping[str, str]] = {
    "actions": "actions",
    "notactions": "not_actions",
    "dataactions": "data_actions",
    "notdataactions": "not_data_actions",
}
_ACCEPTED: Final = frozenset({"id", "iscustom", "roletype", "type", "createdon", "createdby", "updatedon", "updatedby"})
"""Keys of what `list` prints that say nothing about the role."""


@TABLE.verb(
    "create",
    arguments=(FILE,),
    examples={"Define a role": "pratique role definition create --role-definition job-operator.json"},
)
def create(platform: Place, *, role_definition: str) -> Document:
    """Define a role by its actions; one that is unknown is refused by its name."""
    name, body = _read(role_definition)
    return Definitions(platform.connection).create(name, body)


@TABLE.verb(
    "update",
    arguments=(FILE,),
    examples={"Change a role": "pratique role definition update --role-definition job-operator.json"},
)
def update(platform: Place, *, role_definition: str) -> Document:
    """Let a role mean what the file says; whoever has it may do that from now on."""
    name, body = _read(role_definition)
    return Definitions(platform.connection).update(name, body)


@TABLE.verb(
    "list",
    arguments=(NAME, switch("custom_role_only", help="Only those that somebody defined.")),
    examples={"The roles there are": "pratique role definition list -o table"},
    columns=COLUMNS,
)
def list_all(platform: Place, *, name: str | None, custom_role_only: bool) -> list[Document]:
    """List the roles that can be given."""
    return [
        one
        for one in Definitions(platform.connection).all()
        if (not name or str(one["roleName"]).casefold() == name.casefold())
        and (not custom_role_only or one["roleType"] == "CustomRole")
    ]


@TABLE.verb("show", arguments=(NAME.required(),), examples={"Show a role": "pratique role definition show -n Reader"})
def show(platform: Place, *, name: str) -> Document:
    """Show a role."""
    return Definitions(platform.connection).show(name)


@TABLE.verb(
    "delete",
    arguments=(NAME.required(), YES),
    examples={"Forget a role": "pratique role definition delete -n 'Job Operator' --yes"},
)
def delete(platform: Place, *, name: str, yes: bool) -> None:
    """Forget a role that nobody has any more."""
    confirm_if_somebody_is_here(f"the role {name!r} will be forgotten", yes=yes)
    Definitions(platform.connection).remove(name)
    say(f"{name}: deleted")


def _read(given: str) -> tuple[str, Document]:
    """The name and what else is said of a role, by a file, ``@file`` or the JSON itself."""
    text, where = (given, "") if given.lstrip().startswith("{") else _file(given.removeprefix("@"))
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"{where or 'the role definition'} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{where or 'the role definition'} is no JSON object", hint='{"Name": …, "Actions": […]}')
    return _described(found, where)


def _file(path: str) -> tuple[str, str]:
    try:
        return Path(path).read_text(encoding="utf-8"), path
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}", hint="give a JSON file, or the JSON itself") from error


def _described(found: Mapping[str, Any], where: str) -> tuple[str, Document]:
    """What the API is told; keys count in any case, as Azure has it, and an unknown one is an error."""
    given = {key.lower(): value for key, value in found.items()}
    # What `list` prints has the role's name apart from that of its row, and its actions in one block.
    name = given.pop("rolename", None) or given.get("name")
    given.pop("name", None)
    blocks = given.pop("permissions", None)
    if blocks is not None:
        if not isinstance(blocks, list) or len(blocks) != 1 or not isinstance(blocks[0], dict):
            raise InvalidInput.of([Problem("expected exactly one block", key="permissions", file=where)])
        given |= {key.lower(): value for key, value in blocks[0].items()}
    body: Document = {"description": given.pop("description", None) or ""}
    body["assignable_scopes"] = given.pop("assignablescopes", None) or []
    for key, ours in _LISTS.items():
        body[ours] = given.pop(key, None) or []
    strange = sorted(key for key in given if key not in _ACCEPTED)
    problems = [Problem("there is no such key in a role definition", key=key, file=where) for key in strange]
    problems += [
        Problem("expected a list of texts", key=key, file=where)
        for key, value in body.items()
        if key != "description" and not (isinstance(value, list) and all(isinstance(one, str) for one in value))
    ]
    if not isinstance(name, str) or not name.strip():
        problems.append(Problem("a role needs a name", key="Name", file=where))
    if problems:
        raise InvalidInput.of(problems, what=where or "role definition")
    return str(name).strip(), body
