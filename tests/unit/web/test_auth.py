"""Who comes in, by what, and that a route which says nothing keeps the server from starting."""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.routing import Mount, Route

from pratique.base.clock import utc_now
from pratique.base.errors import InternalError
from pratique.control import principals, roles, sessions
from pratique.control.actor import PLATFORM, Actor
from pratique.control.credentials import Credential, new_credential
from pratique.control.grants import actor_for, token_of
from pratique.store.principals import Principal
from pratique.web import errors
from pratique.web.auth import KNOWN, PUBLIC, allow, allow_somewhere, check_routes, declarations, session_cookie
from pratique.web.platform import Platform

Bearer = Callable[..., dict[str, str]]
DOOR = "http://127.0.0.1:7070"
FOREIGN = [
    "http://evil.example",
    "http://127.0.0.1:7071",
    "http://127.0.0.1",
    "https://127.0.0.1:7070",
    "http://localhost:7070",
    "http://127.0.0.1:7070.evil.example",
    "http://127.0.0.1:70700",
    DOOR + "/",
    DOOR.upper(),
    "null",
    "",
]


@pytest.fixture
def app(platform: Platform) -> FastAPI:
    """Four routes, one of each kind, and a pair below /mlflow."""
    router = APIRouter()

    @router.api_route("/jobs/{workspace}", methods=["GET", "POST"])
    def in_workspace(actor: Annotated[Actor, Depends(allow("jobs/read"))]) -> str:
        return actor.name

    @router.get("/home")
    def in_home(actor: Annotated[Actor, Depends(allow("jobs/read"))]) -> str:
        return actor.name

    @router.get("/somewhere")
    def somewhere(actor: Annotated[Actor, Depends(allow_somewhere("jobs/read"))]) -> str:
        return actor.name

    @router.api_route("/me", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    def me(actor: Annotated[Actor, Depends(KNOWN)]) -> str:
        return actor.name

    @router.get("/all", dependencies=[Depends(PUBLIC)])
    def everybody() -> str:
        return "anybody"

    @router.get("/mlflow/{workspace}/runs")
    def runs(actor: Annotated[Actor, Depends(allow("runs/read"))]) -> str:
        return actor.name

    app = FastAPI(openapi_url=None)
    app.state.platform = platform
    errors.install(app)
    app.include_router(router)
    check_routes(app)
    return app


@pytest.fixture
def ann(platform: Platform) -> Actor:
    with platform.database.read() as tx:
        (user,) = principals.every(tx, PLATFORM, kind="user")
        return actor_for(tx, user)


@pytest.fixture
def session(platform: Platform, ann: Actor) -> dict[str, str]:
    """The cookie of a browser session of ann."""
    now = utc_now()
    with platform.database.write() as tx:
        return {session_cookie(platform): sessions.open_link(tx, sessions.make_link(tx, ann, now=now), now=now)}


@pytest.fixture
def robot(platform: Platform) -> tuple[Principal, Credential]:
    """A service principal that may read dev, with its secret."""
    now = utc_now()
    credential = new_credential(now=now)
    with platform.database.write() as tx:
        made = principals.create_service_principal(tx, PLATFORM, "robot", credential=credential, now=now)
        roles.assign(tx, PLATFORM, role="Reader", assignee="robot", scope="/workspaces/dev", now=now)
    return made, credential


def test_nobody_gets_in_without_a_proof(call: Any) -> None:
    for path in ("/jobs/dev", "/home", "/somewhere", "/me", "/mlflow/dev/runs"):
        answer = call("GET", path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "Unauthenticated")


def test_anybody_reaches_what_is_public(call: Any) -> None:
    assert call("GET", "/all").status_code == 200
    assert call("GET", "/all", headers={"Authorization": "Bearer nonsense"}).status_code == 200


def test_a_role_in_one_workspace_counts_there(call: Any, bearer: Bearer) -> None:
    bob = bearer("bob", "Reader", "/workspaces/dev")
    statuses = {
        path: call("GET", path, headers=bob).status_code
        for path in ("/jobs/dev", "/jobs/qa-1", "/home", "/somewhere", "/me", "/mlflow/dev/runs", "/mlflow/qa-1/runs")
    }
    assert statuses == {
        "/jobs/dev": 200,
        "/jobs/qa-1": 403,
        "/home": 403,
        "/somewhere": 200,
        "/me": 200,
        "/mlflow/dev/runs": 200,
        "/mlflow/qa-1/runs": 403,
    }


def test_who_has_no_role_is_known_and_no_more(call: Any, bearer: Bearer) -> None:
    eve = bearer("eve")
    assert call("GET", "/me", headers=eve).json() == "eve"
    assert [call("GET", path, headers=eve).status_code for path in ("/jobs/dev", "/home", "/somewhere")] == [403] * 3


@pytest.mark.parametrize("name", ["..", ".", "*", "dev ", "Dev", "dev%2Fqa-1", "%00", "dev;x", "%252e%252e"])
def test_a_crooked_name_of_a_workspace_reaches_none(call: Any, bearer: Bearer, name: str) -> None:
    bob = bearer("bob", "Reader", "/workspaces/dev")
    assert call("GET", f"/jobs/{name}", headers=bob).status_code in (403, 404)


def test_a_role_that_was_taken_away_counts_no_more_in_the_next_request(
    call: Any, bearer: Bearer, platform: Platform
) -> None:
    bob = bearer("bob", "Reader", "/workspaces/dev")
    assert call("GET", "/jobs/dev", headers=bob).status_code == 200
    now = utc_now()
    with platform.database.write() as tx:
        (row,) = roles.every(tx, PLATFORM, assignee="bob")
        roles.unassign(tx, PLATFORM, row.assignment.id, now=now)
    assert call("GET", "/jobs/dev", headers=bob).status_code == 403
    with platform.database.write() as tx:
        principals.delete(tx, PLATFORM, "bob", kind="user", now=now)
    assert call("GET", "/me", headers=bob).status_code == 401


def test_a_token_that_has_ended_is_refused(call: Any, platform: Platform, robot: tuple[Principal, Credential]) -> None:
    past = utc_now() - timedelta(hours=2)
    token = token_of(platform.issuer, robot[0], lasting=timedelta(hours=1), now=past)
    assert call("GET", "/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer x", "Token x", "Digest x", "x", "Bearer null", "Bearer " + "A" * 20_000],
    ids=lambda text: text[:12],
)
def test_a_header_that_proves_nothing_is_refused_even_beside_a_good_cookie(
    call: Any, session: dict[str, str], header: str
) -> None:
    call.cookies.update(session)
    assert call("GET", "/me", headers={"Authorization": header}).status_code == 401


