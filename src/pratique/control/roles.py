"""Role assignments: who has which role where; at least one Owner of the whole home stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pratique.base.errors import Conflict, InvalidInput, NotFound, NotYet, Problem
from pratique.base.ids import new_id
from pratique.control.actor import Actor
from pratique.control.permissions import ASSIGNABLE, permit
from pratique.control.scopes import (
    HOME,
    group_of,
    parse_scope,
    project_of,
    repository_of,
    stage_environment_of,
    vault_of,
    workspace_of,
)
from pratique.store import events, groups, principals, projects, repositories, stage_environments, vaults, workspaces
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.principals import Principal, RoleAssignment

OWNER: Final = "Owner"

_LATER: Final = (
    "AzureML Data Scientist", "AzureML Compute Operator", "Key Vault Secrets User", "Key Vault Secrets Officer",
    "User Access Administrator",
)  # fmt: skip
"""Azure's roles that this version knows by name only."""


@dataclass(frozen=True)
class Assigned:
    """A role assignment with the principal that it is for."""

    assignment: RoleAssignment
    principal: Principal


def assign(tx: Transaction, actor: Actor, *, role: str, assignee: str, scope: str, now: datetime) -> Assigned:
    """Give `assignee` (id or name) the role; an assignment which is there already is answered as it is."""
    where, wanted = parse_scope(scope), _role_called(role)
    permit(actor, "roles/write", where)
    _check_exists(tx, where)
    principal = find_principal(tx, assignee)
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
    only = find_principal(tx, assignee).id if assignee else None
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
    """Raise `Conflict` when nobody would be Owner of the whole home without these assignments."""
    gone = {row.id for row in without if _owns_home(row)}
    if gone and not any(_owns_home(row) and row.id not in gone for row in principals.assignments(tx)):
        raise Conflict(
            "this is the last Owner of the home",
            hint="make another first: pratique role assignment create --role Owner --scope / --assignee NAME",
        )


def find_principal(tx: Transaction, who: str) -> Principal:
    """The principal whose id or name is `who`; raises `NotFound`."""
    found = (principals.get(tx, who) or principals.named(tx, who)) if who.isprintable() else None
    if found:
        return found
    raise NotFound(
        f"there is no user or service principal {who[:128]!r}",
        hint="pratique ad user list, pratique ad sp list",
    )


def _owns_home(row: RoleAssignment) -> bool:
    return (row.role, row.scope) == (OWNER, HOME)


def _role_called(text: str) -> str:
    for role in ASSIGNABLE:
        if role.casefold() == text.strip().casefold():
            return role
    known = ", ".join(ASSIGNABLE)
    for role in _LATER:
        if role.casefold() == text.strip().casefold():
            raise NotYet(f"the role {role!r} is not there yet", hint=f"roles of this version: {known}")
    said = f"there is no role {text[:100]!r}"
    raise InvalidInput(said, hint=f"roles: {known}", problems=[Problem(said, key="role", hint=f"one of {known}")])


def _check_exists(tx: Transaction, scope: str) -> None:
    """A role may not wait for a thing that somebody makes later under the same name."""
    if (workspace := workspace_of(scope)) and workspaces.get(tx, workspace) is None:
        raise NotFound(f"there is no workspace {workspace!r}", hint="pratique ml workspace list")
    if (group := group_of(scope)) and groups.get(tx, group) is None:
        raise NotFound(f"there is no resource group {group!r}", hint="pratique group list")
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
