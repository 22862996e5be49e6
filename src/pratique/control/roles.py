"""Role assignments: who has which role where; at least one Owner of the whole home stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pratique.base.errors import Conflict, InvalidInput, NotFound, NotYet, Problem
from pratique.base.ids import new_id
from pratique.control.actor import Actor
from pratique.control.permissions import ASSIGNABLE, covers, permit
from pratique.control.scopes import (
    HOME,
    endpoint_of,
    group_of,
    identity_of,
    parse_scope,
    project_of,
    repository_of,
    stage_environment_of,
    vault_of,
    workspace_of,
)
from pratique.store import (
    assigned_identities,
    endpoints,
    events,
    groups,
    principals,
    projects,
    repositories,
    role_definitions,
    stage_environments,
    vaults,
    workspaces,
)
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.principals import Principal, RoleAssignment

OWNER: Final = "Owner"
_GROUP: Final = "group"
_PEOPLE: Final = ("user", "service_principal")

_LATER: Final = ("User Access Administrator", "Key Vault Administrator", "AzureML Registry User")
"""Azure's roles that this version knows by name only."""


@dataclass(frozen=True)
class Assigned:
    """A role assignment with the principal that it is for."""

    assignment: RoleAssignment
    principal: Principal


def assign(tx: Transaction, actor: Actor, *, role: str, assignee: str, scope: str, now: datetime) -> Assigned:
    """Give `assignee` (id or name) the role; an assignment which is there already is answered as it is."""
    where = parse_scope(scope)
    permit(actor, "roles/write", where)
    wanted = _role_called(tx, role, where)
    _check_exists(tx, where)
    principal = find_assignee(tx, assignee)
    for known in principals.assignments(tx, principal=principal.id):
        if (known.role, known.scope) == (wanted, where):
            return Assigned(known, principal)
    return give(tx, actor, principal, role=wanted, scope=where, now=now)


def give(tx: Transaction, actor: Actor, principal: Principal, *, role: str, scope: str, now: datetime) -> Assigned:
    """Write the assignment and its event; `assign` is the verb, which asks and checks first."""
    assignment = RoleAssignment(new_id(), principal.id, role, scope, now, actor.to_document())
    principals.assign(tx, assignment)
    _tell(tx, actor, "Pratique.RoleAssigned", assignment, principal, now=now)
    return Assigned(assignment, principal)


def every(tx: Transaction, actor: Actor, *, assignee: str | None = None, scope: str | None = None) -> list[Assigned]:
    """The assignments at exactly `scope`, or all of the home; those of one principal when `assignee` names it."""
    where = parse_scope(scope) if scope else None
    permit(actor, "roles/read", where or HOME)
    only = find_assignee(tx, assignee).id if assignee else None
    known = {principal.id: principal for kind in principals.KINDS for principal in principals.every(tx, kind)}
    return [
        Assigned(row, known[row.principal])
        for row in principals.assignments(tx, principal=only)
        if where is None or row.scope == where
    ]


def get(tx: Transaction, actor: Actor, id: str) -> Assigned:  # noqa: A002 - the column's name.
    """One assignment; raises `NotFound`, also for one that the caller may not see."""
    found = principals.assignment(tx, id) if id.isprintable() else None
    principal = principals.get(tx, found.principal) if found else None
    if found is None or principal is None:
        raise NotFound(f"there is no role assignment {id[:64]!r}", hint="pratique role assignment list --all")
    permit(actor, "roles/read", found.scope)
    return Assigned(found, principal)


def unassign(tx: Transaction, actor: Actor, id: str, *, now: datetime) -> None:  # noqa: A002 - the column's name.
    """Take a role away; nothing happens when there is no such assignment, and the last Owner keeps theirs."""
    found = principals.assignment(tx, id) if id.isprintable() else None
    principal = principals.get(tx, found.principal) if found else None
    if found is None or principal is None:
        permit(actor, "roles/delete", HOME)
        return
    permit(actor, "roles/delete", found.scope)
    keep_an_owner(tx, without=[found])
    principals.unassign(tx, found.id)
    _tell(tx, actor, "Pratique.RoleUnassigned", found, principal, now=now)


def keep_an_owner(tx: Transaction, *, without: Sequence[RoleAssignment]) -> None:
    """Raise `Conflict` when nobody would be Owner of the whole home without these assignments.

    A group counts for nothing here: whoever is in it may leave it.
    """
    gone = {row.id for row in without if _owns_home(tx, row)}
    if gone and not any(_owns_home(tx, row) and row.id not in gone for row in principals.assignments(tx)):
        raise Conflict(
            "this is the last Owner of the home",
            hint="make another first: pratique role assignment create --role Owner --scope / --assignee NAME",
        )


