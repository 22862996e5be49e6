"""Who asks, and may they: what every route says about itself before the server starts.

    allow("jobs/read")            may do it at the {endpoint} or in the {workspace} of the path, else in the whole home
    allow_within("…/read")        may do it in the {workspace} of the path, or at something in it
    allow_somewhere("…/read")     may do it at some scope: the verb shows what the caller may see
    allow_repository("…/read")    may do it in the {repository} of the {project} of the path, where git asks
    Depends(KNOWN)                anybody whom we know, about themselves
    Depends(PUBLIC)               anybody at all

A caller proves who they are by a bearer token of ours, by the cookie of a
browser session, or, below ``/mlflow`` only, by client id and secret (HTTP
Basic), because old MLflow clients know nothing else. Git knows only Basic; its
password is a token or a secret, and no cookie counts there. With a cookie, a request
that may change something must come from a page of the door itself.

`check_routes` refuses to start an application with a route that says nothing.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.routing import iter_route_contexts

from pratique.base.clock import utc_now
from pratique.base.errors import Forbidden, InternalError, Problem, Unauthenticated
from pratique.control.actor import Actor
from pratique.control.grants import actor_for, actor_of
from pratique.control.permissions import (
    ACTIONS,
    endpoint_scope,
    is_permitted_within,
    permit,
    permit_somewhere,
    repository_scope,
    workspace_scope,
)
from pratique.control.scopes import HOME
from pratique.control.sessions import actor_of_session
from pratique.web.platform import Platform, door_of, platform_of

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_MLFLOW: Final = ("/mlflow/", "/internal/authorize/mlflow/")


def authenticate(request: Request) -> Actor:
    """The caller, with their present roles; raises `Unauthenticated`, or `Forbidden` for a foreign page.

    Raises `TooManyCalls` for who asks too often; the platform's own parts ask as often as they need.
    """
    return _counted(request, _authenticated(request))


def _counted(request: Request, actor: Actor) -> Actor:
    if actor.kind != "platform":
        platform_of(request).rates.count(actor.id)
    return actor


def _authenticated(request: Request) -> Actor:
    platform = platform_of(request)
    given = request.headers.getlist("authorization")
    if len(given) > 1:
        raise Unauthenticated("the request has more than one Authorization header")
    if given:
        return _from_header(request, platform, given[0])
    if session := request.cookies.get(session_cookie(platform)):
        check_origin(request)
        return _from_session(platform, session)
    raise Unauthenticated("nobody is signed in", hint="pratique login, or for a browser: pratique open")


def authenticate_git(request: Request) -> Actor:
    """The caller, by the Authorization header alone: the password of HTTP Basic is a token or a secret.

    Raises `TooManyCalls` for who asks too often.
    """
    return _counted(request, _authenticated_git(request))


def _authenticated_git(request: Request) -> Actor:
    platform = platform_of(request)
    given = request.headers.getlist("authorization")
    if len(given) != 1:
        raise Unauthenticated("git has not said who asks", hint="pratique repos setup-git, then try again")
    scheme, _, value = given[0].partition(" ")
    if scheme.lower() != "basic":
        return _from_header(request, platform, given[0])
    _, password = basic_pair(value.strip())
    if password.count(".") == _DOTS_OF_A_TOKEN:
        return _from_token(platform, password)
    return _from_secret(request, platform, value.strip())


_DOTS_OF_A_TOKEN: Final = 2
"""A secret that was made for somebody has none; nobody should choose one that looks like a token."""


def session_cookie(platform: Platform) -> str:
    """The name of the session's cookie; a cookie has no port, so the name has: homes do not mix."""
    return f"pratique-session-{platform.settings.door_port}"


def check_origin(request: Request) -> None:
    """Raise `Forbidden` when a page of another origin sends what may change something."""
    origin, door = request.headers.get("origin"), door_of(request)
    if request.method not in SAFE_METHODS and origin != door:
        raise Forbidden(
            "a browser session may change things only from a page of the door itself",
            hint=f"open {door}, or send a token in the Authorization header",
        )


class Mark:
    """What a route says about who may use it; every route has one."""


@dataclass(frozen=True)
class _Public(Mark):
    """Anybody at all."""

    def __call__(self) -> None:
        return None

    def __str__(self) -> str:
        return "public"


@dataclass(frozen=True)
class _Known(Mark):
    """Anybody whom we know; the route concerns only themselves."""

    def __call__(self, request: Request) -> Actor:
        return authenticate(request)

    def __str__(self) -> str:
        return "known"


@dataclass(frozen=True)
class _Allow(Mark):
    """Whoever may do the action in the workspace of the path, or in the whole home when the path has none."""

    action: str

    def __call__(self, request: Request) -> Actor:
        actor = authenticate(request)
        permit(actor, self.action, _scope_of(request))
        return actor

    def __str__(self) -> str:
        return self.action


@dataclass(frozen=True)
class _AllowWithin(Mark):
    """Whoever may do the action in the workspace of the path, or at something in it."""

    action: str

    def __call__(self, request: Request) -> Actor:
        actor = authenticate(request)
        scope = _scope_of(request)
        if not is_permitted_within(actor, self.action, scope):
            permit(actor, self.action, scope)
        return actor

    def __str__(self) -> str:
        return self.action


def _scope_of(request: Request) -> str:
    """Where the path leads, as roles know it."""
    workspace, endpoint = request.path_params.get("workspace"), request.path_params.get("endpoint")
    if workspace is None:
        return HOME
    return workspace_scope(workspace) if endpoint is None else endpoint_scope(workspace, endpoint)


