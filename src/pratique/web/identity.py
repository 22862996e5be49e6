"""Where tokens come from, the keys to check them with, and how a browser comes in and goes.

POST /oauth2/token                        client id and secret, or a token of another issuer → token (OAuth 2.0)
GET  /.well-known/openid-configuration    where the rest is
GET  /.well-known/jwks.json               the public keys
GET  /identity/token                      a job's or a deployment's proof → a token of its identity
GET  /open/{token}                        a one-time link → a session's cookie
POST /logout                              the session ends
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse

from pratique.base.clock import utc_now
from pratique.base.errors import InvalidInput, TooLarge, Unauthenticated
from pratique.control import federated_credentials, foreign_tokens, managed_identities, people_elsewhere
from pratique.control.grants import exchanged, token_of
from pratique.control.sessions import SESSION_LASTS, close_session, open_link
from pratique.control.tokens import AUDIENCE
from pratique.store.principals import Principal
from pratique.web.auth import PUBLIC, address_of, basic_pair, check_origin, session_cookie
from pratique.web.browser import local_path, sign_in_page
from pratique.web.platform import Here, Platform, door_of

router = APIRouter(tags=["identity"])

TOKEN_LASTS: Final = timedelta(hours=1)

_AUDIENCE: Final = re.compile(r"[\x21-\x7e]{1,512}")
_FORM_LIMIT: Final = 20_000  # Bytes; a token of another issuer may have 16,384.
_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_NOT_KEPT: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def _which(
    client_id: str = "",
    clientid: str = "",
    object_id: str = "",
    principal_id: str = "",
    mi_res_id: str = "",
    msi_res_id: str = "",
) -> str:
    """Which identity a request is for, by whatever word its client has for that; raises `InvalidInput` for two."""
    given = {one for one in (client_id, clientid, object_id, principal_id, mi_res_id, msi_res_id) if one}
    if len(given) > 1:
        raise InvalidInput("the request names more than one identity", hint="client_id=ID alone")
    return next(iter(given), "")


@router.post("/oauth2/token", dependencies=[Depends(PUBLIC)])
async def token(request: Request, platform: Here) -> JSONResponse:
    """A token for whoever has the secret; the client is named in the form or by HTTP Basic (RFC 6749, 2.3.1)."""
    form = await _form(request)
    proven = _proof_of(request, platform, form)
    answer = await run_in_threadpool(lambda: _answer(proven(utc_now())))
    return JSONResponse(answer, headers=_NOT_KEPT)


@router.get("/identity/token", dependencies=[Depends(PUBLIC)])
def identity_token(
    request: Request, platform: Here, which: Annotated[str, Depends(_which)], resource: str = "", scope: str = ""
) -> JSONResponse:
    """A token of the managed identity of a job or a deployment, in the way of Azure's ``IDENTITY_ENDPOINT``.

    The proof is the header ``X-IDENTITY-HEADER``, or ``secret`` as older clients send it.
    """
    proof = request.headers.get("x-identity-header") or request.headers.get("secret") or ""
    audience = resource or scope.removesuffix("/.default") or AUDIENCE
    if not _AUDIENCE.fullmatch(audience):
        raise InvalidInput("the resource is no audience: 1 to 512 visible ASCII characters")
    now = utc_now()
    with platform.database.read() as tx:
        own, made = managed_identities.token(tx, platform.issuer, proof, audience=audience, asked=which, now=now)
    platform.rates.count(own.id)
    ends = int((now + managed_identities.TOKEN_LASTS).timestamp())
    answer = {
        "access_token": made, "client_id": own.id, "expires_on": str(ends), "not_before": str(int(now.timestamp())),
        "resource": audience, "token_type": "Bearer",
    }  # fmt: skip
    return JSONResponse(answer, headers=_NOT_KEPT)


@router.get("/.well-known/jwks.json", dependencies=[Depends(PUBLIC)])
def jwks(platform: Here) -> dict[str, Any]:
    """The public keys that our tokens are checked with."""
    return platform.issuer.jwks(now=utc_now())


@router.get("/.well-known/openid-configuration", dependencies=[Depends(PUBLIC)])
def discovery(platform: Here) -> dict[str, Any]:
    """Where a client finds the rest (OpenID Connect Discovery 1.0)."""
    return {
        "issuer": platform.issuer.issuer,
        "token_endpoint": f"{platform.door}/oauth2/token",
        "jwks_uri": f"{platform.door}/.well-known/jwks.json",
        "grant_types_supported": ["client_credentials", _JWT_BEARER],
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    }


@router.get("/open/{link}", dependencies=[Depends(PUBLIC)], include_in_schema=False)
def open_session(link: str, request: Request, platform: Here, next: str = "/") -> Response:  # noqa: A002 - its name in the URL.
    """Use a link up, give the browser its session, and lead it on to `next`, a path of this origin."""
    if "prefetch" in request.headers.get("sec-purpose", request.headers.get("purpose", "")):
        return Response(status_code=503, headers=_NOT_KEPT)  # A browser that guesses must not use the link up.
    try:
        with platform.database.write() as tx:
            session = open_link(tx, link, now=utc_now())
    except Unauthenticated:
        return sign_in_page()
    answer = RedirectResponse(local_path(next), status_code=303, headers=_NOT_KEPT)
    answer.set_cookie(
        session_cookie(platform),
        session,
        max_age=int(SESSION_LASTS.total_seconds()),
        path="/",
        httponly=True,
        samesite="strict",
        secure=door_of(request).startswith("https:"),
    )
    return answer


@router.post("/logout", dependencies=[Depends(PUBLIC)], include_in_schema=False)
def log_out(request: Request, platform: Here) -> Response:
    """End the session of this browser, if it has one."""
    if session := request.cookies.get(session_cookie(platform)):
        check_origin(request)
        with platform.database.write() as tx:
            close_session(tx, session, now=utc_now())
    answer = Response(status_code=204, headers=_NOT_KEPT)
    answer.delete_cookie(session_cookie(platform), path="/", httponly=True, samesite="strict")
    return answer


def _proof_of(request: Request, platform: Platform, form: Mapping[str, str]) -> Callable[[datetime], str]:
    """What makes a token of what the form proves; raises `InvalidInput` for a form that proves nothing we know."""
    grant = form.get("grant_type")
    if grant == _JWT_BEARER:
        assertion = _needed(form, "assertion")
        return lambda now: _token_of_person(platform, assertion, now)
    if grant != "client_credentials":
        raise InvalidInput(f"the grant_type is neither client_credentials nor {_JWT_BEARER}")
    if kind := form.get("client_assertion_type"):
        if kind != _ASSERTION or form.get("client_secret"):
            raise InvalidInput(f"the client_assertion_type is not {_ASSERTION}, or a secret is given beside it")
        client_id, assertion = _needed(form, "client_id"), _needed(form, "client_assertion")
        return lambda now: _token_of_program(platform, client_id, assertion, now)
    client_id, secret = _client(request, form)
    address = address_of(request)
    return lambda now: _proven(platform, client_id, secret, address, now)


def _needed(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise InvalidInput(f"the form has no {name}")
    return form[name]


def _token_of_program(platform: Platform, client_id: str, assertion: str, now: datetime) -> str:
    """A token for whoever a token of another issuer proves to be, by a federated credential."""
    with platform.database.read() as tx:
        found = federated_credentials.proven(tx, client_id, assertion, verify=platform.foreign_issuers.verify, now=now)
    return _token_for(platform, found, now)


def _token_of_person(platform: Platform, assertion: str, now: datetime) -> str:
    """A token for the user whom the provider of people has let in."""
    settings = platform.settings
    if not settings.login_issuer or not settings.login_client_id:
        raise Unauthenticated("nobody logs in at a provider here: the setting login_issuer names none")
    if foreign_tokens.issuer_of(assertion) != settings.login_issuer:
        raise Unauthenticated("the token is not of the provider at which people log in")
    claims = platform.foreign_issuers.verify(assertion, audience=settings.login_client_id, now=now)
    with platform.database.read() as tx:
        found = people_elsewhere.user_of(tx, claims, settings.login_claim)
    return _token_for(platform, found, now)


def _token_for(platform: Platform, principal: Principal, now: datetime) -> str:
    """A token for who has proven to be `principal`; one of the calls that they may make."""
    platform.rates.count(principal.id)
    return token_of(platform.issuer, principal, lasting=TOKEN_LASTS, now=now)


def _answer(token: str) -> dict[str, Any]:
    return {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": int(TOKEN_LASTS.total_seconds()),
        # Whatever scope was asked for, this is the one that was given (RFC 6749, 3.3).
        "scope": "pratique/.default",
    }


def _proven(platform: Platform, client_id: str, secret: str, address: str, now: datetime) -> str:
    """A token for whoever has the secret, or for the unit of a run which has a token instead of one."""
    if secret.count(".") == 2:  # No secret of ours has a dot, and a password is tried as one all the same.
        with suppress(Unauthenticated), platform.database.read() as tx:
            made = exchanged(tx, platform.issuer, secret, client_id=client_id, lasting=TOKEN_LASTS, now=now)
            platform.rates.count(client_id)
            return made
    principal = platform.sign_ins.authenticate(platform.database, client_id, secret, now=now, address=address)
    return _token_for(platform, principal, now)


def _client(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        client_id, secret = basic_pair(value.strip())
        return unquote_plus(client_id), unquote_plus(secret)
    missing = [name for name in ("client_id", "client_secret") if not form.get(name)]
    if missing:
        raise InvalidInput(f"the form has no {' and no '.join(missing)}")
    return form["client_id"], form["client_secret"]


async def _form(request: Request) -> dict[str, str]:
    """The fields of an URL-encoded form, each at most once."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_LIMIT:
            raise TooLarge(f"the form is longer than {_FORM_LIMIT} bytes")
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=20)
    except ValueError as error:
        raise InvalidInput("the body is not an URL-encoded form") from error
    form = dict(fields)
    if len(form) != len(fields):
        raise InvalidInput("a field of the form is given twice")
    return form
