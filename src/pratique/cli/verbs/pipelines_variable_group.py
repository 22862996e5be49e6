"""`pipelines variable-group`: values for runs, their own or secrets of a vault."""

from fnmatch import fnmatchcase
from typing import Final

from pratique.cli.arguments import YES
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.projects import IN_PROJECT, project_of
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.cli.usage import UsageError, pairs
from pratique.client.variable_groups import VariableGroups

TABLE = Table("pipelines variable-group")

COLUMNS: Final = {
    "ID": "id", "Name": "name", "Type": "type", "Description": "description", "Is Authorized": "authorized",
    "Number of Variables": "length(variables)",
}  # fmt: skip
GROUP: Final = flag("group_id", "--group-id", "--id", help="Id of the group, or its name.", required=True)
AUTHORIZE: Final = flag(
    "authorize", choices=["true", "false"],
    help="Whether every pipeline of the project may read it; otherwise see `pipelines permission`.",
)  # fmt: skip
DESCRIPTION: Final = flag("description", help="A sentence about it.")


@TABLE.verb(
    "create",
    arguments=(
        flag("name", help="Name of the group.", required=True),
        flag("variables", "--variables", nargs="+", action="extend", default=[], metavar="NAME=VALUE",
             help="Values that are no secrets."),
        flag("vault", "--vault", help="Vault whose secrets it gives; you need get and list there."),
        flag("secrets", "--secrets", nargs="+", action="extend", default=[], metavar="NAME",
             help="Of --vault: which secrets."),
        AUTHORIZE, DESCRIPTION, *IN_PROJECT,
    ),
    examples={
        "Values of its own": "pratique pipelines variable-group create --name dev-vars --variables wsName=dev "
        "location=local --authorize true",
        "Secrets of a vault": "pratique pipelines variable-group create --name dev-secrets --vault kv-credit-dev "
        "--secrets api-key db-password",
    },
    columns=COLUMNS,
)  # fmt: skip
def create(
    platform: Place,
    *,
    name: str,
    variables: list[str],
    vault: str | None,
    secrets: list[str],
    authorize: str | None,
    description: str | None,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> Document:
    """Make a variable group.

    Secrets of its own are added with `variable-group variable create --secret true`; those of a vault are read at the
    moment a stage starts, by the group's own right.
    """
    if bool(vault) == bool(variables) or bool(secrets) != bool(vault):
        raise UsageError("give either --variables, or --vault with --secrets")
    values = pairs(variables, flag="--variables")
    body = {
        "name": name,
        "description": description or "",
        "is_for_all": authorize == "true",
        "variables": {key: {"value": value} for key, value in values.items()},
        "vault": vault or "",
        "secrets": secrets,
    }
    return _groups(platform, project, organization, detect).create(body)


@TABLE.verb(
    "list",
    arguments=(
        flag("group_name", "--group-name", help="Only this one; * stands for anything."),
        flag("top", "--top", type=int, help="At most so many."),
        *IN_PROJECT,
    ),
    examples={"The groups of a project": "pratique pipelines variable-group list -o table"},
    columns=COLUMNS,
)
def list_all(
    platform: Place,
    *,
    group_name: str | None,
    top: int | None,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> list[Document]:
    """List the variable groups of a project."""
    found = _groups(platform, project, organization, detect).all()
    wanted = (group_name or "*").lower()
    chosen = [one for one in found if fnmatchcase(str(one["name"]).lower(), wanted)]
    return chosen[:top] if top else chosen


@TABLE.verb(
    "show",
    arguments=(GROUP, *IN_PROJECT),
    examples={"One group": "pratique pipelines variable-group show --group-id dev-vars"},
    columns=COLUMNS,
)
def show(
    platform: Place, *, group_id: str, project: str | None, organization: str | None, detect: str | None
) -> Document:
    """Show a variable group; the values of secrets are not shown."""
    return _groups(platform, project, organization, detect).show(group_id)


@TABLE.verb(
    "update",
    arguments=(
        GROUP,
        flag("name", help="Another name."),
        flag("vault", "--vault", help="Of a group of a vault: link it to this one, or again."),
        AUTHORIZE, DESCRIPTION, *IN_PROJECT,
    ),
    examples={"Let every pipeline read it": "pratique pipelines variable-group update --group-id 1 --authorize true"},
    columns=COLUMNS,
)  # fmt: skip
def update(
    platform: Place,
    *,
    group_id: str,
    name: str | None,
    vault: str | None,
    authorize: str | None,
    description: str | None,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> Document:
    """Change a variable group."""
    given = {"name": name, "vault": vault, "description": description}
    changes: Document = {key: value for key, value in given.items() if value is not None}
    changes |= {"is_for_all": authorize == "true"} if authorize else {}
    if not changes:
        raise UsageError("nothing to change", hint="give --name, --description, --authorize or --vault")
    return _groups(platform, project, organization, detect).update(group_id, changes)


@TABLE.verb(
    "delete",
    arguments=(GROUP, YES, *IN_PROJECT),
    examples={"Remove a group": "pratique pipelines variable-group delete --group-id 1 --yes"},
)
def delete(
    platform: Place, *, group_id: str, yes: bool, project: str | None, organization: str | None, detect: str | None
) -> None:
    """Remove a variable group; secrets of a vault stay in their vault."""
    groups = _groups(platform, project, organization, detect)
    known = groups.show(group_id)
    confirm(f"The variable group {known['name']} will be removed with {len(known['variables'])} variables.", yes=yes)
    groups.delete(group_id)
    say(f"{known['name']}: deleted")


def _groups(platform: Place, project: str | None, organization: str | None, detect: str | None) -> VariableGroups:
    return VariableGroups(platform.connection, project_of(project, organization, detect))
