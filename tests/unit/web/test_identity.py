"""Tokens from secrets, the published keys, and how a browser comes in and goes."""

import base64
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from pratique.base.clock import utc_now
from pratique.control import managed_identities, principals, roles
from pratique.control.actor import PLATFORM
from pratique.control.credentials import Credential, SignIns, new_credential
from pratique.store import jobs
from pratique.store.jobs import Job
from pratique.store.principals import Principal
from pratique.web.platform import Platform
from pratique.web.rates import Rates

Bearer = Callable[..., dict[str, str]]
DOOR = "http://127.0.0.1:7070"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def robot(platform: Platform) -> tuple[Principal, Credential]:
    now = utc_now()
    credential = new_credential(now=now)
    with platform.database.write() as tx:
        made = principals.create_service_principal(tx, PLATFORM, "robot", credential=credential, now=now)
        roles.assign(tx, PLATFORM, role="Reader", assignee="robot", scope="/", now=now)
    return made, credential


def form(client_id: str, secret: str, **more: str) -> dict[str, str]:
    return {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, **more}


def test_a_secret_buys_a_token_for_an_hour(call: Any, robot: tuple[Principal, Credential]) -> None:
    answer = call("POST", "/oauth2/token", data=form(robot[0].id, robot[1].secret))
    body = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    account = call("GET", "/api/v1/account", headers={"Authorization": f"Bearer {body['access_token']}"}).json()
    assert (account["id"], account["name"], account["kind"]) == (robot[0].id, "robot", "service_principal")
    assert account["roles"] == [{"role": "Reader", "scope": "/"}]


def test_the_client_may_be_named_by_basic_as_the_standard_wants(call: Any, robot: tuple[Principal, Credential]) -> None:
    pair = f"{quote_plus('robot')}:{quote_plus(robot[1].secret)}"
    headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    answer = call("POST", "/oauth2/token", data={"grant_type": "client_credentials"}, headers=headers)
    assert answer.status_code == 200


def test_an_address_that_guesses_too_often_is_told_to_wait_and_the_others_are_not(
    call: Any, platform: Platform, robot: tuple[Principal, Credential]
) -> None:
    platform.__dict__["sign_ins"] = SignIns(failures_per_minute=2)
    said = {"X-Forwarded-For": "10.0.0.1, 192.0.2.7"}
    statuses = [
        call("POST", "/oauth2/token", data=form(f"guess-{turn}", "wrong"), headers=said).status_code
        for turn in range(3)
    ]
    assert statuses == [401, 401, 429]
    assert call("POST", "/oauth2/token", data=form("robot", robot[1].secret), headers=said).status_code == 429
    # What the caller wrote before the door's own word counts nothing.
    said = {"X-Forwarded-For": "192.0.2.7, 192.0.2.8"}
    assert call("POST", "/oauth2/token", data=form("robot", robot[1].secret), headers=said).status_code == 200


def test_a_network_of_ipv6_is_one_caller(call: Any, platform: Platform) -> None:
    platform.__dict__["sign_ins"] = SignIns(failures_per_minute=1)
    statuses = [
        call("POST", "/oauth2/token", data=form("guess", "wrong"), headers={"X-Forwarded-For": address}).status_code
        for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")
    ]
    assert statuses == [401, 429, 401]


def test_asking_for_tokens_is_asking_too(call: Any, platform: Platform, robot: tuple[Principal, Credential]) -> None:
    platform.__dict__["rates"] = Rates(per_minute=12)  # Two at once.
    asked = [call("POST", "/oauth2/token", data=form("robot", robot[1].secret)) for _ in range(3)]
    assert [answer.status_code for answer in asked] == [200, 200, 429]
    assert asked[2].headers["retry-after"]


