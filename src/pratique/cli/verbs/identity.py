"""`identity`: managed identities that somebody makes, for jobs and endpoints whose files name them."""

from typing import Final

from pratique.base.errors import InvalidInput, NotFound
from pratique.cli.arguments import LOCATION, SET_TAGS
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.cli.usage import UsageError, pairs
from pratique.client.assigned_identities import Identities

TABLE = Table("identity")

NAME: Final = flag("name", "--name", "-n", help="Name of the identity.", required=True)
OPTIONAL_NAME: Final = flag("name", "--name", "-n", help="Name of the identity.")
IDS: Final = flag("ids", "--ids", nargs="+", metavar="ID", help="Its Azure id, instead of --name and -g.")
COLUMNS: Final = {
    "Name": "name", "ResourceGroup": "resourceGroup", "Location": "location", "ClientId": "clientId",
    "PrincipalId": "principalId",
}  # fmt: skip


@TABLE.verb(
    "create",
    arguments=(NAME, LOCATION, SET_TAGS),
    examples={"Make an identity": "pratique identity create --name scorer --resource-group credit-rg"},
    columns=COLUMNS,
)
def create(in_group: Place, *, name: str, location: str | None, tags: list[str]) -> Document:
    """Make an identity without any role; one that is there stays what it is, and takes the tags.

    Give it roles with `role assignment create --assignee ID`, and name it in the file of a job or an endpoint.
    """
    given = pairs(tags, flag="--tags") if tags else None
    return Identities(in_group.connection).put(in_group.required_group, name, location=location or "", tags=given)


@TABLE.verb(
    "show",
    arguments=(OPTIONAL_NAME, IDS),
    examples={"Its client id": "pratique identity show -n scorer -g credit-rg --query clientId -o tsv"},
    columns=COLUMNS,
)
def show(in_group: Place, *, name: str | None, ids: list[str] | None) -> Document | list[Document]:
    """Show an identity."""
    found = [Identities(in_group.connection).show(*one) for one in _meant(in_group, name, ids)]
    return found[0] if len(found) == 1 else found


@TABLE.verb("list", examples={"List the identities": "pratique identity list -o table"}, columns=COLUMNS)
def list_all(in_group: Place) -> list[Document]:
    """List the identities; with -g those of the group."""
    group = (in_group.resource_group or "").lower()
    found = Identities(in_group.connection).all()
    return [one for one in found if not group or str(one["resourceGroup"]).lower() == group]


@TABLE.verb(
    "delete",
    arguments=(OPTIONAL_NAME, IDS),
    examples={"Delete an identity": "pratique identity delete -n scorer -g credit-rg"},
)
def delete(in_group: Place, *, name: str | None, ids: list[str] | None) -> None:
    """Delete an identity with its roles; what runs as it gets no token any more. One that is not there is no error."""
    for group, one in _meant(in_group, name, ids):
        try:
            Identities(in_group.connection).delete(group, one)
        except NotFound as error:
            say(f"{one}: nothing to delete: {error.message}")
        else:
            say(f"{one}: deleted")


def _meant(in_group: Place, name: str | None, ids: list[str] | None) -> list[tuple[str, str]]:
    """Group and name of each identity that is meant."""
    if bool(name) == bool(ids):
        raise UsageError("name what is meant", hint="--name NAME --resource-group GROUP, or --ids ID")
    return [_parts(one) for one in ids] if ids else [(in_group.required_group, str(name))]


def _parts(id: str) -> tuple[str, str]:  # noqa: A002 - the word for it.
    words = id.strip("/").split("/")
    lower = [word.lower() for word in words]
    if len(words) != 8 or (lower[2], lower[6]) != ("resourcegroups", "userassignedidentities"):
        raise InvalidInput(f"{id[:200]!r} is not the id of an identity", hint="pratique identity list --query [].id")
    return words[3], words[7]
