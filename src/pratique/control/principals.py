"""Users and service principals: made, shown, given another secret, removed.

Writing principals is as strong as the strongest of them, because whoever may
reset a secret may sign in with the new one; so it is an action at the whole
home, which only an Owner has. Anybody may reset their own.

A credential is made (and hashed, which is slow) before the transaction and
handed in; no row and no event ever holds the secret itself.
"""

import re
from datetime import datetime
from typing import Final

from pratique.base.errors import AlreadyExists, InvalidInput, NotFound
from pratique.base.ids import new_id
from pratique.base.names import check_name
from pratique.control import roles
from pratique.control.actor import PLATFORM, Actor, check_is_itself
from pratique.control.credentials import Credential
from pratique.control.permissions import permit
from pratique.control.scopes import HOME
from pratique.store import events, principals, vaults
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.principals import Principal

USER: Final = "user"
SERVICE_PRINCIPAL: Final = "service_principal"

_WORDS: Final = {
    USER: "user",
    SERVICE_PRINCIPAL: "service principal",
    "group": "group",
    "managed_identity": "managed identity",
}
_EVENTS: Final = {
    USER: "Pratique.UserCreated",
    SERVICE_PRINCIPAL: "Pratique.ServicePrincipalCreated",
    "group": "Pratique.PrincipalGroupCreated",
}
_LOOKS_LIKE_AN_ID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def create_user(
    tx: Transaction, actor: Actor, name: str, *, display_name: str, credential: Credential, now: datetime
) -> Principal:
    """Make a user who signs in with `credential`; raises `AlreadyExists`."""
    return _create(tx, actor, USER, name, display_name, credential, now=now)


def create_service_principal(
    tx: Transaction, actor: Actor, name: str, *, credential: Credential, now: datetime
) -> Principal:
    """Make a service principal; one of that name gets the new credential instead, as `az` does it."""
    permit(actor, "principals/write", HOME)
    known = principals.named(tx, name)
    if known and known.kind == SERVICE_PRINCIPAL:
        return reset_credential(tx, actor, known.id, credential=credential, now=now)
    return _create(tx, actor, SERVICE_PRINCIPAL, name, name, credential, now=now)


def reset_credential(tx: Transaction, actor: Actor, who: str, *, credential: Credential, now: datetime) -> Principal:
    """Replace the secret of `who` (id or name), and end its sessions and every token that was given for the old one.

    From the next request on; a token for somebody else's API goes on there until it expires.
    """
    check_is_itself(actor, "replace a secret")
    found = _reachable(tx, actor, "principals/write", who)
    if found.kind not in (USER, SERVICE_PRINCIPAL):
        raise InvalidInput(f"{found.name!r} is a {_WORDS[found.kind]} and has no secret")
    changed = {"secret_hash": credential.hash, "secret_expires_at": credential.expires_at}
    principals.change(tx, found.id, **changed)
    _end_tokens(tx, found)
    _tell(tx, actor, "Pratique.CredentialReset", found, expires=credential.expires_at, now=now)
    return principals.get(tx, found.id) or found


def revoke(tx: Transaction, actor: Actor, who: str, *, now: datetime) -> Principal:
    """End every token and browser session that `who` (id or name) has; the secret stays good."""
    found = _reachable(tx, actor, "principals/write", who)
    _end_tokens(tx, found)
    _tell(tx, actor, "Pratique.TokensRevoked", found, now=now)
    return principals.get(tx, found.id) or found


def _end_tokens(tx: Transaction, principal: Principal) -> None:
    principals.change(tx, principal.id, token_generation=principal.token_generation + 1)
    principals.remove_browser_tokens(tx, principal.id)


def add_group(tx: Transaction, actor: Actor, name: str, *, description: str, now: datetime) -> Principal:
    """Write a group of principals; `principal_groups.create` is the verb."""
    return _create(tx, actor, "group", name, description or name, None, now=now)


def get(tx: Transaction, actor: Actor, who: str, *, kind: str) -> Principal:
    """The user or service principal whose id or name is `who`; raises `NotFound`. Everybody may see themselves."""
    found = _reachable(tx, actor, "principals/read", who)
    if found.kind != kind:
        raise NotFound(f"{found.name!r} is not a {_WORDS[kind]} but a {_WORDS[found.kind]}")
    return found


