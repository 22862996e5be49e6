"""Why somebody does what they do, in their own words: told once at the door, written into every event.

    pratique … --reason TEXT  ──►  the header Audit-Reason  ──►  the column `reason` of each event

It is bound to the context of one command or one request, as a log binds its
fields, so no verb hands it on and no event can be written without it. Where
nobody was asked, as in the engine, nothing is bound.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from urllib.parse import quote, unquote

from pratique.base.errors import InvalidInput

HEADER: Final = "Audit-Reason"
"""The words as URL-encoded UTF-8, because a header is ASCII."""
VARIABLE: Final = "PRATIQUE_REASON"
"""Where the command line finds it when there is no ``--reason``."""
LONGEST: Final = 500
"""Characters: a sentence, and the number of a ticket."""

_said: ContextVar[str | None] = ContextVar("reason", default=None)


def said() -> str | None:
    """The reason that was given; empty when none was, and None where nobody was asked."""
    return _said.get()


@contextmanager
def bound(words: str) -> Iterator[None]:
    """Whatever happens inside happens for that reason."""
    token = _said.set(words)
    try:
        yield
    finally:
        _said.reset(token)


def checked(words: str) -> str:
    """`words` without white space around them; raises `InvalidInput` for what is no line of text."""
    words = words.strip()
    if len(words) > LONGEST:
        raise InvalidInput(f"a reason has at most {LONGEST} characters, this one {len(words)}")
    if not words.isprintable():
        raise InvalidInput("a reason is one line of text")
    return words


def to_header(words: str) -> str:
    """`words` as the header carries them."""
    return quote(words, safe=" ")


def from_header(value: str) -> str:
    """The words of a header; raises `InvalidInput` for what `to_header` does not write."""
    try:
        return checked(unquote(value, errors="strict"))
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the header {HEADER} is not URL-encoded UTF-8") from error
