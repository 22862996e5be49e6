"""`group`."""

from typing import Final

from pratique.base.errors import NotFound
from pratique.cli.arguments import LOCATION, SET_TAGS, YES
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say, warn
from pratique.cli.usage import pairs
from pratique.client.apim import ApiServices
from pratique.client.assigned_identities import Identities
from pratique.client.vaults import Vaults
from pratique.client.workspaces import Groups, Workspaces

TABLE = Table("group")

NAME: Final = flag("name", "--name", "-n", "--resource-group", "-g", help="Name of the resource group.", required=True)
COLUMNS: Final = {"Name": "name", "Location": "location"}


@TABLE.verb(
    "create",
    arguments=(NAME, LOCATION, SET_TAGS),
    examples={"Create a group": "pratique group create -n credit-rg -l westeurope"},
)
def create(platform: Place, *, name: str, location: str | None, tags: list[str]) -> Document:
    """Create a resource group, or change it."""
    where = location or platform.configuration.get("defaults", "location", "local")
    return Groups(platform.connection).put(name, location=where, tags=pairs(tags, flag="--tags"))


@TABLE.verb("show", arguments=(NAME,), examples={"Show a group": "pratique group show -n credit-rg"}, columns=COLUMNS)
def show(platform: Place, *, name: str) -> Document:
    """Show a resource group."""
    return Groups(platform.connection).show(name)


@TABLE.verb("list", examples={"List the groups": "pratique group list -o table"}, columns=COLUMNS)
def list_all(platform: Place) -> list[Document]:
    """List the resource groups."""
    return Groups(platform.connection).all()


@TABLE.verb("exists", arguments=(NAME,), examples={"Ask for a group": "pratique group exists -n credit-rg"})
def exists(platform: Place, *, name: str) -> bool:
    """Say whether there is such a group: true or false."""
    try:
        Groups(platform.connection).show(name)
    except NotFound:
        return False
    return True


@TABLE.verb("delete", arguments=(NAME, YES), examples={"Delete a group": "pratique group delete -n credit-rg --yes"})
def delete(platform: Place, *, name: str, yes: bool) -> None:
    """Delete a resource group with all that is in it: workspaces, vaults, API services, identities.

    As with az, a vault can be recovered until its days are over: a group that had one stays until the vault is purged.
    A group that is not there is no error.
    """
    groups = Groups(platform.connection)
    try:
        groups.show(name)
    except NotFound as error:
        say(f"{name}: nothing to delete: {error.message}")
        return
    connection = platform.connection
    workspaces = _names(Workspaces(connection).all(), name, key="resource_group")
    vaults = _names(Vaults(connection).all(), name)
    services = _names(ApiServices(connection).all(), name)
    identities = _names(Identities(connection).all(), name)
    inside = ", ".join([*workspaces, *vaults, *services, *identities])
    confirm(f"The resource group {name} will be deleted, and what is in it: {inside or 'nothing'}.", yes=yes)
    for service in services:
        ApiServices(connection).delete(service)
    for workspace in workspaces:
        Workspaces(connection).delete(workspace)
    for identity in identities:
        Identities(connection).delete(name, identity)
    for vault in vaults:
        Vaults(connection).delete(vault)
    if recoverable := _names(Vaults(connection).deleted(), name):
        warn(
            f"{name} is empty and stays while these vaults can be recovered: {', '.join(recoverable)}; "
            f"pratique keyvault purge --name {recoverable[0]} ends that"
        )
        return
    groups.delete(name)
    say(f"{name}: deleted{f', with {inside}' if inside else ''}")


def _names(found: list[Document], group: str, *, key: str = "resourceGroup") -> list[str]:
    """What of `found` is in a group."""
    return [str(one["name"]) for one in found if str(one.get(key) or "").lower() == group.lower()]
