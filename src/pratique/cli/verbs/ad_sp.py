"""`ad sp`: service principals."""

from typing import Final

from pratique.base.errors import PratiqueError
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag, switch
from pratique.cli.talk import say, warn
from pratique.cli.usage import UsageError
from pratique.client.account import read_account
from pratique.client.principals import Principals, Roles

TABLE = Table("ad sp")

ID: Final = flag("app_id", "--id", help="Its appId or display name.", required=True)


@TABLE.verb(
    "create-for-rbac",
    arguments=(
        flag("name", "--name", "--display-name", "-n", help="Name for people.", default=""),
        flag("role", help="Role to give it, such as Contributor; see `pratique role definition list`."),
        flag("scopes", nargs="+", default=[], help="Where the role counts."),
        flag("years", type=int, default=1, help="How long the secret is good, 1 to 10."),
        switch("json_auth", "--json-auth", "--sdk-auth", help="Print it in the form that logins of CI systems read."),
    ),
    examples={
        "A program that may deploy": "pratique ad sp create-for-rbac -n ci --role Contributor "
        "--scopes /subscriptions/pratique/resourceGroups/credit-rg",
        "The secret of a CI system": "pratique ad sp create-for-rbac -n ci --role Contributor "
        "--scopes /subscriptions/pratique/resourceGroups/credit-rg --json-auth",
    },
)
def create_for_rbac(
    platform: Place, *, name: str, role: str | None, scopes: list[str], years: int, json_auth: bool
) -> Document:
    """Create a service principal and print its secret, this once."""
    if bool(role) != bool(scopes):
        raise UsageError("--role and --scopes go together")
    principals = Principals(platform.connection)
    made = principals.create_service_principal(name, years=years)
    try:
        for scope in scopes:
            Roles(platform.connection).assign(str(role), assignee=str(made["appId"]), scope=scope)
    except PratiqueError:
        # Nobody would ever see its password.
        principals.delete_service_principal(str(made["appId"]))
        raise
    warn("the password is shown this once; keep it where secrets are kept")
    return _for_logins(platform, made) if json_auth else made


def _for_logins(platform: Place, made: Document) -> Document:
    """The program with its secret as `az login` actions of CI systems read it; both addresses are the door's."""
    url = platform.connection.door.url
    return {
        "clientId": made["appId"],
        "clientSecret": made["password"],
        "subscriptionId": read_account(platform.connection)["subscription_id"],
        "tenantId": made["tenant"],
        "activeDirectoryEndpointUrl": url,
        "resourceManagerEndpointUrl": url,
    }


@TABLE.verb(
    "list",
    arguments=(
        flag("display_name", help="Only those whose name begins so."),
        switch("everything", "--all", help="Accepted for scripts written for az: all is the default."),
    ),
    examples={
        "List the programs": "pratique ad sp list -o table",
        "The appId of one": "pratique ad sp list --display-name ci --query '[0].appId' -o tsv",
    },
)
def list_all(platform: Place, *, display_name: str | None, everything: bool) -> list[Document]:
    """List the service principals."""
    if everything and display_name:
        raise UsageError("--all and --display-name exclude one another")
    found = Principals(platform.connection).service_principals()
    return [one for one in found if str(one.get("displayName") or "").startswith(display_name or "")]


@TABLE.verb("show", arguments=(ID,), examples={"Show a program": "pratique ad sp show --id APP_ID"})
def show(platform: Place, *, app_id: str) -> Document:
    """Show a service principal."""
    return Principals(platform.connection).show_service_principal(app_id)


@TABLE.verb("delete", arguments=(ID,), examples={"Remove a program": "pratique ad sp delete --id APP_ID"})
def delete(platform: Place, *, app_id: str) -> None:
    """Remove a service principal; its tokens stop working."""
    Principals(platform.connection).delete_service_principal(app_id)
    say(f"{app_id}: deleted")
