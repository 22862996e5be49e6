"""Where a role counts, in our words and in Azure's.

what is written                                            what it means
/                                                          the whole home
/subscriptions/ID                                          the same: a home is one subscription
/groups/NAME, [/subscriptions/ID]/resourceGroups/NAME      a resource group and its workspaces
/workspaces/NAME, or an id ending in it, Azure's or ours   one workspace
…/onlineEndpoints/NAME or …/endpoints/NAME below it        one online endpoint with its deployments
/delivery/PROJECT                                          a project, with everything in it
/delivery/PROJECT/repositories/NAME                        one repository
/delivery/PROJECT/environments/NAME                        one environment that stages deploy to
/vaults/NAME, or an Azure id ending in it                  one vault
/groups/NAME/identities/NAME, or an Azure id of one        one identity that somebody made
"""

import re
from typing import Final

from pratique.base.errors import InvalidInput, NotYet, Problem
from pratique.base.names import check_name
from pratique.control.permissions import (
    endpoint_scope,
    group_scope,
    identity_scope,
    project_scope,
    repository_scope,
    stage_environment_scope,
    vault_scope,
    workspace_scope,
)

HOME: Final = "/"

_GROUP: Final = r"(?:/subscriptions/[^/]+)?/(?:resourceGroups|groups)/(?P<group>[^/]+)"
_PROVIDER: Final = "/providers/Microsoft.MachineLearningServices"
_SUBSCRIPTION_SCOPE: Final = re.compile(r"/subscriptions/[^/]+", re.IGNORECASE)
_GROUP_SCOPE: Final = re.compile(_GROUP, re.IGNORECASE)
_WORKSPACE_SCOPE: Final = re.compile(
    rf"(?:{_GROUP}(?:{re.escape(_PROVIDER)})?)?/workspaces/(?P<workspace>[^/]+)", re.IGNORECASE
)
_ENDPOINT_SCOPE: Final = re.compile(
    _WORKSPACE_SCOPE.pattern + r"/(?:onlineEndpoints|online-endpoints|endpoints)/(?P<endpoint>[^/]+)", re.IGNORECASE
)
_DELIVERY_SCOPE: Final = re.compile(
    r"/delivery/(?P<project>[^/]+)(?:/repositories/(?P<repository>[^/]+)|/environments/(?P<environment>[^/]+))?",
    re.IGNORECASE,
)
_VAULT_SCOPE: Final = re.compile(rf"(?:{_GROUP}/providers/Microsoft\.KeyVault)?/vaults/(?P<vault>[^/]+)", re.IGNORECASE)
_IDENTITY_SCOPE: Final = re.compile(
    rf"{_GROUP}(?:/providers/Microsoft\.ManagedIdentity)?/(?:userAssignedIdentities|identities)/(?P<identity>[^/]+)",
    re.IGNORECASE,
)
_BELOW_WORKSPACE: Final = re.compile(_WORKSPACE_SCOPE.pattern + r"/.+", re.IGNORECASE)


def parse_scope(text: str) -> str:
    """`text` as a scope of ours; raises `InvalidInput`, or `NotYet` for what else lies below a workspace."""
    asked = text.removesuffix("/")
    if text == HOME or _SUBSCRIPTION_SCOPE.fullmatch(asked):
        return HOME
    if found := _GROUP_SCOPE.fullmatch(asked):
        return group_scope(check_name("resource group", found["group"]))
    if found := _WORKSPACE_SCOPE.fullmatch(asked):
        return workspace_scope(check_name("workspace", found["workspace"]))
    if found := _ENDPOINT_SCOPE.fullmatch(asked):
        workspace = check_name("workspace", found["workspace"])
        return endpoint_scope(workspace, check_name("endpoint", found["endpoint"]))
    if found := _DELIVERY_SCOPE.fullmatch(asked):
        project = check_name("delivery project", found["project"])
        if found["environment"] is not None:
            return stage_environment_scope(project, check_name("stage environment", found["environment"]))
        if found["repository"] is None:
            return project_scope(project)
        return repository_scope(project, check_name("repository", found["repository"]))
    if found := _VAULT_SCOPE.fullmatch(asked):
        return vault_scope(check_name("vault", found["vault"]))
    if found := _IDENTITY_SCOPE.fullmatch(asked):
        group = check_name("resource group", found["group"])
        return identity_scope(group, check_name("identity", found["identity"]))
    if found := _BELOW_WORKSPACE.fullmatch(asked):
        workspace = check_name("workspace", found["workspace"])
        raise NotYet(
            f"roles below a workspace are given at its endpoints alone: {text[:200]!r}",
            hint=f"give the role at {workspace_scope(workspace)}, or at {workspace_scope(workspace)}/endpoints/NAME",
        )
    said = (
        f"{text[:200]!r} is not a scope: expected /, /groups/NAME, /workspaces/NAME, /delivery/PROJECT, "
        "/vaults/NAME or an Azure id of one of them"
    )
    raise InvalidInput(said, problems=[Problem(said, key="scope")])


def workspace_of(scope: str) -> str | None:
    """The workspace that `scope` is, if it is one."""
    found = _WORKSPACE_OF.fullmatch(scope)
    return found["workspace"] if found and found["endpoint"] is None else None


def endpoint_of(scope: str) -> tuple[str, str] | None:
    """The workspace and the endpoint that `scope` is, if it is one of an endpoint."""
    found = _WORKSPACE_OF.fullmatch(scope)
    return (found["workspace"], found["endpoint"]) if found and found["endpoint"] is not None else None


_WORKSPACE_OF: Final = re.compile(r"/workspaces/(?P<workspace>[^/]+)(?:/endpoints/(?P<endpoint>[^/]+))?")


def group_of(scope: str) -> str | None:
    """The resource group that `scope` is, if it is one."""
    group, _, below = scope.removeprefix("/groups/").partition("/")
    return group if scope.startswith("/groups/") and not below else None


def identity_of(scope: str) -> tuple[str, str] | None:
    """The resource group and the identity that `scope` is, if it is one of an identity."""
    parts = scope.split("/")
    return (parts[2], parts[4]) if len(parts) == 5 and (parts[1], parts[3]) == ("groups", "identities") else None


def project_of(scope: str) -> str | None:
    """The project that `scope` is or lies in, if it does."""
    found = _PROJECT_OF.match(scope)
    return found["project"] if found else None


def repository_of(scope: str) -> tuple[str, str] | None:
    """The project and the repository that `scope` is, if it is one of a repository."""
    found = _REPOSITORY_OF.fullmatch(scope)
    return (found["project"], found["repository"]) if found else None


_PROJECT_OF: Final = re.compile(r"/delivery/(?P<project>[^/]+)")
_REPOSITORY_OF: Final = re.compile(r"/delivery/(?P<project>[^/]+)/repositories/(?P<repository>[^/]+)")


def vault_of(scope: str) -> str | None:
    """The vault that `scope` is, if it is one."""
    return scope.removeprefix("/vaults/") if scope.startswith("/vaults/") else None


def stage_environment_of(scope: str) -> tuple[str, str] | None:
    """The project and the environment that `scope` is, if it is one of an environment."""
    parts = scope.split("/")
    return (parts[2], parts[4]) if len(parts) == 5 and parts[1] == "delivery" and parts[3] == "environments" else None
