"""Envoy's messages in protobuf's binary form, which it reads ten times faster than JSON.

`encoded` makes bytes of the very values that would be JSON; `schema` knows the
numbers. Wherever a message belongs, bytes that are one already may stand: of a
thousand endpoints only the one that has changed is then made anew.
Of reading there is just as much as publishing needs: the raw fields of a message.
"""

import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, Final

from pratique.gateway.render.schema import SCHEMA
from pratique_serving.protobuf import read_varint, varint

_VARINT, _FIXED64, _SIZED, _FIXED32 = 0, 1, 2, 5
"""How a field's value is written: protobuf's wire types."""
_ANY: Final = "google.protobuf.Any"
_TYPES: Final = "type.googleapis.com/"
_NANO: Final = 1_000_000_000

_Writer = Callable[[Any], bytes]
"""Makes the bytes of a field, its tag included, of its value."""


def encoded(kind: str, message: Mapping[str, Any]) -> bytes:
    """A message of the type `kind`; raises `ValueError` for a field or word that `schema` does not have."""
    try:
        writers = _writers(kind)
        return b"".join([writers[name](value) for name, value in message.items() if name != "@type"])
    except KeyError as error:
        raise ValueError(f"{kind}: {error} is not in the schema") from None


def packed(message: Mapping[str, Any]) -> bytes:
    """A message that says its own type, as an ``Any``."""
    url: str = message["@type"]
    return sized(1, url.encode()) + sized(2, encoded(url.removeprefix(_TYPES), message))


def sized(number: int, content: bytes) -> bytes:
    """A field that says its length: a text or a message."""
    return _tag(number, _SIZED) + varint(len(content)) + content


def unpacked(packed_message: bytes) -> bytes:
    """The message in an ``Any``."""
    return next(values(_ANY, packed_message, "value"), b"")


def values(kind: str, message: bytes, name: str) -> Iterator[bytes]:
    """The text or message in each field `name` of `message`; raises `ValueError` for what is none."""
    wanted = _NUMBERS[kind][name]
    return (value for number, value in fields(message) if number == wanted)


def fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The number and the bytes of each field that has a length; raises `ValueError` for what is no message."""
    at = 0
    while at < len(message):
        tag, at = read_varint(message, at)
        number, form = tag >> 3, tag & 7
        if form == _SIZED:
            size, at = read_varint(message, at)
            if at + size > len(message):
                raise ValueError("a message ends too early")
            yield number, message[at : at + size]
            at += size
        elif form == _VARINT:
            at = read_varint(message, at)[1]
        elif form in (_FIXED64, _FIXED32):
            at += 8 if form == _FIXED64 else 4
        else:
            raise ValueError("no message begins so")


# --- writing ------------------------------------------------------------------------------------------------------


@cache
def _tag(number: int, form: int) -> bytes:
    return varint(number << 3 | form)


def _duration(said: str) -> bytes:
    """``1.500s`` as seconds and nanoseconds."""
    found = re.fullmatch(r"(-?[0-9]+(?:\.[0-9]{1,9})?)s", said)
    if found is None:
        raise ValueError(f"{said!r} is no duration")
    whole = int(Decimal(found[1]) * _NANO)
    seconds, rest = divmod(abs(whole), _NANO)
    sign = -1 if whole < 0 else 1
    return b"".join(_number(number, sign * part) for number, part in ((1, seconds), (2, rest)) if part)


def _number(number: int, value: int) -> bytes:
    return _tag(number, _VARINT) + varint(value)


def _double(number: int, value: float) -> bytes:
    return _tag(number, _FIXED64) + struct.pack("<d", value)


def _struct(value: Mapping[str, Any]) -> bytes:
    """A JSON object as ``google.protobuf.Struct``."""
    return b"".join(sized(1, sized(1, name.encode()) + sized(2, _value(inner))) for name, inner in value.items())


def _value(value: Any) -> bytes:
    """A JSON value as ``google.protobuf.Value``."""
    match value:
        case None:
            return _number(1, 0)
        case bool():
            return _number(4, value)
        case int() | float():
            return _double(2, value)
        case str():
            return sized(3, value.encode())
        case Mapping():
            return sized(5, _struct(value))
        case Sequence():
            return sized(6, b"".join(sized(1, _value(one)) for one in value))
        case _:
            raise ValueError(f"{value!r} is nothing that JSON has")


_KNOWN: Final[Mapping[str, Callable[[Any], bytes]]] = {
    _ANY: packed,
    "google.protobuf.Duration": _duration,
    "google.protobuf.Struct": _struct,
    "google.protobuf.UInt32Value": lambda value: _number(1, int(value)),
    "google.protobuf.BoolValue": lambda value: _number(1, bool(value)),
}
"""Messages that JSON writes in a way of their own."""


@cache
def _writers(kind: str) -> Mapping[str, _Writer]:
    """How each field of a message is written."""
    return {name: _labelled(number, label, type_) for name, (number, label, type_) in _FIELDS[kind].items()}


def _labelled(number: int, label: str, kind: str) -> _Writer:
    if label == "map":
        inner = _writer(2, kind)
        return lambda value: b"".join(
            [sized(number, sized(1, key.encode()) + inner(one)) for key, one in value.items()]
        )
    write = _writer(number, kind)
    return (lambda value: b"".join([write(one) for one in value])) if label == "repeated" else write


def _writer(number: int, kind: str) -> _Writer:
    """How one value of the type `kind` is written as the field `number`."""
    if kind == "string":
        return lambda value: sized(number, value.encode())
    if kind == "bool":
        return lambda value: _number(number, bool(value))
    if kind == "double":
        return lambda value: _double(number, value)
    if kind in ("uint32", "int64"):
        return lambda value: _number(number, int(value))
    if kind in _WORDS:
        words = _WORDS[kind]
        return lambda value: _number(number, words[value])
    known = _KNOWN.get(kind)
    make = known or (lambda value: encoded(kind, value))
    return lambda value: sized(number, value if isinstance(value, bytes) else make(value))


# --- the schema ---------------------------------------------------------------------------------------------------


def _parsed(text: str) -> tuple[dict[str, dict[str, tuple[int, str, str]]], dict[str, dict[str, int]]]:
    """The fields of every message, as number, label and type, and the words of every enumeration."""
    messages: dict[str, dict[str, tuple[int, str, str]]] = {}
    enumerations: dict[str, dict[str, int]] = {}
    name = ""
    for line in text.strip().splitlines():
        words = line.split()
        if not line.startswith(" "):
            what, name = words
            (messages if what == "message" else enumerations)[name] = {}
        elif name in messages:
            number, *label, kind, field = words
            messages[name][field] = (int(number), "".join(label), kind)
        else:
            enumerations[name] = {word: int(number) for word, _, number in (one.partition("=") for one in words)}
    return messages, enumerations


_FIELDS, _WORDS = _parsed(SCHEMA)
_NUMBERS: Final = {kind: {name: row[0] for name, row in rows.items()} for kind, rows in _FIELDS.items()} | {
    _ANY: {"type_url": 1, "value": 2}
}
