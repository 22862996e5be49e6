"""JSON as -o json prints it: indented, keys in order, what is not ASCII as it is.

The standard library writes it in C only without an indent; a list of ten
thousand models takes it half as long this way.
"""

import json
from json.encoder import encode_basestring as quoted
from typing import Any


def indented(value: Any, margin: str = "\n") -> str:
    """`value`, made of what `json.loads` makes; `margin` is a line's end with the indent of what encloses it."""
    inner = margin + "  "
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict) and value:
        lines = [
            f"{inner}{quoted(key)}: {quoted(one) if type(one) is str else indented(one, inner)}"
            for key, one in sorted(value.items())
        ]
        return f"{{{','.join(lines)}{margin}}}"
    if isinstance(value, list) and value:
        return f"[{','.join([inner + indented(one, inner) for one in value])}{margin}]"
    return json.dumps(value)