def test_two_authorization_headers_are_refused(call: Any, bearer: Bearer) -> None:
    good = bearer("bob")["Authorization"]
    headers = [("Authorization", good), ("Authorization", good)]
    assert call("GET", "/me", headers=headers).status_code == 401


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def test_old_mlflow_clients_come_in_with_id_and_secret(call: Any, robot: tuple[Principal, Credential]) -> None:
    principal, credential = robot
    for client_id in (principal.id, "robot"):
        assert call("GET", "/mlflow/dev/runs", headers=basic(client_id, credential.secret)).json() == "robot"
    assert call("GET", "/mlflow/qa-1/runs", headers=basic("robot", credential.secret)).status_code == 403
    assert call("GET", "/mlflow/dev/runs", headers=basic("robot", "wrong")).status_code == 401


def test_id_and_secret_count_below_mlflow_only(call: Any, robot: tuple[Principal, Credential]) -> None:
    answer = call("GET", "/jobs/dev", headers=basic("robot", robot[1].secret))
    assert answer.status_code == 401
    assert "Bearer" in answer.json()["error"]["hint"]


@pytest.mark.parametrize("encoded", ["", "!", "eA", "/w==", base64.b64encode(b"no colon").decode(), "é"])
def test_basic_credentials_that_cannot_be_read_are_refused(call: Any, encoded: str) -> None:
    headers = {"Authorization": f"Basic {encoded}".encode()}
    assert call("GET", "/mlflow/dev/runs", headers=headers).status_code == 401


def test_a_session_reads_from_anywhere(call: Any, session: dict[str, str]) -> None:
    """What a foreign page makes a browser read, that page cannot see."""
    call.cookies.update(session)
    for headers in ({}, {"Origin": "http://evil.example"}):
        assert call("GET", "/me", headers=headers).json() == "ann"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("origin", FOREIGN)
def test_a_session_changes_nothing_from_a_foreign_page(
    call: Any, session: dict[str, str], method: str, origin: str
) -> None:
    call.cookies.update(session)
    answer = call(method, "/me", headers={"Origin": origin})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "Forbidden")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_session_changes_things_from_the_doors_own_pages_only(
    call: Any, session: dict[str, str], method: str
) -> None:
    call.cookies.update(session)
    assert call(method, "/me", headers={"Origin": DOOR}).json() == "ann"
    assert call(method, "/me").status_code == 403


