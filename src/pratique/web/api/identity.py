"""Users, service principals, role assignments, the caller's own account, and links for a browser.

People and programs are shown in the words of ``az ad`` and ``az role``
(`appId`, `userPrincipalName`, `roleDefinitionName`), because scripts query
those. A secret is in the answer that made it and never again.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Body, Depends, Query, Request
from pydantic import Field

from pratique.base.clock import iso, utc_now
from pratique.base.errors import NotFound, Unauthenticated
from pratique.base.ids import new_id
from pratique.control import principals, roles, sessions
from pratique.control.actor import Actor
from pratique.control.credentials import Credential, new_credential
from pratique.control.grants import token_for
from pratique.control.principals import SERVICE_PRINCIPAL, USER
from pratique.control.roles import Assigned
from pratique.store.principals import Principal
from pratique.web.api.fields import RequestBody, present
from pratique.web.auth import KNOWN, PUBLIC, allow, allow_somewhere
from pratique.web.browser import local_path
from pratique.web.platform import Here, Platform, door_of

router = APIRouter(tags=["identity"])

_YEAR: Final = timedelta(days=365)
_TYPES: Final = {
    USER: "User",
    SERVICE_PRINCIPAL: "ServicePrincipal",
    "group": "Group",
    "managed_identity": "ServicePrincipal",
}
_LONGEST_AUDIENCE: Final = 512
_TOKEN_LASTS: Final = timedelta(hours=1)

Somebody = Annotated[Actor, Depends(KNOWN)]
PrincipalsWriter = Annotated[Actor, Depends(allow("principals/write"))]
PrincipalsReader = Annotated[Actor, Depends(allow("principals/read"))]
PrincipalsDeleter = Annotated[Actor, Depends(allow("principals/delete"))]
RolesWriter = Annotated[Actor, Depends(allow_somewhere("roles/write"))]
RolesReader = Annotated[Actor, Depends(allow_somewhere("roles/read"))]
RolesDeleter = Annotated[Actor, Depends(allow_somewhere("roles/delete"))]
Visitor = Annotated[Actor, Depends(allow_somewhere("sessions/write"))]


class UserRequest(RequestBody):
    """A new user; without a password one is made."""

    display_name: str = Field(default="", max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")
    password: str | None = None


class ServicePrincipalRequest(RequestBody):
    """A new service principal; without a name one is made."""

    name: str = ""
    years: int = Field(default=1, ge=1, le=10)


class CredentialRequest(RequestBody):
    """A new secret, which is made unless a person chose a password."""

    password: str | None = None
    years: int = Field(default=1, ge=1, le=10)


class RoleRequest(RequestBody):
    """A role for somebody (id or name) at a scope."""

    role: str
    assignee: str
    scope: str


class TokenRequest(RequestBody):
    """Whom another token is meant for."""

    audience: str = Field(min_length=1, max_length=_LONGEST_AUDIENCE, pattern=r"^[\x21-\x7e]+$")


class LinkRequest(RequestBody):
    """Where the browser goes when it has come in."""

    next: str = "/"


@router.get("/account")
def account(platform: Here, actor: Somebody) -> dict[str, Any]:
    """The caller, and where the platform is."""
    home = str(platform.home.root)
    return {
        "id": actor.id,
        "name": actor.name,
        "kind": actor.kind,
        "home": home,
        "door": platform.door,
        "endpoints": platform.endpoints_door,
        "tenant_id": platform.home.tenant,
        "subscription_id": platform.home.subscription,
        "roles": [{"role": grant.role, "scope": grant.scope} for grant in actor.grants],
    }


@router.get("/login", dependencies=[Depends(PUBLIC)])
def login(platform: Here) -> dict[str, str]:
    """At which OpenID provider people log in, and as what this platform is known there."""
    settings = platform.settings
    if not settings.login_issuer or not settings.login_client_id:
        raise NotFound(
            "people log in at no OpenID provider here",
            hint="set login_issuer and login_client_id, or log in with a password: pratique login -u NAME",
        )
    return {"issuer": settings.login_issuer, "client_id": settings.login_client_id, "scope": "openid email profile"}


@router.post("/links")
def make_link(
    request: Request, platform: Here, actor: Visitor, body: Annotated[LinkRequest | None, Body()] = None
) -> dict[str, str]:
    """A link that lets one browser in as the caller, once and within five minutes."""
    now = utc_now()
    with platform.database.write() as tx:
        token = sessions.make_link(tx, actor, now=now)
    onward = local_path(body.next) if body else "/"
    query = f"?next={quote(onward, safe='/')}" if onward != "/" else ""
    return {"url": f"{door_of(request)}/open/{token}{query}", "expires_at": iso(now + sessions.LINK_LASTS)}


@router.get("/users")
def users(platform: Here, actor: PrincipalsReader) -> list[dict[str, Any]]:
    """Every user, by name."""
    with platform.database.read() as tx:
        return [_user(found) for found in principals.every(tx, actor, kind=USER)]


@router.put("/users/{name}", status_code=201)
def create_user(name: str, body: UserRequest, platform: Here, actor: PrincipalsWriter) -> dict[str, Any]:
    """Make a user; the answer has the password when it was made here."""
    now = utc_now()
    credential = new_credential(now=now, secret=body.password)
    with platform.database.write() as tx:
        made = principals.create_user(tx, actor, name, display_name=body.display_name, credential=credential, now=now)
    return present({**_user(made), "password": None if body.password else credential.secret})


@router.get("/users/{name}")
def user(name: str, platform: Here, actor: Somebody) -> dict[str, Any]:
    """One user, by id or name; everybody may see themselves."""
    with platform.database.read() as tx:
        return _user(principals.get(tx, actor, name, kind=USER))


@router.delete("/users/{name}", status_code=204)
def delete_user(name: str, platform: Here, actor: PrincipalsDeleter) -> None:
    """Remove a user with their roles and sessions."""
    with platform.database.write() as tx:
        principals.delete(tx, actor, name, kind=USER, now=utc_now())


@router.get("/service-principals")
def service_principals(platform: Here, actor: PrincipalsReader) -> list[dict[str, Any]]:
    """Every service principal, by name."""
    with platform.database.read() as tx:
        return [_service_principal(found) for found in principals.every(tx, actor, kind=SERVICE_PRINCIPAL)]


@router.post("/service-principals", status_code=201)
def create_service_principal(body: ServicePrincipalRequest, platform: Here, actor: PrincipalsWriter) -> dict[str, Any]:
    """Make a service principal, or give the one of that name a new secret; the answer has the secret."""
    now = utc_now()
    credential = new_credential(now=now, lasting=body.years * _YEAR)
    name = body.name or _name_made(now)
    with platform.database.write() as tx:
        made = principals.create_service_principal(tx, actor, name, credential=credential, now=now)
    return _with_secret(platform, made, credential)


@router.get("/service-principals/{id}")
def service_principal(id: str, platform: Here, actor: Somebody) -> dict[str, Any]:  # noqa: A002 - its name in the URL.
    """One service principal, by id or name; everybody may see themselves."""
    with platform.database.read() as tx:
        return _service_principal(principals.get(tx, actor, id, kind=SERVICE_PRINCIPAL))


@router.delete("/service-principals/{id}", status_code=204)
def delete_service_principal(id: str, platform: Here, actor: PrincipalsDeleter) -> None:  # noqa: A002 - its name in the URL.
    """Remove a service principal with its roles."""
    with platform.database.write() as tx:
        principals.delete(tx, actor, id, kind=SERVICE_PRINCIPAL, now=utc_now())


@router.post("/principals/{id}/credential")
def reset_credential(id: str, body: CredentialRequest, platform: Here, actor: Somebody) -> dict[str, Any]:  # noqa: A002
    """Replace a secret, one's own or, as an Owner, anybody's; the old one is good no more."""
    now = utc_now()
    credential = new_credential(now=now, lasting=body.years * _YEAR, secret=body.password)
    with platform.database.write() as tx:
        changed = principals.reset_credential(tx, actor, id, credential=credential, now=now)
    platform.announce()
    return _with_secret(platform, changed, credential)


@router.post("/principals/{id}/revoke")
def revoke(id: str, platform: Here, actor: Somebody) -> dict[str, Any]:  # noqa: A002 - its name in the URL.
    """End every token and browser session of somebody, of oneself or, as an Owner, of anybody."""
    with platform.database.write() as tx:
        changed = principals.revoke(tx, actor, id, now=utc_now())
    platform.announce()
    return {"id": changed.id, "name": changed.name}


@router.post("/tokens", dependencies=[Depends(KNOWN)])
def token(request: Request, body: TokenRequest, platform: Here) -> dict[str, Any]:
    """Another token of the caller, meant for `audience`; it ends no later than the one that asks for it."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("a token is given for a token alone", hint="Authorization: Bearer TOKEN")
    now = utc_now()
    with platform.database.read() as tx:
        claims = platform.issuer.verify(value.strip(), now=now)
        made = token_for(tx, platform.issuer, claims, body.audience, lasting=_TOKEN_LASTS, now=now)
    ends = platform.issuer.verify(made, now=now, audiences=(body.audience,))["exp"]
    return {"access_token": made, "expires_on": int(ends), "resource": body.audience, "token_type": "Bearer"}


