"""Service connections, in the shapes of ``az devops service-endpoint``, and which pipeline may use what."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends

from pratique.base.clock import utc_now
from pratique.control import delivery_permissions, repositories, service_connections, variable_groups
from pratique.control.actor import Actor
from pratique.control.delivery_permissions import Resource
from pratique.control.service_connections import Known, NewConnection
from pratique.specs.key_types import Text
from pratique.store.database import Transaction
from pratique.web.api.fields import RequestBody
from pratique.web.auth import allow_somewhere
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/delivery/projects/{project}", tags=["delivery"])
Reader = Annotated[Actor, Depends(allow_somewhere("service_connections/read"))]
Writer = Annotated[Actor, Depends(allow_somewhere("service_connections/write"))]
Deleter = Annotated[Actor, Depends(allow_somewhere("service_connections/delete"))]
GroupWriter = Annotated[Actor, Depends(allow_somewhere("variable_groups/write"))]
Kind = Literal["variable-group", "service-connection", "repository", "repository-push"]


class ConnectionBody(RequestBody):
    """A new connection: of a principal, or to an address."""

    name: Text
    principal: Text = ""
    url: Text = ""
    workspace: Text = ""
    resource_group: Text = ""
    description: Text = ""
    is_for_all: bool = False


class ConnectionChanges(RequestBody):
    """What is to be different."""

    description: Text | None = None
    workspace: Text | None = None
    is_for_all: bool | None = None


def document(known: Known, platform: Platform) -> dict[str, Any]:
    """A connection as Azure DevOps prints it; it has no secret to show."""
    one = known.connection
    return {
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "type": "azurerm" if known.principal else "generic",
        "isReady": True,
        "isShared": False,
        "url": one.url or platform.door,
        "createdBy": {"displayName": str(one.created_by.get("name", ""))},
        **_speaks_as(known, platform),
        "authorizedForAll": one.is_for_all,
        "serviceEndpointProjectReferences": [{"name": one.name, "projectReference": {"name": one.project}}],
    }


def _speaks_as(known: Known, platform: Platform) -> dict[str, Any]:
    """As whom: a principal, or nobody."""
    if known.principal is None:
        return {"authorization": {"scheme": "None", "parameters": {}}, "data": {}}
    parameters = {"serviceprincipalid": known.principal.id, "tenantid": platform.home.tenant}
    return {
        "authorization": {"scheme": "ServicePrincipal", "parameters": parameters},
        "data": {
            "subscriptionId": platform.home.subscription,
            "servicePrincipalName": known.principal.name,
            "resourceGroup": known.connection.resource_group or None,
            "workspace": known.connection.workspace or None,
        },
    }


@router.get("/service-connections")
def every(platform: Here, actor: Reader, project: str) -> list[dict[str, Any]]:
    """The connections of a project."""
    with platform.database.read() as tx:
        return [document(one, platform) for one in service_connections.every(tx, actor, project)]


@router.post("/service-connections", status_code=201)
def create(platform: Here, actor: Writer, project: str, body: ConnectionBody) -> dict[str, Any]:
    """Make a connection."""
    with platform.database.write() as tx:
        made = service_connections.create(tx, actor, project, NewConnection(**body.model_dump()), now=utc_now())
        return document(made, platform)


@router.get("/service-connections/{connection}")
def get(platform: Here, actor: Reader, project: str, connection: str) -> dict[str, Any]:
    """One connection, by id or name."""
    with platform.database.read() as tx:
        return document(service_connections.get(tx, actor, project, connection), platform)


@router.patch("/service-connections/{connection}")
def update(platform: Here, actor: Writer, project: str, connection: str, body: ConnectionChanges) -> dict[str, Any]:
    """Change a connection; what the body leaves out stays."""
    changes = {key: value for key, value in body.model_dump().items() if value is not None}
    with platform.database.write() as tx:
        return document(service_connections.update(tx, actor, project, connection, changes, now=utc_now()), platform)


@router.delete("/service-connections/{connection}", status_code=204)
def delete(platform: Here, actor: Deleter, project: str, connection: str) -> None:
    """Remove a connection; its principal stays."""
    with platform.database.write() as tx:
        service_connections.delete(tx, actor, project, connection, now=utc_now())


@router.get("/permissions/{kind}/{resource}")
def allowed(platform: Here, actor: GroupWriter, project: str, kind: Kind, resource: str) -> dict[str, Any]:
    """Which pipelines may use a variable group, a service connection or a repository."""
    with platform.database.read() as tx:
        return _permissions(tx, _resource(tx, actor, project, kind, resource))


@router.put("/permissions/{kind}/{resource}/{delivery}")
def allow(platform: Here, actor: GroupWriter, project: str, kind: Kind, resource: str, delivery: str) -> dict[str, Any]:
    """Let a pipeline use it."""
    with platform.database.write() as tx:
        found = _resource(tx, actor, project, kind, resource)
        delivery_permissions.allow(tx, actor, found, delivery, project=project, now=utc_now())
        return _permissions(tx, found)


@router.delete("/permissions/{kind}/{resource}/{delivery}")
def revoke(
    platform: Here, actor: GroupWriter, project: str, kind: Kind, resource: str, delivery: str
) -> dict[str, Any]:
    """Let a pipeline use it no more."""
    with platform.database.write() as tx:
        found = _resource(tx, actor, project, kind, resource)
        delivery_permissions.revoke(tx, actor, found, delivery, project=project, now=utc_now())
        return _permissions(tx, found)


def _resource(tx: Transaction, actor: Actor, project: str, kind: Kind, name: str) -> Resource:
    if kind == "variable-group":
        return variable_groups.resource_of(variable_groups.get(tx, actor, project, name).group)
    if kind != "service-connection":
        known = repositories.named(tx, actor, project, name)
        return delivery_permissions.repository_resource(kind.replace("-", "_"), known.id, known.name, known.project)
    return service_connections.resource_of(service_connections.get(tx, actor, project, name).connection)


def _permissions(tx: Transaction, resource: Resource) -> dict[str, Any]:
    pipelines = [{"id": one.id, "name": one.name, "authorized": True} for one in
                 delivery_permissions.allowed(tx, resource)]  # fmt: skip
    return {
        "resource": {"type": resource.kind.replace("_", ""), "id": resource.id, "name": resource.name},
        "allPipelines": {"authorized": True} if resource.is_for_all else None,
        "pipelines": pipelines,
    }
