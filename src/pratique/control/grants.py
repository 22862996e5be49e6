"""From proven claims to an actor with the roles that it has now.

A token says who somebody is, never what they may do: the roles are read when
they are needed, so that one which was taken away counts no more, and whoever
was deleted is nobody, however long their token lasts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pratique.base.errors import Forbidden, Unauthenticated
from pratique.control.actor import Actor, Grant, Kind
from pratique.control.managed_identities import check_runs
from pratique.control.permissions import ROLES, workspace_scope
from pratique.control.role_definitions import granted_by
from pratique.control.scopes import group_of
from pratique.control.tokens import OUR_AUDIENCES, Issuer
from pratique.control.unit_actors import (
    ACCESS,
    CHECKOUT,
    SUBJECT,
    actor_of_access,
    actor_of_checkout,
    actor_of_unit,
    running_unit,
)
from pratique.store import jobs, principals, role_definitions, workspaces
from pratique.store.database import Transaction
from pratique.store.jobs import Job
from pratique.store.principals import Principal, RoleAssignment

SERVICES: Final = {"mlflow": (Grant("Tracking", "/"),)}
"""Parts of the platform that call its API, with what each may do."""

_KINDS: Final[Mapping[str, Kind]] = {
    "user": "user",
    "service_principal": "service_principal",
    "managed_identity": "managed_identity",
}
_JOB: Final = "job:"
_SERVICE: Final = "service:"


def token_of(issuer: Issuer, principal: Principal, *, lasting: timedelta, now: datetime) -> str:
    """A token for a user or a service principal; it ends with the principal's generation of tokens."""
    claims, name = _generation(principal), principal.name
    return issuer.issue(principal.id, kind=principal.kind, name=name, lasting=lasting, now=now, claims=claims)


def token_for(
    tx: Transaction, issuer: Issuer, claims: Mapping[str, Any], audience: str, *, lasting: timedelta, now: datetime
) -> str:
    """Another token of whom verified `claims` stand for, meant for `audience`; it ends no later than they do.

    Raises `Forbidden` for what is not a principal, such as a job, and an audience that is not this platform.
    """
    actor, kind = actor_of(tx, claims), str(claims.get("kind"))
    if kind not in _KINDS and audience not in OUR_AUDIENCES:
        raise Forbidden(
            f"a {actor.kind} is nobody to {audience[:100]!r}",
            hint="give the job a managed identity: identity: {type: managed}",
        )
    kept = {key: claims[key] for key in ("gen", "run", "unit", "job", "deployment") if key in claims}
    left = datetime.fromtimestamp(int(claims["exp"]), UTC) - now
    until = min(lasting, max(left, timedelta(seconds=1)))
    return issuer.issue(
        str(claims["sub"]), kind=kind, name=actor.name, lasting=until, now=now, audience=audience, claims=kept
    )


def _generation(principal: Principal) -> dict[str, Any]:
    return {"gen": principal.token_generation}


def token_of_job(issuer: Issuer, job: Job, *, lasting: timedelta, now: datetime) -> str:
    """A token for a running job; it ends with the job, whatever `lasting` says."""
    return issuer.issue(_JOB + job.id, kind="job", name=job.name, lasting=lasting, now=now)


def token_of_unit(issuer: Issuer, unit: str, *, lasting: timedelta, now: datetime) -> str:
    """A token for the worker of a unit; it ends with the unit, whatever `lasting` says."""
    return issuer.issue(SUBJECT + unit, kind="unit", name=unit, lasting=lasting, now=now)


def token_of_checkout(issuer: Issuer, unit: str, *, lasting: timedelta, now: datetime) -> str:
    """A token with which git reads the repositories of a unit's run; it ends with the unit."""
    return issuer.issue(CHECKOUT + unit, kind="checkout", name=unit, lasting=lasting, now=now)


def token_of_access(issuer: Issuer, unit: str, *, lasting: timedelta, now: datetime) -> str:
    """System.AccessToken: reads the run of a unit and its repositories; it ends with the unit."""
    return issuer.issue(ACCESS + unit, kind="access", name=unit, lasting=lasting, now=now)


def token_of_connection(
    issuer: Issuer, principal: Principal, *, run: int, unit: str, lasting: timedelta, now: datetime
) -> str:
    """A token of a service principal for a unit of a run; it ends with the unit, whatever `lasting` says."""
    claims = {"run": run, "unit": unit, **_generation(principal)}
    name = principal.name
    return issuer.issue(principal.id, kind=principal.kind, name=name, lasting=lasting, now=now, claims=claims)


