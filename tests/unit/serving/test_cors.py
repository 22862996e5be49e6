"""Which pages of other origins may call the model."""

import pytest

from pratique_serving.cors import Cors
from pratique_serving.errors import Usage
from pratique_serving.wire import Response

from .conftest import Ask

A = "https://a.example"


def test_an_origin_that_is_named_is_told_so(ask: Ask) -> None:
    cors = Cors(f"{A}, https://b.example")
    assert cors.headers(ask("/score", origin=A.upper())) == [
        ("Access-Control-Allow-Origin", A.upper()),
        ("Vary", "Origin"),
    ]
    assert cors.headers(ask("/score", origin="https://evil.example")) == []
    assert cors.headers(ask("/score"))[0] == ("Access-Control-Allow-Origin", A)


def test_a_browser_that_asks_first_is_told_the_methods(ask: Ask) -> None:
    asked = ask(
        "/score",
        method="OPTIONS",
        origin=A,
        access_control_request_method="POST",
        access_control_request_headers="X-B, Authorization",
    )
    assert Cors(A).headers(asked) == [
        ("Access-Control-Allow-Origin", A),
        ("Access-Control-Allow-Headers", "Authorization, X-B"),
        ("Access-Control-Allow-Methods", "GET, POST"),
    ]
    other = ask("/score", method="OPTIONS", origin=A, access_control_request_method="DELETE")
    assert Cors(A).headers(other) == [("Access-Control-Allow-Origin", A)]


def test_a_star_is_every_origin(ask: Ask) -> None:
    assert Cors("*").headers(ask("/")) == [("Access-Control-Allow-Origin", "*")]
    assert Cors("*").headers(ask("/", origin=A)) == [("Access-Control-Allow-Origin", A), ("Vary", "Origin")]


def test_a_pattern_matches_all_of_an_origin(ask: Ask) -> None:
    cors = Cors(r"https://.*\.example")
    assert cors.headers(ask("/", origin="https://x.example"))
    assert cors.headers(ask("/", origin="https://x.example.evil.com")) == []
    with pytest.raises(Usage, match="AML_CORS_ORIGINS"):
        Cors("*.example")


def test_a_script_that_says_who_is_allowed_is_left_alone(ask: Ask) -> None:
    said = [("access-control-allow-origin", "https://own.example")]
    response = Response(200, b"", list(said))
    Cors("*").add(response, ask("/", origin=A))
    assert response.headers == said
