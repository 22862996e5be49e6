"""`ml datastore`."""

from typing import Final

from pratique.cli.arguments import FILE, MAX_RESULTS, NAME, OPTIONAL_NAME, YES
from pratique.cli.confirm import confirm_if_somebody_is_here
from pratique.cli.files import changes_of, spec_of
from pratique.cli.place import Place
from pratique.cli.table import Document, Table
from pratique.cli.talk import say, warn
from pratique.cli.usage import UsageError
from pratique.client.datastores import Datastores
from pratique.specs.edits import Edits

TABLE = Table("ml datastore")

COLUMNS: Final = {"Name": "name", "Type": "type", "Default": "is_default", "Description": "description"}
CHANGEABLE: Final = ("credentials", "description", "tags")


@TABLE.verb(
    "create",
    arguments=(FILE.required(), OPTIONAL_NAME),
    examples={"Describe a container of a storage account": "pratique ml datastore create -f blob.yml"},
)
def create(place: Place, *, file: str, name: str | None, edits: Edits) -> Document:
    """Describe a datastore elsewhere, or change what is said about it.

    Its credentials are sealed and never shown again. What lies in it is not read in this version.
    """
    with spec_of("datastore", file=file, given={"name": name}, edits=edits) as spec:
        made = _datastores(place).put(spec)
    warn(f"{made['name']} is kept as it is described; what lies in it is not read or written in this version")
    return made


@TABLE.verb(
    "show",
    arguments=(NAME,),
    examples={"Show the default datastore": "pratique ml datastore show -n workspaceblobstore"},
    columns=COLUMNS,
)
def show(place: Place, *, name: str) -> Document:
    """Show a datastore, without its credentials."""
    return _datastores(place).show(name)


@TABLE.verb(
    "list",
    arguments=(MAX_RESULTS,),
    examples={"List the datastores": "pratique ml datastore list -o table"},
    columns=COLUMNS,
)
def list_all(place: Place, *, max_results: int | None) -> list[Document]:
    """List the datastores: those that every workspace has, then those that were created."""
    found = _datastores(place).all()
    return found[:max_results] if max_results else found


@TABLE.verb(
    "update",
    arguments=(NAME,),
    examples={
        "Tag a datastore": "pratique ml datastore update -n raw --set tags.team=risk",
        "Give it another key": 'pratique ml datastore update -n raw --set credentials.account_key="$KEY"',
    },
)
def update(place: Place, *, name: str, edits: Edits) -> Document:
    """Change what is said about a datastore."""
    if not edits:
        raise UsageError("nothing to change", hint="give --set tags.team=risk")
    datastores = _datastores(place)
    current = {**datastores.show(name), "credentials": {}}
    return datastores.update(name, changes_of(current, edits, allowed=CHANGEABLE))


@TABLE.verb(
    "delete",
    arguments=(NAME, YES),
    examples={"Forget a datastore": "pratique ml datastore delete -n raw --yes"},
)
def delete(place: Place, *, name: str, yes: bool) -> None:
    """Forget a datastore; what lies in it is not touched."""
    datastores = _datastores(place)
    datastores.show(name)
    confirm_if_somebody_is_here(
        f"The datastore {name} of {place.workspace} will be forgotten; its files stay where they are.", yes=yes
    )
    datastores.delete(name)
    say(f"{name}: deleted")


def _datastores(place: Place) -> Datastores:
    return Datastores(place.connection, place.workspace)