def exchanged(tx: Transaction, issuer: Issuer, token: str, *, client_id: str, lasting: timedelta, now: datetime) -> str:
    """Another token of the unit that `token` is for, which a login gives as the secret of `client_id`.

    Raises `Unauthenticated` unless it is one of `token_of_connection` for that principal, and in force.
    """
    claims = issuer.verify(token, now=now)
    actor = actor_of(tx, claims)
    if actor.run is None or client_id not in (actor.id, actor.name):
        raise Unauthenticated("the client id or its secret is wrong")
    left = datetime.fromtimestamp(int(claims["exp"]), UTC) - now
    said = {"run": actor.run, "unit": str(claims["unit"]), "gen": claims.get("gen", 0)}
    until = min(lasting, max(left, timedelta(seconds=1)))
    return issuer.issue(actor.id, kind=actor.kind, name=actor.name, lasting=until, now=now, claims=said)


def token_of_service(issuer: Issuer, service: str, *, lasting: timedelta, now: datetime) -> str:
    """A token for a part of the platform, one of `SERVICES`."""
    if service not in SERVICES:
        raise ValueError(f"{service!r} is not one of {', '.join(SERVICES)}")
    return issuer.issue(_SERVICE + service, kind="platform", name=service, lasting=lasting, now=now)


def actor_of(tx: Transaction, claims: Mapping[str, Any]) -> Actor:
    """Whom verified `claims` stand for; raises `Unauthenticated` when there is no such actor (any more)."""
    subject, kind = str(claims.get("sub", "")), str(claims.get("kind", ""))
    if kind == "job":
        return _job(tx, subject)
    if kind == "checkout":
        return actor_of_checkout(tx, subject)
    if kind == "access":
        return actor_of_access(tx, subject)
    if kind == "unit":
        return actor_of_unit(tx, subject)
    if kind == "platform":
        return _service(subject)
    found = principals.get(tx, subject)
    if found is None or found.kind != kind:
        raise Unauthenticated("the principal of this token does not exist any more", hint="pratique login")
    if claims.get("gen", 0) != found.token_generation:
        raise Unauthenticated("the tokens of this principal were revoked", hint="pratique login")
    if "unit" in claims:
        return replace(actor_for(tx, found), run=running_unit(tx, str(claims["unit"])).run)
    job = check_runs(tx, claims)
    if job is None:
        return actor_for(tx, found)
    return replace(actor_for(tx, found), run=job.created_by.get("run"), job=f"{job.workspace}/{job.name}")


def actor_for(tx: Transaction, principal: Principal) -> Actor:
    """A principal, whose identity was proven, with its present roles."""
    grants = tuple(_reaching(tx, _held(tx, principals.reaching(tx, principal.id))))
    return Actor(principal.id, principal.name, _KINDS[principal.kind], grants)


def _held(tx: Transaction, assigned: Iterable[RoleAssignment]) -> Iterable[Grant]:
    """The role of each assignment once, with the actions of one that somebody defined."""
    for role, scope in dict.fromkeys((row.role, row.scope) for row in assigned):
        if role in ROLES:
            yield Grant(role, scope)
        elif defined := role_definitions.named(tx, role):
            yield Grant(role, scope, granted_by(defined))


def _reaching(tx: Transaction, grants: Iterable[Grant]) -> Iterable[Grant]:
    """Every grant, and for one at a resource group the same role at each workspace which is in it now."""
    for grant in grants:
        yield grant
        if group := group_of(grant.scope):
            for workspace in workspaces.in_group(tx, group):
                yield replace(grant, scope=workspace_scope(workspace.name))


def _job(tx: Transaction, subject: str) -> Actor:
    job = jobs.by_id(tx, subject.removeprefix(_JOB)) if subject.startswith(_JOB) else None
    if job is None or job.is_terminal:
        raise Unauthenticated("the job of this token has ended")
    # What a job of a run makes, the run makes.
    return Actor(subject, job.name, "job", (Grant("Job", workspace_scope(job.workspace)),), job.created_by.get("run"))


def _service(subject: str) -> Actor:
    name = subject.removeprefix(_SERVICE)
    if not subject.startswith(_SERVICE) or name not in SERVICES:
        raise Unauthenticated("the token names no part of this platform")
    return Actor(subject, name, "platform", SERVICES[name])