def every(tx: Transaction, actor: Actor, *, kind: str) -> list[Principal]:
    """All users, or all service principals, by name."""
    permit(actor, "principals/read", HOME)
    return principals.every(tx, kind)


def delete(tx: Transaction, actor: Actor, who: str, *, kind: str, now: datetime) -> None:
    """Remove a principal with its roles and sessions; its tokens are good no more. The last Owner stays."""
    permit(actor, "principals/delete", HOME)
    found = get(tx, actor, who, kind=kind)
    roles.keep_an_owner(tx, without=principals.assignments(tx, principal=found.id))
    principals.remove(tx, found.id)
    vaults.remove_policies_of(tx, found.id)
    _tell(tx, actor, "Pratique.PrincipalDeleted", found, now=now)


def ensure_owner(tx: Transaction, name: str, *, now: datetime) -> Principal:
    """The user called after the login `name`, Owner of the whole home; made at the first start.

    Whoever starts the platform holds its home and so could do everything
    anyway; a role that was taken from them is given again, with its event.
    """
    called = _name_from_login(name)
    found = principals.named(tx, called)
    if found and found.kind != USER:
        raise AlreadyExists(
            f"{called!r} is a {_WORDS[found.kind]}, so it cannot be the user who owns this home",
            hint=f"delete it: pratique ad {'group' if found.kind == 'group' else 'sp'} delete --id {found.id}",
        )
    owner = found or _add(tx, PLATFORM, USER, called, called, None, now=now)
    held = {(row.role, row.scope) for row in principals.assignments(tx, principal=owner.id)}
    if (roles.OWNER, HOME) not in held:
        roles.give(tx, PLATFORM, owner, role=roles.OWNER, scope=HOME, now=now)
    return owner


def _create(
    tx: Transaction,
    actor: Actor,
    kind: str,
    name: str,
    display_name: str,
    credential: Credential | None,
    *,
    now: datetime,
) -> Principal:
    permit(actor, "principals/write", HOME)
    check_name("principal", name)
    if _LOOKS_LIKE_AN_ID.fullmatch(name):
        raise InvalidInput(f"{name!r} looks like an id and cannot be a name")
    if known := principals.named(tx, name):
        raise AlreadyExists(f"there is a {_WORDS[known.kind]} {name!r} already", hint="choose another name")
    return _add(tx, actor, kind, name, display_name, credential, now=now)


def _add(
    tx: Transaction,
    actor: Actor,
    kind: str,
    name: str,
    display_name: str,
    credential: Credential | None,
    *,
    now: datetime,
) -> Principal:
    principal = Principal(
        id=new_id(),
        kind=kind,
        name=name,
        display_name=display_name or name,
        secret_hash=credential.hash if credential else None,
        secret_expires_at=credential.expires_at if credential else None,
        created_at=now,
    )
    principals.add(tx, principal)
    _tell(tx, actor, _EVENTS[kind], principal, expires=principal.secret_expires_at, now=now)
    return principal


def _reachable(tx: Transaction, actor: Actor, action: str, who: str) -> Principal:
    """The principal `who`, which the actor itself may be; otherwise it needs `action` at the home."""
    if who not in (actor.id, actor.name):
        permit(actor, action, HOME)
    found = roles.find_principal(tx, who)
    if found.id != actor.id:
        permit(actor, action, HOME)
    return found


def _name_from_login(login: str) -> str:
    """`login` as a name of ours: what a name cannot have becomes a hyphen."""
    cleaned = re.sub(r"[^A-Za-z0-9_.@+-]", "-", login)[:128].lstrip("-_.@+")
    return check_name("principal", cleaned or "owner")


def _tell(
    tx: Transaction,
    actor: Actor,
    kind: str,
    principal: Principal,
    *,
    now: datetime,
    expires: datetime | None = None,
) -> None:
    data = {"name": principal.name, "kind": principal.kind}
    if expires:
        data["secret_expires_at"] = expires.isoformat()
    events.append(tx, Event(kind, f"principals/{principal.id}", HOME, actor.to_document(), data), now=now)
