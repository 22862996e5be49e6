"""`ml compute`: every compute is a name of this machine."""

from typing import Final

from pratique.cli.arguments import DESCRIPTION, FILE, LOCATION, MAX_RESULTS, NAME, NO_WAIT, OPTIONAL_NAME, SET_TAGS, YES
from pratique.cli.confirm import confirm
from pratique.cli.files import changed_spec, spec_of
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.cli.usage import UsageError, pairs
from pratique.client.computes import Computes
from pratique.specs.edits import Edits

TABLE = Table("ml compute")

COLUMNS: Final = {"Name": "name", "Type": "type", "Size": "size", "State": "provisioning_state"}
KINDS: Final = ["AmlCompute", "ComputeInstance", "Kubernetes", "SynapseSpark", "VirtualMachine"]
_INSTANCES: Final = (
    flag("min_instances", "--min-instances", type=int, help="Fewest nodes; kept and shown."),
    flag("max_instances", "--max-instances", type=int, help="Most nodes; kept and shown."),
    flag("idle_time_before_scale_down", "--idle-time-before-scale-down", type=int,
         help="Seconds after which an idle node goes; kept and shown."),
    flag("identity_type", "--identity-type", "-i", help="SystemAssigned, UserAssigned or None; kept and shown."),
)  # fmt: skip


@TABLE.verb(
    "create",
    arguments=(
        FILE, OPTIONAL_NAME,
        flag("type", "--type", "-t", type=str, help=f"One of {', '.join(KINDS)}; the first two are names here."),
        flag("size", "--size", "-s", help="Size of a node, such as Standard_DS3_v2; kept and shown."),
        flag("tier", "--tier", help="dedicated or low_priority; kept and shown."),
        *_INSTANCES, LOCATION, DESCRIPTION, SET_TAGS, NO_WAIT,
    ),
    examples={
        "A cluster": "pratique ml compute create -n cpu-cluster --type AmlCompute --min-instances 0 --max-instances 4",
        "From a file": "pratique ml compute create -f cluster.yml",
    },
)  # fmt: skip
def create(
    place: Place,
    *,
    file: str | None,
    name: str | None,
    type: str | None,  # noqa: A002 - the flag's word.
    size: str | None,
    tier: str | None,
    min_instances: int | None,
    max_instances: int | None,
    idle_time_before_scale_down: int | None,
    identity_type: str | None,
    location: str | None,
    description: str | None,
    tags: list[str],
    no_wait: bool,
    edits: Edits,
) -> Document:
    """Give this machine another name: jobs that ask for the compute run here.

    What the compute says of nodes, identities and networks is kept and shown; nothing is started.
    """
    if not file and not (name and type):
        raise UsageError("name what to create", hint="give a file with -f, or --name and --type")
    _said_no_wait(no_wait)
    given = {
        "name": name, "type": type, "size": size, "tier": tier, "location": location, "description": description,
        "tags": pairs(tags, flag="--tags"),
        **_scale(min_instances, max_instances, idle_time_before_scale_down, identity_type),
    }  # fmt: skip
    with spec_of("compute", file=file, given=given, edits=edits) as spec:
        made = _computes(place).put(spec)
    say(f"{made['name']} is a name of this machine: what it says of nodes and identity is kept, not applied")
    return made


@TABLE.verb(
    "show",
    arguments=(NAME,),
    examples={"Show a compute": "pratique ml compute show -n cpu-cluster --query provisioning_state -o tsv"},
    columns=COLUMNS,
)
def show(place: Place, *, name: str) -> Document:
    """Show a compute."""
    return _computes(place).show(name)


@TABLE.verb(
    "list",
    arguments=(flag("type", "--type", "-t", help="Only those of this type."), MAX_RESULTS),
    examples={
        "List the computes": "pratique ml compute list -o table",
        "List the clusters": "pratique ml compute list --type AmlCompute --query '[].name' -o tsv",
    },
    columns=COLUMNS,
)
def list_all(
    place: Place,
    *,
    type: str | None,  # noqa: A002 - the flag's word.
    max_results: int | None,
) -> list[Document]:
    """List the computes."""
    wanted = (type or "").lower()
    return [one for one in _computes(place).all() if wanted in ("", one["type"])][:max_results]