def test_whatever_scope_is_asked_the_answer_says_which_was_given(
    call: Any, robot: tuple[Principal, Credential]
) -> None:
    asked = form("robot", robot[1].secret, scope="https://management.azure.com/.default")
    assert call("POST", "/oauth2/token", data=asked).json()["scope"] == "pratique/.default"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("nonsense", 400),
        ("grant_type=password&client_id=robot&client_secret=x", 400),
        ("grant_type=client_credentials", 400),
        ("grant_type=client_credentials&client_id=robot", 400),
        ("grant_type=client_credentials&client_id=robot&client_secret=", 400),
        ("grant_type=client_credentials&client_id=robot&client_id=ann&client_secret=x", 400),
        ("grant_type=client_credentials&client_id=robot&client_secret=x", 401),
        ("grant_type=client_credentials&client_id=%00&client_secret=x", 401),
        ("grant_type=client_credentials&client_id=ann&client_secret=None", 401),
        ("&".join(f"a{number}=1" for number in range(100)), 400),
        ("grant_type=client_credentials&client_id=" + "x" * 20_000, 413),
        (b"\xff\xfe", 400),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_form_that_is_wrong_buys_nothing(
    call: Any, robot: tuple[Principal, Credential], body: str | bytes, status: int
) -> None:
    answer = call("POST", "/oauth2/token", content=body, headers=FORM)
    assert answer.status_code == status
    assert "access_token" not in answer.text


def test_wrong_secrets_lock_out_over_http_as_well(call: Any, robot: tuple[Principal, Credential]) -> None:
    said = [call("POST", "/oauth2/token", data=form("robot", "wrong")).json()["error"]["message"] for _ in range(11)]
    assert "too many wrong secrets" in said[-1]
    assert "is wrong" in said[-2]
    assert call("POST", "/oauth2/token", data=form("robot", robot[1].secret)).status_code == 401


