"""Values of parameters: which fit a type, and what a text that says one is worth.

Azure ML reads `default: "0.5"` of a number as 0.5 and `default: 10` of a
string as "10", and files are written so. What cannot be read as the type is
refused, and so is what would lose something: 1.5 is no integer.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeGuard

from pratique.specs.bindings import text_of
from pratique.specs.reader import FLAGS

_WORDS: Final[Mapping[str, bool]] = MappingProxyType({"true": True, "false": False, **FLAGS})
_WHOLE: Final = re.compile(r"[-+]?[0-9]{1,100}", re.ASCII)
_REAL: Final = re.compile(r"[-+]?(?:[0-9]{1,100}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)


def is_literal(value: object) -> TypeGuard[str | int | float | bool]:
    """Whether `value` is one, and neither nothing nor a list or a mapping."""
    return isinstance(value, str | int | float)


def literal_of(kind: str, value: str | float | bool) -> str | int | float | bool:
    """`value` as one of the type `kind`; raises `ValueError` when it cannot be one."""
    match kind, value:
        case ("string", str()) | ("boolean", bool()):
            return value
        case "string", _:
            return text_of(value)
        case "boolean", str() if value.lower() in _WORDS:
            return _WORDS[value.lower()]
        case "number" | "integer", bool():
            pass
        case "number", int() | float():
            return value
        case "integer", int():
            return value
        case "integer", float() if value.is_integer():
            return int(value)
        case "integer", str() if _WHOLE.fullmatch(value):
            return int(value)
        case "number", str() if _WHOLE.fullmatch(value):
            return int(value)
        case "number", str() if _REAL.fullmatch(value):
            return float(value)
    raise ValueError(f"not of type {kind}")


def fits(kind: str, value: str | float | bool) -> bool:
    """Whether `value` can be one of the type `kind`."""
    try:
        literal_of(kind, value)
    except ValueError:
        return False
    return True
