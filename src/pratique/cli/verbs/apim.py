"""`apim`: services of API management."""

from typing import Final

from pratique.base.errors import NotFound
from pratique.cli.arguments import LOCATION, NAME, SET_TAGS, YES
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.cli.usage import pairs
from pratique.client.apim import ApiServices

TABLE = Table("apim")

SERVICE: Final = flag("service_name", "--service-name", "-n", help="Name of the API service.", required=True)
COLUMNS: Final = {"Name": "name", "ResourceGroup": "resourceGroup", "Gateway": "gatewayUrl"}


@TABLE.verb(
    "create",
    arguments=(
        NAME,
        flag("publisher_name", "--publisher-name", help="Who publishes its APIs."),
        flag("publisher_email", "--publisher-email", help="How to reach them."),
        LOCATION,
        SET_TAGS,
        flag("sku_name", "--sku-name", help="Accepted for scripts written for az: there is one kind."),
    ),
    examples={"Make a service": "pratique apim create -n apim-credit-dev -g credit-rg"},
    columns=COLUMNS,
)
def create(
    in_group: Place,
    *,
    name: str,
    publisher_name: str | None,
    publisher_email: str | None,
    location: str | None,
    tags: list[str],
    sku_name: str | None,
) -> Document:
    """Make an API service, or change it; it is there at once."""
    if sku_name:
        say(f"--sku-name {sku_name}: there is one kind of service here")
    body = {
        "resource_group": in_group.required_group,
        "location": location or "",
        "publisher_name": publisher_name or "",
        "publisher_email": publisher_email or "",
        "tags": pairs(tags, flag="--tags"),
    }
    return ApiServices(in_group.connection).put(name, body)


@TABLE.verb(
    "show",
    arguments=(NAME,),
    examples={"Where it answers": "pratique apim show -n apim-credit-dev --query gatewayUrl -o tsv"},
    columns=COLUMNS,
)
def show(in_group: Place, *, name: str) -> Document:
    """Show an API service."""
    return checked(in_group, ApiServices(in_group.connection).show(name))


@TABLE.verb("list", examples={"List the services": "pratique apim list -o table"}, columns=COLUMNS)
def list_all(in_group: Place) -> list[Document]:
    """List the API services; with -g those of the group."""
    group = (in_group.resource_group or "").lower()
    found = ApiServices(in_group.connection).all()
    return [one for one in found if not group or str(one["resourceGroup"]).lower() == group]


@TABLE.verb(
    "delete", arguments=(NAME, YES), examples={"Remove a service": "pratique apim delete -n apim-credit-dev --yes"}
)
def delete(in_group: Place, *, name: str, yes: bool) -> None:
    """Delete an API service with everything in it; one that is not there is no error, as with az."""
    services = ApiServices(in_group.connection)
    try:
        checked(in_group, services.show(name))
    except NotFound as error:
        say(f"{name}: nothing to delete: {error.message}")
        return
    confirm(f"The API service {name} will be deleted with its APIs, named values and subscriptions.", yes=yes)
    services.delete(name)
    say(f"{name}: deleted")


def checked(in_group: Place, service: Document) -> Document:
    """Azure names a service within its group: with -g that of another group does not exist."""
    group = in_group.resource_group
    if group and str(service["resourceGroup"]).lower() != group.lower():
        raise NotFound(
            f"there is no API service {service['name']!r} in the resource group {group!r}",
            hint=f"it is in {service['resourceGroup']!r}: give -g {service['resourceGroup']}",
        )
    return service


def check_group(in_group: Place, service: str) -> str:
    """`service`, which is in the group that -g names, if it names one; raises `NotFound`."""
    if in_group.resource_group:
        checked(in_group, ApiServices(in_group.connection).show(service))
    return service
