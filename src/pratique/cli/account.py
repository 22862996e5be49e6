"""`account`: who is logged in, in the shapes of `az account`."""

from datetime import datetime
from typing import Any, Final

from pratique.cli.place import Place, said_subscription
from pratique.cli.table import Table, flag
from pratique.cli.talk import warn
from pratique.cli.usage import UsageError
from pratique.client.account import read_account, subscription, token_end

Document = dict[str, Any]

TABLE = Table("account")

COLUMNS: Final = {"Name": "name", "Cloud": "environmentName", "SubscriptionId": "id", "User": "user.name"}


@TABLE.verb(
    "show",
    examples={"Show who is logged in": "pratique account show", "Its id": "pratique account show --query id -o tsv"},
    columns=COLUMNS,
)
def show(platform: Place) -> Document:
    """Show who is logged in; the subscription is the platform's home."""
    return subscription(read_account(platform.connection))


@TABLE.verb(
    "list", examples={"List the subscriptions, which is one": "pratique account list -o table"}, columns=COLUMNS
)
def list_all(platform: Place) -> list[Document]:
    """List the subscriptions: the platform's home is the only one."""
    return [show(platform)]


@TABLE.verb(
    "set",
    arguments=(flag("wanted", "--subscription", "-s", "--name", "-n", help="Id or name.", required=True),),
    examples={"Choose the subscription": "pratique account set --subscription pratique"},
)
def set_current(*, wanted: str) -> None:
    """Accepted for scripts written for az: there is one subscription, and a warning when it is another."""
    said_subscription(Place().connection, wanted)


@TABLE.verb(
    "get-access-token",
    arguments=(
        flag("resource", help="Audience, in the form of Azure AD v1. The token is for this platform whatever it says."),
        flag("scope", nargs="+", help="Audience, in the form of v2. The token is for this platform whatever it says."),
        flag("resource_type", help="Audience by its kind. The token is for this platform whatever it says."),
        flag("tenant", "--tenant", "-t", help="Tenant; there is one, and a warning when it is another."),
    ),
    examples={"A token for curl": "pratique account get-access-token --query accessToken -o tsv"},
)
def get_access_token(
    platform: Place, *, resource: str | None, scope: list[str] | None, resource_type: str | None, tenant: str | None
) -> Document:
    """Print a token for the platform's API."""
    if sum(1 for audience in (resource, scope, resource_type) if audience) > 1:
        raise UsageError("--resource, --scope and --resource-type exclude one another")
    connection = platform.connection
    account = subscription(read_account(connection))
    if tenant and tenant != account["tenantId"]:
        warn(f"there is one tenant here, {account['tenantId']}; {tenant!r} chooses nothing")
    profile = connection.door.profile
    ends = profile.expires_on if profile else token_end(connection.door.token)
    return {
        "accessToken": connection.door.token,
        # az prints local time without a zone here, and its readers expect that.
        "expiresOn": datetime.fromtimestamp(ends).strftime("%Y-%m-%d %H:%M:%S.%f"),
        "expires_on": ends,
        "subscription": account["id"],
        "tenant": account["tenantId"],
        "tokenType": "Bearer",
    }
