"""`ml datastore`."""

from typing import Any, Final

from pratique.base.errors import NotYet
from pratique.cli.arguments import FILE, MAX_RESULTS, NAME, OPTIONAL_NAME, SET, YES
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.table import Table, flag
from pratique.cli.talk import say
from pratique.cli.usage import UsageError
from pratique.client.datastores import Datastores

Document = dict[str, Any]

TABLE = Table("ml datastore")

COLUMNS: Final = {"Name": "name", "Type": "type", "Default": "is_default", "Description": "description"}
CHANGEABLE: Final = ("credentials", "description", "tags")


@TABLE.verb(
    "create",
    arguments=(FILE.required(), OPTIONAL_NAME, SET),
    examples={"Describe a container of a storage account": "pratique ml datastore create -f blob.yml"},
)
def create(place: Place, *, file: str, name: str | None, assignments: list[str]) -> Document:
    """Describe a datastore elsewhere, or change what is said about it.

    Its credentials are sealed and never shown again. What lies in it is not read in this version.
    """
    from pratique.cli.talk import warn
    from pratique.cli.yaml_files import read_spec

    spec = read_spec("datastore", file=file, given={"name": name}, assignments=assignments)
    made = _datastores(place).put(spec.to_document())
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
    arguments=(
        NAME,
        SET.saying("Change tags, description or credentials."),
    ),
    examples={
        "Tag a datastore": "pratique ml datastore update -n raw --set tags.team=risk",
        "Give it another key": 'pratique ml datastore update -n raw --set credentials.account_key="$KEY"',
    },
)
def update(place: Place, *, name: str, assignments: list[str]) -> Document:
    """Change what is said about a datastore."""
    from pratique.cli.changes import changes_of

    if not assignments:
        raise UsageError("nothing to change", hint="give --set tags.team=risk")
    datastores = _datastores(place)
    current = {**datastores.show(name), "credentials": {}}
    return datastores.update(name, changes_of(current, assignments=assignments, allowed=CHANGEABLE))


@TABLE.verb(
    "delete",
    arguments=(NAME, YES),
    examples={"Forget a datastore": "pratique ml datastore delete -n raw --yes"},
)
def delete(place: Place, *, name: str, yes: bool) -> None:
    """Forget a datastore; what lies in it is not touched."""
    datastores = _datastores(place)
    datastores.show(name)
    confirm(f"The datastore {name} of {place.workspace} will be forgotten; its files stay where they are.", yes=yes)
    datastores.delete(name)
    say(f"{name}: deleted")


@TABLE.verb(
    "mount",
    arguments=(
        flag("path", help="The place in a datastore.", metavar="URI"),
        flag("mount_point", "--mount-point", help="Where it should appear."),
        flag("mode", "--mode", help="ro_mount."),
    ),
    examples={"Refused in this version": "pratique ml datastore mount --path azureml://datastores/raw/paths/2026"},
)
def mount(*, path: str | None, mount_point: str | None, mode: str | None) -> None:
    """Refused: this version mounts nothing on the machine of the user."""
    raise NotYet(
        "a datastore cannot be mounted in this version",
        hint="a job reads it as an input; for files on this machine register them and use "
        "`pratique ml data download --name NAME --version VERSION --download-path FOLDER`",
    )


def _datastores(place: Place) -> Datastores:
    return Datastores(place.connection, place.workspace)
