"""What a path inside a manifest may look like.

A path from outside is data, never an instruction to the file system. It is
checked once, where it enters, and what passes here is a plain relative POSIX
path in Unicode: no `..`, nothing that a URL decoder, a shell on another
system or a terminal would read differently from what it shows.

The rule is stricter than Linux needs. `% ; # ? \\` have each been the hole of
a server that decoded a path twice, and a name with a control character or a
change of writing direction shows one thing and is another.
"""

import re
import unicodedata
from typing import Final

from pratique.base.errors import InvalidInput, Problem

MAX_PATH_BYTES: Final = 1024  # With a home in front of it, a path stays well below Linux' PATH_MAX of 4096.
MAX_SEGMENT_BYTES: Final = 255  # NAME_MAX of every file system that we know.
MAX_DEPTH: Final = 64

_PLAIN: Final = re.compile(r"(?!.{256})[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*){0,63}")
"""What nearly every path is; it breaks none of the rules below, and a folder may have 100,000."""

_FORBIDDEN: Final = frozenset("\\%;#?")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# Control characters, lone surrogates (a name that is not UTF-8), line and paragraph separators.
_UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Turning the direction of writing makes `gpj.exe` look like `exe.jpg`.
_DIRECTION: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def check_relative(path: str) -> str:
    """`path`, unchanged; raises `InvalidInput` when it is not a plain relative POSIX path."""
    if said := problem_with_path(path):
        shown = ascii(path if len(path) <= 80 else path[:77] + "...")
        raise InvalidInput(f"{shown} cannot be the path of a file: {said}", problems=[Problem(said, key="path")])
    return path


def problem_with_path(path: str) -> str:
    """Why `path` is not a plain relative POSIX path; empty when it is one."""
    if _PLAIN.fullmatch(path):
        return ""
    if not path:
        return "it is empty"
    return _problem_with_characters(path) or _problem_with_shape(path)


def _problem_with_characters(path: str) -> str:
    if found := sorted(_FORBIDDEN.intersection(path)):
        return f"it contains {' '.join(found)}"
    if _DIRECTION.intersection(path):
        return "it contains a character that changes the direction of writing"
    if not path.isascii() or not path.isprintable():
        for character in path:
            if unicodedata.category(character) in _UNPRINTABLE:
                return f"it contains the character U+{ord(character):04X}"
    return ""


def _problem_with_shape(path: str) -> str:
    if path.startswith("/"):
        return "it is absolute"
    if _SCHEME.match(path):
        return "it begins like a URL or a drive"
    segments = path.split("/")
    if len(segments) > MAX_DEPTH:
        return f"it is deeper than {MAX_DEPTH} folders"
    if len(path.encode()) > MAX_PATH_BYTES:
        return f"it is longer than {MAX_PATH_BYTES} bytes"
    return next((said for segment in segments if (said := _problem_with_segment(segment))), "")


def _problem_with_segment(segment: str) -> str:
    if not segment:
        return "it has an empty part"
    if len(segment.encode()) > MAX_SEGMENT_BYTES:
        return f"one of its parts is longer than {MAX_SEGMENT_BYTES} bytes"
    # Look-alikes of dots and slashes become real ones where a system folds Unicode (NFKC).
    plain = segment if segment.isascii() else unicodedata.normalize("NFKC", segment)
    if plain in (".", ".."):
        return f"it contains the part {plain!r}"
    if "/" in plain or "\\" in plain:
        return "it contains a look-alike of a slash"
    return ""


def folded(path: str) -> str:
    """What a file system that ignores case and Unicode form compares instead of `path`."""
    return path.casefold() if path.isascii() else unicodedata.normalize("NFC", path).casefold()
