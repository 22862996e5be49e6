"""The few messages of the Open Inference Protocol over gRPC, as bytes: standard library only.

A message is read as its fields by number, in the order in which they came; what
they mean is said by who asks. So no generated code and no protobuf package has
to agree with the user's pins.

Source: grpc_predict_v2.proto of the Open Inference Protocol; protobuf.dev/programming-guides/encoding
"""

import struct
from typing import Dict, Iterable, List, Tuple, Union

Field = Union[int, bytes]
Fields = Dict[int, List[Field]]


def fields(message: bytes) -> Fields:
    """Every field by its number. Raises ValueError for what is no message."""
    found: Fields = {}
    at = 0
    while at < len(message):
        key, at = read_varint(message, at)
        kind = key & 7
        value: Field
        if kind == 0:
            value, at = read_varint(message, at)
        else:
            size = {1: 8, 5: 4}.get(kind, -1)
            if kind == 2:
                size, at = read_varint(message, at)
            if size < 0 or at + size > len(message):
                raise ValueError("the message is cut off, or none")
            value, at = message[at : at + size], at + size
        found.setdefault(key >> 3, []).append(value)
    return found


def text(found: Fields, number: int) -> str:
    """The last value of a field of text. Raises ValueError when it is none."""
    value = found.get(number, [b""])[-1]
    if not isinstance(value, bytes):
        raise ValueError(f"field {number} is no text")
    return value.decode("utf-8")


def messages(found: Fields, number: int) -> List[bytes]:
    """The values of a repeated field of bytes, or of messages. Raises ValueError when they are none."""
    values = [value for value in found.get(number, []) if isinstance(value, bytes)]
    if len(values) != len(found.get(number, [])):
        raise ValueError(f"field {number} is no message")
    return values


def numbers(found: Fields, number: int, bits: int = 64) -> List[int]:
    """The values of a repeated field of whole numbers, packed or not; `bits` is how many a negative one has."""
    values: List[int] = []
    for value in found.get(number, []):
        if isinstance(value, int):
            values.append(value)
            continue
        at = 0
        while at < len(value):
            one, at = read_varint(value, at)
            values.append(one)
    return [value - (1 << 64) if bits and value >= 1 << 63 else value for value in values]


def fractions(found: Fields, number: int, form: str) -> List[float]:
    """The values of a repeated field of fractions; `form` is ``f`` or ``d``. Raises ValueError when they are none."""
    data = b"".join(messages(found, number))
    if len(data) % struct.calcsize(form):
        raise ValueError(f"field {number} is cut off")
    return list(struct.unpack(f"<{len(data) // struct.calcsize(form)}{form}", data))


def of_text(number: int, value: str) -> bytes:
    """A field of text."""
    return of_bytes(number, value.encode())


def of_bytes(number: int, value: bytes) -> bytes:
    """A field of bytes, or of a message."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def of_truth(number: int, value: bool) -> bytes:
    """A field of a truth."""
    return varint(number << 3) + varint(int(value))


def of_numbers(number: int, values: Iterable[int]) -> bytes:
    """A packed field of whole numbers."""
    return of_bytes(number, b"".join(map(varint, values)))


def varint(number: int) -> bytes:
    """A whole number in as few bytes as it needs; a negative one has all its 64 bits."""
    if 0 <= number < 0x80:
        return _SMALL[number]
    number &= (1 << 64) - 1
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def read_varint(data: bytes, at: int) -> Tuple[int, int]:
    """The number that begins at `at`, and where what comes after it begins. Raises ValueError when there is none."""
    number = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number & (1 << 64) - 1, at
    raise ValueError("a number is cut off, or too long")


_SMALL = [bytes((number,)) for number in range(0x80)]
