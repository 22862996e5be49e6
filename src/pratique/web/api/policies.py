"""Policies of API management: of all APIs of a service, of one API, of one operation."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field

from pratique.base.clock import utc_now
from pratique.base.errors import InvalidInput, Problem
from pratique.control import apim, policies
from pratique.control.actor import Actor
from pratique.control.policy_texts import PolicyScope
from pratique.engine import key_sets, outbound
from pratique.specs.key_types import Text
from pratique.specs.policy_scopes import PolicyDocument, PolicyText
from pratique.store.apim import Api, ApiKeySet
from pratique.store.database import Transaction
from pratique.web.api.apim import SETTLED, TYPE, Deleter, Reader, Writer, id_of
from pratique.web.api.fields import RequestBody, Wait, present
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/apim/{service}", tags=["API management"])


class PolicyBody(RequestBody):
    """A policy."""

    xml: str
    file: Annotated[Text, Field(max_length=400)] = "policy"
    allow_any_audience: bool = False


def at_all_apis(service: str) -> PolicyScope:
    """All APIs of a service."""
    return PolicyScope(service)


def at_api(service: str, api: str) -> PolicyScope:
    """One API."""
    return PolicyScope(service, api)


def at_operation(service: str, api: str, operation: str) -> PolicyScope:
    """One operation."""
    return PolicyScope(service, api, operation)


def _serve(path: str, scope_of: Callable[..., PolicyScope]) -> None:
    """The routes of the policy that stands at `path`."""
    at = Depends(scope_of)

    @router.put(path, status_code=202)
    def set_policy(platform: Here, actor: Writer, body: PolicyBody, scope: PolicyScope = at) -> dict[str, Any]:
        """Set the policy."""
        return _put_policy(platform, actor, scope, body)

    @router.get(path)
    async def get_policy(platform: Here, actor: Reader, wait: Wait = 0, scope: PolicyScope = at) -> dict[str, Any]:
        """The policy; with `wait`, as soon as the gateway has followed."""
        return await _policy_when_settled(platform, actor, scope, wait)

    @router.delete(path, status_code=204)
    def delete_policy(platform: Here, actor: Deleter, scope: PolicyScope = at) -> None:
        """Take the policy away."""
        _delete_policy(platform, actor, scope)


_serve("/policy", at_all_apis)
_serve("/apis/{api}/policy", at_api)
_serve("/apis/{api}/operations/{operation}/policy", at_operation)


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

    return await platform.bell.until(look, lambda seen: seen["provisioningState"] in SETTLED, seconds=wait)


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


def _policy(tx: Transaction, actor: Actor, scope: PolicyScope, platform: Platform) -> dict[str, Any]:
    service, row = apim.get(tx, actor, scope.service), policies.get(tx, actor, scope)
    below = policies.below(tx, actor, scope)
    state, error = _state_of(below)
    nouns = {"apis": scope.api, "operations": scope.operation}
    words = [word for noun, name in nouns.items() if name for word in (noun, name)]
    return present(
        {
            "id": id_of(service, platform, *words, "policies", "policy"),
            "name": "policy",
            "resourceGroup": service.resource_group,
            "format": "rawxml",
            "value": row.policy,
            "allowAnyAudience": row.allow_any_audience,
            "provisioningState": state,
            "error": error,
            "type": "/".join((TYPE, *words[::2], "policies")),
        }
    )


def _state_of(below: Sequence[Api]) -> tuple[str, Any]:
    """How far the gateway is with a policy at the APIs that it is about, and what went wrong."""
    for api in below:
        if api.provisioning_state == "Failed":
            return "Failed", api.error
    return ("Succeeded" if all(api.provisioning_state in SETTLED for api in below) else "Updating"), None
