"""What a `@rawhttp` script sees of a request and can say in a response."""

import pytest

from pratique_serving.aml import AMLRequest, AMLResponse, Headers

from .conftest import Ask


def test_a_request_has_what_flasks_has(ask: Ask) -> None:
    request = AMLRequest(
        ask(
            "/score",
            method="POST",
            query="a=1&a=2&b=%C3%A4",
            body=b'{"x": 1}',
            content_type="application/json; charset=utf-8",
            host="here",
        )
    )
    assert (request.method, request.path, request.query_string) == ("POST", "/score", b"a=1&a=2&b=%C3%A4")
    assert request.args["a"] == "1"
    assert request.args.getlist("a") == ["1", "2"]
    assert request.args.get("c", "none") == "none"
    assert request.args.to_dict() == {"a": "1", "b": "\u00e4"}
    assert request.headers["CONTENT-TYPE"] == "application/json; charset=utf-8"
    assert (request.mimetype, request.content_length) == ("application/json", 8)
    assert request.json == request.get_json() == {"x": 1}
    assert request.get_data(False) == request.data == b'{"x": 1}'
    assert request.get_data(as_text=True) == '{"x": 1}'
    assert request.url == "http://here/score?a=1&a=2&b=%C3%A4"


def test_json_is_only_parsed_where_it_is_said_to_be(ask: Ask) -> None:
    request = AMLRequest(ask("/", method="POST", body=b"{"))
    assert request.get_json() is None
    assert request.get_json(force=True, silent=True) is None
    with pytest.raises(ValueError, match="Expecting"):
        request.get_json(force=True)


def test_a_form_is_parsed_with_its_files(ask: Ask) -> None:
    form = AMLRequest(ask("/", method="POST", body=b"a=1&b=x+y", content_type="application/x-www-form-urlencoded"))
    assert form.form.to_dict() == {"a": "1", "b": "x y"}
    assert len(form.files) == 0
    body = b'--B\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nbytes\r\n--B--'
    upload = AMLRequest(ask("/", method="POST", body=body, content_type="multipart/form-data; boundary=B"))
    assert upload.files["image"].read() == b"bytes"


def test_header_names_are_compared_without_case() -> None:
    headers = Headers([("X-A", "1"), ("x-a", "2")])
    assert headers["x-A"] == "1"
    assert headers.getlist("X-a") == ["1", "2"]
    headers["X-a"] = 3
    assert headers.items() == [("X-a", "3")]
    del headers["x-A"]
    assert dict(headers) == {}
    with pytest.raises(KeyError):
        del headers["x-A"]


@pytest.mark.parametrize(
    ("message", "as_json", "body", "kind"),
    [
        ("text", False, b"text", "text/html; charset=utf-8"),
        (b"\xff", False, b"\xff", "text/html; charset=utf-8"),
        ("text", True, b'"text"', "application/json"),
        ({"a": 1}, True, b'{"a": 1}', "application/json"),
        ({"a": 1}, False, b'{"a": 1}', "application/json"),
        (None, False, b"{}", "application/json"),
    ],
)
def test_a_message_is_sent_as_it_is_or_as_json(message: object, as_json: bool, body: bytes, kind: str) -> None:
    response = AMLResponse(message, 200, json_str=as_json)
    assert (response.get_data(), response.content_type) == (body, kind)


def test_a_comma_separates_repeated_headers() -> None:
    response = AMLResponse("x", 200, {"X-A": "b, c", "content-type": "text/plain"}, run_function_failed=True)
    assert response.headers.getlist("X-A") == ["b", "c"]
    assert response.content_type == "text/plain"
    assert response.headers["x-ms-run-function-failed"] == "True"
    response.set_data("y")
    assert response.get_data(as_text=True) == "y"
