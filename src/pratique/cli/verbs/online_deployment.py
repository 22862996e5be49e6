"""`ml online-deployment`."""

from contextlib import AbstractContextManager, nullcontext
from typing import Final

from pratique.cli.arguments import ENDPOINT_NAME, FILE, LOCAL, NAME, NO_WAIT, OPTIONAL_NAME, YES
from pratique.cli.confirm import confirm
from pratique.cli.files import edited, sent_spec
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, Text, flag, switch
from pratique.cli.talk import say
from pratique.cli.usage import UsageError
from pratique.cli.verbs.online_endpoint import said_local
from pratique.cli.waiting import wait_until_gone, wait_until_succeeded
from pratique.client.endpoints import Deployments, is_settled
from pratique.specs.edits import Edits

TABLE = Table("ml online-deployment")

COLUMNS: Final = {"Name": "name", "Endpoint": "endpoint_name", "State": "provisioning_state", "Model": "model"}
ENDPOINT: Final = ENDPOINT_NAME.required().saying("Name of the endpoint.")
_SHOWN: Final = frozenset({"id", "provisioning_state", "timings", "error", "creation_context", "replicas"})
"""What of a deployment's document says how it is; everything else was in its spec."""

_COMPUTED: Final = tuple(
    f"pratique.{name}"
    for name in ("model_digest", "generation", "restarts", "ready", "retires_at", "onnx", "collected.")
)
"""How properties begin that the platform shows and nobody gives."""


@TABLE.verb(
    "create",
    arguments=(
        FILE.required(), OPTIONAL_NAME, ENDPOINT_NAME,
        switch("all_traffic", help="Give it all traffic once it answers; nothing is dropped meanwhile."),
        NO_WAIT, LOCAL,
        switch("skip_script_validation", help="Accepted for scripts written for az: nothing is validated so."),
    ),
    examples={
        "Deploy and switch to it": "pratique ml online-deployment create -f blue.yml --all-traffic",
        "Deploy another version": "pratique ml online-deployment create -f blue.yml -n green --set model=azureml:m:2",
    },
)  # fmt: skip
def create(
    place: Place,
    *,
    file: str,
    name: str | None,
    endpoint_name: str | None,
    edits: Edits,
    all_traffic: bool,
    no_wait: bool,
    local: bool,
    skip_script_validation: bool,
) -> Document:
    """Create a deployment, or change it, and wait until it answers."""
    if skip_script_validation:
        say("--skip-script-validation: there is none to skip")
    said_local(local)
    given = {"name": name, "endpoint_name": endpoint_name}
    with sent_spec(place, "online-deployment", file=file, given=given, edits=edits) as spec:
        deployments = Deployments(place.connection, place.workspace, str(spec["endpoint_name"]))
        made = _told(deployments.put(str(spec["name"]), spec, all_traffic=all_traffic))
    return made if no_wait else _settled(deployments, str(spec["endpoint_name"]), str(spec["name"]))


def _told(made: Document) -> Document:
    """What was made, with what the platform decided about its model said on stderr."""
    if said := made["properties"].get("pratique.frozen"):
        say(said)
    return made


@TABLE.verb(
    "show",
    arguments=(NAME, ENDPOINT, LOCAL),
    examples={"Show a deployment": "pratique ml online-deployment show -e credit -n blue"},
    columns=COLUMNS,
)
def show(place: Place, *, name: str, endpoint_name: str, local: bool) -> Document:
    """Show a deployment."""
    said_local(local)
    return Deployments(place.connection, place.workspace, endpoint_name).show(name)


@TABLE.verb(
    "list",
    arguments=(ENDPOINT, LOCAL),
    examples={"List the deployments": "pratique ml online-deployment list -e credit -o table"},
    columns=COLUMNS,
)
def list_all(place: Place, *, endpoint_name: str, local: bool) -> list[Document]:
    """List the deployments of an endpoint."""
    said_local(local)
    return Deployments(place.connection, place.workspace, endpoint_name).all()


@TABLE.verb(
    "update",
    arguments=(FILE, OPTIONAL_NAME, ENDPOINT_NAME, NO_WAIT),
    examples={
        "From its file": "pratique ml online-deployment update -f blue.yml",
        "One key": "pratique ml online-deployment update -e credit -n blue --set instance_count=2",
    },
)
def update(
    place: Place,
    *,
    file: str | None,
    name: str | None,
    endpoint_name: str | None,
    edits: Edits,
    no_wait: bool,
) -> Document:
    """Change a deployment without dropping a request, and wait until the new one answers."""
    with _changed(place, file, name, endpoint_name, edits) as spec:
        deployments = Deployments(place.connection, place.workspace, str(spec["endpoint_name"]))
        deployments.show(str(spec["name"]))
        made = _told(deployments.put(str(spec["name"]), spec))
    return made if no_wait else _settled(deployments, str(spec["endpoint_name"]), str(spec["name"]))


