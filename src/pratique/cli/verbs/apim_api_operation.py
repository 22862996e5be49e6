"""`apim api operation`: the methods and paths of an API."""

from typing import Final

from pratique.cli.arguments import DESCRIPTION, DISPLAY_NAME, NO_WAIT, YES
from pratique.cli.changes import changes_of
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.cli.usage import UsageError
from pratique.cli.verbs.apim import SERVICE, check_group
from pratique.cli.verbs.apim_api import API, settled
from pratique.client.apim import Apis
from pratique.specs.edits import Edits

TABLE = Table("apim api operation")

OPERATION: Final = flag("operation_id", "--operation-id", help="Name of the operation.", required=True)
PARAMETERS: Final = flag(
    "template_parameters", "--template-parameters", "--params", "-p", nargs="+", action="append", metavar="KEY=VALUE",
    help="Accepted for scripts written for az: the template says which there are.",
)  # fmt: skip
COLUMNS: Final = {"Name": "name", "Method": "method", "Template": "urlTemplate"}


@TABLE.verb(
    "create",
    arguments=(
        SERVICE, API, OPERATION,
        flag("method", help="GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS.", required=True),
        flag("url_template", "--url-template", required=True,
             help="Its path below that of the API: /score, /customers/{id}, or /* for all."),
        DISPLAY_NAME, DESCRIPTION, PARAMETERS, NO_WAIT,
    ),
    examples={
        "Score": "pratique apim api operation create -n apim-credit-dev --api-id credit --operation-id score "
        "--method POST --url-template /score --display-name Score"
    },
    columns=COLUMNS,
)  # fmt: skip
def create(
    in_group: Place,
    *,
    service_name: str,
    api_id: str,
    operation_id: str,
    method: str,
    url_template: str,
    display_name: str | None,
    description: str | None,
    template_parameters: list[list[str]] | None,
    no_wait: bool,
) -> Document:
    """Make an operation, or change it, and wait until the gateway serves it.

    The endpoint behind an API answers at /score and /swagger.json; another template needs a policy with rewrite-uri.
    """
    _check_parameters(template_parameters or [], url_template)
    body = {
        "method": method, "url_template": url_template, "display_name": display_name or "",
        "description": description or "",
    }  # fmt: skip
    apis = Apis(in_group.connection, check_group(in_group, service_name))
    made = apis.put_operation(api_id, operation_id, body)
    if not no_wait:
        settled(apis, service_name, api_id)
    return made


@TABLE.verb(
    "update",
    arguments=(
        SERVICE, API, OPERATION,
        flag("method", help="GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS."),
        flag("url_template", "--url-template", help="Its path below that of the API."),
        DISPLAY_NAME, DESCRIPTION, PARAMETERS, NO_WAIT,
    ),
    examples={
        "Another path": "pratique apim api operation update -n apim-credit-dev --api-id credit --operation-id score "
        "--url-template /v2/score"
    },
    columns=COLUMNS,
)  # fmt: skip
def update(
    in_group: Place,
    *,
    service_name: str,
    api_id: str,
    operation_id: str,
    edits: Edits,
    method: str | None,
    url_template: str | None,
    display_name: str | None,
    description: str | None,
    template_parameters: list[list[str]] | None,
    no_wait: bool,
) -> Document:
    """Change an operation, and wait until the gateway serves it so; what is not said stays, its policy too."""
    apis = Apis(in_group.connection, check_group(in_group, service_name))
    known = apis.operation(api_id, operation_id)
    edited = changes_of(known, edits, allowed=_EDITABLE)
    said = {
        "displayName": display_name, "method": method, "urlTemplate": url_template, "description": description,
    }  # fmt: skip
    wanted = {**known, **edited, **{key: value for key, value in said.items() if value is not None}}
    _check_parameters(template_parameters or [], str(wanted["urlTemplate"]))
    made = apis.put_operation(api_id, operation_id, {name: str(wanted[key]) for key, name in _EDITABLE.items()})
    if not no_wait:
        settled(apis, service_name, api_id)
    return made


_EDITABLE: Final = {
    "displayName": "display_name",
    "method": "method",
    "urlTemplate": "url_template",
    "description": "description",
}


@TABLE.verb(
    "show",
    arguments=(SERVICE, API, OPERATION),
    examples={"Show one": "pratique apim api operation show -n apim-credit-dev --api-id credit --operation-id score"},
    columns=COLUMNS,
)
def show(in_group: Place, *, service_name: str, api_id: str, operation_id: str) -> Document:
    """Show an operation."""
    return Apis(in_group.connection, check_group(in_group, service_name)).operation(api_id, operation_id)


@TABLE.verb(
    "list",
    arguments=(SERVICE, API),
    examples={"List the operations": "pratique apim api operation list -n apim-credit-dev --api-id credit -o table"},
    columns=COLUMNS,
)
def list_all(in_group: Place, *, service_name: str, api_id: str) -> list[Document]:
    """List the operations of an API."""
    return Apis(in_group.connection, check_group(in_group, service_name)).operations(api_id)


@TABLE.verb(
    "delete",
    arguments=(SERVICE, API, OPERATION, YES, NO_WAIT),
    examples={
        "Remove one": "pratique apim api operation delete -n apim-credit-dev --api-id credit --operation-id score --yes"
    },
)
def delete(in_group: Place, *, service_name: str, api_id: str, operation_id: str, yes: bool, no_wait: bool) -> None:
    """Delete an operation with its policy, and wait until the gateway answers it no more."""
    confirm(f"The operation {operation_id} of the API {api_id} will be deleted.", yes=yes)
    apis = Apis(in_group.connection, check_group(in_group, service_name))
    apis.delete_operation(api_id, operation_id)
    if not no_wait:
        settled(apis, service_name, api_id)
    say(f"{operation_id}: deleted")


def _check_parameters(said: list[list[str]], template: str) -> None:
    """Raise `UsageError` for a parameter that the template does not have: whoever names it expects it there."""
    for words in said:
        named = [word.removeprefix("name=") for word in words if word.startswith("name=")]
        for name in named:
            if f"{{{name}}}" not in template:
                raise UsageError(f"--template-parameters: {template} has no {{{name}}}")
    if said:
        say("--template-parameters: they are those of the template, and each takes one part of a path")
