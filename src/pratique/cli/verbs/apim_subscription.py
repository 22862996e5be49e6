"""`apim subscription`: keys to APIs; verbs of ours, az has none."""

from typing import Final

from pratique.cli.arguments import DISPLAY_NAME, YES
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.cli.verbs.apim import SERVICE, check_group
from pratique.client.apim import Subscriptions

TABLE = Table("apim subscription")

SUBSCRIPTION: Final = flag("sid", "--sid", help="Name of the subscription.", required=True)
COLUMNS: Final = {"Name": "name", "Scope": "scope", "State": "state"}


@TABLE.verb(
    "create",
    arguments=(
        SERVICE, SUBSCRIPTION, DISPLAY_NAME,
        flag("scope", help="/apis/NAME for one API, or /apis for all of them, which is meant when unset."),
        flag("state", choices=["active", "suspended"], help="A suspended one opens nothing."),
    ),
    examples={"For one API": "pratique apim subscription create -n apim-credit-dev --sid shop --scope /apis/credit"},
    columns=COLUMNS,
)  # fmt: skip
def create(
    in_group: Place,
    *,
    service_name: str,
    sid: str,
    display_name: str | None,
    scope: str | None,
    state: str | None,
) -> Document:
    """Make a subscription with two keys, or change it; its keys stay. This verb is ours: az has none.

    Callers send a key as Ocp-Apim-Subscription-Key, or as subscription-key in the query.
    """
    said = {"display_name": display_name or "", "scope": scope or "", "state": state or ""}
    return Subscriptions(in_group.connection, check_group(in_group, service_name)).put(sid, said)


@TABLE.verb(
    "show",
    arguments=(SERVICE, SUBSCRIPTION),
    examples={"Show one": "pratique apim subscription show -n apim-credit-dev --sid shop"},
    columns=COLUMNS,
)
def show(in_group: Place, *, service_name: str, sid: str) -> Document:
    """Show a subscription, without its keys. This verb is ours: az has none."""
    return Subscriptions(in_group.connection, check_group(in_group, service_name)).show(sid)


@TABLE.verb(
    "list",
    arguments=(SERVICE,),
    examples={"List them": "pratique apim subscription list -n apim-credit-dev -o table"},
    columns=COLUMNS,
)
def list_all(in_group: Place, *, service_name: str) -> list[Document]:
    """List the subscriptions of a service. This verb is ours: az has none."""
    return Subscriptions(in_group.connection, check_group(in_group, service_name)).all()


@TABLE.verb(
    "keys",
    arguments=(SERVICE, SUBSCRIPTION),
    examples={
        "The key for curl": "pratique apim subscription keys -n apim-credit-dev --sid shop --query primaryKey -o tsv"
    },
)
def keys(in_group: Place, *, service_name: str, sid: str) -> Document:
    """Show both keys of a subscription; that you read them is written down. This verb is ours: az has none."""
    return Subscriptions(in_group.connection, check_group(in_group, service_name)).keys(sid)


@TABLE.verb(
    "regenerate-key",
    arguments=(
        SERVICE, SUBSCRIPTION,
        flag("key_type", "--key-type", choices=["primary", "secondary"], default="primary", help="Which key to renew."),
        YES,
    ),
    examples={
        "Renew a key": "pratique apim subscription regenerate-key -n apim-credit-dev --sid shop --key-type secondary -y"
    },
)  # fmt: skip
def regenerate_key(in_group: Place, *, service_name: str, sid: str, key_type: str, yes: bool) -> Document:
    """Renew a key of a subscription and show both; the other one stays valid. This verb is ours: az has none."""
    found = Subscriptions(in_group.connection, check_group(in_group, service_name))
    found.show(sid)
    confirm(f"The {key_type} key of {sid} will stop working.", yes=yes)
    found.regenerate_key(sid, key_type)
    return found.keys(sid)


@TABLE.verb(
    "delete",
    arguments=(SERVICE, SUBSCRIPTION, YES),
    examples={"Remove one": "pratique apim subscription delete -n apim-credit-dev --sid shop --yes"},
)
def delete(in_group: Place, *, service_name: str, sid: str, yes: bool) -> None:
    """Delete a subscription: its keys open nothing any more. This verb is ours: az has none."""
    confirm(f"The subscription {sid} will be deleted.", yes=yes)
    Subscriptions(in_group.connection, check_group(in_group, service_name)).delete(sid)
    say(f"{sid}: deleted")
