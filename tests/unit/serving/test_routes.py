"""Paths, methods, statuses and identifiers, with a model in the place of the user's."""

import json
import math

import pytest

from pratique.gateway.render.scoring import NOT_COMPUTED
from pratique_serving.errors import Refused
from pratique_serving.routes import Call, Routes
from pratique_serving.settings import Settings
from pratique_serving.wire import Request, Response

from .conftest import Ask, Echo, answer


def header(response: Response, name: str) -> list[str]:
    return [value for found, value in response.headers if found == name]


def message(response: Response) -> str:
    return str(json.loads(response.body)["message"])


@pytest.mark.parametrize("path", ["/score", "/invocations"])
def test_the_model_answers(routes: Routes, ask: Ask, path: str) -> None:
    response = answer(routes, ask(path, method="POST", body=b"hello"))
    assert (response.status, response.body) == (200, b'{"said": "hello"}')
    assert header(response, "x-ms-server-version")[0].startswith("pratique-serving/")
    assert len(header(response, "x-request-id")) == 1


@pytest.mark.parametrize("path", ["/", "/health/live", "/health/ready"])
def test_a_ready_server_is_healthy(routes: Routes, ask: Ask, path: str) -> None:
    response = answer(routes, ask(path))
    assert (response.status, response.body) == (200, b"Healthy")


def test_a_server_that_still_loads_lives_and_is_not_ready(settings: Settings, ask: Ask) -> None:
    routes = Routes(settings)
    statuses = {path: answer(routes, ask(path)).status for path in ("/", "/health/live", "/health/ready", "/score")}
    assert statuses == {"/": 503, "/health/live": 200, "/health/ready": 503, "/score": 503}


def test_a_server_that_stops_is_not_ready_and_answers_what_is_here(routes: Routes, ask: Ask) -> None:
    routes.become_unready()
    assert answer(routes, ask("/health/ready")).status == 503
    assert answer(routes, ask("/score", method="POST")).status == 200


@pytest.mark.parametrize("path", ["/nope", "/score/", "//score", "/scor%65", "/../score", "*"])
def test_an_unknown_path_is_404(routes: Routes, ask: Ask, path: str) -> None:
    response = answer(routes, ask(path, method="POST"))
    assert response.status == 404
    assert message(response).startswith("The requested URL was not found on the server.")
    assert header(response, "x-request-id") == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/score"),
        ("PUT", "/score"),
        ("PATCH", "/"),
        ("POST", "/"),
        ("POST", "/swagger.json"),
        ("x", "/score"),
    ],
)
def test_an_unknown_method_is_405(routes: Routes, ask: Ask, method: str, path: str) -> None:
    response = answer(routes, ask(path, method=method))
    assert response.status == 405
    assert message(response) == "The method is not allowed for the requested URL."


def test_options_of_a_page_names_its_methods(routes: Routes, ask: Ask) -> None:
    response = answer(routes, ask("/", method="OPTIONS"))
    assert response.status == 200
    assert header(response, "Allow") == ["GET, HEAD, OPTIONS"]


def test_an_identifier_that_is_too_long_is_431_and_not_sent_back(routes: Routes, ask: Ask) -> None:
    response = answer(routes, ask("/score", method="POST", x_request_id="a" * 101))
    assert response.status == 431
    assert message(response) == "x-request-id must not exceed 100 characters"
    assert header(response, "x-request-id") == []


def test_a_refusal_by_the_model_keeps_its_status(settings: Settings, ask: Ask) -> None:
    def refuse(request: Request) -> object:
        raise Refused(400, "no rows", run_failed=True)

    routes = Routes(settings)
    routes.become_ready(Echo(refuse))
    response = answer(routes, ask("/score", method="POST"))
    assert (response.status, message(response)) == (400, "no rows")
    assert header(response, "x-ms-run-function-failed") == ["True"]


def test_a_fault_of_ours_is_500_and_the_server_goes_on(
    settings: Settings, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(request: Request) -> object:
        if request.body == b"fail":
            raise SystemExit("bye")
        return "fine"

    routes = Routes(settings)
    routes.become_ready(Echo(fail))
    assert answer(routes, ask("/score", method="POST", body=b"fail")).status == 500
    assert answer(routes, ask("/score", method="POST")).body == b'"fine"'
    said = capsys.readouterr().err
    assert "in fail" in said
    assert "SystemExit: (not shown" in said


def test_the_specification_has_versions(routes: Routes, ask: Ask) -> None:
    assert json.loads(answer(routes, ask("/swagger.json")).body) == {"swagger": "2.0"}
    assert answer(routes, ask("/swagger.json", query="version=9")).status == 404


def test_the_version_of_the_server_can_be_kept_quiet(settings: Settings, ask: Ask) -> None:
    routes = Routes(settings._replace(shows_version=False))
    assert header(answer(routes, ask("/health/live")), "x-ms-server-version") == []


def test_a_call_that_has_waited_for_too_long_is_408(settings: Settings, ask: Ask) -> None:
    routes = Routes(settings._replace(request_timeout_ms=50))
    routes.become_ready(Echo(len))
    call = routes.take(ask("/score", method="POST"))
    assert isinstance(call, Call)
    assert call.expires - call.began == pytest.approx(0.05)
    assert routes.late(call).status == 408


class Speaker(Echo):
    """One that speaks the Open Inference Protocol as well."""

    speaks_protocol = True


@pytest.mark.parametrize("path", ["/score", "/v2/models/model/infer"])
def test_the_time_for_loading_bounds_nobody_once_the_model_is_there(settings: Settings, ask: Ask, path: str) -> None:
    routes = Routes(settings._replace(ready_timeout=1.0))
    before = routes.take(ask(path, method="POST"))
    assert isinstance(before, Call)
    assert before.expires - before.began == pytest.approx(1.0)
    routes.become_ready(Speaker(len))
    later = routes.take(ask(path, method="POST"))
    assert isinstance(later, Call)
    assert later.expires == math.inf


def test_a_call_for_which_there_is_no_room_is_429(routes: Routes, ask: Ask) -> None:
    call = routes.take(ask("/score", method="POST", x_request_id="R"))
    assert isinstance(call, Call)
    response = routes.too_many(call)
    assert (response.status, header(response, "x-request-id")) == (429, ["R"])


def test_a_request_that_is_given_back_says_so_as_the_gateway_hears_it(routes: Routes, ask: Ask) -> None:
    outcome = routes.take(ask("/score", method="POST", body=b"{}"))
    assert isinstance(outcome, Call)
    response = routes.handed_back(outcome)
    assert (response.status, header(response, NOT_COMPUTED)) == (503, ["true"])