def test_a_token_needs_no_origin_because_no_browser_sends_it_by_itself(call: Any, bearer: Bearer) -> None:
    assert call("POST", "/me", headers={**bearer("bob"), "Origin": "http://evil.example"}).json() == "bob"


@pytest.mark.parametrize("cookie", ["x", "é".encode().decode("latin-1"), "A" * 4000, "../x"])
def test_a_made_up_session_is_refused(call: Any, platform: Platform, cookie: str) -> None:
    headers = {"Cookie": f"{session_cookie(platform)}={cookie}".encode("latin-1")}
    assert call("GET", "/me", headers=headers).status_code == 401


def test_the_session_of_another_home_on_this_machine_is_not_ours(call: Any, session: dict[str, str]) -> None:
    call.cookies.set("pratique-session-7170", next(iter(session.values())))
    assert call("GET", "/me").status_code == 401


def test_a_closed_session_is_refused_in_the_next_request(
    call: Any, platform: Platform, session: dict[str, str]
) -> None:
    call.cookies.update(session)
    assert call("GET", "/me").status_code == 200
    with platform.database.write() as tx:
        sessions.close_session(tx, next(iter(session.values())), now=utc_now())
    assert call("GET", "/me").status_code == 401


def problems_of(app: FastAPI) -> list[str]:
    with pytest.raises(InternalError, match="does not start") as caught:
        check_routes(app)
    return [str(problem) for problem in caught.value.problems]


def silent() -> str:
    return "anything"


def test_a_route_that_says_nothing_does_not_start() -> None:
    app = FastAPI(openapi_url=None)
    app.add_api_route("/silent", silent, methods=["DELETE"])
    assert problems_of(app) == ["DELETE /silent: declares neither an action nor that it is public"]


def test_a_silent_route_is_found_however_deep_it_lies() -> None:
    inner, outer, app = APIRouter(), APIRouter(), FastAPI(openapi_url=None)
    inner.add_api_route("/silent", silent)
    outer.include_router(inner, prefix="/inner")
    app.include_router(outer, prefix="/outer")
    assert problems_of(app) == ["GET /outer/inner/silent: declares neither an action nor that it is public"]


def test_what_is_no_route_of_ours_does_not_start_either() -> None:
    app = FastAPI(openapi_url=None)
    app.router.routes += [Route("/plain", silent), Mount("/mounted", FastAPI())]

    @app.websocket("/socket")
    async def socket() -> None:
        """Never opened."""

    assert {problem.partition(":")[0].split()[-1] for problem in problems_of(app)} == {"/plain", "/mounted", "/socket"}


def test_the_frameworks_own_pages_do_not_start() -> None:
    """They load scripts from elsewhere into the door's origin."""
    assert {
        problem.split()[-1].rstrip(":") for problem in (text.partition(": ")[0] for text in problems_of(FastAPI()))
    } == {
        "/docs",
        "/docs/oauth2-redirect",
        "/redoc",
    }


def test_a_public_route_cannot_ask_for_a_permission_as_well() -> None:
    app = FastAPI(openapi_url=None)
    app.add_api_route("/both", silent, dependencies=[Depends(PUBLIC), Depends(allow("jobs/read"))])
    assert problems_of(app) == ["GET /both: is public and asks for a permission"]


@pytest.mark.parametrize("path", ["/workspaces/{ws}/jobs", "/mlflow/{name}/runs"])
def test_a_route_that_hides_its_workspace_does_not_start(path: str) -> None:
    """It would be permitted at the whole home instead."""
    app = FastAPI(openapi_url=None)
    app.add_api_route(path, silent, dependencies=[Depends(allow("jobs/read"))])
    assert "does not call the workspace of its path {workspace}" in problems_of(app)[0]


@pytest.mark.parametrize("declare", [allow, allow_somewhere])
@pytest.mark.parametrize("action", ["jobs/fly", "*", "jobs/*", ""])
def test_an_action_that_does_not_exist_cannot_be_declared(declare: Callable[[str], object], action: str) -> None:
    with pytest.raises(ValueError, match="not an action"):
        declare(action)


def test_a_route_with_a_permission_of_its_router_is_fine() -> None:
    router, app = APIRouter(dependencies=[Depends(allow("jobs/read"))]), FastAPI(openapi_url=None)
    router.add_api_route("/quiet", silent)
    app.include_router(router)
    check_routes(app)
    (declared,) = declarations(app)
    assert (declared.path, [str(mark) for mark in declared.marks]) == ("/quiet", ["jobs/read"])
