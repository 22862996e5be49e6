"""`ml workspace`."""

from typing import Final

from pratique.base.errors import NotFound
from pratique.cli.arguments import DESCRIPTION, DISPLAY_NAME, FILE, LOCATION, SET_TAGS, YES
from pratique.cli.confirm import confirm
from pratique.cli.files import changes_of, spec_of
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.cli.usage import UsageError, pairs
from pratique.client.workspaces import Workspaces
from pratique.specs.edits import Edits

TABLE = Table("ml workspace")

NAME: Final = flag(
    "name", "--name", "-n", "--workspace-name", "-w", help="Workspace; has a default, see `pratique configure`."
)
COLUMNS: Final = {"Name": "name", "Group": "resource_group", "Location": "location"}
CHANGEABLE: Final = ("description", "display_name", "tags")
_REQUIRE_REASON: Final = flag(
    "require_reason", choices=["true", "false"],
    help="Whether whoever changes something or reads a secret in it says why, with --reason; "
    "kept as the tag pratique.require-reason.",
)  # fmt: skip
_SIGNED_MODELS: Final = flag(
    "require_signed_models", choices=["true", "false"],
    help="Whether it loads only models that a key which it trusts has signed; "
    "kept as the tag pratique.require-signed-models.",
)  # fmt: skip
_PICKLES: Final = flag(
    "pickles", choices=["allow", "scan", "refuse"],
    help="What it does with models that hold pickles: load them, load those in which a scan finds nothing, or none; "
    "kept as the tag pratique.pickles.",
)  # fmt: skip


@TABLE.verb(
    "create",
    arguments=(FILE, NAME.saying("Name; overrides the file's."), LOCATION, DISPLAY_NAME, DESCRIPTION, SET_TAGS),
    examples={"Create a workspace": "pratique ml workspace create -n credit -g credit-rg"},
)
def create(
    in_group: Place,
    *,
    file: str | None,
    name: str | None,
    location: str | None,
    display_name: str | None,
    description: str | None,
    tags: list[str],
    edits: Edits,
) -> Document:
    """Create a workspace, or change it."""
    given = {
        "name": name, "location": location, "display_name": display_name, "description": description,
        "tags": pairs(tags, flag="--tags"),
    }  # fmt: skip
    if not file and not name:
        raise UsageError("name what to create", hint="give --name, or a file with -f")
    with spec_of("workspace", file=file, given=given, edits=edits) as spec:
        group = in_group.resource_group or str(spec.get("resource_group") or "") or in_group.required_group
        return Workspaces(in_group.connection).put(str(spec["name"]), spec, resource_group=group)


@TABLE.verb(
    "show",
    arguments=(NAME,),
    examples={
        "Show a workspace": "pratique ml workspace show -n credit",
        "Where MLflow is": "pratique ml workspace show --query mlflow_tracking_uri -o tsv",
    },
    columns=COLUMNS,
)
def show(in_group: Place, *, name: str | None) -> Document:
    """Show a workspace."""
    return Workspaces(in_group.connection).show(_workspace(in_group, name))


@TABLE.verb("list", examples={"List the workspaces": "pratique ml workspace list -o table"}, columns=COLUMNS)
def list_all(in_group: Place) -> list[Document]:
    """List the workspaces, with -g those of one group."""
    found = Workspaces(in_group.connection).all()
    wanted = in_group.resource_group
    return [one for one in found if not wanted or str(one.get("resource_group")).lower() == wanted.lower()]


@TABLE.verb(
    "update",
    arguments=(NAME, DISPLAY_NAME, DESCRIPTION, _REQUIRE_REASON, _SIGNED_MODELS, _PICKLES),
    examples={
        "Describe a workspace": "pratique ml workspace update -n credit --description 'Credit risk'",
        "Ask for reasons": "pratique ml workspace update -n credit --require-reason true",
        "Load only what was signed": "pratique ml workspace update -n credit-qa --require-signed-models true",
    },
)
def update(
    in_group: Place,
    *,
    name: str | None,
    display_name: str | None,
    description: str | None,
    require_reason: str | None,
    require_signed_models: str | None,
    pickles: str | None,
    edits: Edits,
) -> Document:
    """Change what is said about a workspace: tags, description, display_name."""
    workspaces = Workspaces(in_group.connection)
    current = workspaces.show(_workspace(in_group, name))
    changes = changes_of(current, edits, allowed=CHANGEABLE)
    changes |= {key: value for key, value in (("display_name", display_name), ("description", description)) if value}
    rules = {
        "pratique.require-reason": require_reason,
        "pratique.require-signed-models": require_signed_models,
        "pratique.pickles": pickles,
    }
    if any(rules.values()):
        tags = changes.get("tags") or current.get("tags") or {}
        changes["tags"] = {**tags, **{key: value for key, value in rules.items() if value}}
    if not changes:
        raise UsageError("nothing to change", hint="give --set, --display-name, --description or a rule")
    return workspaces.update(str(current["name"]), changes)


@TABLE.verb(
    "delete",
    arguments=(NAME, YES),
    examples={"Delete a workspace": "pratique ml workspace delete -n credit --yes"},
)
def delete(in_group: Place, *, name: str | None, yes: bool) -> None:
    """Delete a workspace and everything in it; one that is not there is no error."""
    workspaces = Workspaces(in_group.connection)
    try:
        found = str(workspaces.show(_workspace(in_group, name))["name"])
    except NotFound as error:
        say(f"{name}: nothing to delete: {error.message}")
        return
    confirm(f"The workspace {found}, its assets, jobs and endpoints will be deleted.", yes=yes)
    workspaces.delete(found)
    say(f"{found}: deleted")


def _workspace(in_group: Place, name: str | None) -> str:
    return Place(in_group.resource_group, name, configuration=in_group.configuration).workspace