@router.get("/role-assignments")
def role_assignments(
    platform: Here,
    actor: RolesReader,
    assignee: Annotated[str | None, Query()] = None,
    scope: Annotated[str | None, Query()] = None,
) -> list[dict[str, Any]]:
    """Who has which role where."""
    with platform.database.read() as tx:
        return [_assignment(row) for row in roles.every(tx, actor, assignee=assignee, scope=scope)]


@router.post("/role-assignments", status_code=201)
def assign_role(body: RoleRequest, platform: Here, actor: RolesWriter) -> dict[str, Any]:
    """Give somebody a role at a scope; one which is there already is answered as it is."""
    with platform.database.write() as tx:
        made = roles.assign(tx, actor, role=body.role, assignee=body.assignee, scope=body.scope, now=utc_now())
    return _assignment(made)


@router.get("/role-assignments/{id}")
def role_assignment(id: str, platform: Here, actor: RolesReader) -> dict[str, Any]:  # noqa: A002 - its name in the URL.
    """One role assignment."""
    with platform.database.read() as tx:
        return _assignment(roles.get(tx, actor, id))


@router.delete("/role-assignments/{id}", status_code=204)
def unassign_role(id: str, platform: Here, actor: RolesDeleter) -> None:  # noqa: A002 - its name in the URL.
    """Take a role away; nothing happens when there is no such assignment."""
    with platform.database.write() as tx:
        roles.unassign(tx, actor, id, now=utc_now())


