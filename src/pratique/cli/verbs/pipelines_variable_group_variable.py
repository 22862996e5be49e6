"""`pipelines variable-group variable`."""

from typing import Final

from pratique.cli.arguments import YES
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.projects import IN_PROJECT, project_of
from pratique.cli.secret_input import variable_value
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.cli.usage import UsageError
from pratique.cli.verbs.pipelines_variable_group import GROUP
from pratique.client.variable_groups import VariableGroups

TABLE = Table("pipelines variable-group variable")

TRUE: Final = "true"
NAME: Final = flag("name", help="Name of the variable.", required=True)
VALUE: Final = flag(
    "value",
    help="Its value; of a secret rather by standard input or AZURE_DEVOPS_EXT_PIPELINE_VAR_NAME, "
    "because whoever may list processes sees it here.",
)
SECRET: Final = flag(
    "kept_secret", "--secret", choices=["true", "false"], help="Whether it is a secret: sealed, masked, never shown."
)


@TABLE.verb(
    "create",
    arguments=(GROUP, NAME, VALUE, SECRET, *IN_PROJECT),
    examples={
        "A value": "pratique pipelines variable-group variable create --group-id 1 --name wsName --value dev",
        "A secret": 'printf %s "$KEY" | pratique pipelines variable-group variable create --group-id 1 '
        "--name apiKey --secret true",
        "Another secret of its vault": "pratique pipelines variable-group variable create --group-id 2 --name api-key",
    },
)
def create(
    platform: Place,
    *,
    group_id: str,
    name: str,
    value: str | None,
    kept_secret: str | None,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> Document:
    """Add a variable to a group; to one of a vault, the secret of that name."""
    groups = _groups(platform, project, organization, detect)
    if kept_secret == TRUE and value is None:
        value = variable_value(name)
    if value is None and not groups.show(group_id)["providerData"]:
        raise UsageError("--value is required")
    return groups.add_variable(group_id, name, {"value": value, "is_secret": kept_secret == TRUE})


@TABLE.verb(
    "update",
    arguments=(
        GROUP, NAME,
        flag("new_name", "--new-name", help="Another name."),
        VALUE, SECRET,
        flag("prompt_value", "--prompt-value", choices=["true", "false"], help="Ask for the new value of a secret."),
        *IN_PROJECT,
    ),
    examples={
        "Another value": "pratique pipelines variable-group variable update --group-id 1 --name wsName --value qa"
    },
)  # fmt: skip
def update(
    platform: Place,
    *,
    group_id: str,
    name: str,
    new_name: str | None,
    value: str | None,
    kept_secret: str | None,
    prompt_value: str | None,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> Document:
    """Change a variable; what was a secret becomes no plain value without being given anew."""
    if prompt_value == TRUE:
        value = variable_value(name)
    groups = _groups(platform, project, organization, detect)
    body: Document = {"new_name": new_name} if new_name else {}
    if value is not None:
        was_secret = bool(groups.show(group_id)["variables"].get(name, {}).get("isSecret"))
        body |= {"value": value, "is_secret": was_secret if kept_secret is None else kept_secret == TRUE}
    elif kept_secret is not None:
        body |= {"is_secret": kept_secret == TRUE}
    if not body:
        raise UsageError("nothing to change", hint="give --value, --secret, --prompt-value or --new-name")
    return groups.change_variable(group_id, name, body)


@TABLE.verb(
    "list",
    arguments=(GROUP, *IN_PROJECT),
    examples={"Its variables": "pratique pipelines variable-group variable list --group-id 1"},
)
def list_all(
    platform: Place, *, group_id: str, project: str | None, organization: str | None, detect: str | None
) -> Document:
    """List the variables of a group, without the values of secrets."""
    found: Document = _groups(platform, project, organization, detect).show(group_id)["variables"]
    return found


@TABLE.verb(
    "delete",
    arguments=(GROUP, NAME, YES, *IN_PROJECT),
    examples={"Remove one": "pratique pipelines variable-group variable delete --group-id 1 --name wsName --yes"},
)
def delete(
    platform: Place,
    *,
    group_id: str,
    name: str,
    yes: bool,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> None:
    """Remove a variable from a group."""
    confirm(f"The variable {name} of the group {group_id} will be removed.", yes=yes)
    _groups(platform, project, organization, detect).remove_variable(group_id, name)
    say(f"{name}: deleted")


def _groups(platform: Place, project: str | None, organization: str | None, detect: str | None) -> VariableGroups:
    return VariableGroups(platform.connection, project_of(project, organization, detect))
