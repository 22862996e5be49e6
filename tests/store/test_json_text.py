"""Documents as they are stored and hashed."""

import json
from enum import StrEnum
from typing import Any

import pytest

from pratique.content.journal_verifier import canonical
from pratique.store.json_text import plain_to_canonical, to_canonical


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("document", "spelt"),
    [
        ({}, "{}"),
        ({"b": 1, "a": [True, None, "ü\n"]}, '{"a":[true,null,"ü\\n"],"b":1}'),
        ({2: "a", 10: "b"}, '{"10":"b","2":"a"}'),
        ({1: "a", "1": "b"}, '{"1":"b"}'),
        ({1: "a", "b": None}, '{"1":"a","b":null}'),
        ({True: 1, None: 2}, '{"null":2,"true":1}'),
        ({"pair": (1, (2,))}, '{"pair":[1,[2]]}'),
        ([Colour.RED, {Colour.RED: 2**70}], f'["red",{{"red":{2**70}}}]'),
        ({"n": [1e-7, 1e22, -0.0, 0.1, 1.0]}, '{"n":[1e-07,1e+22,-0.0,0.1,1.0]}'),
    ],
)
def test_a_document_is_spelt_as_it_is_hashed_once_it_was_read_back(document: Any, spelt: str) -> None:
    assert to_canonical(document) == spelt == canonical(json.loads(spelt))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_lacks_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_canonical({"deep": [number]})


def test_what_is_no_document_is_refused() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        to_canonical({"x": {1, 2}})


@pytest.mark.parametrize("value", ["", 'a"\\\n\u2028😀\x00', 0, -(2**70)])
def test_a_text_or_a_number_is_spelt_as_in_a_document(value: str | int) -> None:
    assert canonical({"x": value}) == f'{{"x":{plain_to_canonical(value)}}}'
