"""The types of the expression language and how each becomes another.

    Null      None          False, 0, ''
    Boolean   bool          0 or 1, 'True' or 'False'
    Number    Decimal       False only for 0; a version when it has a decimal part
    String    str           False only when empty ('false' is True); Null when empty
    Version   Version       always True
    Array     Array         always True, never text
    Object    Record        always True, never text

Text is compared without regard to case, character by character (ordinal). A
`datetime` is text except to `format`. Source: Azure Pipelines, Expressions,
"Type casting".
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final, TypeAlias, TypeVar

from pratique.delivery.expressions.errors import ConversionError
from pratique.delivery.nodes import Node

MAX_INT: Final = 2_147_483_647
_MAX_NUMBER: Final = Decimal("79228162514264337593543950335")
"""The largest number; what is larger stays text."""
_SEVEN_PLACES: Final = Decimal("0.0000001")
_NUMBER: Final = re.compile(r"[ \t-\r]*([-+]?)([0-9][0-9,]*)?(?:\.([0-9]*))?[ \t-\r]*", re.ASCII)
_VERSION: Final = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,10}){1,3}", re.ASCII)
_MAX_DIGITS: Final = 60
_Ordered = TypeVar("_Ordered", str, Decimal, "Version")


@dataclass(frozen=True, order=True)
class Version:
    """Two to four whole numbers."""

    parts: tuple[int, ...]

    def __str__(self) -> str:
        return ".".join(map(str, self.parts))


@dataclass(frozen=True, eq=False)
class Array:
    """A list; equal only to itself."""

    items: "tuple[Value, ...]"
    origin: Node | None = None
    """What it was read from, so that it goes back into the YAML with its places."""


class Record:
    """An object: names in order, looked up without regard to case; equal only to itself."""

    def __init__(self, pairs: "Iterable[tuple[str, Value]]" = (), origin: Node | None = None) -> None:
        self.origin = origin
        self._values: dict[str, tuple[str, Value]] = {}
        for name, value in pairs:
            self.put(name, value)

    def put(self, name: str, value: "Value") -> None:
        """Set a value; a name keeps the place and the spelling that it had first."""
        key = folded(name)
        known = self._values.get(key)
        self._values[key] = (known[0] if known else name, value)

    def get(self, name: str) -> "Value":
        """The value of `name`; Null when there is none."""
        found = self._values.get(folded(name))
        return found[1] if found else None

    def __contains__(self, name: str) -> bool:
        return folded(name) in self._values

    def __len__(self) -> int:
        return len(self._values)

    def items(self) -> "Iterator[tuple[str, Value]]":
        """Names and values in order."""
        yield from self._values.values()

    def copy(self) -> "Record":
        """The same values, to be changed apart."""
        return Record(self.items())


Value: TypeAlias = bool | Decimal | str | Version | Array | Record | datetime | None


def folded(text: str) -> str:
    """`text` for a comparison without regard to case, one character for one."""
    if text.isascii():
        return text.upper()
    return "".join(upper if len(upper := one.upper()) == 1 else one for one in text)


def kind(value: Value) -> str:
    """The name of a value's type, as errors say it."""
    match value:
        case None:
            return "Null"
        case bool():
            return "Boolean"
        case Decimal():
            return "Number"
        case str() | datetime():
            return "String"
        case Version():
            return "Version"
        case Array():
            return "Array"
        case Record():
            return "Object"


def to_boolean(value: Value) -> bool:
    """What a condition makes of `value`; never fails."""
    match value:
        case None:
            return False
        case bool():
            return value
        case Decimal():
            return value != 0
        case str():
            return value != ""
        case _:
            return True


def to_text(value: Value) -> str:
    """`value` as text; raises `ConversionError` for arrays and objects."""
    match value:
        case None:
            return ""
        case bool():
            return "True" if value else "False"
        case Decimal():
            return number_text(value)
        case str():
            return value
        case Version():
            return str(value)
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case _:
            raise _cannot(value, "String")


def number_text(number: Decimal) -> str:
    """A number without exponent or trailing zeros, with at most seven decimals."""
    rounded = number.quantize(_SEVEN_PLACES, rounding=ROUND_HALF_UP) if abs(number) < Decimal(10) ** 20 else number
    text = f"{rounded:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def to_number(value: Value) -> Decimal:
    """`value` as a number; raises `ConversionError` when it has none."""
    match value:
        case None:
            return Decimal(0)
        case bool():
            return Decimal(int(value))
        case Decimal():
            return value
        case str():
            number = number_of(value)
            if number is not None:
                return number
    raise _cannot(value, "Number")


def number_of(text: str) -> Decimal | None:
    """The number that `text` writes: sign, thousands, decimals and spaces around are allowed; '' is 0."""
    if text == "":
        return Decimal(0)
    found = _NUMBER.fullmatch(text) if len(text) <= _MAX_DIGITS else None
    if found is None or not (found[2] or found[3]):
        return None
    try:
        number = Decimal(f"{found[1]}{(found[2] or '0').replace(',', '')}.{found[3] or '0'}")
    except InvalidOperation:
        return None
    return number if abs(number) <= _MAX_NUMBER else None


def to_version(value: Value) -> Version:
    """`value` as a version; raises `ConversionError` when it is none."""
    match value:
        case Version():
            return value
        case str():
            version = version_of(value)
        case Decimal() if value > 0 and value != value.to_integral_value():
            version = version_of(number_text(value))
        case _:
            version = None
    if version is None:
        raise _cannot(value, "Version")
    return version


def version_of(text: str) -> Version | None:
    """The version that `text` writes, two to four numbers."""
    if not _VERSION.fullmatch(text):
        return None
    parts = tuple(int(part) for part in text.split("."))
    return Version(parts) if max(parts) <= MAX_INT else None


def is_equal(left: Value, right: Value) -> bool:
    """Whether `right`, as the type of `left`, is `left`; False when it cannot become that type."""
    try:
        match left:
            case None:
                return right is None or right == ""
            case bool():
                return left == to_boolean(right)
            case Decimal():
                return left == to_number(right)
            case Version():
                return left == to_version(right)
            case str() | datetime():
                return folded(to_text(left)) == folded(to_text(right))
            case _:
                return left is right
    except ConversionError:
        return False


def compare(left: Value, right: Value) -> int:
    """Negative, 0 or positive as `left` is before, at or after `right`, which becomes the type of `left`.

    A left side that has no order counts as a number. Raises `ConversionError`
    when a side cannot be converted.
    """
    match left:
        case bool():
            return int(left) - int(to_boolean(right))
        case str() | datetime():
            return _order(folded(to_text(left)), folded(to_text(right)))
        case Version():
            return _order(left, to_version(right))
        case _:
            return _order(to_number(left), to_number(right))


def _order(left: _Ordered, right: _Ordered) -> int:
    return int(left > right) - int(left < right)


def _cannot(value: Value, wanted: str) -> ConversionError:
    shown = repr(value)[:60] if isinstance(value, str) else kind(value)
    return ConversionError(f"cannot convert from {kind(value)} to {wanted}: {shown}")
