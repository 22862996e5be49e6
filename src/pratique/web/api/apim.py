"""API management: services with their named values and subscriptions, in the shapes of ``az apim``.

A secret is in the answer of two routes, those that show one, and in no error:
a body that cannot be taken is refused without being shown. The APIs of a
service are in `apis`, the policies at each height in `policies`.
"""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Body, Depends, Response
from pydantic import Field

from pratique.base.clock import iso, utc_now
from pratique.control import apim
from pratique.control.actor import Actor
from pratique.specs.key_types import Text
from pratique.store import apim as rows
from pratique.store.apim import ApiNamedValue, ApiService, ApiSubscription
from pratique.store.database import Transaction
from pratique.web.api.fields import NOT_KEPT, RequestBody
from pratique.web.auth import allow_somewhere
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/apim", tags=["API management"])
# A service belongs to a group, which its path does not name: the verbs ask there.
Reader = Annotated[Actor, Depends(allow_somewhere("apim/read"))]
Writer = Annotated[Actor, Depends(allow_somewhere("apim/write"))]
Deleter = Annotated[Actor, Depends(allow_somewhere("apim/delete"))]
SecretReader = Annotated[Actor, Depends(allow_somewhere("apim/secrets"))]

TYPE: Final = "Microsoft.ApiManagement/service"
SETTLED: Final = ("Succeeded", "Failed")
"""The states of what the gateway has followed, or cannot follow."""


class ServiceBody(RequestBody):
    """A service."""

    resource_group: Text
    location: Text = ""
    publisher_name: Text = ""
    publisher_email: Text = ""
    tags: dict[Text, Text] = Field(default_factory=dict)


class NamedValueBody(RequestBody):
    """A named value; what is not said stays."""

    value: Text | None = None
    vault_secret: Text | None = None
    secret: bool | None = None
    display_name: Text | None = None
    tags: list[Text] | None = None


class SubscriptionBody(RequestBody):
    """A subscription; what is not said stays."""

    display_name: Text = ""
    scope: Text = ""
    state: Text = ""


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


# --- named values --------------------------------------------------------------------------------------------------


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
    response.headers.update(NOT_KEPT)
    with platform.database.write() as tx:
        return {"value": apim.secret_value(tx, actor, service, name, sealer=platform.sealer, now=utc_now())}


@router.delete("/{service}/named-values/{name}", status_code=204)
def delete_named_value(platform: Here, actor: Deleter, service: str, name: str) -> None:
    """Remove a named value that no policy has in it."""
    with platform.database.write() as tx:
        apim.delete_value(tx, actor, service, name, sealer=platform.sealer, now=utc_now())


# --- subscriptions -------------------------------------------------------------------------------------------------


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
    response.headers.update(NOT_KEPT)
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


# --- documents -----------------------------------------------------------------------------------------------------


def id_of(service: ApiService, platform: Platform, *words: str) -> str:
    """How Azure names a service, or what `words` lead to in it."""
    base = f"{platform.ids.of_group(service.resource_group)}/providers/{TYPE}/{service.name}"
    return "/".join((base, *words))


def gateway_of(service: ApiService, platform: Platform) -> str:
    """The URL below which a service's APIs answer."""
    return f"{platform.endpoints_door}/apis/{service.name}"


def _service(service: ApiService, platform: Platform) -> dict[str, Any]:
    return {
        "id": id_of(service, platform),
        "name": service.name,
        "resourceGroup": service.resource_group,
        "location": service.location,
        "publisherName": service.publisher_name,
        "publisherEmail": service.publisher_email,
        "gatewayUrl": gateway_of(service, platform),
        "provisioningState": "Succeeded",
        "tags": dict(service.tags),
        "createdAtUtc": iso(service.created_at),
        "type": TYPE,
    }


def _named_value(value: ApiNamedValue, service: ApiService, platform: Platform, tx: Transaction) -> dict[str, Any]:
    found = {
        "id": id_of(service, platform, "namedValues", value.name),
        "name": value.name,
        "resourceGroup": service.resource_group,
        "displayName": value.display_name,
        "secret": value.is_secret,
        "value": None if value.is_secret else value.value,
        "tags": list(value.tags),
        "type": f"{TYPE}/namedValues",
    }
    if value.vault_secret:
        vault, *words = value.vault_secret.split("/")
        status = "Success" if rows.followed(tx, value).is_readable else "Failed"
        identifier = "/".join((platform.door, "vaults", vault, "secrets", *words))
        found["keyVault"] = {"secretIdentifier": identifier, "lastStatus": {"code": status}}
    return found


def _subscription(found: ApiSubscription, service: ApiService, platform: Platform) -> dict[str, Any]:
    return {
        "id": id_of(service, platform, "subscriptions", found.name),
        "name": found.name,
        "resourceGroup": service.resource_group,
        "displayName": found.display_name,
        "scope": found.scope,
        "state": found.state,
        "createdDate": iso(found.created_at),
        "type": f"{TYPE}/subscriptions",
    }
