"""What columns of JSON hold, as text."""

import json
from typing import Any, Final

from pydantic_core import from_json

# What one database cannot keep and the other can is refused by both: JSON has no NaN.
to_text: Final = json.JSONEncoder(allow_nan=False).encode
"""A value as it is stored."""


def from_text(text: str | bytes) -> Any:
    """What `to_text` wrote; a list reads forty thousand of them."""
    try:
        return from_json(text)
    except ValueError:  # Half a pair of surrogates, which only the standard library takes.
        return json.loads(text)
