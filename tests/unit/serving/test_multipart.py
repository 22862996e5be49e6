"""Forms with files."""

import pytest

from pratique_serving.errors import Refused
from pratique_serving.multipart import parse_multipart

BODY = (
    b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
    b'--B\r\nContent-Disposition: form-data; name="image"; filename="a \\"b\\".png"\r\n'
    b"Content-Type: image/png\r\n\r\n\x89PNG\r\n--not the end\r\n--B--\r\n"
)


def test_fields_and_files_are_told_apart() -> None:
    fields, files = parse_multipart("multipart/form-data; boundary=B", BODY)
    assert fields == [("note", "hello")]
    [(name, file)] = files
    assert (name, file.filename, file.content_type) == ("image", 'a "b".png', "image/png")
    assert file.read() == b"\x89PNG\r\n--not the end"


def test_a_quoted_boundary_is_the_same_boundary() -> None:
    assert parse_multipart('multipart/form-data; charset=utf-8; boundary="B"', BODY)[0] == [("note", "hello")]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", BODY),
        ("multipart/form-data; boundary=", BODY),
        ("multipart/form-data; boundary=" + "b" * 71, BODY),
        ("multipart/form-data; boundary=\u00e4", BODY),
        ("multipart/form-data; boundary=C", BODY),
        ("multipart/form-data; boundary=B", BODY[:-4]),
        ("multipart/form-data; boundary=B", b""),
        ("multipart/form-data; boundary=B", b"--B\r\nno headers\r\n--B--"),
        ("multipart/form-data; boundary=B", b"--B\r\n\r\n\r\n" * 2000 + b"--B--"),
    ],
)
def test_a_body_that_does_not_follow_its_boundary_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        parse_multipart(content_type, body)
    assert caught.value.status == 400


def test_a_hostile_boundary_takes_no_longer_than_another() -> None:
    body = b"\r\n--" + b"-" * 500_000
    with pytest.raises(Refused):
        parse_multipart("multipart/form-data; boundary=" + "-" * 69 + "x", body)