@TABLE.verb(
    "update",
    arguments=(NAME, *_INSTANCES, NO_WAIT),
    examples={
        "Say how many nodes": "pratique ml compute update -n cpu-cluster --max-instances 8",
        "Tag it": "pratique ml compute update -n cpu-cluster --set tags.team=risk",
    },
)
def update(
    place: Place,
    *,
    name: str,
    min_instances: int | None,
    max_instances: int | None,
    idle_time_before_scale_down: int | None,
    identity_type: str | None,
    no_wait: bool,
    edits: Edits,
) -> Document:
    """Change what is kept of a compute: any key of its file but name and type."""
    _said_no_wait(no_wait)
    given = _scale(min_instances, max_instances, idle_time_before_scale_down, identity_type)
    if not edits and all(value is None for value in given.values()):
        raise UsageError("nothing to change", hint="give --max-instances 8 or --set tags.team=risk")
    if wrong := {"name", "type"} & set(edits.fields):
        raise UsageError(f"{', '.join(sorted(wrong))} cannot be changed", hint="create another compute")
    computes = _computes(place)
    return computes.put(changed_spec("compute", computes.show(name), given=given, edits=edits))


@TABLE.verb(
    "start",
    arguments=(NAME, NO_WAIT),
    examples={"Start a workstation": "pratique ml compute start -n mine"},
)
def start(place: Place, *, name: str, no_wait: bool) -> None:
    """Say of a compute instance that it runs; this machine runs anyway."""
    _said_no_wait(no_wait)
    say(f"{name}: {_computes(place).act(name, 'start')['state']}; this machine runs anyway")


@TABLE.verb(
    "stop",
    arguments=(NAME, NO_WAIT),
    examples={"Stop a workstation": "pratique ml compute stop -n mine"},
)
def stop(place: Place, *, name: str, no_wait: bool) -> None:
    """Say of a compute instance that it is stopped; this machine and its jobs go on."""
    _said_no_wait(no_wait)
    say(f"{name}: {_computes(place).act(name, 'stop')['state']}; this machine and its jobs go on")


@TABLE.verb(
    "restart",
    arguments=(NAME, NO_WAIT),
    examples={"Restart a workstation": "pratique ml compute restart -n mine"},
)
def restart(place: Place, *, name: str, no_wait: bool) -> None:
    """Say of a compute instance that it runs; this machine is not restarted."""
    _said_no_wait(no_wait)
    say(f"{name}: {_computes(place).act(name, 'start')['state']}; this machine is not restarted")


@TABLE.verb(
    "delete",
    arguments=(
        NAME,
        flag("action", "--action", choices=["Delete", "Detach"], default="Delete", help="The same here."),
        YES, NO_WAIT,
    ),
    examples={"Delete a compute": "pratique ml compute delete -n cpu-cluster --yes"},
)  # fmt: skip
def delete(place: Place, *, name: str, action: str, yes: bool, no_wait: bool) -> None:
    """Forget a compute; this machine and the jobs on it go on."""
    _said_no_wait(no_wait)
    computes = _computes(place)
    computes.show(name)
    confirm(f"The compute {name} of {place.workspace} will be forgotten.", yes=yes)
    computes.delete(name)
    say(f"{name}: {'deleted' if action == 'Delete' else 'detached'}")


def _computes(place: Place) -> Computes:
    return Computes(place.connection, place.workspace)


def _scale(
    min_instances: int | None, max_instances: int | None, idle: int | None, identity_type: str | None
) -> Document:
    return {
        "min_instances": min_instances, "max_instances": max_instances, "idle_time_before_scale_down": idle,
        "identity": {"type": identity_type} if identity_type else None,
    }  # fmt: skip


def _said_no_wait(no_wait: bool) -> None:
    if no_wait:
        say("--no-wait: a compute is there at once")
