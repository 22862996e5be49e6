"""The text of an expression cut into words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from pratique.delivery.expressions.errors import ExpressionError
from pratique.delivery.expressions.values import Value, number_of, version_of

MAX_LENGTH: Final = 21_000
"""Characters of one expression."""


class Kind(StrEnum):
    LITERAL = "literal"
    NAME = "name"
    PUNCTUATION = "punctuation"
    END = "end"


@dataclass(frozen=True)
class Token:
    """One word of an expression."""

    kind: Kind
    text: str
    position: int
    """0-based offset in the expression."""
    value: Value = None
    """Of a literal."""


_SPACE: Final = re.compile(r"\s*")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STRING: Final = re.compile(r"'((?:[^']|'')*)'")
_NUMERIC: Final = re.compile(r"[-+]?[0-9.][0-9A-Za-z_.]*")
_INFIX: Final = {
    "==": "eq",
    "!=": "ne",
    "&&": "and",
    "||": "or",
    ">=": "ge",
    "<=": "le",
    ">": "gt",
    "<": "lt",
    "!": "not",
}
_KEYWORDS: Final[dict[str, Value]] = {"true": True, "false": False, "null": None}


def tokens(text: str) -> Iterator[Token]:
    """Every word of `text` and an end; raises `ExpressionError` at what is none."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the expression is longer than {MAX_LENGTH:,} characters")
    at, after_dot = 0, False
    while True:
        at = _skip(text, at)
        if at >= len(text):
            yield Token(Kind.END, "", at)
            return
        token = _token(text, at, after_dot)
        yield token
        after_dot = token.text == "." and token.kind is Kind.PUNCTUATION
        at += len(token.text)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _token(text: str, at: int, after_dot: bool) -> Token:
    first = text[at]
    if first == "'":
        found = _STRING.match(text, at)
        if found is None:
            raise ExpressionError("a string is not closed", position=at + 1, hint="write ' within a string as ''")
        return Token(Kind.LITERAL, found[0], at, found[1].replace("''", "'"))
    if name := _NAME.match(text, at):
        if not after_dot and name[0].lower() in _KEYWORDS:
            return Token(Kind.LITERAL, name[0], at, _KEYWORDS[name[0].lower()])
        return Token(Kind.NAME, name[0], at)
    if first in "()[],*" or (first == "." and not _is_number(text, at)):
        return Token(Kind.PUNCTUATION, first, at)
    if numeric := _NUMERIC.match(text, at):
        return Token(Kind.LITERAL, numeric[0], at, _numeric(numeric[0], at))
    raise _stranger(text, at)


def _is_number(text: str, at: int) -> bool:
    """Whether the dot at `at` begins a number such as .5, and is no dereference."""
    before = text[:at].rstrip()
    follows_value = bool(before) and (before[-1].isalnum() or before[-1] in "_])*")
    return not follows_value and text[at + 1 : at + 2].isdigit()


def _numeric(text: str, at: int) -> Value:
    value: Decimal | Value = number_of(text) if text.count(".") <= 1 else version_of(text)
    if value is None:
        raise ExpressionError(f"{text} is neither a number nor a version", position=at + 1, hint="quote it: '…'")
    return value


def _stranger(text: str, at: int) -> ExpressionError:
    for sign, function in _INFIX.items():
        if text.startswith(sign, at):
            return ExpressionError(
                f"{sign} is not an operator of this language", position=at + 1, hint=f"write {function}(…)"
            )
    if text[at] == '"':
        return ExpressionError("a string stands in single quotes", position=at + 1, hint="write '…'")
    if text.startswith("$(", at):
        hint = "write variables['name']: a macro is not replaced inside an expression"
        return ExpressionError("$( ) is not part of an expression", position=at + 1, hint=hint)
    if text[at] == "-":
        hint = "a name with other characters than letters, digits and _ stands in brackets: a['the-name']"
        return ExpressionError("- is not expected here", position=at + 1, hint=hint)
    return ExpressionError(f"{text[at]!r} is not expected here", position=at + 1)
