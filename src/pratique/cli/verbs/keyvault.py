"""`keyvault`: vaults, who may do what with their secrets, and the master key."""

from typing import Final

from pratique.base.errors import NotFound
from pratique.cli.arguments import LOCATION, SET_TAGS, YES
from pratique.cli.confirm import confirm_if_somebody_is_here
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.cli.usage import UsageError, pairs
from pratique.client.vaults import Vaults

TABLE = Table("keyvault")

NAME: Final = flag("name", "--name", "-n", help="Name of the vault.", required=True)
SPN: Final = flag("spn", help="A service principal, by name or appId.")
UPN: Final = flag("upn", help="A user, by name.")
OBJECT_ID: Final = flag("object_id", "--object-id", help="A user or a service principal, by id.")
COLUMNS: Final = {"Name": "name", "ResourceGroup": "resourceGroup", "Location": "location"}


@TABLE.verb(
    "create",
    arguments=(
        NAME, LOCATION, SET_TAGS,
        flag("retention_days", "--retention-days", type=int, default=90,
             help="How long what was deleted can be recovered, 7 to 90."),
        flag("enable_rbac", "--enable-rbac-authorization", choices=["true", "false"], default="false",
             help="false is what it is: access policies decide."),
        flag("sku", help="Accepted for scripts written for az: there is one kind.", default=""),
    ),
    examples={"Make a vault": "pratique keyvault create --name kv-credit-dev --resource-group credit-rg"},
    columns=COLUMNS,
)  # fmt: skip
def create(
    in_group: Place,
    *,
    name: str,
    location: str | None,
    tags: list[str],
    retention_days: int,
    enable_rbac: str,
    sku: str,
) -> Document:
    """Make a vault; whoever makes it may do everything with its secrets.

    Others may when `keyvault set-policy` says so; a role alone reads no secret.
    """
    if sku:
        say(f"--sku {sku}: there is one kind of vault here")
    if enable_rbac == "true":
        raise UsageError("access to secrets is by policies here", hint="leave --enable-rbac-authorization out")
    body = {
        "resource_group": in_group.required_group,
        "location": location or "",
        "tags": pairs(tags, flag="--tags"),
        "retention_days": retention_days,
    }
    return Vaults(in_group.connection).create(name, body)


@TABLE.verb(
    "show",
    arguments=(NAME,),
    examples={"Who may read its secrets": "pratique keyvault show -n kv-credit-dev --query properties.accessPolicies"},
    columns=COLUMNS,
)
def show(in_group: Place, *, name: str) -> Document:
    """Show a vault with its access policies."""
    return _checked(in_group, Vaults(in_group.connection).show(name))


@TABLE.verb("list", examples={"List the vaults": "pratique keyvault list -o table"}, columns=COLUMNS)
def list_all(in_group: Place) -> list[Document]:
    """List the vaults; with -g those of the group."""
    group = (in_group.resource_group or "").lower()
    found = Vaults(in_group.connection).all()
    return [one for one in found if not group or str(one["resourceGroup"]).lower() == group]


@TABLE.verb("delete", arguments=(NAME,), examples={"Delete a vault": "pratique keyvault delete -n kv-credit-dev"})
def delete(in_group: Place, *, name: str) -> None:
    """Delete a vault with its secrets; until its days are over it can be recovered."""
    vaults = Vaults(in_group.connection)
    _checked(in_group, vaults.show(name))
    vaults.delete(name)
    say(f"{name}: deleted; take it back with: pratique keyvault recover --name {name}")


@TABLE.verb("list-deleted", examples={"What can be recovered": "pratique keyvault list-deleted -o table"})
def list_deleted(in_group: Place) -> list[Document]:
    """List the deleted vaults."""
    return Vaults(in_group.connection).deleted()


@TABLE.verb("recover", arguments=(NAME,), examples={"Take it back": "pratique keyvault recover -n kv-credit-dev"})
def recover(in_group: Place, *, name: str) -> Document:
    """Take a deleted vault back with its secrets."""
    return Vaults(in_group.connection).recover(name)


@TABLE.verb(
    "purge", arguments=(NAME, YES), examples={"Remove it for good": "pratique keyvault purge -n kv-credit-dev --yes"}
)
def purge(in_group: Place, *, name: str, yes: bool) -> None:
    """Remove a deleted vault for good."""
    confirm_if_somebody_is_here(f"The deleted vault {name} will be removed with every secret in it, for good.", yes=yes)
    Vaults(in_group.connection).purge(name)
    say(f"{name}: purged")


@TABLE.verb(
    "set-policy",
    arguments=(
        NAME, SPN, UPN, OBJECT_ID,
        flag("secret_permissions", "--secret-permissions", nargs="*", required=True, metavar="PERMISSION",
             help="All that it may do from now on: get list set delete recover purge, or all; nothing takes all away."),
    ),
    examples={
        "Let a program read": "pratique keyvault set-policy -n kv-credit-dev --spn ci --secret-permissions get list"
    },
)  # fmt: skip
def set_policy(
    in_group: Place,
    *,
    name: str,
    spn: str | None,
    upn: str | None,
    object_id: str | None,
    secret_permissions: list[str],
) -> Document:
    """Let a user or a program do exactly this with the secrets of a vault."""
    who = _holder(spn, upn, object_id)
    return Vaults(in_group.connection).set_policy(name, who, secret_permissions)


@TABLE.verb(
    "delete-policy",
    arguments=(NAME, SPN, UPN, OBJECT_ID),
    examples={"Shut a program out": "pratique keyvault delete-policy -n kv-credit-dev --spn ci"},
)
def delete_policy(in_group: Place, *, name: str, spn: str | None, upn: str | None, object_id: str | None) -> Document:
    """Let a user or a program, or a variable group, do nothing with the secrets any more."""
    return Vaults(in_group.connection).delete_policy(name, _holder(spn, upn, object_id))


@TABLE.verb(
    "rotate-master-key",
    examples={"Replace the key that all secrets are sealed with": "pratique keyvault rotate-master-key"},
)
def rotate_master_key(platform: Place) -> Document:
    """Replace the key that all secrets of the home are sealed with, and seal everything again.

    The old key is gone then and opens nothing. Cut off in the middle, nothing is lost and the next start finishes
    it. Backups from before keep the old key, and what it opens.
    """
    return Vaults(platform.connection).rotate_master_key()


def _holder(spn: str | None, upn: str | None, object_id: str | None) -> str:
    given = [one for one in (spn, upn, object_id) if one]
    if len(given) != 1:
        raise UsageError("name one holder: --spn, --upn or --object-id")
    return given[0].removeprefix("http://").removeprefix("https://")


def _checked(in_group: Place, vault: Document) -> Document:
    """Azure names a vault within its group: with -g that of another group does not exist."""
    group = in_group.resource_group
    if group and str(vault["resourceGroup"]).lower() != group.lower():
        raise NotFound(
            f"there is no vault {vault['name']!r} in the resource group {group!r}",
            hint=f"it is in {vault['resourceGroup']!r}: give -g {vault['resourceGroup']}",
        )
    return vault
