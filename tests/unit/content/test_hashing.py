"""Hashing: the standard's own example, and large input in pieces."""

import io
from pathlib import Path

from pratique.content.hashing import hash_file, hash_stream, is_digest

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1


def test_the_digest_is_sha_256() -> None:
    assert hash_stream(io.BytesIO(b"abc")) == (ABC, 3)


def test_a_file_and_a_stream_of_the_same_bytes_agree(tmp_path: Path) -> None:
    body = b"0123456789" * 300_000
    (tmp_path / "x").write_bytes(body)
    assert hash_file(tmp_path / "x") == hash_stream(io.BytesIO(body))
    assert hash_file(tmp_path / "x")[1] == 3_000_000


def test_only_64_lower_case_hex_digits_are_a_digest() -> None:
    assert is_digest(ABC)
    assert not any(is_digest(text) for text in (ABC.upper(), ABC[1:], ABC + "0", ABC + "\n", f"../{ABC[3:]}", None, 7))
