"""`role assignment`."""

from typing import Final

from pratique.base.errors import NotFound
from pratique.cli.arguments import YES
from pratique.cli.confirm import confirm_if_somebody_is_here
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag, switch
from pratique.cli.talk import say, warn
from pratique.cli.usage import UsageError
from pratique.client.account import read_account
from pratique.client.principals import Roles

TABLE = Table("role assignment")

ASSIGNEE: Final = flag(
    "assignee", "--assignee", "--assignee-object-id", help="Name of a user or a group, or appId of a program."
)
ROLE: Final = flag("role", help="A role, such as Contributor; see `pratique role definition list`.")
SCOPE: Final = flag(
    "scope", help="Where it counts, such as /subscriptions/ID/resourceGroups/NAME; -g is short for that."
)
COLUMNS: Final = {"Id": "id", "Principal": "principalName", "Role": "roleDefinitionName", "Scope": "scope"}


@TABLE.verb(
    "create",
    arguments=(
        ASSIGNEE.required(), ROLE.required(), SCOPE,
        flag("principal_type", "--assignee-principal-type", choices=["User", "ServicePrincipal", "Group"],
             help="Accepted for scripts written for az; the assignee is looked up."),
    ),
    examples={
        "Let a program deploy": "pratique role assignment create --assignee APP_ID --role Contributor -g credit-rg"
    },
)  # fmt: skip
def create(in_group: Place, *, assignee: str, role: str, scope: str | None, principal_type: str | None) -> Document:
    """Give a role to a user, a program or a group."""
    made = Roles(in_group.connection).assign(role, assignee=assignee, scope=_scope(in_group, scope))
    if principal_type and made.get("principalType", principal_type) != principal_type:
        warn(f"{assignee} is no {principal_type}: the role was given to a {made['principalType']}")
    return made


@TABLE.verb(
    "list",
    arguments=(
        ASSIGNEE,
        ROLE,
        SCOPE,
        switch("everywhere", "--all", help="Accepted for scripts written for az: all is the default."),
    ),
    examples={"Who may do what": "pratique role assignment list -o table"},
    columns=COLUMNS,
)
def list_all(
    in_group: Place, *, assignee: str | None, role: str | None, scope: str | None, everywhere: bool
) -> list[Document]:
    """List who has which role where."""
    wanted = _scope(in_group, scope) if (scope or in_group.resource_group) and not everywhere else None
    return _found(in_group, assignee, role, wanted)


@TABLE.verb(
    "delete",
    arguments=(flag("ids", nargs="+", default=[], help="Ids of assignments."), ASSIGNEE, ROLE, SCOPE, YES),
    examples={"Take a role away": "pratique role assignment delete --assignee APP_ID --role Contributor --yes"},
)
def delete(
    in_group: Place, *, ids: list[str], assignee: str | None, role: str | None, scope: str | None, yes: bool
) -> None:
    """Take roles away."""
    if not ids:
        if not (assignee or role or scope or in_group.resource_group):
            raise UsageError("name what to delete", hint="give --ids, or --assignee with --role")
        wanted = _scope(in_group, scope) if scope or in_group.resource_group else None
        ids = [str(one["id"]) for one in _found(in_group, assignee, role, wanted)]
    if not ids:
        raise NotFound("no role assignment matches", hint="see `pratique role assignment list`")
    confirm_if_somebody_is_here(f"{len(ids)} role assignments will be deleted: {', '.join(ids)}", yes=yes)
    for one in ids:
        Roles(in_group.connection).remove(one)
    say(f"deleted: {', '.join(ids)}")


def _scope(in_group: Place, scope: str | None) -> str:
    if scope:
        return scope
    if not in_group.resource_group:
        raise UsageError("--scope is required", hint="such as -g NAME for a resource group")
    subscription = read_account(in_group.connection)["subscription_id"]
    return f"/subscriptions/{subscription}/resourceGroups/{in_group.resource_group}"


def _found(in_group: Place, assignee: str | None, role: str | None, scope: str | None) -> list[Document]:
    query = {key: value for key, value in (("assignee", assignee), ("scope", scope)) if value}
    found = Roles(in_group.connection).all(query)
    return [one for one in found if not role or str(one.get("roleDefinitionName")).lower() == role.lower()]