@TABLE.verb(
    "delete",
    arguments=(NAME, ENDPOINT, YES, NO_WAIT, LOCAL),
    examples={"Delete a deployment": "pratique ml online-deployment delete -e credit -n blue --yes"},
)
def delete(place: Place, *, name: str, endpoint_name: str, yes: bool, no_wait: bool, local: bool) -> None:
    """Delete a deployment; one that has traffic cannot be deleted."""
    said_local(local)
    deployments = Deployments(place.connection, place.workspace, endpoint_name)
    deployments.show(name)
    confirm(f"The deployment {name} of {endpoint_name} will be deleted.", yes=yes)
    deployments.delete(name)
    if not no_wait:
        wait_until_gone(
            lambda seconds: deployments.show(name, wait=seconds),
            state="provisioning_state",
            name=name,
            resume=f"pratique ml online-deployment show -e {endpoint_name} -n {name}",
        )


@TABLE.verb(
    "get-logs",
    arguments=(
        NAME,
        ENDPOINT,
        flag("lines", "--lines", "-l", type=int, default=50, help="How many of the last lines."),
        flag(
            "container",
            "--container",
            "-c",
            choices=["inference-server", "storage-initializer"],
            default="inference-server",
            help="Whose log on Azure; the first is the only one here.",
        ),
        LOCAL,
    ),
    examples={"The last lines": "pratique ml online-deployment get-logs -e credit -n blue --lines 100"},
)
def get_logs(place: Place, *, name: str, endpoint_name: str, lines: int, container: str, local: bool) -> Text:
    """Print the last lines of a deployment's log."""
    said_local(local)
    if container != "inference-server":
        say(f"--container {container}: a deployment has one log here, of the model server and of what came before it")
    return Text(Deployments(place.connection, place.workspace, endpoint_name).logs(name, lines=lines))


@TABLE.verb(
    "get-metrics",
    arguments=(NAME, ENDPOINT),
    examples={"What its replicas count": "pratique ml online-deployment get-metrics -e credit -n blue"},
)
def get_metrics(place: Place, *, name: str, endpoint_name: str) -> Text:
    """Print what the replicas of a deployment count, as Prometheus reads it.

    Pratique's own verb; on Azure it is Azure Monitor's. Requests by status, latency, requests and rows that are
    computed together, what waits, what was collected; each replica by itself. Prometheus gets those of a whole
    workspace from the door, with a token of whoever may read deployments: /api/v1/workspaces/WORKSPACE/metrics.
    """
    return Text(Deployments(place.connection, place.workspace, endpoint_name).metrics(name))


def _changed(
    place: Place, file: str | None, name: str | None, endpoint_name: str | None, edits: Edits
) -> AbstractContextManager[Document]:
    """The spec of the file, or the deployment's own, with the flags applied."""
    if file:
        given = {"name": name, "endpoint_name": endpoint_name}
        return sent_spec(place, "online-deployment", file=file, given=given, edits=edits)
    if not name or not endpoint_name:
        raise UsageError("--name/-n and --endpoint-name/-e are required without --file/-f")
    if not edits:
        raise UsageError("nothing to change", hint="give --set instance_count=2 or a file with -f")
    current = Deployments(place.connection, place.workspace, endpoint_name).show(name)
    return nullcontext(edited(_spec_of(current), edits))


def _spec_of(current: Document) -> Document:
    """The spec that made a deployment: what it describes itself, such as its model, is in its document as written."""
    properties = current.get("properties") or {}
    kept = {key: value for key, value in current.items() if key not in _SHOWN and value is not None}
    return kept | {"properties": {key: value for key, value in properties.items() if not key.startswith(_COMPUTED)}}


def _settled(deployments: Deployments, endpoint: str, name: str) -> Document:
    done = wait_until_succeeded(
        lambda seconds: deployments.show(name, wait=seconds),
        settled=is_settled,
        what="deployment",
        name=name,
        resume=f"pratique ml online-deployment show -e {endpoint} -n {name}",
    )
    if said := (done.get("properties") or {}).get("pratique.onnx"):
        say(f"onnx: {said}")
    return done
