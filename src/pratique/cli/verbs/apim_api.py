"""`apim api`: APIs in front of endpoints."""

from typing import Final

from pratique.cli.arguments import DESCRIPTION, DISPLAY_NAME, NO_WAIT, YES
from pratique.cli.changes import changes_of
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.cli.usage import UsageError
from pratique.cli.verbs.apim import SERVICE, check_group
from pratique.cli.verbs.apim_waiting import FOR, wait_for
from pratique.cli.waiting import wait_until_succeeded
from pratique.client.apim import Apis, is_settled
from pratique.specs.edits import Edits

TABLE = Table("apim api")

API: Final = flag("api_id", "--api-id", help="Name of the API.", required=True)
PATH: Final = flag("path", help="Where it is below the gateway's address, such as credit/v1; its name when unset.")
SERVICE_URL: Final = flag(
    "service_url", "--service-url", help="The online endpoint behind it: its scoring_uri, with or without /score."
)
SUBSCRIPTION_REQUIRED: Final = flag(
    "subscription_required", "--subscription-required", nargs="?", const="true", choices=["true", "false"],
    help="Whether callers need the key of a subscription; true when unset.",
)  # fmt: skip
PROTOCOLS: Final = flag("protocols", nargs="+", help="Accepted for scripts written for az: http on loopback.")
TYPE: Final = flag("api_type", "--api-type", choices=["http"], help="Accepted for scripts written for az.")
COLUMNS: Final = {"Name": "name", "Path": "path", "State": "provisioningState", "URL": "url"}


@TABLE.verb(
    "create",
    arguments=(
        SERVICE, API, PATH, DISPLAY_NAME, DESCRIPTION, SERVICE_URL, SUBSCRIPTION_REQUIRED, PROTOCOLS, TYPE, NO_WAIT,
    ),
    examples={
        "In front of an endpoint": "pratique apim api create -n apim-credit-dev --api-id credit --path credit "
        "--service-url http://127.0.0.1:7071/endpoints/dev/credit --subscription-required false"
    },
    columns=COLUMNS,
)  # fmt: skip
def create(
    in_group: Place,
    *,
    service_name: str,
    api_id: str,
    path: str | None,
    display_name: str | None,
    description: str | None,
    service_url: str | None,
    subscription_required: str | None,
    protocols: list[str] | None,
    api_type: str | None,
    no_wait: bool,
) -> Document:
    """Make an API, or change it, and wait until the gateway serves it so.

    Without a subscription and without a policy that checks tokens it lets nobody in.
    """
    tell_what_changes_nothing(protocols, api_type)
    apis = Apis(in_group.connection, check_group(in_group, service_name))
    changes = changes_said(path, display_name, description, service_url, subscription_required)
    made = apis.put(api_id, changes)
    return made if no_wait else settled(apis, service_name, str(made["name"]))


@TABLE.verb(
    "update",
    arguments=(
        SERVICE, API, PATH, DISPLAY_NAME, DESCRIPTION, SERVICE_URL, SUBSCRIPTION_REQUIRED, PROTOCOLS, NO_WAIT,
    ),
    examples={
        "Ask for a subscription": "pratique apim api update -n apim-credit-dev --api-id credit "
        "--subscription-required true"
    },
    columns=COLUMNS,
)  # fmt: skip
def update(
    in_group: Place,
    *,
    service_name: str,
    api_id: str,
    edits: Edits,
    path: str | None,
    display_name: str | None,
    description: str | None,
    service_url: str | None,
    subscription_required: str | None,
    protocols: list[str] | None,
    no_wait: bool,
) -> Document:
    """Change an API, and wait until the gateway serves it so; what is not said stays."""
    tell_what_changes_nothing(protocols, None)
    apis = Apis(in_group.connection, check_group(in_group, service_name))
    edited = changes_of(apis.show(api_id), edits, allowed=_EDITABLE)
    changes = {_EDITABLE[key]: value for key, value in edited.items()}
    changes |= changes_said(path, display_name, description, service_url, subscription_required)
    made = apis.put(api_id, changes)
    return made if no_wait else settled(apis, service_name, str(made["name"]))


_EDITABLE: Final = {
    "displayName": "display_name",
    "description": "description",
    "path": "path",
    "serviceUrl": "service_url",
    "subscriptionRequired": "subscription_required",
}


