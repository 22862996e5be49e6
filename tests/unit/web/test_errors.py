"""Every error leaves in one shape, and none tells what only the log should."""

import asyncio
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from pratique.base.errors import Conflict, PratiqueError, Problem, Unauthenticated, from_document
from pratique.web import errors

SHAPE = {"code", "message", "hint", "problems", "log_tail"}


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    inner: dict[str, int] = {}


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    errors.install(app)

    @app.get("/ours")
    def ours() -> None:
        raise Conflict("no", hint="do this", problems=[Problem("wrong", key="a.b")])

    @app.get("/nobody")
    def nobody() -> None:
        raise Unauthenticated("nobody is signed in")

    @app.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError("the secret is 42")

    @app.get("/teapot")
    def teapot() -> None:
        raise HTTPException(418, "short and stout", headers={"X-Tea": "yes"})

    @app.post("/body")
    def body(body: Body, number: Annotated[int, Query(ge=1)] = 1) -> PlainTextResponse:
        return PlainTextResponse(f"{body} {number}")

    return app


@pytest.fixture
def ask(app: FastAPI) -> Any:
    def request(method: str, path: str, **options: Any) -> httpx.Response:
        async def one() -> httpx.Response:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
                return await client.request(method, path, **options)

        return asyncio.run(one())

    return request


def test_an_error_of_ours_crosses_whole(ask: Any) -> None:
    answer = ask("GET", "/ours")
    error = from_document(answer.json(), status=answer.status_code)
    assert (type(error), error.message, error.hint, error.problems) == (
        Conflict, "no", "do this", (Problem("wrong", key="a.b"),)
    )  # fmt: skip
    assert answer.status_code == 409


def test_what_nobody_foresaw_is_an_internal_error_without_its_details(ask: Any) -> None:
    answer = ask("GET", "/broken")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "InternalError")
    assert set(answer.json()["error"]) == SHAPE
    for secret in ("42", "ZeroDivision", "Traceback", "test_errors"):
        assert secret not in answer.text


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (b'{"name": "a", "nam": 1, "inner": {"x": "y"}}', {"nam": "unknown key", "inner.x": "Input should be"}),
        (b"{}", {"name": "is required"}),
        (b"", {"": "is required"}),
        (b"[]", {"": "Input should be"}),
        (b"{", {"": "the body is not JSON"}),
        (b'{"name": "\xff"}', {}),
    ],
)
def test_a_request_of_another_shape_is_told_every_problem(ask: Any, content: bytes, problems: dict[str, str]) -> None:
    answer = ask("POST", "/body", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], set(error)) == ("InvalidInput", SHAPE)
    found = {problem["key"]: problem["message"] for problem in error["problems"]}
    for key, beginning in problems.items():
        assert found.get(key, "").startswith(beginning)


def test_a_query_of_another_shape_is_named_by_its_parameter(ask: Any) -> None:
    error = ask("POST", "/body?number=0", json={"name": "a"}).json()["error"]
    assert [problem["key"] for problem in error["problems"]] == ["number"]


def test_a_path_that_is_not_there_and_a_method_that_is_not_taken_have_the_same_shape(ask: Any) -> None:
    lost, wrong, tea = ask("GET", "/nothing"), ask("DELETE", "/ours"), ask("GET", "/teapot")
    assert [answer.status_code for answer in (lost, wrong, tea)] == [404, 405, 418]
    assert [set(answer.json()["error"]) for answer in (lost, wrong, tea)] == [SHAPE] * 3
    assert lost.json()["error"]["code"] == "NotFound"
    assert (wrong.headers["allow"], tea.headers["x-tea"]) == ("GET", "yes")
    assert isinstance(from_document(wrong.json(), status=405), PratiqueError)


def test_a_person_without_a_session_sees_a_page_and_a_program_a_document(ask: Any) -> None:
    page = ask("GET", "/nobody", headers={"accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert ask("GET", "/nobody").json()["error"]["code"] == "Unauthenticated"
