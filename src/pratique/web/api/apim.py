"""API management: services, APIs, operations, policies, named values and subscriptions, in the shapes of ``az apim``.

A secret is in the answer of two routes, those that show one, and in no error:
a body that cannot be taken is refused without being shown.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Body, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from pratique.base.clock import iso, utc_now
from pratique.base.errors import InvalidInput, Problem
from pratique.control import apim, apis, policies
from pratique.control.actor import Actor
from pratique.control.apis import NewOperation
from pratique.control.policy_texts import PolicyScope
from pratique.engine import key_sets, outbound
from pratique.specs.grammar import Text
from pratique.specs.policy_scopes import PolicyDocument, PolicyText
from pratique.store import apim as rows
from pratique.store.apim import Api, ApiKeySet, ApiNamedValue, ApiOperation, ApiService, ApiSubscription
from pratique.store.database import Transaction
from pratique.web.api.fields import Wait, present
from pratique.web.auth import allow_somewhere
from pratique.web.platform import Platform, platform_of

router = APIRouter(prefix="/apim", tags=["API management"])
Here = Annotated[Platform, Depends(platform_of)]
# A service belongs to a group, which its path does not name: the verbs ask there.
Reader = Annotated[Actor, Depends(allow_somewhere("apim/read"))]
Writer = Annotated[Actor, Depends(allow_somewhere("apim/write"))]
Deleter = Annotated[Actor, Depends(allow_somewhere("apim/delete"))]
SecretReader = Annotated[Actor, Depends(allow_somewhere("apim/secrets"))]

_NOT_KEPT: Final = {"Cache-Control": "no-store"}
_SETTLED: Final = ("Succeeded", "Failed")
_TYPE: Final = "Microsoft.ApiManagement/service"


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class ServiceBody(_Request):
    """A service."""

    resource_group: Text
    location: Text = ""
    publisher_name: Text = ""
    publisher_email: Text = ""
    tags: dict[Text, Text] = Field(default_factory=dict)


class ApiBody(_Request):
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


class OperationBody(_Request):
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


class PolicyBody(_Request):
    """A policy."""

    xml: str
    file: Annotated[Text, Field(max_length=400)] = "policy"
    allow_any_audience: bool = False


class NamedValueBody(_Request):
    """A named value; what is not said stays."""

    value: Text | None = None
    vault_secret: Text | None = None
    secret: bool | None = None
    display_name: Text | None = None
    tags: list[Text] | None = None


class SubscriptionBody(_Request):
    """A subscription; what is not said stays."""

    display_name: Text = ""
    scope: Text = ""
    state: Text = ""


# --- services -----------------------------------------------------------------------------------------------------


@router.get("")
def every(platform: Here, actor: Reader) -> list[dict[str, Any]]:
    """The services that the caller may see."""
    with platform.database.read() as tx:
        return [_service(one, platform) for one in apim.every(tx, actor)]


@router.put("/{service}")
def create(platform: Here, actor: Writer, service: str, body: ServiceBody) -> dict[str, Any]:
    """Make or change a service."""
    with platform.database.write() as tx:
        made = apim.create(
            tx, actor, service, group=body.resource_group, location=body.location,
            publisher=(body.publisher_name, body.publisher_email), tags=body.tags, now=utc_now(),
        )  # fmt: skip
        return _service(made, platform)


@router.get("/{service}")
def get(platform: Here, actor: Reader, service: str) -> dict[str, Any]:
    """One service."""
    with platform.database.read() as tx:
        return _service(apim.get(tx, actor, service), platform)


@router.delete("/{service}", status_code=204)
def delete(platform: Here, actor: Deleter, service: str) -> None:
    """Remove a service with everything in it."""
    with platform.database.write() as tx:
        apim.delete(tx, actor, service, now=utc_now())


# --- APIs ---------------------------------------------------------------------------------------------------------


@router.get("/{service}/apis")
def list_apis(platform: Here, actor: Reader, service: str) -> list[dict[str, Any]]:
    """The APIs of a service."""
    with platform.database.read() as tx:
        where = apim.get(tx, actor, service)
        return [_api(one, where, platform) for one in apis.every(tx, actor, service)]


@router.put("/{service}/apis/{api}", status_code=202)
def write_api(platform: Here, actor: Writer, service: str, api: str, body: ApiBody) -> dict[str, Any]:
    """Make or change an API."""
    with platform.database.write() as tx:
        made = apis.write(tx, actor, service, api, body.changes(), now=utc_now())
        return _api(made, apim.get(tx, actor, service), platform)


@router.post("/{service}/apis/{api}/import", status_code=202)
def bring(platform: Here, actor: Writer, service: str, api: str, body: ImportBody) -> dict[str, Any]:
    """Make or change an API with just these operations."""
    wanted = [NewOperation(**one.model_dump()) for one in body.operations]
    with platform.database.write() as tx:
        made = apis.bring(tx, actor, service, api, body.changes(), wanted, now=utc_now())
        return _api(made, apim.get(tx, actor, service), platform)


@router.get("/{service}/apis/{api}")
async def get_api(platform: Here, actor: Reader, service: str, api: str, wait: Wait = 0) -> dict[str, Any]:
    """One API; with `wait`, as soon as the gateway serves it as it is wished."""

    def look() -> tuple[Api, ApiService]:
        with platform.database.read() as tx:
            return apis.get(tx, actor, service, api), apim.get(tx, actor, service)

    found, where = await platform.bell.until(look, lambda seen: seen[0].provisioning_state in _SETTLED, seconds=wait)
    return _api(found, where, platform)


@router.delete("/{service}/apis/{api}", status_code=204)
def delete_api(platform: Here, actor: Deleter, service: str, api: str) -> None:
    """Remove an API."""
    with platform.database.write() as tx:
        apis.delete(tx, actor, service, api, now=utc_now())


@router.get("/{service}/apis/{api}/operations")
def list_operations(platform: Here, actor: Reader, service: str, api: str) -> list[dict[str, Any]]:
    """The operations of an API."""
    with platform.database.read() as tx:
        where = apim.get(tx, actor, service)
        return [_operation(one, where, platform) for one in apis.operations(tx, actor, service, api)]


@router.put("/{service}/apis/{api}/operations/{operation}")
def put_operation(
    platform: Here, actor: Writer, service: str, api: str, operation: str, body: OperationBody
) -> dict[str, Any]:
    """Make or change an operation."""
    said = NewOperation(name=operation, **body.model_dump())
    with platform.database.write() as tx:
        made = apis.put_operation(tx, actor, service, api, said, now=utc_now())
        return _operation(made, apim.get(tx, actor, service), platform)


@router.get("/{service}/apis/{api}/operations/{operation}")
def get_operation(platform: Here, actor: Reader, service: str, api: str, operation: str) -> dict[str, Any]:
    """One operation."""
    with platform.database.read() as tx:
        where = apim.get(tx, actor, service)
        return _operation(apis.operation(tx, actor, service, api, operation), where, platform)


@router.delete("/{service}/apis/{api}/operations/{operation}", status_code=204)
def delete_operation(platform: Here, actor: Deleter, service: str, api: str, operation: str) -> None:
    """Remove an operation."""
    with platform.database.write() as tx:
        apis.delete_operation(tx, actor, service, api, operation, now=utc_now())


# --- policies -----------------------------------------------------------------------------------------------------


def at_all_apis(service: str) -> PolicyScope:
    """All APIs of a service."""
    return PolicyScope(service)


def at_api(service: str, api: str) -> PolicyScope:
    """One API."""
    return PolicyScope(service, api)


def at_operation(service: str, api: str, operation: str) -> PolicyScope:
    """One operation."""
    return PolicyScope(service, api, operation)


AtAllApis = Annotated[PolicyScope, Depends(at_all_apis)]
AtApi = Annotated[PolicyScope, Depends(at_api)]
AtOperation = Annotated[PolicyScope, Depends(at_operation)]


@router.put("/{service}/policy", status_code=202)
def set_policy_of_all(platform: Here, actor: Writer, scope: AtAllApis, body: PolicyBody) -> dict[str, Any]:
    """Set the policy of all APIs."""
    return _put_policy(platform, actor, scope, body)


@router.get("/{service}/policy")
async def get_policy_of_all(platform: Here, actor: Reader, scope: AtAllApis, wait: Wait = 0) -> dict[str, Any]:
    """The policy of all APIs."""
    return await _policy_when_settled(platform, actor, scope, wait)


@router.delete("/{service}/policy", status_code=204)
def delete_policy_of_all(platform: Here, actor: Deleter, scope: AtAllApis) -> None:
    """Take the policy of all APIs away."""
    _delete_policy(platform, actor, scope)


@router.put("/{service}/apis/{api}/policy", status_code=202)
def set_policy(platform: Here, actor: Writer, scope: AtApi, body: PolicyBody) -> dict[str, Any]:
    """Set the policy of an API."""
    return _put_policy(platform, actor, scope, body)


@router.get("/{service}/apis/{api}/policy")
async def get_policy(platform: Here, actor: Reader, scope: AtApi, wait: Wait = 0) -> dict[str, Any]:
    """The policy of an API."""
    return await _policy_when_settled(platform, actor, scope, wait)


@router.delete("/{service}/apis/{api}/policy", status_code=204)
def delete_policy(platform: Here, actor: Deleter, scope: AtApi) -> None:
    """Take the policy of an API away."""
    _delete_policy(platform, actor, scope)


@router.put("/{service}/apis/{api}/operations/{operation}/policy", status_code=202)
def set_policy_of_operation(platform: Here, actor: Writer, scope: AtOperation, body: PolicyBody) -> dict[str, Any]:
    """Set the policy of an operation."""
    return _put_policy(platform, actor, scope, body)


@router.get("/{service}/apis/{api}/operations/{operation}/policy")
async def get_policy_of_operation(platform: Here, actor: Reader, scope: AtOperation, wait: Wait = 0) -> dict[str, Any]:
    """The policy of an operation."""
    return await _policy_when_settled(platform, actor, scope, wait)


@router.delete("/{service}/apis/{api}/operations/{operation}/policy", status_code=204)
def delete_policy_of_operation(platform: Here, actor: Deleter, scope: AtOperation) -> None:
    """Take the policy of an operation away."""
    _delete_policy(platform, actor, scope)


def _put_policy(platform: Platform, actor: Actor, scope: PolicyScope, body: PolicyBody) -> dict[str, Any]:
    """Set a policy; the OpenID configurations that it names are asked first, and nothing changes else."""
    source = PolicyText(body.xml, body.file, scope.label, body.allow_any_audience)
    with platform.database.read() as tx:
        document = policies.checked(tx, actor, scope, source, sealer=platform.sealer)
    found = _fetched(document, platform, body)
    with platform.database.write() as tx:
        policies.put(tx, actor, scope, source, key_sets=found, sealer=platform.sealer, now=utc_now())
        return _policy(tx, actor, scope, platform)


async def _policy_when_settled(platform: Platform, actor: Actor, scope: PolicyScope, wait: float) -> dict[str, Any]:
    """A policy as it was written; with `wait`, as soon as the gateway has followed at every API that it is about."""

    def look() -> dict[str, Any]:
        with platform.database.read() as tx:
            return _policy(tx, actor, scope, platform)

    return await platform.bell.until(look, lambda seen: seen["provisioningState"] in _SETTLED, seconds=wait)


def _delete_policy(platform: Platform, actor: Actor, scope: PolicyScope) -> None:
    with platform.database.write() as tx:
        policies.delete(tx, actor, scope, sealer=platform.sealer, now=utc_now())


def _fetched(document: PolicyDocument, platform: Platform, body: PolicyBody) -> list[ApiKeySet]:
    """What every configuration of `document` says; raises `InvalidInput` with each that cannot be used."""
    allowed = outbound.hosts_of(platform.settings.check_hosts)
    found, problems = [], []
    for url in document.configurations:
        try:
            found.append(key_sets.fetch(url, allowed=allowed, now=utc_now()))
        except InvalidInput as error:
            line = next((number for number, text in enumerate(body.xml.splitlines(), 1) if url in text), 0)
            problems.append(Problem(error.message, key="openid-config", file=body.file, line=line))
    if problems:
        raise InvalidInput.of(problems, what=body.file)
    return found


# --- named values -------------------------------------------------------------------------------------------------


@router.get("/{service}/named-values")
def list_named_values(platform: Here, actor: Reader, service: str) -> list[dict[str, Any]]:
    """The named values of a service; secret ones without what they say."""
    with platform.database.read() as tx:
        where = apim.get(tx, actor, service)
        return [_named_value(one, where, platform, tx) for one in apim.every_value(tx, actor, service)]


@router.put("/{service}/named-values/{name}")
def put_named_value(platform: Here, actor: Writer, service: str, name: str, body: NamedValueBody) -> dict[str, Any]:
    """Make or change a named value."""
    changes = body.model_dump(exclude_none=True)
    with platform.database.write() as tx:
        made = apim.put_value(tx, actor, service, name, changes, sealer=platform.sealer, now=utc_now())
        return _named_value(made, apim.get(tx, actor, service), platform, tx)


@router.get("/{service}/named-values/{name}")
def get_named_value(platform: Here, actor: Reader, service: str, name: str) -> dict[str, Any]:
    """One named value; a secret one without what it says."""
    with platform.database.read() as tx:
        return _named_value(apim.value(tx, actor, service, name), apim.get(tx, actor, service), platform, tx)


@router.get("/{service}/named-values/{name}/secret")
def get_secret(platform: Here, actor: SecretReader, service: str, name: str, response: Response) -> dict[str, str]:
    """What a named value says."""
    response.headers.update(_NOT_KEPT)
    with platform.database.write() as tx:
        return {"value": apim.secret_value(tx, actor, service, name, sealer=platform.sealer, now=utc_now())}


@router.delete("/{service}/named-values/{name}", status_code=204)
def delete_named_value(platform: Here, actor: Deleter, service: str, name: str) -> None:
    """Remove a named value that no policy has in it."""
    with platform.database.write() as tx:
        apim.delete_value(tx, actor, service, name, sealer=platform.sealer, now=utc_now())


# --- subscriptions ------------------------------------------------------------------------------------------------


@router.get("/{service}/subscriptions")
def list_subscriptions(platform: Here, actor: Reader, service: str) -> list[dict[str, Any]]:
    """The subscriptions of a service, without their keys."""
    with platform.database.read() as tx:
        where = apim.get(tx, actor, service)
        return [_subscription(one, where, platform) for one in apim.every_subscription(tx, actor, service)]


@router.put("/{service}/subscriptions/{name}")
def put_subscription(platform: Here, actor: Writer, service: str, name: str, body: SubscriptionBody) -> dict[str, Any]:
    """Make or change a subscription."""
    changes = {key: text for key, text in body.model_dump().items() if text}
    with platform.database.write() as tx:
        made = apim.put_subscription(tx, actor, service, name, changes, sealer=platform.sealer, now=utc_now())
        return _subscription(made, apim.get(tx, actor, service), platform)


@router.get("/{service}/subscriptions/{name}")
def get_subscription(platform: Here, actor: Reader, service: str, name: str) -> dict[str, Any]:
    """One subscription, without its keys."""
    with platform.database.read() as tx:
        return _subscription(apim.subscription(tx, actor, service, name), apim.get(tx, actor, service), platform)


@router.get("/{service}/subscriptions/{name}/keys")
def get_keys(platform: Here, actor: SecretReader, service: str, name: str, response: Response) -> dict[str, str]:
    """Both keys."""
    response.headers.update(_NOT_KEPT)
    with platform.database.write() as tx:
        return apim.subscription_keys(tx, actor, service, name, sealer=platform.sealer, now=utc_now())


@router.post("/{service}/subscriptions/{name}/regenerate-key")
def regenerate_key(
    platform: Here,
    actor: SecretReader,
    service: str,
    name: str,
    key_type: Annotated[Literal["primary", "secondary"], Body(embed=True)],
) -> dict[str, Any]:
    """Replace one key."""
    with platform.database.write() as tx:
        made = apim.regenerate_key(tx, actor, service, name, key_type, sealer=platform.sealer, now=utc_now())
        return _subscription(made, apim.get(tx, actor, service), platform)


@router.delete("/{service}/subscriptions/{name}", status_code=204)
def delete_subscription(platform: Here, actor: Deleter, service: str, name: str) -> None:
    """Remove a subscription."""
    with platform.database.write() as tx:
        apim.delete_subscription(tx, actor, service, name, now=utc_now())


# --- documents ----------------------------------------------------------------------------------------------------


def _id(service: ApiService, platform: Platform, *words: str) -> str:
    base = f"{platform.ids.of_group(service.resource_group)}/providers/{_TYPE}/{service.name}"
    return "/".join((base, *words))


def _gateway(service: ApiService, platform: Platform) -> str:
    return f"{platform.endpoints_door}/apis/{service.name}"


def _service(service: ApiService, platform: Platform) -> dict[str, Any]:
    return {
        "id": _id(service, platform),
        "name": service.name,
        "resourceGroup": service.resource_group,
        "location": service.location,
        "publisherName": service.publisher_name,
        "publisherEmail": service.publisher_email,
        "gatewayUrl": _gateway(service, platform),
        "provisioningState": "Succeeded",
        "tags": dict(service.tags),
        "createdAtUtc": iso(service.created_at),
        "type": _TYPE,
    }


def _api(api: Api, service: ApiService, platform: Platform) -> dict[str, Any]:
    return present(
        {
            "id": _id(service, platform, "apis", api.name),
            "name": api.name,
            "resourceGroup": service.resource_group,
            "displayName": api.display_name,
            "description": api.description,
            "path": api.path,
            "protocols": ["http"],
            "serviceUrl": api.service_url or None,
            "subscriptionRequired": api.subscription_required,
            "url": "/".join(part for part in (_gateway(service, platform), api.path) if part),
            "provisioningState": api.provisioning_state,
            "error": api.error,
            "type": f"{_TYPE}/apis",
        }
    )


def _operation(operation: ApiOperation, service: ApiService, platform: Platform) -> dict[str, Any]:
    return {
        "id": _id(service, platform, "apis", operation.api, "operations", operation.name),
        "name": operation.name,
        "resourceGroup": service.resource_group,
        "displayName": operation.display_name,
        "description": operation.description,
        "method": operation.method,
        "urlTemplate": operation.url_template,
        "type": f"{_TYPE}/apis/operations",
    }


def _policy(tx: Transaction, actor: Actor, scope: PolicyScope, platform: Platform) -> dict[str, Any]:
    service, row = apim.get(tx, actor, scope.service), policies.get(tx, actor, scope)
    below = policies.below(tx, actor, scope)
    state, error = _state_of(below)
    nouns = {"apis": scope.api, "operations": scope.operation}
    words = [word for noun, name in nouns.items() if name for word in (noun, name)]
    return present(
        {
            "id": _id(service, platform, *words, "policies", "policy"),
            "name": "policy",
            "resourceGroup": service.resource_group,
            "format": "rawxml",
            "value": row.policy,
            "allowAnyAudience": row.allow_any_audience,
            "provisioningState": state,
            "error": error,
            "type": "/".join((_TYPE, *words[::2], "policies")),
        }
    )


def _state_of(below: Sequence[Api]) -> tuple[str, Any]:
    """How far the gateway is with a policy at the APIs that it is about, and what went wrong."""
    for api in below:
        if api.provisioning_state == "Failed":
            return "Failed", api.error
    return ("Succeeded" if all(api.provisioning_state in _SETTLED for api in below) else "Updating"), None


def _named_value(value: ApiNamedValue, service: ApiService, platform: Platform, tx: Transaction) -> dict[str, Any]:
    found = {
        "id": _id(service, platform, "namedValues", value.name),
        "name": value.name,
        "resourceGroup": service.resource_group,
        "displayName": value.display_name,
        "secret": value.is_secret,
        "value": None if value.is_secret else value.value,
        "tags": list(value.tags),
        "type": f"{_TYPE}/namedValues",
    }
    if value.vault_secret:
        vault, *words = value.vault_secret.split("/")
        status = "Success" if rows.followed(tx, value).is_readable else "Failed"
        identifier = "/".join((platform.door, "vaults", vault, "secrets", *words))
        found["keyVault"] = {"secretIdentifier": identifier, "lastStatus": {"code": status}}
    return found


def _subscription(found: ApiSubscription, service: ApiService, platform: Platform) -> dict[str, Any]:
    return {
        "id": _id(service, platform, "subscriptions", found.name),
        "name": found.name,
        "resourceGroup": service.resource_group,
        "displayName": found.display_name,
        "scope": found.scope,
        "state": found.state,
        "createdDate": iso(found.created_at),
        "type": f"{_TYPE}/subscriptions",
    }