@dataclass(frozen=True)
class _AllowSomewhere(Mark):
    """Whoever may do the action at some scope."""

    action: str

    def __call__(self, request: Request) -> Actor:
        actor = authenticate(request)
        permit_somewhere(actor, self.action)
        return actor

    def __str__(self) -> str:
        return f"{self.action} somewhere"


@dataclass(frozen=True)
class _AllowRepository(Mark):
    """Whoever may do the action in the repository of the path; git asks."""

    action: str

    def __call__(self, request: Request) -> Actor:
        actor = authenticate_git(request)
        named = request.path_params
        permit(actor, self.action, repository_scope(named["project"], named["repository"]))
        return actor

    def __str__(self) -> str:
        return self.action


PUBLIC: Final = _Public()
KNOWN: Final = _Known()


def allow(action: str) -> _Allow:
    """A dependency that answers the caller, who may do `action` where the path leads."""
    _check_action(action)
    return _Allow(action)


def allow_within(action: str) -> _AllowWithin:
    """A dependency that answers the caller, who may do `action` where the path leads or at something in it."""
    _check_action(action)
    return _AllowWithin(action)


def allow_somewhere(action: str) -> _AllowSomewhere:
    """A dependency that answers the caller, who may do `action` at some scope."""
    _check_action(action)
    return _AllowSomewhere(action)


def allow_repository(action: str) -> _AllowRepository:
    """A dependency that answers the caller, who may do `action` in the repository of the path."""
    _check_action(action)
    return _AllowRepository(action)


@dataclass(frozen=True)
class Declaration:
    """One route with what it says about itself."""

    path: str
    methods: tuple[str, ...]
    marks: tuple[Mark, ...]


def declarations(app: FastAPI) -> list[Declaration]:
    """Every route of `app` in the order of matching; the API's own schema, which the framework serves, is public."""
    return [
        Declaration(
            path=str(route.path),
            methods=tuple(sorted(route.methods or ())),
            marks=(PUBLIC,) if route.path == app.openapi_url else tuple(_marks(getattr(route, "dependant", None))),
        )
        for route in iter_route_contexts(app.routes)
    ]


def check_routes(app: FastAPI) -> None:
    """Raise `InternalError` when a route of `app` does not say who may use it, or says it in two ways."""
    problems = [problem for declared in declarations(app) if (problem := _problem(declared))]
    if problems:
        raise InternalError("the server does not start: routes without a clear permission", problems=problems)


def _problem(declared: Declaration) -> Problem | None:
    place = f"{' '.join(declared.methods) or 'ANY'} {declared.path}"
    if not declared.marks:
        return Problem("declares neither an action nor that it is public", key=place)
    if PUBLIC in declared.marks and len(set(declared.marks)) > 1:
        return Problem("is public and asks for a permission", key=place)
    inside = declared.path.startswith("/mlflow/{") or "/workspaces/{" in declared.path
    if inside and "{workspace}" not in declared.path:
        return Problem("does not call the workspace of its path {workspace}", key=place)
    return None


def _marks(dependant: Any) -> Iterator[Mark]:
    """The marks in a tree of dependencies; `Any`, because the framework keeps the type of its tree to itself."""
    if dependant is None:
        return
    if isinstance(dependant.call, Mark):
        yield dependant.call
    for inner in dependant.dependencies:
        yield from _marks(inner)


def _check_action(action: str) -> None:
    if action not in ACTIONS:
        raise ValueError(f"{action!r} is not an action of the permission table")


def _from_header(request: Request, platform: Platform, header: str) -> Actor:
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return _from_token(platform, value.strip())
    if scheme.lower() == "basic" and request.scope["path"].startswith(_MLFLOW):
        return _from_secret(request, platform, value.strip())
    raise Unauthenticated("the Authorization header is not one that we take here", hint="Authorization: Bearer TOKEN")


def _from_token(platform: Platform, token: str) -> Actor:
    now = utc_now()

    def find() -> Actor:
        claims = platform.issuer.verify(token, now=now)
        with platform.database.read() as tx:
            return actor_of(tx, claims)

    return platform.actors.recall(f"token {token}", find, now=now)


def _from_session(platform: Platform, session: str) -> Actor:
    now = utc_now()

    def find() -> Actor:
        with platform.database.read() as tx:
            return actor_of_session(tx, session, now=now)

    return platform.actors.recall(f"session {session}", find, now=now)


def _from_secret(request: Request, platform: Platform, encoded: str) -> Actor:
    client_id, secret = basic_pair(encoded)
    principal = platform.sign_ins.authenticate(
        platform.database, client_id, secret, now=utc_now(), address=address_of(request)
    )
    with platform.database.read() as tx:
        return actor_for(tx, principal)


def address_of(request: Request) -> str:
    """Where `request` comes from, as the door says last; of IPv6 the network, because one caller has all of it."""
    said = ",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
    try:
        found = ip_address(said)
    except ValueError:
        return "this machine"
    return str(ip_network((found, _ONE_CALLER), strict=False)) if isinstance(found, IPv6Address) else str(found)


_ONE_CALLER: Final = 64
"""Bits of an IPv6 address that tell callers apart."""


def basic_pair(encoded: str) -> tuple[str, str]:
    """(id, secret) of HTTP Basic credentials; raises `Unauthenticated` when they cannot be read."""
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise Unauthenticated("the Basic credentials cannot be read") from error
    if not colon:
        raise Unauthenticated("the Basic credentials have no colon")
    return client_id, secret
