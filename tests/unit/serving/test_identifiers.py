"""Which identifiers an answer carries."""

import re

import pytest

from pratique_serving.identifiers import TooLong, identifiers_of, new_guid

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_a_request_without_a_name_gets_one() -> None:
    named = dict(identifiers_of({}).headers())
    assert set(named) == {"x-request-id", "x-ms-request-id"}
    assert GUID.fullmatch(named["x-request-id"])
    assert named["x-ms-request-id"] == named["x-request-id"]


def test_the_callers_own_name_comes_back_under_both_names() -> None:
    named = dict(identifiers_of({"x-request-id": "R", "x-ms-client-request-id": "C"}).headers())
    assert named == {"x-request-id": "R", "x-ms-request-id": "C", "x-ms-client-request-id": "C"}


def test_the_old_name_alone_is_the_callers() -> None:
    named = dict(identifiers_of({"x-request-id": "R", "x-ms-request-id": "M", "traceid": "T"}).headers())
    assert named == {"x-request-id": "R", "x-ms-request-id": "M", "x-ms-client-request-id": "M", "TraceId": "T"}


def test_both_names_are_kept_apart() -> None:
    named = dict(identifiers_of({"x-request-id": "R", "x-ms-request-id": "M", "x-ms-client-request-id": "C"}).headers())
    assert (named["x-ms-request-id"], named["x-ms-client-request-id"]) == ("M", "C")


@pytest.mark.parametrize("name", ["x-request-id", "x-ms-request-id", "x-ms-client-request-id"])
def test_a_name_of_more_than_a_hundred_characters_is_refused(name: str) -> None:
    assert identifiers_of({name: "a" * 100})
    with pytest.raises(TooLong) as caught:
        identifiers_of({name: "a" * 101})
    assert caught.value.status == 431
    assert name in caught.value.message
    assert "a" * 101 not in [value for _, value in caught.value.identifiers.headers()]


def test_guids_are_random_and_well_formed() -> None:
    guids = {new_guid() for _ in range(100)}
    assert len(guids) == 100
    assert all(GUID.fullmatch(guid) for guid in guids)
