"""`account`: who is logged in, in the shapes of `az account`."""

from datetime import datetime
from typing import Final

from pratique.cli.place import Place, said_subscription
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import warn
from pratique.cli.usage import UsageError
from pratique.client.account import read_account, subscription, token_end, token_for
from pratique.client.principals import Principals

TABLE = Table("account")

_RESOURCES: Final = {
    "aad-graph": "https://graph.windows.net/",
    "arm": "https://management.core.windows.net/",
    "batch": "https://batch.core.windows.net/",
    "data-lake": "https://datalake.azure.net/",
    "media": "https://rest.media.azure.net",
    "ms-graph": "https://graph.microsoft.com/",
    "oss-rdbms": "https://ossrdbms-aad.database.windows.net",
}
"""Audiences by the names that az has for them."""
_SIGN_IN: Final = frozenset({"openid", "profile", "email", "offline_access"})
"""Scopes that say nothing about an audience."""
_DEFAULT: Final = "/.default"

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
        flag("resource", help="Whom the token is meant for, its aud: api://NAME, or an address of Azure."),
        flag("scope", nargs="+", help="The same as scopes: what stands before /.default is the audience."),
        flag("resource_type", choices=sorted(_RESOURCES), help="The same, by the name of one of Azure's parts."),
        flag("tenant", "--tenant", "-t", help="Tenant; there is one, and a warning when it is another."),
    ),
    examples={"A token for curl": "pratique account get-access-token --query accessToken -o tsv"},
)
def get_access_token(
    platform: Place, *, resource: str | None, scope: list[str] | None, resource_type: str | None, tenant: str | None
) -> Document:
    """Print a token, for the platform's API unless another audience is named.

    A token for another audience says who you are to whoever knows this platform's keys, and opens nothing here.
    The addresses of Azure's own management, Azure ML and Key Vault are this platform.
    """
    audience = _audience(resource, scope, resource_type)
    connection = platform.connection
    account = subscription(read_account(connection))
    if tenant and tenant != account["tenantId"]:
        warn(f"there is one tenant here, {account['tenantId']}; {tenant!r} chooses nothing")
    token = token_for(connection, audience) if audience else connection.door.token
    ends = token_end(token)
    return {
        "accessToken": token,
        # az prints local time without a zone here, and its readers expect that.
        "expiresOn": datetime.fromtimestamp(ends).strftime("%Y-%m-%d %H:%M:%S.%f"),
        "expires_on": ends,
        "subscription": account["id"],
        "tenant": account["tenantId"],
        "tokenType": "Bearer",
    }


@TABLE.verb(
    "revoke",
    arguments=(flag("who", "--id", help="Whose, by name or id; your own when it is left out."),),
    examples={
        "End your own tokens everywhere": "pratique account revoke",
        "End those of a program": "pratique account revoke --id ci",
    },
)
def revoke(platform: Place, *, who: str | None) -> Document:
    """End every token and browser session of somebody; whoever has the secret may log in again.

    From the next request on. A token for another audience is judged by whoever takes it, until it expires.
    """
    connection = platform.connection
    return Principals(connection).revoke(who or str(read_account(connection)["id"]))


def _audience(resource: str | None, scopes: list[str] | None, resource_type: str | None) -> str:
    """Whom the token is meant for; empty for the platform itself."""
    if sum(1 for given in (resource, scopes, resource_type) if given) > 1:
        raise UsageError("--resource, --scope and --resource-type exclude one another")
    if resource_type:
        return _RESOURCES[resource_type]
    if not scopes:
        return resource or ""
    named = {_before_the_scope(one) for one in scopes if one not in _SIGN_IN}
    if len(named) > 1:
        raise UsageError("the scopes name several audiences; a token has one", hint="ask for each by itself")
    return named.pop() if named else ""


def _before_the_scope(scope: str) -> str:
    """The audience of ``https://x/.default`` or ``api://x/read``; what has no such end is one itself."""
    if scope.endswith(_DEFAULT):
        return scope.removesuffix(_DEFAULT)
    scheme, separator, rest = scope.partition("://")
    return scheme + separator + rest.rpartition("/")[0] if separator and "/" in rest else scope
