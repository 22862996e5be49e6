"""The APIs of a service of API management, and their operations, in the shapes of ``az apim api``."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from pratique.base.clock import utc_now
from pratique.control import apim, apis
from pratique.control.apis import NewOperation
from pratique.specs.key_types import Text
from pratique.store.apim import Api, ApiOperation, ApiService
from pratique.web.api.apim import SETTLED, TYPE, Deleter, Reader, Writer, gateway_of, id_of
from pratique.web.api.fields import RequestBody, Wait, present
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/apim/{service}/apis", tags=["API management"])


class ApiBody(RequestBody):
    """An API; what is not said stays."""

    path: Text | None = None
    display_name: Text | None = None
    description: Text | None = None
    service_url: Text | None = None
    subscription_required: bool | None = None

    def changes(self) -> dict[str, Any]:
        """What is said."""
        said = ("path", "display_name", "description", "service_url", "subscription_required")
        return {key: value for key in said if (value := getattr(self, key)) is not None}


class OperationBody(RequestBody):
    """An operation."""

    method: Text
    url_template: Text
    display_name: Text = ""
    description: Text = ""


class NamedOperation(OperationBody):
    """An operation with its name."""

    name: Text


class ImportBody(ApiBody):
    """An API with all its operations."""

    operations: Annotated[list[NamedOperation], Field(max_length=200)]


@router.get("")
def list_apis(platform: Here, actor: Reader, service: str) -> list[dict[str, Any]]:
    """The APIs of a service."""
    with platform.database.read() as tx:
        where = apim.get(tx, actor, service)
        return [_api(one, where, platform) for one in apis.every(tx, actor, service)]


@router.put("/{api}", status_code=202)
def write_api(platform: Here, actor: Writer, service: str, api: str, body: ApiBody) -> dict[str, Any]:
    """Make or change an API."""
    with platform.database.write() as tx:
        made = apis.write(tx, actor, service, api, body.changes(), now=utc_now())
        return _api(made, apim.get(tx, actor, service), platform)


@router.post("/{api}/import", status_code=202)
def bring(platform: Here, actor: Writer, service: str, api: str, body: ImportBody) -> dict[str, Any]:
    """Make or change an API with just these operations."""
    wanted = [NewOperation(**one.model_dump()) for one in body.operations]
    with platform.database.write() as tx:
        made = apis.bring(tx, actor, service, api, body.changes(), wanted, now=utc_now())
        return _api(made, apim.get(tx, actor, service), platform)


@router.get("/{api}")
async def get_api(platform: Here, actor: Reader, service: str, api: str, wait: Wait = 0) -> dict[str, Any]:
    """One API; with `wait`, as soon as the gateway serves it as it is wished."""

    def look() -> tuple[Api, ApiService]:
        with platform.database.read() as tx:
            return apis.get(tx, actor, service, api), apim.get(tx, actor, service)

    found, where = await platform.bell.until(look, lambda seen: seen[0].provisioning_state in SETTLED, seconds=wait)
    return _api(found, where, platform)


@router.delete("/{api}", status_code=204)
def delete_api(platform: Here, actor: Deleter, service: str, api: str) -> None:
    """Remove an API."""
    with platform.database.write() as tx:
        apis.delete(tx, actor, service, api, now=utc_now())


@router.get("/{api}/operations")
def list_operations(platform: Here, actor: Reader, service: str, api: str) -> list[dict[str, Any]]:
    """The operations of an API."""
    with platform.database.read() as tx:
        where = apim.get(tx, actor, service)
        return [_operation(one, where, platform) for one in apis.operations(tx, actor, service, api)]


@router.put("/{api}/operations/{operation}")
def put_operation(
    platform: Here, actor: Writer, service: str, api: str, operation: str, body: OperationBody
) -> dict[str, Any]:
    """Make or change an operation."""
    said = NewOperation(name=operation, **body.model_dump())
    with platform.database.write() as tx:
        made = apis.put_operation(tx, actor, service, api, said, now=utc_now())
        return _operation(made, apim.get(tx, actor, service), platform)


@router.get("/{api}/operations/{operation}")
def get_operation(platform: Here, actor: Reader, service: str, api: str, operation: str) -> dict[str, Any]:
    """One operation."""
    with platform.database.read() as tx:
        where = apim.get(tx, actor, service)
        return _operation(apis.operation(tx, actor, service, api, operation), where, platform)


@router.delete("/{api}/operations/{operation}", status_code=204)
def delete_operation(platform: Here, actor: Deleter, service: str, api: str, operation: str) -> None:
    """Remove an operation."""
    with platform.database.write() as tx:
        apis.delete_operation(tx, actor, service, api, operation, now=utc_now())


def _api(api: Api, service: ApiService, platform: Platform) -> dict[str, Any]:
    return present(
        {
            "id": id_of(service, platform, "apis", api.name),
            "name": api.name,
            "resourceGroup": service.resource_group,
            "displayName": api.display_name,
            "description": api.description,
            "path": api.path,
            "protocols": ["http"],
            "serviceUrl": api.service_url or None,
            "subscriptionRequired": api.subscription_required,
            "url": "/".join(part for part in (gateway_of(service, platform), api.path) if part),
            "provisioningState": api.provisioning_state,
            "error": api.error,
            "type": f"{TYPE}/apis",
        }
    )


def _operation(operation: ApiOperation, service: ApiService, platform: Platform) -> dict[str, Any]:
    return {
        "id": id_of(service, platform, "apis", operation.api, "operations", operation.name),
        "name": operation.name,
        "resourceGroup": service.resource_group,
        "displayName": operation.display_name,
        "description": operation.description,
        "method": operation.method,
        "urlTemplate": operation.url_template,
        "type": f"{TYPE}/apis/operations",
    }
