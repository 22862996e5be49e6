"""How values and near names are shown in errors."""

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """A hint that names the word that is near, or nothing."""
    near = difflib.get_close_matches(str(word).lower(), [*known], n=1)
    return f"did you mean {near[0]}?" if near else ""


def shown(value: Any, written: str | None = None) -> str:
    """`value` for an error message: short, as the user wrote it where that is known."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    text = written or (value if isinstance(value, str) else json.dumps(value, default=str))
    if not text.isprintable():
        text = ascii(text)
    return text if len(text) <= 60 else f"{text[:57]}..."
