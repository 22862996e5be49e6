"""`apim api operation`: the methods and paths of an API."""

from typing import Final

from pratique.cli.arguments import DESCRIPTION, DISPLAY_NAME, YES
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.cli.verbs.apim import SERVICE, check_group
from pratique.cli.verbs.apim_api import API
from pratique.client.apim import Apis

TABLE = Table("apim api operation")

OPERATION: Final = flag("operation_id", "--operation-id", help="Name of the operation.", required=True)
COLUMNS: Final = {"Name": "name", "Method": "method", "Template": "urlTemplate"}


@TABLE.verb(
    "create",
    arguments=(
        SERVICE, API, OPERATION,
        flag("method", help="GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS.", required=True),
        flag("url_template", "--url-template", required=True,
             help="Its path below that of the API: /score, /customers/{id}, or /* for all."),
        DISPLAY_NAME, DESCRIPTION,
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
) -> Document:
    """Make an operation, or change it.

    The endpoint behind an API answers at /score and /swagger.json; another template needs a policy with rewrite-uri.
    """
    body = {
        "method": method, "url_template": url_template, "display_name": display_name or "",
        "description": description or "",
    }  # fmt: skip
    return Apis(in_group.connection, check_group(in_group, service_name)).put_operation(api_id, operation_id, body)


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
    arguments=(SERVICE, API, OPERATION, YES),
    examples={
        "Remove one": "pratique apim api operation delete -n apim-credit-dev --api-id credit --operation-id score --yes"
    },
)
def delete(in_group: Place, *, service_name: str, api_id: str, operation_id: str, yes: bool) -> None:
    """Delete an operation."""
    confirm(f"The operation {operation_id} of the API {api_id} will be deleted.", yes=yes)
    Apis(in_group.connection, check_group(in_group, service_name)).delete_operation(api_id, operation_id)
    say(f"{operation_id}: deleted")