@TABLE.verb(
    "wait",
    arguments=(SERVICE, API, *FOR),
    examples={"As a script does": "pratique apim api wait -n apim-credit-dev --api-id credit --updated"},
)
def wait(
    in_group: Place, *, service_name: str, api_id: str, created: bool, updated: bool, exists: bool, deleted: bool,
    interval: int, timeout: int,
) -> None:  # fmt: skip
    """Wait until the gateway serves an API as it is wished, or until it is gone."""
    apis = Apis(in_group.connection, check_group(in_group, service_name))
    wait_for(
        lambda: apis.show(api_id), api_id,
        there=created or updated or exists, gone=deleted, interval=interval, timeout=timeout,
    )  # fmt: skip


@TABLE.verb(
    "show",
    arguments=(SERVICE, API),
    examples={"Where it answers": "pratique apim api show -n apim-credit-dev --api-id credit --query url -o tsv"},
    columns=COLUMNS,
)
def show(in_group: Place, *, service_name: str, api_id: str) -> Document:
    """Show an API."""
    return Apis(in_group.connection, check_group(in_group, service_name)).show(api_id)


@TABLE.verb(
    "list",
    arguments=(
        SERVICE,
        flag("filter_display_name", "--filter-display-name", help="Only those with this in their display name."),
        flag("top", type=int, help="At most so many."),
        flag("skip", type=int, default=0, help="Without the first so many."),
    ),
    examples={"List the APIs": "pratique apim api list -n apim-credit-dev -o table"},
    columns=COLUMNS,
)
def list_all(
    in_group: Place, *, service_name: str, filter_display_name: str | None, top: int | None, skip: int
) -> list[Document]:
    """List the APIs of a service."""
    found = Apis(in_group.connection, check_group(in_group, service_name)).all()
    wanted = (filter_display_name or "").lower()
    named = [one for one in found if wanted in str(one["displayName"]).lower()][max(0, skip) :]
    return named if top is None else named[: max(0, top)]


@TABLE.verb(
    "delete",
    arguments=(
        SERVICE, API, YES,
        flag("delete_revisions", "--delete-revisions", nargs="?", const="true", choices=["true", "false"],
             help="Accepted for scripts written for az: an API has one revision."),
        NO_WAIT,
    ),
    examples={"Remove an API": "pratique apim api delete -n apim-credit-dev --api-id credit --yes"},
)  # fmt: skip
def delete(
    in_group: Place, *, service_name: str, api_id: str, yes: bool, delete_revisions: str | None, no_wait: bool
) -> None:
    """Delete an API with its operations and their policies."""
    if delete_revisions:
        say("--delete-revisions: an API has one revision")
    if no_wait:
        say("--no-wait: it is gone at once")
    apis = Apis(in_group.connection, check_group(in_group, service_name))
    apis.show(api_id)
    confirm(f"The API {api_id} will be deleted.", yes=yes)
    apis.delete(api_id)
    say(f"{api_id}: deleted")


def settled(apis: Apis, service: str, name: str) -> Document:
    """The API when the gateway serves it; raises `ComputeFailed` when it refuses to."""
    return wait_until_succeeded(
        lambda seconds: apis.show(name, wait=seconds),
        settled=is_settled,
        what="API",
        name=name,
        resume=f"pratique apim api show --service-name {service} --api-id {name}",
        state="provisioningState",
    )


def tell_what_changes_nothing(protocols: list[str] | None, api_type: str | None) -> None:
    """Say which flags of az mean nothing here."""
    if protocols:
        say("--protocols: the gateway listens on loopback, by http")
    if api_type:
        say(f"--api-type {api_type}: there is one kind of API here")


def changes_said(
    path: str | None,
    display_name: str | None,
    description: str | None,
    service_url: str | None,
    subscription_required: str | None,
) -> Document:
    """What the flags say of an API; raises `UsageError` for a path that is none."""
    said: Document = {
        "path": path, "display_name": display_name, "description": description, "service_url": service_url,
    }  # fmt: skip
    changes = {key: value for key, value in said.items() if value is not None}
    if subscription_required is not None:
        changes["subscription_required"] = subscription_required == "true"
    if path is not None and path.startswith("http"):
        raise UsageError("--path is below the gateway's address", hint="the endpoint behind it is --service-url")
    return changes
