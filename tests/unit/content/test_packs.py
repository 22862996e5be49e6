"""Packs: what went in comes out, in whatever pieces it arrives, and nothing that was not claimed."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.base.errors import InvalidInput, TooLarge
from pratique.content.packs import MAX_BLOB, MAX_RECORDS, Unpacker, record


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@given(st.lists(st.binary(max_size=200)), st.integers(1, 100))
def test_a_pack_arrives_the_same_in_pieces_of_any_length(blobs: list[bytes], length: int) -> None:
    pack = b"".join(record(digest_of(blob), blob) for blob in blobs)
    unpacker = Unpacker()
    found = [one for at in range(0, len(pack), length) for one in unpacker.feed(pack[at : at + length])]
    unpacker.finish()
    assert found == [(digest_of(blob), blob) for blob in blobs]


def test_bytes_that_are_not_their_digest_are_refused() -> None:
    with pytest.raises(InvalidInput, match="have the digest"):
        list(Unpacker().feed(record(digest_of(b"x"), b"y")))


def test_a_length_past_the_limit_is_refused_before_its_bytes_arrive() -> None:
    with pytest.raises(TooLarge):
        list(Unpacker().feed(record(digest_of(b""), b"x" * (MAX_BLOB + 1))[:36]))


def test_more_blobs_than_a_pack_has_are_refused() -> None:
    with pytest.raises(TooLarge, match="at most"):
        list(Unpacker().feed(record(digest_of(b""), b"") * (MAX_RECORDS + 1)))


@pytest.mark.parametrize("cut", [1, 35, 36, 37])
def test_a_pack_that_is_cut_is_refused(cut: int) -> None:
    unpacker = Unpacker()
    assert list(unpacker.feed(record(digest_of(b"abc"), b"abc")[:cut])) == []
    with pytest.raises(InvalidInput, match="in the middle"):
        unpacker.finish()
