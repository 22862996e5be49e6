"""SHA-256 of streams and files, in constant memory, and of small documents."""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any, BinaryIO, Final

DIGEST: Final = re.compile(r"[0-9a-f]{64}")
"""What a digest looks like wherever one travels: 64 lower-case hex digits."""

_CHUNK: Final = 1 << 20  # Large enough that hashing, not calling, takes the time; small enough for a cache.


def hash_stream(stream: BinaryIO) -> tuple[str, int]:
    """The digest of what is left in `stream`, as 64 hex digits, and how many bytes that was."""
    state, size = hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK):
        state.update(chunk)
        size += len(chunk)
    return state.hexdigest(), size


def hash_descriptor(descriptor: int) -> tuple[str, int]:
    """The digest and size of what is left in an open file, read without a buffer of its own: many files are small."""
    state, size = hashlib.sha256(), 0
    while chunk := os.read(descriptor, _CHUNK):
        state.update(chunk)
        size += len(chunk)
    return state.hexdigest(), size


def hash_file(path: Path) -> tuple[str, int]:
    """The digest and size of the file at `path`, which the caller trusts to be a regular file."""
    with path.open("rb") as stream:
        return hash_stream(stream)


def digests_in(folder: Path) -> dict[str, str]:
    """The digest of every file below `folder`, links apart, by its path in it."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    return {path.relative_to(folder).as_posix(): hash_file(path)[0] for path in found}


def digest_of(document: Any) -> str:
    """The digest of a value that can be written as JSON; the same for what is read back."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def is_digest(text: object) -> bool:
    """Whether `text` is a digest as we write them."""
    return isinstance(text, str) and DIGEST.fullmatch(text) is not None