def test_anybody_can_check_our_tokens_with_what_is_published(call: Any, bearer: Bearer) -> None:
    discovered = call("GET", "/.well-known/openid-configuration").json()
    assert discovered["issuer"] == DOOR
    assert discovered["token_endpoint"] == f"{DOOR}/oauth2/token"
    published = call("GET", discovered["jwks_uri"].removeprefix(DOOR)).json()
    token = bearer("bob")["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, KeySet.import_key_set(published), algorithms=["RS256"]).claims
    assert (claims["iss"], claims["name"]) == (DOOR, "bob")


def link_for(call: Any, header: dict[str, str], **body: str) -> str:
    answer = call("POST", "/api/v1/links", headers=header, **({"json": body} if body else {}))
    assert answer.status_code == 200, answer.text
    url = str(answer.json()["url"])
    assert url.startswith(f"{DOOR}/open/")
    return url.removeprefix(DOOR)


def test_a_link_lets_a_browser_in_once(call: Any, bearer: Bearer) -> None:
    link = link_for(call, bearer("bob", "Reader"))
    answer = call("GET", link)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert call("GET", "/api/v1/account").json()["name"] == "bob"
    again = call("GET", link)
    assert again.status_code == 401
    assert "pratique open" in again.text
    assert "set-cookie" not in again.headers


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(call: Any, bearer: Bearer) -> None:
    cookie = call("GET", link_for(call, bearer("bob", "Reader"))).headers["set-cookie"]
    parts = [part.strip().lower() for part in cookie.split(";")]
    assert parts[0].startswith("pratique-session-7070=")
    assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= set(parts)
    assert not any(part.startswith("domain") for part in parts)


def test_a_link_leaves_no_trace_in_caches_and_referrers(call: Any, bearer: Bearer) -> None:
    answer = call("GET", link_for(call, bearer("bob", "Reader")))
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")


@pytest.mark.parametrize("header", [{"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}])
def test_a_browser_that_only_guesses_does_not_use_the_link_up(
    call: Any, bearer: Bearer, header: dict[str, str]
) -> None:
    link = link_for(call, bearer("bob", "Reader"))
    assert call("GET", link, headers=header).status_code == 503
    assert call("GET", link).status_code == 303


def test_a_link_leads_to_the_page_that_was_asked_for(call: Any, bearer: Bearer) -> None:
    link = link_for(call, bearer("bob", "Reader"), next="/mlflow/dev/#/experiments/1?x=1&y=2")
    assert call("GET", link).headers["location"] == "/mlflow/dev/#/experiments/1?x=1&y=2"


@pytest.mark.parametrize(
    "onward",
    [
        "http://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/%0d%0aSet-Cookie:x=1\r\n",
        " //evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
        "/" + "x" * 3000,
        "/\x00",
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_a_link_never_leads_out_of_the_door(call: Any, bearer: Bearer, onward: str) -> None:
    header = bearer("bob", "Reader")
    token = link_for(call, header).partition("?")[0]
    answer = call("GET", f"{token}?next={quote(onward)}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "next" not in link_for(call, header, next=onward)


@pytest.mark.parametrize("token", ["x", "%00", "..%2f..", "a" * 5000, "%ff"])
def test_a_made_up_link_shows_how_to_get_one(call: Any, token: str) -> None:
    answer = call("GET", f"/open/{token}")
    assert answer.status_code in (401, 404)
    assert "set-cookie" not in answer.headers


def test_a_job_without_a_browser_gets_no_link(call: Any, bearer: Bearer) -> None:
    assert call("POST", "/api/v1/links", headers=bearer("eve")).status_code == 403
    assert call("POST", "/api/v1/links").status_code == 401


def test_logging_out_ends_the_session_everywhere(call: Any, bearer: Bearer) -> None:
    call("GET", link_for(call, bearer("bob", "Reader")))
    stolen = dict(call.cookies)
    answer = call("POST", "/logout", headers={"Origin": DOOR})
    assert (answer.status_code, dict(call.cookies)) == (204, {})
    call.cookies.update(stolen)
    assert call("GET", "/api/v1/account").status_code == 401


def test_a_foreign_page_cannot_log_anybody_out(call: Any, bearer: Bearer) -> None:
    call("GET", link_for(call, bearer("bob", "Reader")))
    assert call("POST", "/logout", headers={"Origin": "http://127.0.0.1:7071"}).status_code == 403
    assert call("GET", "/api/v1/account").status_code == 200


def test_logging_out_without_a_session_is_no_error(call: Any) -> None:
    assert call("POST", "/logout").status_code == 204


# --- managed identities -----------------------------------------------------------------------------------------------


@pytest.fixture
def proof(platform: Platform) -> str:
    """What a running job of dev has, whose identity reads that workspace."""
    now = utc_now()
    job = Job("j1", "dev", "brave_boat", {}, {}, {}, "Running", 1, "", "", False, False, None, {}, now, now, None, {})
    with platform.database.write() as tx:
        jobs.add(tx, job)
        managed_identities.ensure(tx, "workspaces/dev", now=now)
        roles.assign(tx, PLATFORM, role="Reader", assignee="workspaces/dev", scope="/workspaces/dev", now=now)
    return managed_identities.proof_of_job(platform.issuer, job, lasting=timedelta(hours=1), now=now)


@pytest.mark.parametrize("header", ["X-IDENTITY-HEADER", "Secret"])
def test_a_job_gets_a_token_of_its_identity_as_azure_s_libraries_ask_for_it(call: Any, proof: str, header: str) -> None:
    query = {"resource": "https://management.azure.com/", "api-version": "2019-08-01"}
    answer = call("GET", "/identity/token", params=query, headers={header: proof})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    said = answer.json()
    assert (said["token_type"], said["resource"]) == ("Bearer", "https://management.azure.com/")
    assert int(said["expires_on"]) > time.time() + 3000
    bearer = {"Authorization": f"Bearer {said['access_token']}"}
    assert call("GET", "/api/v1/account", headers=bearer).json()["name"] == "workspaces/dev"
    assert call("GET", "/api/v1/workspaces/dev/models", headers=bearer).status_code == 200
    assert call("GET", "/api/v1/workspaces/qa-1/jobs", headers=bearer).status_code == 403
    assert call("POST", "/api/v1/links", headers=bearer).status_code == 403


def test_without_its_proof_nobody_gets_a_token_of_an_identity(call: Any, proof: str, platform: Platform) -> None:
    for headers in (
        {},
        {"X-IDENTITY-HEADER": ""},
        {"X-IDENTITY-HEADER": "a.b.c"},
        {"Authorization": f"Bearer {proof}"},
    ):
        assert call("GET", "/identity/token", headers=headers).status_code == 401
    assert call("GET", "/api/v1/account", headers={"Authorization": f"Bearer {proof}"}).status_code == 401
    for resource in ("a b", "x" * 513):
        answer = call("GET", "/identity/token", params={"resource": resource}, headers={"X-IDENTITY-HEADER": proof})
        assert answer.status_code == 400
