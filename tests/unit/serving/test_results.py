"""What a script may return, and what is sent for it."""

import json
from datetime import date, datetime
from typing import Any

import pytest

from pratique_serving.aml import AMLResponse
from pratique_serving.results import Unanswerable, to_json, to_response


@pytest.mark.parametrize(
    ("result", "body"),
    [
        ({"a": [1, 2.5, True, None]}, b'{"a": [1, 2.5, true, null]}'),
        ([], b"[]"),
        ((1, 2), b"[1, 2]"),
        ('{"a": 1}', b'"{\\"a\\": 1}"'),
        (0, b"0"),
        (False, b"false"),
        (None, b"{}"),
        ("\u00e4", b'"\\u00e4"'),
    ],
)
def test_json_values_are_sent_as_azure_sends_them(result: object, body: bytes) -> None:
    response = to_response(result)
    assert (response.status, response.body) == (200, body)
    assert ("Content-Type", "application/json") in response.headers
    assert ("x-ms-run-function-failed", "False") in response.headers


def test_what_json_has_no_number_for_is_null() -> None:
    result = {"a": float("nan"), "b": [float("inf"), (1.5, -float("inf"))]}
    assert json.loads(to_response(result).body) == {"a": None, "b": [None, [1.5, None]]}


def test_moments_are_in_isos_form() -> None:
    result = {"at": datetime(2026, 1, 2, 3, 4, 5), "on": [date(2026, 1, 2)]}
    assert json.loads(to_json(result)) == {"at": "2026-01-02T03:04:05", "on": ["2026-01-02"]}


@pytest.mark.parametrize("result", [b"\x00\xff", bytearray(b"\x00\xff"), memoryview(b"\x00\xff")])
def test_bytes_are_sent_as_they_are(result: object) -> None:
    response = to_response(result)
    assert response.body == b"\x00\xff"
    assert ("Content-Type", "application/octet-stream") in response.headers


def cyclic() -> list[Any]:
    result: list[Any] = []
    result.append(result)
    return result


@pytest.mark.parametrize("result", [{1}, {"a": b"x"}, object(), {("a", "b"): 1}, cyclic(), [lambda: 1]])
def test_what_is_not_json_is_said_with_its_type(result: object) -> None:
    with pytest.raises(Unanswerable, match=f"returned a {type(result).__name__} that is not JSON"):
        to_response(result)


def test_a_structure_too_deep_for_json_is_no_crash() -> None:
    deep: list[Any] = []
    for _ in range(200_000):
        deep = [deep]
    with pytest.raises(Unanswerable):
        to_json(deep)
    while deep:
        deep = deep.pop()


def test_a_response_of_the_scripts_own_passes_through() -> None:
    response = to_response(AMLResponse(b"\x01", 418, {"Content-Type": "image/png", "X-A": "b, c"}))
    assert (response.status, response.body) == (418, b"\x01")
    assert [value for name, value in response.headers if name == "X-A"] == ["b", "c"]
    assert [value for name, value in response.headers if name.lower() == "content-type"] == ["image/png"]
    assert ("x-ms-run-function-failed", "False") in response.headers


def test_a_response_of_500_or_more_is_a_failure_of_the_script() -> None:
    headers = to_response(AMLResponse("no", 503)).headers
    assert [value for name, value in headers if name == "x-ms-run-function-failed"] == ["True"]


@pytest.mark.parametrize("status", [0, 99, 101, 199, 1000, 70_000])
def test_an_impossible_status_is_refused(status: int) -> None:
    with pytest.raises(Unanswerable, match="status"):
        to_response(AMLResponse("x", status))


def test_a_header_cannot_smuggle_another() -> None:
    with pytest.raises(ValueError, match="newline"):
        AMLResponse("x", 200, {"X-A": "1\r\nSet-Cookie: a=b"})
    with pytest.raises(Unanswerable, match="header"):
        to_response(AMLResponse("x", 200, {"X-A\r\nSet-Cookie": "a=b"}))


def test_a_header_of_other_letters_than_http_has_is_refused() -> None:
    with pytest.raises(Unanswerable, match="header"):
        to_response(AMLResponse("x", 200, {"X-A": "\u4e2d"}))


def test_the_server_says_its_own_identifiers_and_nothing_about_a_body_that_is_not_sent() -> None:
    response = to_response(AMLResponse("x", 304, {"X-Request-Id": "mine", "X-A": "1"}))
    assert response.headers == [("x-ms-run-function-failed", "False"), ("X-A", "1")]
