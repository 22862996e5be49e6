"""An expression as a tree.

    expression  literal | name | function ( [ expression { , expression } ] )
                followed by any number of  .name  .*  [ expression ]  [ * ]

Functions and names are only checked when they are reached, or by `checks`:
an expression in a branch that is not taken must be well formed, no more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from pratique.delivery.expressions.errors import ExpressionError
from pratique.delivery.expressions.lexer import Kind, Token, tokens
from pratique.delivery.expressions.values import Value, kind, to_text

MAX_DEPTH: Final = 50
"""Levels of functions and indexes within one another."""


@dataclass(frozen=True)
class Literal:
    value: Value
    position: int

    def __str__(self) -> str:
        return f"'{self.value.replace(chr(39), chr(39) * 2)}'" if isinstance(self.value, str) else _word(self.value)


@dataclass(frozen=True)
class Name:
    """A named value: `variables`, `parameters`, …"""

    name: str
    position: int

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Index:
    """A part of a value: `a.b` and `a['b']`."""

    target: "Expression"
    key: "Expression"
    position: int

    def __str__(self) -> str:
        return f"{self.target}[{self.key}]"


@dataclass(frozen=True)
class Each:
    """Every part of a value: `a.*`; what follows selects from each."""

    target: "Expression"
    position: int

    def __str__(self) -> str:
        return f"{self.target}.*"


@dataclass(frozen=True)
class Call:
    name: str
    arguments: "tuple[Expression, ...]"
    position: int

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.arguments))})"


Expression: TypeAlias = Literal | Name | Index | Each | Call


def _word(value: Value) -> str:
    return "null" if value is None else to_text(value)


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """The tree of `text`; raises `ExpressionError` with the position of what cannot be read."""
    return _Parser(text).whole()


def parts(expression: Expression) -> Iterator[Expression]:
    """`expression` and everything in it, from the outside in."""
    yield expression
    match expression:
        case Index():
            yield from parts(expression.target)
            yield from parts(expression.key)
        case Each():
            yield from parts(expression.target)
        case Call():
            for argument in expression.arguments:
                yield from parts(argument)
        case _:
            pass


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._next = next(self._tokens)

    def whole(self) -> Expression:
        if not self._next.text:
            raise ExpressionError("an expression is expected", position=1)
        found = self._expression(1)
        self._expect_end()
        return found

    def _expect_end(self) -> None:
        if self._next.kind is not Kind.END:
            raise self._unexpected()

    def _take(self) -> Token:
        taken, self._next = self._next, next(self._tokens, self._next)
        return taken

    def _is(self, punctuation: str) -> bool:
        return self._next.kind is Kind.PUNCTUATION and self._next.text == punctuation

    def _expect(self, punctuation: str) -> None:
        if not self._is(punctuation):
            raise self._unexpected(f"; expected {punctuation}")
        self._take()

    def _unexpected(self, more: str = "") -> ExpressionError:
        shown = self._next.text or "the end"
        return ExpressionError(f"{shown} is not expected here{more}", position=self._next.position + 1)

    def _expression(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise ExpressionError(f"the expression is deeper than {MAX_DEPTH} levels", position=self._next.position + 1)
        if self._next.kind not in (Kind.LITERAL, Kind.NAME):
            raise self._unexpected()
        token = self._take()
        found: Expression
        if token.kind is Kind.LITERAL:
            return Literal(token.value, token.position)
        found = self._call(token, depth) if self._is("(") else Name(token.text, token.position)
        return self._selected(found, depth)

    def _call(self, name: Token, depth: int) -> Call:
        self._take()
        arguments: list[Expression] = []
        while not self._is(")"):
            if arguments:
                self._expect(",")
            arguments.append(self._expression(depth + 1))
        self._take()
        return Call(name.text, tuple(arguments), name.position)

    def _selected(self, found: Expression, depth: int) -> Expression:
        """`found` with the dots and brackets behind it; each is a level."""
        while self._is(".") or self._is("["):
            depth += 1
            if depth > MAX_DEPTH:
                raise ExpressionError(f"the expression is deeper than {MAX_DEPTH} levels", position=found.position + 1)
            sign = self._take()
            if self._is("*"):
                self._take()
                found = Each(found, sign.position)
            elif sign.text == ".":
                found = Index(found, self._property(), sign.position)
            else:
                found = Index(found, self._expression(depth), sign.position)
            if sign.text == "[":
                self._expect("]")
        return found

    def _property(self) -> Literal:
        if self._next.kind is not Kind.NAME:
            raise self._unexpected("; expected a name")
        token = self._take()
        return Literal(token.text, token.position)


def described(value: Value) -> str:
    """`value` for an explanation: short, strings in quotes."""
    if isinstance(value, str):
        return f"'{value if len(value) <= 60 else value[:57] + '...'}'"
    return _word(value) if kind(value) not in ("Array", "Object") else kind(value)
