"""Managed identities that somebody makes in a resource group, and assigns to jobs and endpoints by their files.

    groups/team/identities/scorer       what its principal is called

Whoever names one in a file lets what runs act as it, so they need the action
`identities/assign` at it, in its group or in the whole home. What is written
of a job or an endpoint is the id: another identity of the same name, made
later, is not meant.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pratique.base.errors import InvalidInput, NotFound, Problem
from pratique.base.ids import new_id
from pratique.base.names import check_name
from pratique.control import groups, managed_identities
from pratique.control.actor import Actor, check_is_itself
from pratique.control.managed_identities import KIND
from pratique.control.permissions import identity_scope, is_permitted, permit
from pratique.control.scopes import identity_of, parse_scope
from pratique.store import assigned_identities, events, principals
from pratique.store.assigned_identities import AssignedIdentity
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.principals import Principal

_IDS: Final = ("client_id", "object_id", "principal_id")
"""Words for one thing: an identity has one id here."""
_RESOURCE: Final = ("resource_id", "msi_resource_id")
_PEOPLE: Final = ("user", "service_principal")


def called(group: str, name: str) -> str:
    """What the principal of an identity is called."""
    return identity_scope(group, name).removeprefix("/")


def create(
    tx: Transaction,
    actor: Actor,
    group: str,
    name: str,
    *,
    location: str = "",
    tags: Mapping[str, str] | None = None,
    now: datetime,
) -> AssignedIdentity:
    """Make the identity `name` in `group`; one that is there keeps its id, and takes the tags that are given."""
    check_name("identity", name)
    permit(actor, "identities/write", identity_scope(group, name))
    if known := assigned_identities.get(tx, group, name):
        return _changed(tx, actor, known, tags, now=now)
    where = location or groups.get(tx, actor, group).location
    principal = called(group, name)
    made = AssignedIdentity(new_id(), group, name, where, dict(tags or {}), now, actor.to_document())
    principals.add(tx, Principal(made.id, KIND, principal, name, None, None, now))
    assigned_identities.add(tx, made)
    _tell(tx, actor, "Pratique.IdentityCreated", made, now=now)
    return made


def get(tx: Transaction, actor: Actor, group: str, name: str) -> AssignedIdentity:
    """The identity called so; raises `NotFound`, also for one that the caller may not see."""
    found = assigned_identities.get(tx, group, name) if f"{group}{name}".isprintable() else None
    if found is None or not is_permitted(actor, "identities/read", _scope(found)):
        raise _unknown(f"{name[:128]!r} in resource group {group[:90]!r}")
    return found


def every(tx: Transaction, actor: Actor) -> list[AssignedIdentity]:
    """The identities that the caller may see, by group and name."""
    return [one for one in assigned_identities.every(tx) if is_permitted(actor, "identities/read", _scope(one))]


def delete(tx: Transaction, actor: Actor, group: str, name: str, *, now: datetime) -> None:
    """Remove an identity with its roles and what vaults let it do; what runs as it gets no token any more."""
    known = get(tx, actor, group, name)
    permit(actor, "identities/delete", _scope(known))
    managed_identities.forget(tx, called(group, name))
    principals.unassign_from(tx, _scope(known))
    _tell(tx, actor, "Pratique.IdentityDeleted", known, now=now)


def of_job(tx: Transaction, actor: Actor, workspace: str, spec: Mapping[str, Any]) -> dict[str, str] | None:
    """As whom a job acts that names somebody, {"id", "name"}; None for the identity of its workspace's jobs, or none.

    `user_identity` is the user or the program that submits it. Raises `NotFound`, `Forbidden` and `InvalidInput`.
    """
    said = spec.get("identity") or {}
    given = {key: str(said[key]) for key in (*_IDS, *_RESOURCE) if said.get(key)}
    if said.get("type") == "user_identity":
        if actor.kind not in _PEOPLE:
            raise _wrong(
                "identity.type", f"a {actor.kind} submits this, and user_identity is a person's or a program's"
            )
        check_is_itself(actor, "submit another that does")
        found: dict[str, str] | None = {"id": actor.id, "name": actor.name}
    elif said.get("type") in ("managed", "managed_identity") and given:
        own = managed_identities.find(tx, managed_identities.of_workspace(workspace))
        if own and set(given.values()) == {own.id}:
            return None
        chosen = _assignable(tx, actor, given, key="identity")
        return {"id": chosen.id, "name": called(chosen.resource_group, chosen.name)}
    else:
        found = None
    if given:
        raise _wrong(f"identity.{min(given)}", f"goes with type: managed, not with {said.get('type')}")
    return found


def of_endpoint(
    tx: Transaction, actor: Actor, said: Mapping[str, Any] | None, known: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """The `identity` of an endpoint's file with every identity that it names looked up; `known` are those it had.

    Only one that is new has to be the caller's to assign. Raises `NotFound`, `Forbidden` and `InvalidInput`.
    """
    if not said:
        return None
    given = said.get("user_assigned_identities") or []
    if said.get("type") != "user_assigned":
        if given:
            raise _wrong("identity.user_assigned_identities", "goes with type: user_assigned")
        return {"type": "system_assigned"}
    if not given:
        raise _wrong("identity.user_assigned_identities", "type: user_assigned needs an identity at least")
    had = {str(one["client_id"]) for one in (known or {}).get("user_assigned_identities") or ()}
    assigned: dict[str, dict[str, str]] = {}
    for index, one in enumerate(given):
        names = {"resource_id": one} if isinstance(one, str) else {key: text for key, text in one.items() if text}
        found = _assignable(tx, actor, names, key=f"identity.user_assigned_identities[{index}]", had=had)
        assigned[found.id] = {"resource_id": _scope(found), "client_id": found.id, "principal_id": found.id}
    return {"type": "user_assigned", "user_assigned_identities": list(assigned.values())}


def _assignable(
    tx: Transaction, actor: Actor, given: Mapping[str, str], *, key: str, had: frozenset[str] | set[str] = frozenset()
) -> AssignedIdentity:
    """The one identity that all of `given` name, which the caller may assign unless it is one of `had`."""
    found = {name: _named(tx, name, text, key=f"{key}.{name}") for name, text in given.items()}
    first = next(iter(found.values()))
    if other := next((name for name, one in found.items() if one.id != first.id), ""):
        raise _wrong(f"{key}.{other}", "names another identity than what stands beside it")
    if first.id not in had:
        permit(actor, "identities/assign", _scope(first))
    return first


def _named(tx: Transaction, word: str, text: str, *, key: str) -> AssignedIdentity:
    if word in _RESOURCE:
        place = identity_of(parse_scope(text))
        if place is None:
            raise _wrong(key, f"{text[:200]!r} is not the id of an identity")
        found = assigned_identities.get(tx, *place)
    else:
        found = assigned_identities.by_id(tx, text) if text.isprintable() else None
    if found is None:
        raise _unknown(f"{text[:200]!r}", key=key)
    return found


def _changed(
    tx: Transaction, actor: Actor, known: AssignedIdentity, tags: Mapping[str, str] | None, *, now: datetime
) -> AssignedIdentity:
    wanted = known if tags is None else replace(known, tags=dict(tags))
    if wanted != known:
        assigned_identities.change(tx, wanted)
        _tell(tx, actor, "Pratique.IdentityUpdated", wanted, now=now)
    return wanted


def _scope(identity: AssignedIdentity) -> str:
    return identity_scope(identity.resource_group, identity.name)


def _unknown(what: str, *, key: str = "") -> NotFound:
    said = f"there is no identity {what}"
    hint = "pratique identity list"
    return NotFound(f"{key}: {said}" if key else said, hint=hint, problems=[Problem(said, key=key)] if key else [])


def _wrong(key: str, said: str) -> InvalidInput:
    return InvalidInput(f"{key}: {said}", problems=[Problem(said, key=key)])


def _tell(tx: Transaction, actor: Actor, kind: str, identity: AssignedIdentity, *, now: datetime) -> None:
    data = {"name": identity.name, "resource_group": identity.resource_group, "id": identity.id}
    events.append(
        tx, Event(kind, called(identity.resource_group, identity.name), "/", actor.to_document(), data), now=now
    )
