"""Who may do what, where: one table of roles and one question, `permit`.

An action is ``<noun>/<read|write|delete|…>``, a scope is a path: ``/`` is the
whole home, ``/workspaces/dev`` one workspace, ``/groups/team`` a resource group
(which reaches its workspaces as well: see `pratique.control.grants`). A role
given at a scope counts for everything below it. What no role grants is denied.

Some actions are about what a thing keeps rather than about the thing: those of
secrets. As in Azure a pattern of ordinary actions never reaches them, so that
no Owner reads a vault by the way; a role has to name them apart.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Final

from pratique.base.errors import Forbidden
from pratique.control.actor import Actor, Grant

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
        "apim": "read write delete secrets",
        "projects": "read write delete",
        "repositories": "read write delete",
        "deliveries": "read write delete run",
        "units": "report",
        "identities": "read write delete assign",
        "vaults": "read write delete policies rotate",
        "secrets": "get list set delete recover purge",
        "variable_groups": "read write delete",
        "service_connections": "read write delete",
        "stage_environments": "read write delete",
        "checks": "read write",
        "events": "read",
        "audit": "read rotate",
        "principals": "read write delete",
        "roles": "read write delete",
        "approvals": "read decide",
        "tokens": "rotate",
        "sessions": "write",
        "account": "read",
        "status": "read",
    }.items()
    for verb in verbs.split()
)
"""Every action there is; a route or verb that names another does not start."""

DATA_ACTIONS: Final = frozenset(action for action in ACTIONS if action.startswith("secrets/"))
"""Those that only a pattern of data actions grants."""

DATA_SCIENTIST: Final = "AzureML Data Scientist"
COMPUTE_OPERATOR: Final = "AzureML Compute Operator"
IDENTITY_CONTRIBUTOR: Final = "Managed Identity Contributor"
IDENTITY_OPERATOR: Final = "Managed Identity Operator"
SECRETS_USER: Final = "Key Vault Secrets User"
SECRETS_OFFICER: Final = "Key Vault Secrets Officer"

ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "Owner": ("*",),
    "Contributor": (
        "groups/*", "workspaces/*", "content/*", "computes/*", "datastores/*", "data/*", "environments/*", "models/*",
        "components/*", "jobs/*", "runs/*", "artifacts/*", "endpoints/*", "deployments/*", "events/read",
        "audit/read", "apim/*", "projects/*", "repositories/*", "deliveries/*",
        "vaults/read", "vaults/write", "vaults/delete", "identities/*", "variable_groups/*", "service_connections/read",
        "stage_environments/read", "stage_environments/write", "checks/read", "approvals/read",
        "sessions/write", "account/read", "status/read", "principals/read", "roles/read",
    ),
    "Reader": ("*/read", "sessions/write"),
    "Approver": ("*/read", "approvals/decide", "sessions/write"),
    DATA_SCIENTIST: (
        "groups/read", "workspaces/read", "content/*", "computes/read", "datastores/*", "data/*", "environments/*",
        "models/*", "components/*", "jobs/*", "runs/*", "artifacts/*", "endpoints/*", "deployments/*", "events/read",
        "sessions/write", "account/read", "status/read",
    ),
    COMPUTE_OPERATOR: ("workspaces/read", "computes/*", "account/read", "status/read"),
    IDENTITY_CONTRIBUTOR: (
        "groups/read", "identities/read", "identities/write", "identities/delete", "account/read", "status/read",
    ),
    IDENTITY_OPERATOR: ("groups/read", "identities/read", "identities/assign", "account/read", "status/read"),
    SECRETS_USER: ("account/read", "status/read"),
    SECRETS_OFFICER: ("vaults/read", "account/read", "status/read"),
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
    # The same in those that its delivery may push to; nobody can be assigned it.
    "Push": ("repositories/read", "repositories/write"),
    # What System.AccessToken may do with its own run, beside Checkout; nobody can be assigned it.
    "Run reader": ("deliveries/read",),
}  # fmt: skip
"""Role → patterns of actions."""

DATA_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    SECRETS_USER: ("secrets/get", "secrets/list"),
    SECRETS_OFFICER: ("secrets/*",),
}
"""Role → patterns of data actions, for the roles that have some."""

ASSIGNABLE: Final = (
    "Owner", "Contributor", "Reader", "Approver", DATA_SCIENTIST, COMPUTE_OPERATOR, IDENTITY_CONTRIBUTOR,
    IDENTITY_OPERATOR, SECRETS_USER, SECRETS_OFFICER,
)  # fmt: skip

_PATTERN: Final = re.compile(r"\*|(?:\*|[a-z_]+)/(?:\*|[a-z_]+)", re.ASCII)


def matching(patterns: Iterable[str], data_patterns: Iterable[str] = ()) -> frozenset[str]:
    """The ordinary actions that `patterns` mean, and the data actions that `data_patterns` mean."""
    return _matching(ACTIONS - DATA_ACTIONS, patterns) | _matching(DATA_ACTIONS, data_patterns)


def is_pattern(text: str, *, of_data: bool) -> bool:
    """Whether `text` is an action, or ``*``, ``noun/*`` or ``*/verb`` of some, of the ordinary ones or of data."""
    if not _PATTERN.fullmatch(text):
        return False
    return bool(matching((), [text]) if of_data else matching([text]))


def _matching(actions: frozenset[str], patterns: Iterable[str]) -> frozenset[str]:
    wanted = tuple(patterns)
    return frozenset(action for action in actions if any(fnmatchcase(action, pattern) for pattern in wanted))


_GRANTED: Final = {role: matching(patterns, DATA_ROLES.get(role, ())) for role, patterns in ROLES.items()}
"""The same table with every pattern spelt out: a question costs one look-up."""


def is_permitted(actor: Actor, action: str, scope: str) -> bool:
    """Whether `actor` may do `action` at `scope`."""
    if action not in ACTIONS:
        raise ValueError(f"{action!r} is not an action of the permission table")
    return any(_grants(grant, action) for place in _upwards(scope) for grant in actor.grants_at.get(place, ()))


def is_permitted_within(actor: Actor, action: str, scope: str) -> bool:
    """Whether `actor` may do `action` at `scope`, or at something inside of it."""
    inside = scope.rstrip("/") + "/"
    return is_permitted(actor, action, scope) or any(
        grant.scope.startswith(inside) and _grants(grant, action) for grant in actor.grants
    )


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
        role = "Reader" if action.endswith("/read") else "Contributor"
        raise Forbidden(
            f"{actor.name} may not do {action} anywhere",
            hint="an Owner can grant it: "
            f"pratique role assignment create --assignee {actor.name} --role {role} --scope /",
        )


def group_scope(group: str) -> str:
    """The scope of one resource group."""
    return f"/groups/{group}"


def identity_scope(group: str, identity: str) -> str:
    """The scope of one identity that somebody made in a resource group."""
    return f"{group_scope(group)}/identities/{identity}"


def workspace_scope(workspace: str) -> str:
    """The scope of one workspace."""
    return f"/workspaces/{workspace}"


def endpoint_scope(workspace: str, endpoint: str) -> str:
    """The scope of one online endpoint, with its deployments."""
    return f"{workspace_scope(workspace)}/endpoints/{endpoint}"


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


def covers(granted: str, asked: str) -> bool:
    """Whether what is given at the scope `granted` counts at `asked`."""
    return granted in _upwards(asked)


def _upwards(scope: str) -> Iterator[str]:
    """`scope` and the places that it lies in, up to the home."""
    while scope and scope != "/":
        yield scope
        scope = scope[: scope.rfind("/")]
    yield "/"


def _grants(grant: Grant, action: str) -> bool:
    return action in grant.actions or action in _GRANTED.get(grant.role, ())
