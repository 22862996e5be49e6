"""Who may do what, where: one table of roles and one question, `permit`.

An action is ``<noun>/<read|write|delete|…>``, a scope is a path: ``/`` is the
whole home, ``/workspaces/dev`` one workspace, ``/groups/team`` a resource group
(which reaches its workspaces as well: see `pratique.control.grants`). A role
given at a scope counts for everything below it. What no role grants is denied.
"""

from fnmatch import fnmatchcase
from typing import Final

from pratique.base.errors import Forbidden
from pratique.control.actor import Actor

ACTIONS: Final = frozenset(
    f"{noun}/{verb}"
    for noun, verbs in {
        "groups": "read write delete",
        "workspaces": "read write delete",
        "content": "read write",
        "computes": "read write delete",
        "datastores": "read write delete",
        "data": "read write delete",
        "environments": "read write delete",
        "models": "read write delete",
        "components": "read write delete",
        "jobs": "read write cancel",
        "runs": "read write",
        "artifacts": "read write",
        "endpoints": "read write delete keys score",
        "deployments": "read write delete",
        "projects": "read write delete",
        "repositories": "read write delete",
        "deliveries": "read write delete run",
        "units": "report",
        "vaults": "read write delete policies rotate",
        "variable_groups": "read write delete",
        "service_connections": "read write delete",
        "stage_environments": "read write delete",
        "checks": "read write",
        "events": "read",
        "principals": "read write delete",
        "roles": "read write delete",
        "approvals": "read decide",
        "sessions": "write",
        "account": "read",
        "status": "read",
    }.items()
    for verb in verbs.split()
        "audit": "read",
)
"""Every action there is; a route or verb that names another does not start."""

ROLES: Final = {
    "Owner": ("*",),
    "Contributor": (
        "groups/*", "workspaces/*", "content/*", "computes/*", "datastores/*", "data/*", "environments/*", "models/*",
        "components/*", "jobs/*", "runs/*", "artifacts/*", "endpoints/*", "deployments/*", "events/read",
        "projects/*", "repositories/*", "deliveries/*",
        "vaults/read", "vaults/write", "vaults/delete", "variable_groups/*", "service_connections/read",
        "stage_environments/read", "stage_environments/write", "checks/read", "approvals/read",
        "sessions/write", "account/read", "status/read", "principals/read", "roles/read",
    ),
    "Reader": ("*/read", "sessions/write"),
    "Approver": ("*/read", "approvals/decide", "sessions/write"),
    # What the MLflow server may do in every workspace; nobody can be assigned it.
    "Tracking": ("workspaces/read", "artifacts/*", "content/read", "models/read"),
    # What a running job may do in its own workspace; nobody can be assigned it.
    "Job": (
        "workspaces/read", "runs/*", "artifacts/*", "models/read", "models/write", "data/read", "content/read",
        "environments/read",
    ),
    # What the worker of a unit may do in its own run; nobody can be assigned it.
    "Delivery": ("units/report",),
    # What git may do for a unit, in the repositories of its run; nobody can be assigned it.
    "Checkout": ("repositories/read",),
    # What System.AccessToken may do with its own run, beside Checkout; nobody can be assigned it.
    "Run reader": ("deliveries/read",),
}  # fmt: skip
"""Role → patterns of actions."""

ASSIGNABLE: Final = ("Owner", "Contributor", "Reader", "Approver")

_GRANTED: Final = {
    role: frozenset(action for action in ACTIONS if any(fnmatchcase(action, pattern) for pattern in patterns))
    for role, patterns in ROLES.items()
}
"""The same table with every pattern spelt out: a question costs one look-up."""


def is_permitted(actor: Actor, action: str, scope: str) -> bool:
    """Whether `actor` may do `action` at `scope`."""
    if action not in ACTIONS:
        raise ValueError(f"{action!r} is not an action of the permission table")
    return any(_covers(grant.scope, scope) and _grants(grant.role, action) for grant in actor.grants)


def permit(actor: Actor, action: str, scope: str) -> None:
    """Raise `Forbidden` unless `actor` may do `action` at `scope`."""
    if not is_permitted(actor, action, scope):
        raise Forbidden(
            f"{actor.name} may not do {action} at {scope}",
            hint=f"an Owner can grant it: pratique role assignment create --assignee {actor.name} "
            f"--role Contributor --scope {scope}",
        )


def permit_somewhere(actor: Actor, action: str) -> None:
    """Raise `Forbidden` unless `actor` may do `action` at some scope: for lists, and for what concerns only itself."""
    if not any(is_permitted(actor, action, grant.scope) for grant in actor.grants):
        raise Forbidden(
            f"{actor.name} may not do {action} anywhere",
            hint="an Owner can grant it: "
            f"pratique role assignment create --assignee {actor.name} --role Reader --scope /",
        )


def group_scope(group: str) -> str:
    """The scope of one resource group."""
    return f"/groups/{group}"


def workspace_scope(workspace: str) -> str:
    """The scope of one workspace."""
    return f"/workspaces/{workspace}"


def project_scope(project: str) -> str:
    """The scope of one project: its repositories, deliveries and what they use."""
    return f"/delivery/{project}"


def repository_scope(project: str, repository: str) -> str:
    """The scope of one repository of a project."""
    return f"{project_scope(project)}/repositories/{repository}"


def stage_environment_scope(project: str, environment: str) -> str:
    """The scope of one environment of a project's deliveries, which approvals belong to."""
    return f"{project_scope(project)}/environments/{environment}"


def vault_scope(vault: str) -> str:
    """The scope of one vault."""
    return f"/vaults/{vault}"


def _covers(granted: str, asked: str) -> bool:
    return granted == "/" or asked == granted or asked.startswith(granted.rstrip("/") + "/")


def _grants(role: str, action: str) -> bool:
    return action in _GRANTED.get(role, ())