def find_principal(tx: Transaction, who: str) -> Principal:
    """The principal that can act whose id or name is `who`; raises `NotFound`, and `InvalidInput` for a group."""
    found = find_assignee(tx, who)
    if found.kind == _GROUP:
        raise InvalidInput(
            f"{found.name!r} is a group, and a group is given roles only",
            hint=f"pratique role assignment create --assignee {found.name} --role ROLE --scope SCOPE",
        )
    return found


def find_assignee(tx: Transaction, who: str) -> Principal:
    """The principal or the group whose id or name is `who`; raises `NotFound`."""
    found = (principals.get(tx, who) or principals.named(tx, who)) if who.isprintable() else None
    if found:
        return found
    raise NotFound(
        f"there is no user or service principal {who[:128]!r}",
        hint="pratique ad user list, pratique ad sp list, pratique ad group list",
    )


def _owns_home(tx: Transaction, row: RoleAssignment) -> bool:
    if (row.role, row.scope) != (OWNER, HOME):
        return False
    holder = principals.get(tx, row.principal)
    return holder is not None and holder.kind in _PEOPLE


def _role_called(tx: Transaction, text: str, scope: str) -> str:
    """The role called `text`, of the table or defined by somebody, which may be given at `scope`."""
    called = text.strip().casefold()
    for role in ASSIGNABLE:
        if role.casefold() == called:
            return role
    if defined := role_definitions.named(tx, text.strip()):
        if not any(covers(one, scope) for one in defined.assignable_scopes):
            said = f"the role {defined.name!r} may be given at {', '.join(defined.assignable_scopes)}, not at {scope}"
            raise InvalidInput(said, problems=[Problem(said, key="scope")])
        return defined.name
    known = ", ".join((*ASSIGNABLE, *(one.name for one in role_definitions.every(tx))))
    for role in _LATER:
        if role.casefold() == called:
            raise NotYet(f"the role {role!r} is not there yet", hint=f"roles of this version: {known}")
    said = f"there is no role {text[:100]!r}"
    raise InvalidInput(said, hint=f"roles: {known}", problems=[Problem(said, key="role", hint=f"one of {known}")])


def _check_exists(tx: Transaction, scope: str) -> None:
    """A role may not wait for a thing that somebody makes later under the same name."""
    if (workspace := workspace_of(scope)) and workspaces.get(tx, workspace) is None:
        raise NotFound(f"there is no workspace {workspace!r}", hint="pratique ml workspace list")
    if (endpoint := endpoint_of(scope)) and endpoints.get(tx, *endpoint) is None:
        raise NotFound(
            f"there is no online endpoint {endpoint[1]!r} in workspace {endpoint[0]!r}",
            hint=f"pratique ml online-endpoint list --workspace-name {endpoint[0]}",
        )
    if (group := group_of(scope)) and groups.get(tx, group) is None:
        raise NotFound(f"there is no resource group {group!r}", hint="pratique group list")
    if (identity := identity_of(scope)) and assigned_identities.get(tx, *identity) is None:
        raise NotFound(
            f"there is no identity {identity[1]!r} in resource group {identity[0]!r}",
            hint=f"pratique identity list --resource-group {identity[0]}",
        )
    if (project := project_of(scope)) and projects.get(tx, project) is None:
        raise NotFound(f"there is no project {project!r}", hint="pratique devops project list")
    if (repository := repository_of(scope)) and repositories.get(tx, *repository) is None:
        raise NotFound(f"there is no repository {repository[1]!r}", hint=f"pratique repos list -p {repository[0]}")
    if (vault := vault_of(scope)) and vaults.get(tx, vault) is None:
        raise NotFound(f"there is no vault {vault!r}", hint="pratique keyvault list")
    if (found := stage_environment_of(scope)) and stage_environments.named(tx, *found) is None:
        raise NotFound(
            f"there is no environment {found[1]!r} in project {found[0]!r}",
            hint=f"pratique pipelines environment list --project {found[0]}",
        )


def _tell(
    tx: Transaction, actor: Actor, kind: str, row: RoleAssignment, principal: Principal, *, now: datetime
) -> None:
    source = row.scope if workspace_of(row.scope) else HOME
    data = {"principal": principal.name, "kind": principal.kind, "role": row.role, "scope": row.scope}
    subject = f"role-assignments/{row.id}"
    targets = [f"principals/{principal.id}"]
    events.append(tx, Event(kind, subject, source, actor.to_document(), data, targets), now=now)
