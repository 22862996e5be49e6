"""`apim`: services of API management."""

from typing import Final

from pratique.base.errors import NotFound
from pratique.cli.arguments import LOCATION, NAME, NO_WAIT, SET_TAGS, YES
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.cli.usage import UsageError, pairs
from pratique.cli.verbs.apim_waiting import FOR, wait_for
from pratique.client.apim import ApiServices

TABLE = Table("apim")

SERVICE: Final = flag("service_name", "--service-name", "-n", help="Name of the API service.", required=True)
PUBLISHER: Final = (
    flag("publisher_name", "--publisher-name", help="Who publishes its APIs."),
    flag("publisher_email", "--publisher-email", help="How to reach them."),
)
ACCEPTED: Final = (
    flag("sku_name", "--sku-name", help="Accepted for scripts written for az: there is one kind."),
    flag("sku_capacity", "--sku-capacity", help="Accepted for scripts written for az: there is one gateway."),
    flag(
        "enable_managed_identity", "--enable-managed-identity", nargs="?", const="true", choices=["true", "false"],
        help="Accepted for scripts written for az: the gateway needs no proof of itself.",
    ),
    flag(
        "enable_client_certificate", "--enable-client-certificate", nargs="?", const="true", choices=["true", "false"],
        help="false: callers prove themselves by a key or a token.",
    ),
    flag("virtual_network_type", "--virtual-network", "-v", help="None: the gateway is where the doors are."),
)  # fmt: skip
"""Flags of az that change nothing here."""
COLUMNS: Final = {"Name": "name", "ResourceGroup": "resourceGroup", "Gateway": "gatewayUrl"}


@TABLE.verb(
    "create",
    arguments=(NAME, *PUBLISHER, LOCATION, SET_TAGS, *ACCEPTED, NO_WAIT),
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
    sku_capacity: str | None,
    enable_managed_identity: str | None,
    enable_client_certificate: str | None,
    virtual_network_type: str | None,
    no_wait: bool,
) -> Document:
    """Make an API service, or change it; it is there at once."""
    _refuse_what_protects(enable_client_certificate, virtual_network_type)
    _tell_what_changes_nothing(sku_name, sku_capacity, enable_managed_identity, no_wait=no_wait)
    body = {
        "resource_group": in_group.required_group,
        "location": location or "",
        "publisher_name": publisher_name or "",
        "publisher_email": publisher_email or "",
        "tags": pairs(tags, flag="--tags"),
    }
    return ApiServices(in_group.connection).put(name, body)


@TABLE.verb(
    "update",
    arguments=(NAME, *PUBLISHER, SET_TAGS, *ACCEPTED, NO_WAIT),
    examples={"Other people": "pratique apim update -n apim-credit-dev --publisher-email ml@example.org"},
    columns=COLUMNS,
)
def update(
    in_group: Place,
    *,
    name: str,
    publisher_name: str | None,
    publisher_email: str | None,
    tags: list[str],
    sku_name: str | None,
    sku_capacity: str | None,
    enable_managed_identity: str | None,
    enable_client_certificate: str | None,
    virtual_network_type: str | None,
    no_wait: bool,
) -> Document:
    """Change an API service; what is not said stays."""
    _refuse_what_protects(enable_client_certificate, virtual_network_type)
    _tell_what_changes_nothing(sku_name, sku_capacity, enable_managed_identity, no_wait=no_wait)
    services = ApiServices(in_group.connection)
    known = checked(in_group, services.show(name))
    body = {
        "resource_group": known["resourceGroup"],
        "publisher_name": publisher_name or "",
        "publisher_email": publisher_email or "",
        "tags": pairs(tags, flag="--tags"),
    }
    return services.put(name, body)


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
    "check-name",
    arguments=(NAME,),
    examples={"Ask for a name": "pratique apim check-name -n apim-credit-dev --query nameAvailable -o tsv"},
)
def check_name(in_group: Place, *, name: str) -> Document:
    """Say whether no API service that you may see has this name."""
    try:
        known = ApiServices(in_group.connection).show(name)
    except NotFound:
        return {"nameAvailable": True, "reason": "Valid", "message": ""}
    said = f"{name} is a service of the resource group {known['resourceGroup']}"
    return {"nameAvailable": False, "reason": "AlreadyExists", "message": said}


@TABLE.verb(
    "wait",
    arguments=(NAME, *FOR),
    examples={"As a script does": "pratique apim wait -n apim-credit-dev --created"},
)
def wait(
    in_group: Place, *, name: str, created: bool, updated: bool, exists: bool, deleted: bool, interval: int,
    timeout: int,
) -> None:  # fmt: skip
    """Wait until an API service is there, or is gone."""
    services = ApiServices(in_group.connection)
    wait_for(
        lambda: checked(in_group, services.show(name)), name,
        there=created or updated or exists, gone=deleted, interval=interval, timeout=timeout,
    )  # fmt: skip


@TABLE.verb(
    "delete",
    arguments=(NAME, YES, NO_WAIT),
    examples={"Remove a service": "pratique apim delete -n apim-credit-dev --yes"},
)
def delete(in_group: Place, *, name: str, yes: bool, no_wait: bool) -> None:
    """Delete an API service with everything in it; one that is not there is no error, as with az."""
    if no_wait:
        say("--no-wait: it is gone at once")
    services = ApiServices(in_group.connection)
    try:
        checked(in_group, services.show(name))
    except NotFound as error:
        say(f"{name}: nothing to delete: {error.message}")
        return
    confirm(f"The API service {name} will be deleted with its APIs, named values and subscriptions.", yes=yes)
    services.delete(name)
    say(f"{name}: deleted")


def _refuse_what_protects(certificate: str | None, network: str | None) -> None:
    """Raise `UsageError` for what somebody would count on: certificates of callers, and a network of its own."""
    if certificate == "true":
        raise UsageError(
            "--enable-client-certificate: callers show no certificates here",
            hint="they prove themselves by a key or a token: pratique apim policy set",
        )
    if network and network != "None":
        raise UsageError(
            f"--virtual-network {network}: there is no network of its own here",
            hint="an endpoint that only an API reaches has public_network_access: disabled",
        )


def _tell_what_changes_nothing(
    sku_name: str | None, sku_capacity: str | None, identity: str | None, *, no_wait: bool
) -> None:
    """Say which flags of az mean nothing here."""
    said = {
        f"--sku-name {sku_name}": sku_name and "there is one kind of service here",
        f"--sku-capacity {sku_capacity}": sku_capacity and "there is one gateway here",
        "--enable-managed-identity": identity and "the gateway needs no proof of itself here",
        "--no-wait": no_wait and "it is so at once",
    }
    for flag_of_az, why in said.items():
        if why:
            say(f"{flag_of_az}: {why}")


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
