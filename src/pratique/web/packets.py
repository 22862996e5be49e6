"""Git's packets, as far as a push needs them: which refs it names, and what git says became of each.

A packet is four hexadecimal digits, its length with them, and as many bytes;
0000 ends a list (gitprotocol-pack).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pratique.store.git import is_commit
from pratique.store.repositories import RefUpdate

_MOST: Final = 8_000_000
"""Bytes of the list of refs that one push may name."""
_LONGEST_NAME: Final = 1_000
_BAND: Final = 65_000


def packet(line: bytes) -> bytes:
    """`line` as a packet."""
    return b"%04x" % (len(line) + 4) + line


def advertised(service: str) -> bytes:
    """What stands before the refs in the answer of an old protocol."""
    return packet(f"# service={service}\n".encode()) + b"0000"


class Commands:
    """The list of refs at the beginning of a push, read as it comes."""

    def __init__(self) -> None:
        self.updates: list[RefUpdate] = []
        self.names: list[bytes] = []
        self.problem = ""
        """Why git is not even asked; empty when it is."""
        self.capabilities: frozenset[bytes] = frozenset()
        self._waiting = bytearray()
        self._read = 0
        self._is_first = True

    def feed(self, piece: bytes) -> bool:
        """Take the next bytes; True when the list has ended, or is not read any further."""
        self._waiting += piece
        self._read += len(piece)
        while not self.problem and len(self._waiting) >= 4:
            length = _length(bytes(self._waiting[:4]))
            if length == 0:
                return True
            if length < 4:
                self.problem = "the request is not a push"
            elif len(self._waiting) < length:
                break
            else:
                self._take(bytes(self._waiting[4:length]))
                del self._waiting[:length]
        if not self.problem and self._read > _MOST and len(self._waiting) < self._read:
            self.problem = "one push names too many refs"
        return bool(self.problem)

    def _take(self, line: bytes) -> None:
        line, _, said = line.partition(b"\0")
        if self._is_first:
            self.capabilities = frozenset(said.split())
        if line.startswith(b"shallow "):
            return
        self._is_first = False
        words = line.rstrip(b"\n").split(b" ", 2)
        if len(words) != 3 or not all(is_commit(word.decode("ascii", "replace")) for word in words[:2]):
            self.problem = "the request is not a push"
            return
        self.names.append(words[2])
        try:
            name = words[2].decode()
        except UnicodeDecodeError:
            self.problem = "the name of a ref is no UTF-8"
            return
        if len(name) > _LONGEST_NAME:
            self.problem = f"the name of a ref is longer than {_LONGEST_NAME} characters"
            return
        self.updates.append(RefUpdate(name, words[0].decode(), words[1].decode()))


def refused(commands: Commands, reason: str) -> bytes:
    """An answer in which every ref is refused, so that git shows why."""
    told = packet(b"unpack ok\n")
    told += b"".join(packet(b"ng " + name[:_LONGEST_NAME] + b" " + reason.encode() + b"\n") for name in commands.names)
    told += b"0000"
    if b"side-band-64k" not in commands.capabilities:
        return told
    pieces = (told[start : start + _BAND] for start in range(0, len(told), _BAND))
    return b"".join(packet(b"\x01" + piece) for piece in pieces) + b"0000"


@dataclass(frozen=True)
class Report:
    """What git says became of each ref of a push."""

    is_whole: bool
    """Whether it said so; it does not when it was ended, or was not asked to."""
    done: frozenset[str]
    """The refs that moved."""

    @classmethod
    def of(cls, said: bytes) -> "Report":
        """The report in all that `git receive-pack` said."""
        lines = list(_lines(said))
        if lines and all(line[:1] in (b"\x01", b"\x02", b"\x03") for line in lines):
            lines = list(_lines(b"".join(line[1:] for line in lines if line[:1] == b"\x01")))
        words = [line.rstrip(b"\n").split(b" ", 1) for line in lines]
        is_whole = any(word[0] == b"unpack" for word in words)
        done = (word[1].decode("utf-8", "replace") for word in words if word[0] == b"ok" and len(word) == 2)
        return cls(is_whole, frozenset(done))


def _lines(said: bytes) -> Iterator[bytes]:
    at = 0
    while at + 4 <= len(said):
        length = _length(said[at : at + 4])
        if length < 4:
            if length:
                return
            at += 4
            continue
        yield said[at + 4 : at + length]
        at += length


def _length(digits: bytes) -> int:
    """The length that four digits say; 1 when they are none."""
    try:
        return int(digits, 16)
    except ValueError:
        return 1
