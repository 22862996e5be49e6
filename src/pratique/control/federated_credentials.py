"""Federated credentials: a program proves itself by a token of somebody else's issuer, and has no secret here.

As in Azure, a credential names the issuer, the subject and the audience, and
each has to be exactly so. The operator says which issuers may be named at all.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pratique.base.errors import AlreadyExists, InvalidInput, NotFound, Problem, Unauthenticated
from pratique.base.ids import new_id
from pratique.control import foreign_tokens
from pratique.control.actor import Actor
from pratique.control.permissions import permit
from pratique.control.roles import find_principal
from pratique.control.scopes import HOME
from pratique.store import events, federated_credentials, principals
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.federated_credentials import FederatedCredential
from pratique.store.principals import Principal

AUDIENCE: Final = "api://AzureADTokenExchange"
"""What Azure means when a credential names no audience."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}", re.ASCII)
_LONGEST: Final = 600
_MOST: Final = 20
"""Credentials of one principal, as in Azure."""

Verify = Callable[..., Mapping[str, Any]]


@dataclass(frozen=True)
class NewCredential:
    """What a file says of a credential."""

    name: str
    issuer: str
    subject: str
    audience: str
    description: str


def create(
    tx: Transaction, actor: Actor, who: str, said: NewCredential, *, trusted: Sequence[str], now: datetime
) -> FederatedCredential:
    """Let a service principal prove itself so; raises `InvalidInput` for an issuer that is not `trusted`."""
    permit(actor, "principals/write", HOME)
    holder = _program(tx, who)
    _check(said, trusted)
    known = federated_credentials.of_principal(tx, holder.id)
    if any(one.name == said.name for one in known):
        raise AlreadyExists(f"{holder.name!r} has a federated credential {said.name!r} already")
    if len(known) >= _MOST:
        raise InvalidInput(f"a program has at most {_MOST} federated credentials")
    made = FederatedCredential(
        new_id(), holder.id, said.name, said.issuer, said.subject, said.audience, said.description, now,
        actor.to_document(),
    )  # fmt: skip
    federated_credentials.add(tx, made)
    _tell(tx, actor, "Pratique.FederatedCredentialCreated", holder, made, now=now)
    return made


def every(tx: Transaction, actor: Actor, who: str) -> list[FederatedCredential]:
    """The federated credentials of a service principal, by name."""
    permit(actor, "principals/read", HOME)
    return federated_credentials.of_principal(tx, _program(tx, who).id)


def get(tx: Transaction, actor: Actor, who: str, which: str) -> FederatedCredential:
    """One of them, by name or id; raises `NotFound`."""
    for one in every(tx, actor, who):
        if which in (one.name, one.id):
            return one
    raise NotFound(
        f"{who[:128]!r} has no federated credential {which[:120]!r}",
        hint=f"pratique ad app federated-credential list --id {who[:128]}",
    )


def delete(tx: Transaction, actor: Actor, who: str, which: str, *, now: datetime) -> None:
    """Let a program prove itself so no more; tokens that it was given go on until they expire."""
    permit(actor, "principals/delete", HOME)
    found, holder = get(tx, actor, who, which), _program(tx, who)
    federated_credentials.remove(tx, found.id)
    _tell(tx, actor, "Pratique.FederatedCredentialDeleted", holder, found, now=now)


def proven(tx: Transaction, client_id: str, token: str, *, verify: Verify, now: datetime) -> Principal:
    """The service principal that `token` of somebody else's proves; raises `Unauthenticated`.

    `verify` checks a token for an audience, and raises the same.
    """
    issuer = foreign_tokens.issuer_of(token)
    found = (principals.get(tx, client_id) or principals.named(tx, client_id)) if client_id.isprintable() else None
    for one in federated_credentials.of_principal(tx, found.id) if found else ():
        if one.issuer == issuer:
            claims = verify(token, audience=one.audience, now=now)
            if found and claims["sub"] == one.subject:
                return found
    raise Unauthenticated("no federated credential of this client fits the token")


def _program(tx: Transaction, who: str) -> Principal:
    found = find_principal(tx, who)
    if found.kind != "service_principal":
        raise InvalidInput(f"{found.name!r} is no service principal", hint="pratique ad sp list")
    return found


def _check(said: NewCredential, trusted: Sequence[str]) -> None:
    problems = []
    if not _NAME.fullmatch(said.name):
        problems.append(Problem("expected 3 to 120 letters, digits, _ -", key="name"))
    for key in ("subject", "audience"):
        text = str(getattr(said, key))
        if not text or len(text) > _LONGEST or not text.isprintable():
            problems.append(Problem(f"expected 1 to {_LONGEST} visible characters", key=key))
    if said.issuer not in trusted:
        known = ", ".join(sorted(trusted)) or "none"
        hint = f"the setting trusted_issuers names {known}"
        problems.append(
            Problem(f"{said.issuer[:200]!r} is not an issuer that is trusted here", key="issuer", hint=hint)
        )
    if problems:
        raise InvalidInput.of(problems, what="federated credential")


def _tell(
    tx: Transaction, actor: Actor, kind: str, holder: Principal, row: FederatedCredential, *, now: datetime
) -> None:
    data = {"name": row.name, "principal": holder.name, "issuer": row.issuer, "subject": row.subject}
    data["audience"] = row.audience
    events.append(tx, Event(kind, f"principals/{holder.id}", HOME, actor.to_document(), data), now=now)
