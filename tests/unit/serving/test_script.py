"""How a request becomes the argument of `run()`. Whole scripts in their own process are in tests/integration."""

import json
from collections.abc import Callable

import pytest

from pratique_serving.errors import ModelFailed, Refused
from pratique_serving.script import ScriptModel
from pratique_serving.settings import Settings

from .conftest import Ask


def answer(settings: Settings, run: Callable[..., object], request: object) -> object:
    response = ScriptModel(run, settings).answer(request, "id")  # type: ignore[arg-type] # ask() makes a Request.
    assert response.status == 200
    return json.loads(response.body)


def echo(raw_data: str) -> object:
    assert isinstance(raw_data, str)
    return raw_data


def test_run_gets_the_body_as_text(settings: Settings, ask: Ask) -> None:
    assert answer(settings, echo, ask("/score", method="POST", body="{\u00e4".encode())) == "{\u00e4"
    assert answer(settings, echo, ask("/score", method="POST")) == ""


def test_run_gets_the_query_of_a_get_as_json(settings: Settings, ask: Ask) -> None:
    text = answer(settings, echo, ask("/score", query="a=1&b=[1,2]&c=x&c=3&d=null&e="))
    assert json.loads(str(text)) == {"a": 1, "b": [1, 2], "c": ["x", 3], "d": None, "e": ""}


def test_text_that_is_not_utf_8_is_the_callers_mistake(settings: Settings, ask: Ask) -> None:
    with pytest.raises(Refused, match="cannot be decoded as UTF-8") as caught:
        ScriptModel(echo, settings).answer(ask("/score", method="POST", body=b"\xff"), "id")
    assert caught.value.status == 400


def test_headers_are_given_to_those_who_ask(settings: Settings, ask: Ask) -> None:
    def run(data: str, request_headers: dict[str, str]) -> object:
        return [data, request_headers["X-Tenant"]]

    assert answer(settings, run, ask("/score", method="POST", body=b"a", x_tenant="7")) == ["a", "7"]


def test_other_methods_do_not_reach_a_plain_run(settings: Settings, ask: Ask) -> None:
    model = ScriptModel(echo, settings)
    assert model.answer(ask("/score", method="OPTIONS"), "id").status == 200
    with pytest.raises(Refused) as caught:
        model.answer(ask("/score", method="HEAD"), "id")
    assert (caught.value.status, caught.value.message) == (405, "Method not allowed")


def no_argument() -> None: ...
def positional(a: int, /) -> None: ...
def anything(*args: int) -> None: ...
def keywords(**kwargs: int) -> None: ...
def only_headers(request_headers: object) -> None: ...


@pytest.mark.parametrize("run", [no_argument, positional, anything, keywords, only_headers])
def test_a_run_that_cannot_be_called_is_refused_at_the_start(settings: Settings, run: Callable[..., object]) -> None:
    with pytest.raises(ModelFailed, match=r"run\(\)"):
        ScriptModel(run, settings)


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(0), KeyboardInterrupt(), GeneratorExit()])
def test_whatever_run_raises_is_500_and_the_traceback_is_in_the_log(
    settings: Settings, ask: Ask, error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(data: str) -> object:
        raise error

    with pytest.raises(Refused) as caught:
        ScriptModel(run, settings).answer(ask("/score", method="POST", body=b"payload"), "the-request")
    assert (caught.value.status, caught.value.run_failed) == (500, True)
    assert caught.value.message.startswith("An unexpected error occurred in scoring script.")
    logged = capsys.readouterr().err
    assert "the-request" in logged
    assert type(error).__name__ in logged
    assert "in run" in logged
    assert "payload" not in logged


def test_a_result_that_is_not_json_is_500_and_not_the_scripts_failure_to_run(
    settings: Settings, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(data: str) -> object:
        return {1}

    with pytest.raises(Refused) as caught:
        ScriptModel(run, settings).answer(ask("/score", method="POST"), "id")
    assert (caught.value.status, caught.value.run_failed) == (500, False)
    assert "returned a set that is not JSON" in capsys.readouterr().err


def test_the_time_of_run_is_told(settings: Settings, ask: Ask) -> None:
    response = ScriptModel(echo, settings).answer(ask("/score", method="POST"), "id")
    [took] = [value for name, value in response.headers if name == "x-ms-run-fn-exec-ms"]
    assert float(took) >= 0


def test_a_call_that_takes_too_long_is_interrupted(
    settings: Settings, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(data: str) -> object:
        while True:
            pass

    with pytest.raises(Refused, match="Scoring timeout after 20 ms") as caught:
        ScriptModel(run, settings._replace(scoring_timeout_ms=20)).answer(ask("/score", method="POST"), "id")
    assert (caught.value.status, caught.value.run_failed) == (500, True)
    assert "interrupted" in capsys.readouterr().err
