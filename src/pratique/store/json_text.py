"""What columns of JSON hold, as text."""

import json
from contextlib import suppress
from typing import Any, Final

from pydantic_core import from_json

from pratique.content.journal_verifier import canonical

_TEXTS: Final = json.JSONEncoder(ensure_ascii=False)
# What one database cannot keep and the other can is refused by both: JSON has no NaN.
to_text: Final = json.JSONEncoder(allow_nan=False).encode
"""A value as it is stored."""


def to_canonical(document: Any) -> str:
    """`document` in the one spelling that is hashed, as it will be read back: no key a number, no value a tuple."""
    with suppress(TypeError, ValueError):  # Keys of several kinds have no order, and what is no JSON is refused below.
        text = canonical(document)
        if from_json(text, allow_inf_nan=False) == document:
            return text
    return canonical(from_text(to_text(document)))


def plain_to_canonical(value: str | int) -> str:
    """A text or a whole number in that spelling; the encoder itself takes its time with numbers."""
    return _TEXTS.encode(value) if isinstance(value, str) else str(value)


def from_text(text: str | bytes) -> Any:
    """What `to_text` wrote; a list reads forty thousand of them."""
    try:
        return from_json(text)
    except ValueError:  # Half a pair of surrogates, which only the standard library takes.
        return json.loads(text)
