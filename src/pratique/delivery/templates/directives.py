"""What stands between `${{` and `}}`: expressions within text, and the directives of keys."""

import re
from dataclasses import dataclass
from typing import Final

from pratique.delivery.expressions.errors import ExpressionError

OPEN: Final = "${{"
CLOSE: Final = "}}"
_WORD: Final = re.compile(r"(if|elseif|else|each|insert)\b(.*)", re.DOTALL)
_EACH: Final = re.compile(r"\s+([A-Za-z_][A-Za-z0-9_]*)\s+in\s+(.+)", re.DOTALL)


@dataclass(frozen=True)
class Directive:
    """`${{ if … }}` and its kin as the key of a mapping."""

    word: str
    """if, elseif, else, each or insert."""
    expression: str = ""
    variable: str = ""
    """Of `each`: the name of the loop variable."""


def directive_of(key: str) -> Directive | None:
    """The directive that `key` is; None for every other key. Raises `ExpressionError` for half of one."""
    text = key.strip()
    if not text.startswith(OPEN) or not text.endswith(CLOSE):
        return None
    pieces = pieces_of(text)
    if len(pieces) != 1 or (found := _WORD.fullmatch(pieces[0].text.strip())) is None:
        return None
    word, rest = found[1], found[2]
    if rest.startswith((".", "[")):  # A loop variable may be called `each`.
        return None
    if word in ("else", "insert"):
        if rest.strip():
            raise ExpressionError(f"{word} takes no expression", hint="write elseif" if word == "else" else "")
        return Directive(word)
    if word == "each":
        if (parts := _EACH.fullmatch(rest)) is None:
            raise ExpressionError("each is written: each NAME in EXPRESSION")
        return Directive(word, parts[2].strip(), parts[1])
    if not rest.strip():
        raise ExpressionError(f"{word} needs an expression")
    return Directive(word, rest.strip())


def is_directive(key: str) -> bool:
    """Whether `key` is a directive, or what was meant to be one."""
    try:
        return directive_of(key) is not None
    except ExpressionError:
        return True


@dataclass(frozen=True)
class Piece:
    """A part of a text."""

    text: str
    is_expression: bool
    offset: int
    """Where it begins in the whole text."""


def pieces_of(text: str) -> list[Piece]:
    """`text` cut at its `${{ }}`; strings within an expression may hold braces. Raises `ExpressionError`."""
    pieces: list[Piece] = []
    at = 0
    while (start := text.find(OPEN, at)) >= 0:
        end = _end(text, start + len(OPEN))
        if start > at:
            pieces.append(Piece(text[at:start], False, at))
        pieces.append(Piece(text[start + len(OPEN) : end], True, start))
        at = end + len(CLOSE)
    if at < len(text):
        pieces.append(Piece(text[at:], False, at))
    return pieces


def _end(text: str, at: int) -> int:
    """Where the expression that begins at `at` is closed."""
    in_string = False
    while at < len(text):
        if text[at] == "'":
            in_string = not in_string
        elif not in_string and text.startswith(CLOSE, at):
            return at
        at += 1
    raise ExpressionError("${{ is not closed", hint="write }} behind the expression, and strings in single quotes")
