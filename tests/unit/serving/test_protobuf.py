"""Messages of protobuf as bytes."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique_serving import protobuf


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_numbers_come_back(values: list[int]) -> None:
    assert protobuf.numbers(protobuf.fields(protobuf.of_numbers(3, values)), 3) == values


@given(st.text(), st.booleans())
def test_texts_and_truths_come_back(text: str, truth: bool) -> None:
    found = protobuf.fields(protobuf.of_text(1, text) + protobuf.of_truth(200, truth))
    assert protobuf.text(found, 1) == text
    assert protobuf.numbers(found, 200) == [int(truth)]


def test_what_others_write_is_read() -> None:
    # Field 1 the text "ab", field 2 150 not packed, field 6 two floats packed: as protobuf's own encoder has them.
    message = bytes.fromhex("0a026162 109601 3208") + struct.pack("<2f", 1.5, -2.0)
    found = protobuf.fields(message)
    assert protobuf.text(found, 1) == "ab"
    assert protobuf.numbers(found, 2) == [150]
    assert protobuf.fractions(found, 6, "f") == [1.5, -2.0]
    assert protobuf.text(found, 9) == ""


@pytest.mark.parametrize("message", ["0a05 6162", "08", "0b", "08ffffffffffffffffffff7f"])
def test_what_is_cut_off_is_no_message(message: str) -> None:
    with pytest.raises(ValueError, match="cut off"):
        protobuf.fields(bytes.fromhex(message))


@given(st.binary(max_size=60))
def test_no_bytes_break_it(data: bytes) -> None:
    with suppress(ValueError):
        found = protobuf.fields(data)
        for number in found:
            protobuf.numbers(found, number)
            protobuf.messages(found, number)
