"""Flatbuffers, as Arrow describes its messages with: read without generated code, nothing trusted.

A table says by offsets where its members are; whatever points outside of the
bytes that are there is an error of whoever sent them.

Source: https://flatbuffers.dev/internals/
"""

import struct
from typing import Iterator, List, Tuple


class Table:
    """Its members by their numbers in the schema. Raises struct.error for places outside of the buffer."""

    __slots__ = ("_at", "_data", "_listed", "_size")

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at
        self._listed = at - _unpacked("i", data, at)
        self._size = _unpacked("H", data, self._listed)

    def number(self, member: int, letter: str, default: int = 0) -> int:
        """One that is stored as this letter of `struct`."""
        at = self._place(member)
        return _unpacked(letter, self._data, at) if at else default

    def table(self, member: int) -> "Table":
        """Raises ValueError when there is none."""
        at = self._place(member)
        if not at:
            raise ValueError("a description is incomplete")
        return Table(self._data, at + _unpacked("I", self._data, at))

    def has(self, member: int) -> bool:
        """Whether it is there; what is left out has its default."""
        return bool(self._place(member))

    def text(self, member: int) -> str:
        """Empty when there is none."""
        return str(self._part(member, 1), "utf-8")

    def tables(self, member: int) -> Iterator["Table"]:
        """A vector of tables; none when it is left out."""
        start, count = self._vector(member)
        self._part(member, 4)
        for at in range(start, start + 4 * count, 4):
            yield Table(self._data, at + _unpacked("I", self._data, at))

    def pairs(self, member: int) -> List[Tuple[int, int]]:
        """A vector of structs that are two numbers of 64 bits each."""
        return [(int(first), int(second)) for first, second in struct.iter_unpack("<qq", self._part(member, 16))]

    def _part(self, member: int, size: int) -> bytes:
        start, count = self._vector(member)
        part = self._data[start : start + count * size]
        if len(part) != count * size:
            raise ValueError("a description is cut off")
        return part

    def _vector(self, member: int) -> Tuple[int, int]:
        at = self._place(member)
        if not at:
            return 0, 0
        at += _unpacked("I", self._data, at)
        return at + 4, _unpacked("I", self._data, at)

    def _place(self, member: int) -> int:
        """Where a member is; 0 when it is left out."""
        entry = 4 + 2 * member
        offset = _unpacked("H", self._data, self._listed + entry) if entry + 2 <= self._size else 0
        return self._at + offset if offset else 0


def root(described: bytes) -> Table:
    """The table that everything else is reached from."""
    return Table(described, _unpacked("I", described, 0))


def _unpacked(letter: str, data: bytes, at: int) -> int:
    if at < 0:
        raise ValueError("a description points outside of itself")
    found: int = struct.unpack_from("<" + letter, data, at)[0]
    return found
