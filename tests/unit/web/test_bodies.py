"""JSON that readers do not agree on is refused before anything of it is used."""

from typing import Any

import pytest

from pratique.web.bodies import problem_with

GROUP = "/api/v1/groups/other"


def put(call: Any, bearer: Any, body: bytes) -> Any:
    headers = bearer("ann")
    return call("PUT", GROUP, content=body, headers={**headers, "content-type": "application/json"})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"location": "a", "location": "b"}', "the body gives the key location twice"),
        (b'{"tags": {"a": "1", "b": "2", "a": "3"}}', "the body gives the key a twice"),
        (b'{"tags": {"a": NaN}}', "NaN is no JSON"),
        (b'{"tags": {"a": -Infinity}}', "-Infinity is no JSON"),
        (b'{"tags": {"a": 1e999}}', "1e999 is too large for a number"),
        (b'{"tags": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "the body is nested too deep"),
        (b'{"tags": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}", "the body is nested too deep"),
    ],
)
def test_a_body_that_is_not_plain_is_refused_and_nothing_is_made(
    call: Any, bearer: Any, body: bytes, said: str
) -> None:
    answer = put(call, bearer, body)
    assert answer.status_code == 400
    assert said in str(answer.json())
    assert call("GET", GROUP, headers=bearer("ann")).status_code == 404


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"location": ' + b"9" * 5000 + b"}", b'{"a": 01}'])
def test_what_is_no_json_is_told_by_who_expects_it(call: Any, bearer: Any, body: bytes) -> None:
    assert put(call, bearer, body).status_code == 400


def test_a_long_and_a_prototype_key_are_only_unknown_keys(call: Any, bearer: Any) -> None:
    for key in (b"x" * 1_000_000, b"__proto__", b"constructor", b"__class__"):
        answer = put(call, bearer, b'{"location": "a", "' + key + b'": {"a": 1}}')
        assert answer.status_code == 400
        assert "unknown key" in str(answer.json())


@pytest.mark.parametrize("body", [b"", b"{}", b'{"a": [1, 2.5, -0.0, "NaN", null, true, {"a": {"a": 1}}]}', b"1e3"])
def test_plain_json_has_no_problem(body: bytes) -> None:
    assert problem_with(body) == ""
