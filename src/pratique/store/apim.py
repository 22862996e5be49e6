"""API management: services, their APIs with operations, named values, subscriptions, and keys of OpenID providers.

    service ─┬─ API ─── operation
             ├─ named value
             └─ subscription (two keys; to one API, or to all)

A key set belongs to no service: it is what one OpenID configuration said last.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update

from pratique.store import vaults
from pratique.store.rows import insert_over, value_of, values_of
from pratique.store.schema import (
    api_key_sets,
    api_named_values,
    api_operations,
    api_services,
    api_subscriptions,
    apis,
)

ALL_APIS: Final = "/apis"
"""The scope of a subscription to every API of its service; one API is ``/apis/NAME``."""


@dataclass(frozen=True)
class ApiService:
    """One service of API management."""

    name: str
    resource_group: str
    location: str
    publisher_name: str
    publisher_email: str
    tags: Mapping[str, str]
    created_at: datetime
    created_by: Mapping[str, Any]
    policy: str = ""
    """Of all its APIs, XML; empty for none."""
    allow_any_audience: bool = False


@dataclass(frozen=True)
class Api:
    """One API."""

    service: str
    name: str
    display_name: str
    description: str
    path: str
    service_url: str
    """The endpoint behind it, by its address."""
    subscription_required: bool
    policy: str
    """XML; empty for none."""
    allow_any_audience: bool
    provisioning_state: str
    error: Mapping[str, Any] | None
    generation: int
    """Raised by every wish."""
    applied: int
    """The generation that the gateway serves."""
    created_at: datetime
    updated_at: datetime
    created_by: Mapping[str, Any]


@dataclass(frozen=True)
class ApiOperation:
    """One operation of an API."""

    service: str
    api: str
    name: str
    display_name: str
    method: str
    url_template: str
    description: str
    policy: str = ""
    """XML; empty for none."""
    allow_any_audience: bool = False


@dataclass(frozen=True)
class ApiNamedValue:
    """One named value; a secret one is sealed."""

    service: str
    name: str
    display_name: str
    is_secret: bool
    value: str
    """Empty for a secret."""
    sealed: str
    """Empty unless it is secret and has a value of its own."""
    vault_secret: str
    """The secret of a vault whose value it has, ``VAULT/KEY`` or ``VAULT/KEY/VERSION``; empty for none."""
    tags: list[str]
    updated_at: datetime

    def __repr__(self) -> str:
        return f"ApiNamedValue({self.service}/{self.name})"

    @property
    def context(self) -> str:
        """What its sealed value is bound to."""
        return f"vaults/{self.vault_secret}" if self.vault_secret else f"apim/{self.service}/values/{self.name}"

    @property
    def is_readable(self) -> bool:
        """Whether it says something: one from a vault does once `followed` has found the secret."""
        return bool(self.sealed) or not self.vault_secret


@dataclass(frozen=True, repr=False)
class SubscriptionKeys:
    """What the doors know of one subscription; its keys are sealed."""

    service: str
    name: str
    scope: str
    state: str
    primary_key: str
    secondary_key: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.service}/{self.name})"

    def context(self, slot: str) -> str:
        """What a sealed key is bound to."""
        return f"apim/{self.service}/subscriptions/{self.name}/{slot}"

    @property
    def is_active(self) -> bool:
        """Whether its keys open the APIs of its scope."""
        return self.state == "active"


@dataclass(frozen=True, repr=False)
class ApiSubscription(SubscriptionKeys):
    """One subscription."""

    display_name: str
    created_at: datetime
    created_by: Mapping[str, Any]


@dataclass(frozen=True)
class ApiKeySet:
    """What an OpenID configuration said last."""

    url: str
    issuer: str
    key_set: Mapping[str, Any]
    """A JSON Web Key Set, public keys only."""
    fetched_at: datetime
    error: str
    """Why the last attempt brought nothing; empty when it did."""
    tried_at: datetime


# --- services -----------------------------------------------------------------------------------------------------


def put_service(tx: Connection, service: ApiService) -> None:
    """Write a service over the one of its name."""
    insert_over(tx, api_services, [vars(service)], ["name"])


def service(tx: Connection, name: str) -> ApiService | None:
    """The service called `name`."""
    row = tx.execute(select(api_services).where(api_services.c.name == name)).first()
    return value_of(ApiService, row) if row else None


def services(tx: Connection) -> list[ApiService]:
    """All services, by name."""
    return values_of(ApiService, tx.execute(select(api_services).order_by(api_services.c.name)))


def services_in_group(tx: Connection, group: str) -> list[ApiService]:
    """The services of a resource group."""
    wanted = select(api_services).where(api_services.c.resource_group == group)
    return values_of(ApiService, tx.execute(wanted.order_by(api_services.c.name)))


def change_service(tx: Connection, name: str, **values: Any) -> None:
    """Write `values` on one service."""
    tx.execute(update(api_services).where(api_services.c.name == name).values(**values))


def remove_service(tx: Connection, name: str) -> None:
    """Remove a service with everything in it."""
    tx.execute(delete(api_services).where(api_services.c.name == name))


# --- APIs ---------------------------------------------------------------------------------------------------------


def add_api(tx: Connection, api: Api) -> None:
    """Write a new API."""
    tx.execute(insert(apis).values(**vars(api)))


def change_api(tx: Connection, service: str, name: str, **values: Any) -> None:
    """Write `values` on one API."""
    tx.execute(update(apis).where(apis.c.service == service, apis.c.name == name).values(**values))


def wish_api(tx: Connection, service: str, name: str, *, now: datetime, **values: Any) -> None:
    """Write `values` that the gateway has to follow: the generation rises with them."""
    state = {"provisioning_state": "Updating", "error": None}
    change_api(tx, service, name, generation=apis.c.generation + 1, updated_at=now, **{**state, **values})


def wish_every_api(tx: Connection, service: str, *, now: datetime) -> None:
    """Let the gateway follow at all APIs of a service."""
    values = {"provisioning_state": "Updating", "error": None, "updated_at": now}
    tx.execute(update(apis).where(apis.c.service == service).values(generation=apis.c.generation + 1, **values))


def api(tx: Connection, service: str, name: str) -> Api | None:
    """The API called `name`."""
    row = tx.execute(select(apis).where(apis.c.service == service, apis.c.name == name)).first()
    return value_of(Api, row) if row else None


def apis_of(tx: Connection, service: str) -> list[Api]:
    """The APIs of a service, by name."""
    return values_of(Api, tx.execute(select(apis).where(apis.c.service == service).order_by(apis.c.name)))


def every_api(tx: Connection) -> list[Api]:
    """The APIs of all services."""
    return values_of(Api, tx.execute(select(apis).order_by(apis.c.service, apis.c.name)))


def remove_api(tx: Connection, service: str, name: str) -> None:
    """Remove an API with its operations."""
    tx.execute(delete(apis).where(apis.c.service == service, apis.c.name == name))


# --- operations ---------------------------------------------------------------------------------------------------


def put_operation(tx: Connection, operation: ApiOperation) -> None:
    """Write an operation over the one of its name."""
    insert_over(tx, api_operations, [vars(operation)], ["service", "api", "name"])


def operations_of(tx: Connection, service: str, api: str) -> list[ApiOperation]:
    """The operations of an API, by name."""
    table = api_operations.c
    wanted = select(api_operations).where(table.service == service, table.api == api).order_by(table.name)
    return values_of(ApiOperation, tx.execute(wanted))


def every_operation(tx: Connection) -> list[ApiOperation]:
    """The operations of all APIs."""
    table = api_operations.c
    return values_of(ApiOperation, tx.execute(select(api_operations).order_by(table.service, table.api, table.name)))


def change_operation(tx: Connection, service: str, api: str, name: str, **values: Any) -> None:
    """Write `values` on one operation."""
    table = api_operations.c
    wanted = (table.service == service, table.api == api, table.name == name)
    tx.execute(update(api_operations).where(*wanted).values(**values))


def remove_operation(tx: Connection, service: str, api: str, name: str) -> None:
    """Remove an operation."""
    table = api_operations.c
    tx.execute(delete(api_operations).where(table.service == service, table.api == api, table.name == name))


# --- named values -------------------------------------------------------------------------------------------------


def put_named_value(tx: Connection, value: ApiNamedValue) -> None:
    """Write a named value over the one of its name."""
    insert_over(tx, api_named_values, [vars(value)], ["service", "name"])


def named_values_of(tx: Connection, service: str) -> list[ApiNamedValue]:
    """The named values of a service, by name."""
    wanted = select(api_named_values).where(api_named_values.c.service == service)
    return values_of(ApiNamedValue, tx.execute(wanted.order_by(api_named_values.c.name)))


def every_named_value(tx: Connection) -> list[ApiNamedValue]:
    """The named values of all services."""
    return values_of(ApiNamedValue, tx.execute(select(api_named_values)))


def followed(tx: Connection, value: ApiNamedValue) -> ApiNamedValue:
    """`value` with what its vault has sealed for it now; as it is when the secret is not there, or is disabled."""
    if not value.vault_secret:
        return value
    name, key, version = (*value.vault_secret.split("/"), "")[:3]
    where, secret = vaults.get(tx, name), vaults.secret(tx, name, key)
    if where is None or where.deleted_at or secret is None or secret.deleted_at:
        return value
    found = vaults.version(tx, secret, version)
    if found is None or not found.is_enabled:
        return value
    return replace(value, vault_secret=f"{name}/{key}/{found.version}", sealed=found.value)


def remove_named_value(tx: Connection, service: str, name: str) -> None:
    """Remove a named value."""
    table = api_named_values.c
    tx.execute(delete(api_named_values).where(table.service == service, table.name == name))


# --- subscriptions ------------------------------------------------------------------------------------------------


def put_subscription(tx: Connection, subscription: ApiSubscription) -> None:
    """Write a subscription over the one of its name."""
    insert_over(tx, api_subscriptions, [vars(subscription)], ["service", "name"])


def subscription(tx: Connection, service: str, name: str) -> ApiSubscription | None:
    """The subscription called `name`."""
    table = api_subscriptions.c
    row = tx.execute(select(api_subscriptions).where(table.service == service, table.name == name)).first()
    return value_of(ApiSubscription, row) if row else None


def subscriptions_of(tx: Connection, service: str) -> list[ApiSubscription]:
    """The subscriptions of a service, by name."""
    wanted = select(api_subscriptions).where(api_subscriptions.c.service == service)
    return values_of(ApiSubscription, tx.execute(wanted.order_by(api_subscriptions.c.name)))


def subscription_keys(tx: Connection) -> list[SubscriptionKeys]:
    """The subscriptions of all services, as the doors see them."""
    table = api_subscriptions.c
    columns = [table[field.name] for field in fields(SubscriptionKeys)]
    return values_of(SubscriptionKeys, tx.execute(select(*columns).order_by(table.service, table.name)))


def remove_subscription(tx: Connection, service: str, name: str) -> None:
    """Remove a subscription."""
    table = api_subscriptions.c
    tx.execute(delete(api_subscriptions).where(table.service == service, table.name == name))


# --- keys of OpenID providers -------------------------------------------------------------------------------------


def put_key_set(tx: Connection, found: ApiKeySet) -> None:
    """Write what an OpenID configuration says over what it said before."""
    insert_over(tx, api_key_sets, [vars(found)], ["url"])


def key_sets(tx: Connection) -> dict[str, ApiKeySet]:
    """What is known of each OpenID configuration, by its address."""
    return {row.url: row for row in values_of(ApiKeySet, tx.execute(select(api_key_sets)))}


def remove_key_set(tx: Connection, url: str) -> None:
    """Forget what an OpenID configuration said."""
    tx.execute(delete(api_key_sets).where(api_key_sets.c.url == url))