def _name_made(now: datetime) -> str:
    return f"pratique-{now:%Y-%m-%d-%H-%M-%S}-{new_id()[-6:]}"


def _user(principal: Principal) -> dict[str, Any]:
    return {
        "id": principal.id,
        "userPrincipalName": principal.name,
        "displayName": principal.display_name,
        "createdDateTime": iso(principal.created_at),
    }


def _service_principal(principal: Principal) -> dict[str, Any]:
    expires = principal.secret_expires_at
    return {
        "id": principal.id,
        "appId": principal.id,
        "displayName": principal.display_name,
        "createdDateTime": iso(principal.created_at),
        "passwordCredentials": [{"endDateTime": iso(expires)}] if expires else [],
    }


def _with_secret(platform: Platform, principal: Principal, credential: Credential) -> dict[str, Any]:
    """The answer of ``az ad sp create-for-rbac`` and ``credential reset``."""
    return {
        "appId": principal.id,
        "displayName": principal.display_name,
        "password": credential.secret,
        "tenant": platform.home.tenant,
    }


def _assignment(row: Assigned) -> dict[str, Any]:
    return {
        "id": row.assignment.id,
        "name": row.assignment.id,
        "principalId": row.principal.id,
        "principalName": row.principal.name,
        "principalType": _TYPES[row.principal.kind],
        "roleDefinitionName": row.assignment.role,
        "scope": row.assignment.scope,
        "createdOn": iso(row.assignment.created_at),
        "createdBy": str(row.assignment.created_by.get("name", "")),
    }
