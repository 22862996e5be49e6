"""Policies of all APIs, of one API and of one operation.

A verb writes the document; what it means together with those above and below it
is read before, and the gateway follows in one step.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pratique.control import apim as services
from pratique.control import apis
from pratique.control.actor import Actor
from pratique.control.policy_texts import PolicyScope, Row, check_together
from pratique.specs.policy import NamedValue, TokenCheck
from pratique.specs.policy_scopes import PolicyDocument, PolicyText, read_document
from pratique.store import apim
from pratique.store.apim import ApiKeySet
from pratique.store.database import Transaction
from pratique.store.sealing import Sealer


def get(tx: Transaction, actor: Actor, scope: PolicyScope) -> Row:
    """The service, API or operation that the policy of `scope` stands at; raises `NotFound`."""
    if not scope.api:
        return services.get(tx, actor, scope.service)
    if not scope.operation:
        return apis.get(tx, actor, scope.service, scope.api)
    return apis.operation(tx, actor, scope.service, scope.api, scope.operation)


def below(tx: Transaction, actor: Actor, scope: PolicyScope) -> list[apim.Api]:
    """The APIs whose calls the policy of `scope` is about."""
    return [one for one in apis.every(tx, actor, scope.service) if scope.api in ("", one.name)]


def checked(tx: Transaction, actor: Actor, scope: PolicyScope, source: PolicyText, *, sealer: Sealer) -> PolicyDocument:
    """What the document `source` says at `scope`; raises `InvalidInput` with every problem, each with its line."""
    services.may(tx, actor, scope.service, "apim/write")
    get(tx, actor, scope)
    document = read_document(source, _named(tx, scope, sealer))
    for backend in document.backends:
        apis.check_backend(tx, actor, backend)
    return document


def put(
    tx: Transaction,
    actor: Actor,
    scope: PolicyScope,
    source: PolicyText,
    *,
    key_sets: Sequence[ApiKeySet] = (),
    sealer: Sealer,
    now: datetime,
) -> Row:
    """Let `source` be the policy of `scope`, in one step; `key_sets` are what its OpenID configurations say now.

    Raises `InvalidInput` for what is wrong with it, or does not go with the policies above and below it.
    """
    document = checked(tx, actor, scope, source, sealer=sealer)
    for one in key_sets:
        apim.put_key_set(tx, one)
    known = get(tx, actor, scope)
    if (known.policy, known.allow_any_audience) == (source.text, source.allow_any_audience):
        return known
    _write(tx, scope, now=now, policy=source.text, allow_any_audience=source.allow_any_audience)
    check_together(tx, scope, _named(tx, scope, sealer), file=source.file)
    checks = document.all(TokenCheck)
    data = {
        "checks_tokens": bool(checks),
        "audiences": [audience for check in checks for audience in check.audiences],
        "configurations": [*document.configurations],
    }
    _tell(tx, actor, "Pratique.ApiPolicySet", scope, data, now=now)
    return get(tx, actor, scope)


def delete(tx: Transaction, actor: Actor, scope: PolicyScope, *, sealer: Sealer, now: datetime) -> bool:
    """Take the policy of `scope` away; whether there was one.

    Raises `InvalidInput` when a policy below it stands on what it says.
    """
    services.may(tx, actor, scope.service, "apim/delete")
    if not get(tx, actor, scope).policy:
        return False
    _write(tx, scope, now=now, policy="", allow_any_audience=False)
    check_together(tx, scope, _named(tx, scope, sealer))
    _tell(tx, actor, "Pratique.ApiPolicyDeleted", scope, {}, now=now)
    return True


def _named(tx: Transaction, scope: PolicyScope, sealer: Sealer) -> dict[str, NamedValue]:
    return services.opened_values(services.current_values(tx, scope.service), sealer)


def _write(tx: Transaction, scope: PolicyScope, *, now: datetime, policy: str, allow_any_audience: bool) -> None:
    """Write the policy, and let the gateway follow at every API that it is about."""
    values = {"policy": policy, "allow_any_audience": allow_any_audience}
    if not scope.api:
        apim.change_service(tx, scope.service, **values)
        apim.wish_every_api(tx, scope.service, now=now)
    elif not scope.operation:
        apim.wish_api(tx, scope.service, scope.api, now=now, **values)
    else:
        apim.change_operation(tx, scope.service, scope.api, scope.operation, **values)
        apim.wish_api(tx, scope.service, scope.api, now=now)


def _tell(
    tx: Transaction, actor: Actor, kind: str, scope: PolicyScope, data: Mapping[str, Any], *, now: datetime
) -> None:
    words = {"apis": scope.api, "operations": scope.operation}
    below = "/".join(f"{noun}/{name}" for noun, name in words.items() if name)
    where = services.get(tx, actor, scope.service)
    services.tell(tx, actor, kind, where, now=now, below=below, data=data)
