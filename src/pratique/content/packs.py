"""Many small blobs in one stream, because a request for each would take longer than the bytes.

    record:  digest, 32 bytes | length, 4 bytes, big-endian | the bytes
    pack:    record, record, …

A pack comes from a client: the digests are claims, and the reader of the bytes
hashes them. Lengths are checked before anything is kept in memory.
"""

import hashlib
import struct
from collections.abc import Iterator
from typing import Final

from pratique.base.errors import InvalidInput, TooLarge

MAX_BLOB: Final = 1 << 20
"""Bytes of one blob in a pack; a larger one goes by itself."""

MAX_PACK: Final = 8 << 20
"""Bytes of the blobs of one pack; it stays below the limit of the API's requests."""

MAX_RECORDS: Final = 4096
"""Blobs of one pack: about as many as the other limit lets in when they are of 2 kB."""

_HEADER: Final = struct.Struct(">32sI")


def record(digest: str, data: bytes) -> bytes:
    """One blob as it stands in a pack."""
    return _HEADER.pack(bytes.fromhex(digest), len(data)) + data


class Unpacker:
    """Takes a pack in pieces and gives its blobs, each hashed."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._records = 0

    def feed(self, piece: bytes) -> Iterator[tuple[str, bytes]]:
        """(digest, bytes) of every blob that `piece` completes.

        Raises `TooLarge` for a blob or a pack past the limits, and
        `InvalidInput` for bytes that do not have their digest.
        """
        self._waiting += piece
        at = 0
        while len(self._waiting) - at >= _HEADER.size:
            claimed, length = _HEADER.unpack_from(self._waiting, at)
            if length > MAX_BLOB:
                raise TooLarge(f"{length} bytes are more than the {MAX_BLOB} of one blob in a pack")
            end = at + _HEADER.size + length
            if len(self._waiting) < end:
                break
            yield self._checked(claimed, bytes(self._waiting[at + _HEADER.size : end]))
            at = end
        del self._waiting[:at]

    def finish(self) -> None:
        """Raise `InvalidInput` when the pack ends in the middle of a blob."""
        if self._waiting:
            raise InvalidInput("the pack ends in the middle of a blob", hint="upload again: what arrived is kept")

    def _checked(self, claimed: bytes, data: bytes) -> tuple[str, bytes]:
        self._records += 1
        if self._records > MAX_RECORDS:
            raise TooLarge(f"a pack has at most {MAX_RECORDS} blobs")
        actual = hashlib.sha256(data)
        if actual.digest() != claimed:
            said = f"the bytes have the digest {actual.hexdigest()}, not {claimed.hex()}"
            raise InvalidInput(said, hint="upload the file again")
        return actual.hexdigest(), data
