"""API management: services, their named values, and subscriptions with their keys.

A service belongs to a resource group, and a role there, or at the home, decides
about everything in it. Named values that are secret are sealed, and in no list,
event or error; that one was read is an event.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Literal

from pratique.base.errors import Conflict, InvalidInput, NotFound, Problem
from pratique.base.ids import new_secret
from pratique.base.names import check_name
from pratique.control import groups, secrets
from pratique.control.actor import Actor
from pratique.control.permissions import group_scope, is_permitted, permit
from pratique.control.policy_texts import check_together, users
from pratique.specs.policy import NamedValue
from pratique.store import apim, events
from pratique.store.apim import ApiNamedValue, ApiService, ApiSubscription, SubscriptionKeys
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.sealing import Sealer

Slot = Literal["primary", "secondary"]
SLOTS: Final[tuple[Slot, ...]] = ("primary", "secondary")
_LONGEST_VALUE: Final = 4096
_STATES: Final = ("active", "suspended")


# --- services -----------------------------------------------------------------------------------------------------


def create(
    tx: Transaction, actor: Actor, name: str, *, group: str, location: str, publisher: tuple[str, str],
    tags: Mapping[str, str], now: datetime,
) -> ApiService:  # fmt: skip
    """Make the service called `name`, or let the one of its name become so; `publisher` is a name and an address."""
    check_name("API service", name)
    permit(actor, "apim/write", group_scope(group))
    where = groups.get(tx, actor, group)
    known = apim.service(tx, name)
    if known and known.resource_group != where.name:
        raise Conflict(
            f"the API service {name!r} belongs to resource group {known.resource_group!r}",
            hint=f"use --resource-group {known.resource_group}, or choose another name",
        )
    before = known or ApiService(name, where.name, where.location, "", "", {}, now, actor.to_document())
    wanted = replace(
        before,
        location=location or before.location,
        publisher_name=publisher[0] or before.publisher_name,
        publisher_email=publisher[1] or before.publisher_email,
        tags={**before.tags, **tags},
    )
    if wanted != known:
        apim.put_service(tx, wanted)
        tell(tx, actor, "Pratique.ApiServiceUpdated" if known else "Pratique.ApiServiceCreated", wanted, now=now)
    return wanted


def get(tx: Transaction, actor: Actor, name: str) -> ApiService:
    """The service called `name`; raises `NotFound`, also for one that the caller may not see."""
    found = apim.service(tx, name)
    if found is None or not is_permitted(actor, "apim/read", group_scope(found.resource_group)):
        raise NotFound(f"there is no API service {name[:64]!r}", hint="pratique apim list")
    return found


def every(tx: Transaction, actor: Actor) -> list[ApiService]:
    """The services that the caller may see, by name."""
    return [one for one in apim.services(tx) if is_permitted(actor, "apim/read", group_scope(one.resource_group))]


def delete(tx: Transaction, actor: Actor, name: str, *, now: datetime) -> None:
    """Remove a service with its APIs, named values and subscriptions."""
    known = may(tx, actor, name, "apim/delete")
    apim.remove_service(tx, known.name)
    tell(tx, actor, "Pratique.ApiServiceDeleted", known, now=now)


def may(tx: Transaction, actor: Actor, name: str, action: str) -> ApiService:
    """The service called `name`, in which the caller may do `action`."""
    known = get(tx, actor, name)
    permit(actor, action, group_scope(known.resource_group))
    return known


# --- named values -------------------------------------------------------------------------------------------------


def put_value(
    tx: Transaction, actor: Actor, service: str, name: str, changes: Mapping[str, Any], *, sealer: Sealer, now: datetime
) -> ApiNamedValue:
    """Write the named value called `name`: `value`, `secret`, `display_name`, `tags`; what is not given stays.

    Instead of a value, `vault_secret` is the id of a secret that the caller may read: the named value is secret
    then, and follows it. Every policy of the service must still be one with it; raises `InvalidInput` with what would
    be wrong.
    """
    where = may(tx, actor, service, "apim/write")
    check_name("named value", name)
    known = {one.name: one for one in apim.named_values_of(tx, service)}
    before = known.get(name) or ApiNamedValue(service, name, name, False, "", "", "", [], now)
    _check_said(changes, is_new=name not in known)
    display = check_name("named value", str(changes.get("display_name") or before.display_name))
    if clash := [one.name for one in known.values() if one.display_name == display and one.name != name]:
        raise Conflict(f"the named value {clash[0]!r} has the display name {display!r} already")
    reference = _reference(tx, actor, changes, sealer=sealer, now=now)
    is_secret = bool(changes.get("secret", before.is_secret)) or bool(reference)
    if before.is_secret and not is_secret and "value" not in changes:
        raise Conflict(f"{name!r} is secret, and would be shown", hint="give its value again, with --value")
    if "value" in changes or reference:
        before = replace(before, vault_secret=reference)
    made = replace(before, display_name=display, is_secret=is_secret, tags=[*changes.get("tags", before.tags)])
    if made.vault_secret:
        made = replace(made, value="", sealed="", updated_at=now)
    else:
        value = str(changes["value"]) if "value" in changes else _value_of(before, sealer).value
        _check_value(value)
        sealed = sealer.seal(value, context=made.context) if is_secret else ""
        made = replace(made, value="" if is_secret else value, sealed=sealed, updated_at=now)
    apim.put_named_value(tx, made)
    _follow(tx, service, {before.display_name, display}, sealer=sealer, now=now)
    data = {"secret": is_secret} | ({"vault_secret": made.vault_secret} if made.vault_secret else {})
    tell(tx, actor, "Pratique.ApiNamedValueSet", where, now=now, below=f"values/{name}", data=data)
    return made


def _check_said(changes: Mapping[str, Any], *, is_new: bool) -> None:
    given = [key for key in ("value", "vault_secret") if key in changes]
    if len(given) > 1:
        said = "a named value has a value of its own or that of a secret, and not both"
        raise InvalidInput(said, problems=[Problem(said, key="vault_secret")])
    if is_new and not given:
        said = "a named value needs a value"
        raise InvalidInput(said, problems=[Problem(said, key="value")])
    if "vault_secret" in changes and changes.get("secret") is False:
        said = "what a vault keeps stays secret"
        raise InvalidInput(said, problems=[Problem(said, key="secret")])


_SECRET: Final = re.compile(
    r"(?:https?://[^/]+)?/vaults/([A-Za-z0-9-]{1,24})/secrets/([0-9A-Za-z-]{1,127})(?:/([0-9a-f]{1,64}))?/?", re.ASCII
)


def _reference(tx: Transaction, actor: Actor, changes: Mapping[str, Any], *, sealer: Sealer, now: datetime) -> str:
    """The secret that `changes` names, which the caller must be allowed to read; that it was read is an event."""
    if "vault_secret" not in changes:
        return ""
    found = _SECRET.fullmatch(str(changes["vault_secret"]))
    if not found:
        said = f"{str(changes['vault_secret'])[:200]!r} is not the id of a secret"
        hint = "pratique keyvault secret show --query id"
        raise InvalidInput(said, hint=hint, problems=[Problem(said, key="vault_secret", hint=hint)])
    opened = secrets.get(tx, actor, found[1], found[2], found[3] or "", sealer=sealer, now=now)
    _check_value(opened.value)
    secret = opened.found.secret
    return "/".join((secret.vault, secret.key, *([opened.found.version.version] if found[3] else [])))


def value(tx: Transaction, actor: Actor, service: str, name: str) -> ApiNamedValue:
    """The named value called `name`; a secret one without what it says."""
    get(tx, actor, service)
    for one in apim.named_values_of(tx, service):
        if one.name == name:
            return one
    raise NotFound(
        f"the API service {service!r} has no named value {name[:64]!r}", hint=f"pratique apim nv list -n {service}"
    )


def every_value(tx: Transaction, actor: Actor, service: str) -> list[ApiNamedValue]:
    """The named values of a service, by name."""
    get(tx, actor, service)
    return apim.named_values_of(tx, service)


def secret_value(tx: Transaction, actor: Actor, service: str, name: str, *, sealer: Sealer, now: datetime) -> str:
    """What a named value says, also a secret one; that it was read is an event."""
    where = may(tx, actor, service, "apim/secrets")
    found = value(tx, actor, service, name)
    if found.vault_secret:
        vault, key = found.vault_secret.split("/")[:2]
        raise Conflict(
            f"{name!r} has the value of a secret of the vault {vault!r}, which decides who reads it",
            hint=f"pratique keyvault secret show --vault-name {vault} --name {key}",
        )
    tell(tx, actor, "Pratique.ApiNamedValueRead", where, now=now, below=f"values/{name}")
    return _value_of(found, sealer).value


def delete_value(tx: Transaction, actor: Actor, service: str, name: str, *, sealer: Sealer, now: datetime) -> None:
    """Remove a named value; `Conflict` while a policy stands on it."""
    where = may(tx, actor, service, "apim/delete")
    found = value(tx, actor, service, name)
    if standing := users(tx, service, {found.display_name}, opened_values(current_values(tx, service), sealer)):
        raise Conflict(
            f"the {standing[0].policy} has {{{{{found.display_name}}}}} in it", hint="set another policy there first"
        )
    apim.remove_named_value(tx, service, name)
    tell(tx, actor, "Pratique.ApiNamedValueDeleted", where, now=now, below=f"values/{name}")


def current_values(tx: Transaction, service: str) -> list[ApiNamedValue]:
    """The named values of a service, those of vaults with what the vaults have now."""
    return [apim.followed(tx, one) for one in apim.named_values_of(tx, service)]


def opened_values(rows: Sequence[ApiNamedValue], sealer: Sealer) -> dict[str, NamedValue]:
    """What the policies of a service find under each display name; nothing for one whose secret is gone."""
    return {one.display_name: _value_of(one, sealer) for one in rows if one.is_readable}


def _value_of(row: ApiNamedValue, sealer: Sealer) -> NamedValue:
    text = sealer.open(row.sealed, context=row.context) if row.sealed else row.value
    return NamedValue(text, row.is_secret)


def _check_value(text: str) -> None:
    if not text or len(text) > _LONGEST_VALUE or not text.isprintable():
        said = f"a named value has 1 to {_LONGEST_VALUE} printable characters"
        raise InvalidInput(said, problems=[Problem(said, key="value")])


def _follow(tx: Transaction, service: str, names: set[str], *, sealer: Sealer, now: datetime) -> None:
    """Let the gateway follow a named value that changed; raises when a policy is none any more with it."""
    named = opened_values(current_values(tx, service), sealer)
    scopes = users(tx, service, names, named)
    for scope in scopes:
        check_together(tx, scope, named)
    if any(not scope.api for scope in scopes):
        apim.wish_every_api(tx, service, now=now)
        return
    for api in dict.fromkeys(scope.api for scope in scopes):
        apim.wish_api(tx, service, api, now=now)


# --- subscriptions ------------------------------------------------------------------------------------------------


def put_subscription(
    tx: Transaction, actor: Actor, service: str, name: str, changes: Mapping[str, str], *, sealer: Sealer, now: datetime
) -> ApiSubscription:
    """Write a subscription: `display_name`, `scope` and `state`; what is not given stays. A new one has new keys."""
    where = may(tx, actor, service, "apim/write")
    check_name("subscription", name)
    known = apim.subscription(tx, service, name)
    wanted = known or ApiSubscription(
        service, name, apim.ALL_APIS, "active", "", "", display_name=name, created_at=now,
        created_by=actor.to_document(),
    )  # fmt: skip
    if known is None:
        primary, secondary = (sealer.seal(new_secret(), context=wanted.context(slot)) for slot in SLOTS)
        wanted = replace(wanted, primary_key=primary, secondary_key=secondary)
    wanted = replace(
        wanted,
        display_name=changes.get("display_name") or wanted.display_name,
        scope=changes.get("scope") or wanted.scope,
        state=changes.get("state") or wanted.state,
    )
    if wanted.state not in _STATES:
        said = f"expected {' or '.join(_STATES)}; got {wanted.state[:64]!r}"
        raise InvalidInput(said, problems=[Problem(said, key="state")])
    _check_scope(tx, service, wanted.scope)
    if wanted != known:
        apim.put_subscription(tx, wanted)
        data = {"scope": wanted.scope, "state": wanted.state}
        tell(tx, actor, "Pratique.ApiSubscriptionSet", where, now=now, below=f"subscriptions/{name}", data=data)
    return wanted


def subscription(tx: Transaction, actor: Actor, service: str, name: str) -> ApiSubscription:
    """The subscription called `name`; raises `NotFound`."""
    get(tx, actor, service)
    if found := apim.subscription(tx, service, name):
        return found
    raise NotFound(
        f"the API service {service!r} has no subscription {name[:64]!r}",
        hint=f"pratique apim subscription list -n {service}",
    )


def every_subscription(tx: Transaction, actor: Actor, service: str) -> list[ApiSubscription]:
    """The subscriptions of a service, by name."""
    get(tx, actor, service)
    return apim.subscriptions_of(tx, service)


def subscription_keys(
    tx: Transaction, actor: Actor, service: str, name: str, *, sealer: Sealer, now: datetime
) -> dict[str, str]:
    """Both keys, {"primaryKey", "secondaryKey"}; that they were read is an event."""
    where = may(tx, actor, service, "apim/secrets")
    found = subscription(tx, actor, service, name)
    tell(tx, actor, "Pratique.ApiSubscriptionKeysRead", where, now=now, below=f"subscriptions/{name}")
    primary, secondary = opened_keys(found, sealer)
    return {"primaryKey": primary, "secondaryKey": secondary}


def opened_keys(found: SubscriptionKeys, sealer: Sealer) -> tuple[str, str]:
    """Primary and secondary key in clear, for the gateway."""
    primary = sealer.open(found.primary_key, context=found.context("primary"))
    return primary, sealer.open(found.secondary_key, context=found.context("secondary"))


def regenerate_key(
    tx: Transaction, actor: Actor, service: str, name: str, slot: Slot, *, sealer: Sealer, now: datetime
) -> ApiSubscription:
    """Replace one of the two keys; the other stays valid, so that callers can move."""
    where = may(tx, actor, service, "apim/secrets")
    found = subscription(tx, actor, service, name)
    sealed = sealer.seal(new_secret(), context=found.context(slot))
    made = replace(found, primary_key=sealed) if slot == "primary" else replace(found, secondary_key=sealed)
    apim.put_subscription(tx, made)
    data = {"key_type": slot}
    tell(tx, actor, "Pratique.ApiSubscriptionKeyRegenerated", where, now=now, below=f"subscriptions/{name}", data=data)
    return made


def delete_subscription(tx: Transaction, actor: Actor, service: str, name: str, *, now: datetime) -> None:
    """Remove a subscription: its keys open nothing any more."""
    where = may(tx, actor, service, "apim/delete")
    subscription(tx, actor, service, name)
    apim.remove_subscription(tx, service, name)
    tell(tx, actor, "Pratique.ApiSubscriptionDeleted", where, now=now, below=f"subscriptions/{name}")


def _check_scope(tx: Transaction, service: str, scope: str) -> None:
    beginning, _, name = scope.rpartition("/")
    if scope == apim.ALL_APIS or (beginning == apim.ALL_APIS and apim.api(tx, service, name)):
        return
    said = f"{scope[:100]!r} is neither /apis nor /apis/NAME of an API of this service"
    raise InvalidInput(said, problems=[Problem(said, key="scope")])


def tell(
    tx: Transaction,
    actor: Actor,
    kind: str,
    service: ApiService,
    *,
    now: datetime,
    below: str = "",
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write an event about a service, or about what is `below` it."""
    subject = "/".join(part for part in (f"apim/{service.name}", below) if part)
    scope = group_scope(service.resource_group)
    events.append(
        tx, Event(kind, subject, scope, actor.to_document(), {"service": service.name, **(data or {})}), now=now
    )
