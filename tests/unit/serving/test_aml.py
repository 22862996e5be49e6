"""What a `@rawhttp` script sees of a request and can say in a response."""

from datetime import UTC, datetime

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
            content_length="8",
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
    assert request.get_json(silent=True) is None
    assert request.get_json(force=True, silent=True) is None
    with pytest.raises(ValueError, match="not application/json"):
        request.get_json()
    with pytest.raises(ValueError, match="Expecting"):
        request.get_json(force=True)


def test_arguments_are_made_what_the_script_wants(ask: Ask) -> None:
    args = AMLRequest(ask("/", query="n=3&n=x&b=y")).args
    assert (args.get("n", type=int), args.get("b", 7, type=int), args.get("c", default=1)) == (3, 7, 1)
    assert args.getlist("n", type=int) == [3]
    assert args.items(multi=True) == args.copy().items(multi=True) == [("n", "3"), ("n", "x"), ("b", "y")]
    assert (args.lists(), args.listvalues()) == ([("n", ["3", "x"]), ("b", ["y"])], [["3", "x"], ["y"]])
    assert args.to_dict(flat=False) == {"n": ["3", "x"], "b": ["y"]}


def test_a_body_is_read_once(ask: Ask) -> None:
    form = "application/x-www-form-urlencoded"
    first, second = (AMLRequest(ask("/", method="POST", body=b"a=1", content_type=form)) for _ in range(2))
    assert (first.get_data(), first.stream.read(), first.form["a"], first.data) == (b"a=1", b"", "1", b"a=1")
    assert (second.data, second.form["a"], second.get_data()) == (b"", "1", b"")


def test_a_request_tells_who_asks_and_for_what(ask: Ask) -> None:
    request = AMLRequest(
        ask(
            "/score",
            host="h:1",
            cookie='sid=5; q="a b"',
            authorization="Basic YTpi",
            accept="text/html;q=0.5, application/json",
            x_forwarded_for="1.2.3.4, 5.6.7.8",
            user_agent="ua/1",
        )
    )
    assert (request.host_url, request.base_url, request.url) == ("http://h:1/", "http://h:1/score", "http://h:1/score")
    assert request.cookies == {"sid": "5", "q": "a b"}
    assert request.authorization is not None
    assert (request.authorization.username, request.authorization.password) == ("a", "b")
    assert request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"
    assert "text/html" in request.accept_mimetypes
    assert "image/png" not in request.accept_mimetypes
    assert (request.access_route, request.remote_addr) == (["1.2.3.4", "5.6.7.8"], "127.0.0.1")
    assert (str(request.user_agent), request.referrer, request.content_length) == ("ua/1", None, None)
    assert request.environ["HTTP_USER_AGENT"] == "ua/1"
    assert request.environ["REQUEST_METHOD"] == request.method


def test_names_with_an_underscore_are_not_passed_on(ask: Ask) -> None:
    sent = ask("/")
    sent.headers.update({"x_under": "1", "x-dash": "2"})
    assert "X_Under" not in AMLRequest(sent).headers
    assert AMLRequest(sent).headers["X-Dash"] == "2"


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
    assert headers.items() == list(headers) == [("X-a", "3")]
    assert headers.get("x-a", type=int) == 3
    del headers["x-A"]
    assert dict(headers) == {}
    with pytest.raises(KeyError):
        headers["x-A"]


def test_headers_are_changed_in_many_ways() -> None:
    headers = Headers({"A": "1"})
    headers.add("B", "attachment", filename="a b.csv", inline=None)
    headers.setlist("A", ["2", "3"])
    headers |= {"C": "4"}
    headers.extend([("C", "5")])
    assert headers.pop("B") == 'attachment; filename="a b.csv"; inline'
    assert (headers.pop("B", None), headers.setdefault("C", "6")) == (None, "4")
    assert sorted(headers.items(lower=True)) == [("a", "2"), ("a", "3"), ("c", "4"), ("c", "5")]
    with pytest.raises(ValueError, match="newline"):
        headers["D"] = "a\r\nE: f"
    assert headers == headers.copy()
    headers.clear()
    assert len(headers) == 0


@pytest.mark.parametrize(
    ("message", "as_json", "body", "kind"),
    [
        ("text", False, b"text", "text/html; charset=utf-8"),
        (b"\xff", False, b"\xff", "text/html; charset=utf-8"),
        ("text", True, b'"text"', "application/json"),
        ({"a": 1}, True, b'{"a": 1}', "application/json"),
        ({"a": 1}, False, b'{"a": 1}', "application/json"),
        (["a", b"b"], False, b"ab", "text/html; charset=utf-8"),
        (iter("abc"), False, b"abc", "text/html; charset=utf-8"),
        ([1, 2], False, b"[1, 2]", "application/json"),
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
    with pytest.raises(AttributeError):
        AMLResponse("x", 200, {"X-A": 5})  # type: ignore[dict-item]


@pytest.mark.parametrize(("given", "status"), [(201, 201), ("404", 404), ("203 Odd", 203), (None, 200), ("odd", 0)])
def test_a_status_may_be_text(given: int | str | None, status: int) -> None:
    assert AMLResponse("x", given).status_code == status
    changed = AMLResponse("x", 200)
    changed.status = given  # type: ignore[assignment]
    assert changed.status_code == status


def test_a_response_can_be_changed_before_it_is_returned() -> None:
    response = AMLResponse("x", 200)
    response.data = b"new"
    response.mimetype = "text/csv"
    response.location = "/there"
    response.access_control_allow_methods = ["GET", "POST"]
    response.last_modified = datetime(2020, 1, 1, tzinfo=UTC)
    response.set_cookie("sid", "a;b", httponly=True, samesite="lax")
    response.delete_cookie("old")
    assert (response.status, response.data, response.content_length) == ("200 OK", b"new", 3)
    assert response.content_type == "text/csv; charset=utf-8"
    assert response.headers["Location"] == "/there"
    assert response.headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert response.headers["Last-Modified"] == "Wed, 01 Jan 2020 00:00:00 GMT"
    assert response.headers.getlist("Set-Cookie") == [
        'sid="a\\073b"; HttpOnly; Path=/; SameSite=Lax',
        "old=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/",
    ]
    response.location = None
    assert "Location" not in response.headers


def test_what_a_response_has_not_cannot_be_set() -> None:
    with pytest.raises(AttributeError):
        AMLResponse("x", 200).contenttype = "text/csv"  # type: ignore[attr-defined]
