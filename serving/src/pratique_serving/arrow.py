"""Bodies in Arrow's format as columns of plain values, without pyarrow, which hardly any model's environment has.

    application/vnd.apache.arrow.stream    a schema, then dictionaries and batches of rows
    application/vnd.apache.arrow.file      the same behind eight bytes, and an index that nobody needs here

    message   FF FF FF FF · size · description, a flatbuffer · the buffers that it describes

Read are booleans, numbers, text, dates and timestamps, dictionaries of them (what
pandas calls a category), and lists of all these. A value becomes what it would be
in JSON, where a moment is text of ISO 8601, and a null None.

Whatever a body says of its sizes is compared with the bytes that are there: each
buffer lies within the body, all of them together are not larger than it, and
there are not many more values than bytes. So compressed buffers are refused (415).

Source: https://arrow.apache.org/docs/format/Columnar.html, and Message.fbs and Schema.fbs of the same project.
"""

import operator
import struct
from collections import deque
from datetime import date
from functools import partial
from typing import Any, Callable, Deque, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from pratique_serving.errors import Refused
from pratique_serving.flatbuffer import Table, root

KIND = "application/vnd.apache.arrow."
"""What the content type begins with."""

Columns = Tuple[Tuple[str, ...], List[List[Any]]]

_FILE = b"ARROW1\x00\x00"
_FILE_ENDS = b"ARROW1"
_NEXT = 0xFFFFFFFF

# Values beyond one for each byte: nulls take no bytes at all, and booleans a bit.
_SPARE_VALUES = 65_536

_SCHEMA, _DICTIONARY, _ROWS = 1, 2, 3

_WHOLE = {(8, 1): "b", (16, 1): "h", (32, 1): "i", (64, 1): "q", (8, 0): "B", (16, 0): "H", (32, 0): "I", (64, 0): "Q"}
_FRACTIONS = "efd"
_NULL, _BITS, _TEXT, _LONG_TEXT = "", "?", "s", "S"
_LIST, _LONG_LIST, _FIXED_LIST = "l", "L", "#"
_OFFSETS = {_TEXT: "i", _LONG_TEXT: "q", _LIST: "i", _LONG_LIST: "q"}
_LISTS = {12: _LIST, 16: _FIXED_LIST, 21: _LONG_LIST}
_DEEPEST = 8

_DATE, _TIMESTAMP = 8, 10
_DAYS = 0
_DAY_SECONDS = 86_400
_FIRST_DAY = date(1970, 1, 1).toordinal()

# The names of what is not read, for who sent it; by their numbers in the union `Type`.
_TYPES = (
    "no type", "null", "int", "float", "binary", "text", "bool", "decimal", "date", "time", "timestamp", "interval",
    "list", "struct", "union", "fixed-size binary", "fixed-size list", "map", "duration", "large binary", "large text",
    "large list", "run-end encoded", "binary view", "text view", "list view", "large list view",
)  # fmt: skip


class _Field(NamedTuple):
    """One column as the schema describes it, or the values within its lists."""

    name: str
    kind: str
    """How a value is stored: a letter of `struct`, or one of ours."""
    says: Optional[Callable[[int], Any]] = None
    """What a stored value means, where it is not the value itself."""
    dictionary: Optional[int] = None
    places: str = ""
    """With a dictionary: the letter of `struct` for places in it."""
    inner: Optional["_Field"] = None
    """What a list is of."""
    length: int = 0
    """Of a list whose length is always the same."""


_known: Dict[bytes, Tuple[_Field, ...]] = {}
_MOST_KNOWN = 16
_LONGEST_KNOWN = 64 * 1024
_LONGEST_SCHEMA = 1024 * 1024


def is_arrow(content_type: str) -> bool:
    """Whether a body of this type is read here."""
    return content_type.startswith(KIND)


def read(body: bytes) -> Columns:
    """The names, and the values of each column.

    Raises Refused: 400 for what is not Arrow, 413 for too many values, 415 for Arrow that is not read here.
    """
    try:
        return _read(memoryview(body))
    except (ValueError, OverflowError, struct.error) as error:
        raise Refused(400, f"The Arrow body cannot be read: {error}") from None


def rows_of(columns: Sequence[Sequence[Any]]) -> List[List[Any]]:
    """The same values row by row."""
    return [list(row) for row in zip(*columns)]


def _read(data: memoryview) -> Columns:
    if bytes(data[: len(_FILE)]) == _FILE:
        if bytes(data[-len(_FILE_ENDS) :]) != _FILE_ENDS:
            raise ValueError("the file is cut off")
        data = data[len(_FILE) :]
    fields: Optional[Tuple[_Field, ...]] = None
    meant: Dict[int, _Field] = {}
    words: Dict[int, List[Any]] = {}
    columns: List[List[Any]] = []
    left = len(data) + _SPARE_VALUES
    for described, buffers in _messages(data):
        message = root(described)
        kind, header = message.number(1, "B"), message.table(2)
        if fields is None:
            if kind != _SCHEMA:
                raise ValueError("it does not begin with a schema")
            fields = _fields(described, header)
            columns = [[] for _ in fields]
            meant = {field.dictionary: field for field in map(_innermost, fields) if field.dictionary is not None}
        elif kind == _DICTIONARY:
            left = _take_words(header, buffers, meant, words, left)
        elif kind == _ROWS:
            batch = _Batch(header, buffers, left, len(fields))
            for column, field in zip(columns, fields):
                column += batch.take(field, words)
            left = batch.left
        else:
            raise ValueError(f"a message is of kind {kind}")
    if fields is None:
        raise ValueError("there is no schema")
    return tuple(field.name for field in fields), columns


def _messages(data: memoryview) -> Iterator[Tuple[bytes, memoryview]]:
    at = 0
    while at < len(data):
        mark, size = struct.unpack_from("<Ii", data, at)
        if mark != _NEXT:
            raise ValueError("a message does not begin as one (formats older than Arrow 0.15 are not read)")
        if size == 0:
            return
        at += 8
        described = bytes(data[at : at + size])
        if size < 0 or len(described) != size:
            raise ValueError("a message is cut off")
        at += size
        length = root(described).number(3, "q")
        if not 0 <= length <= len(data) - at:
            raise ValueError("a message is cut off")
        yield described, data[at : at + length]
        at += length


def _fields(described: bytes, schema: Table) -> Tuple[_Field, ...]:
    """The columns; remembered, because a client sends the same schema again and again."""
    fields = _known.get(described)
    if fields is not None:
        return fields
    if schema.number(0, "h"):
        raise Refused(415, "Arrow of big-endian machines is not read.")
    if len(described) > _LONGEST_SCHEMA:
        raise Refused(413, f"An Arrow schema must not exceed {_LONGEST_SCHEMA} bytes.")
    fields = tuple(_described(schema, len(described)))
    if not fields:
        raise ValueError("it has no columns")
    if len(described) <= _LONGEST_KNOWN:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[described] = fields
    return fields


def _described(schema: Table, most: int) -> Iterator[_Field]:
    """Each column. Their names together are not longer than what they stand in."""
    names = set()
    for one in schema.tables(1):
        name = one.text(0)
        most -= len(name)
        if name in names or most < 0:
            raise ValueError("a column is named twice")
        names.add(name)
        yield _field(name, one)


def _field(name: str, one: Table, depth: int = 0) -> _Field:
    number = one.number(2, "B")
    if number in _LISTS:
        return _list(name, one, _LISTS[number], depth)
    kind, says = _kind(name, number, one)
    if not one.has(4):
        return _Field(name, kind, says)
    coding = one.table(4)
    places = coding.table(1) if coding.has(1) else None
    letter = _WHOLE.get((places.number(0, "i"), places.number(1, "B"))) if places is not None else "i"
    if letter is None:
        raise ValueError("a dictionary has places of an unknown size")
    return _Field(name, kind, says, coding.number(0, "q"), letter)


def _list(name: str, one: Table, kind: str, depth: int) -> _Field:
    inner = list(one.tables(5))
    if len(inner) != 1:
        raise ValueError("a list is not of one kind of values")
    if depth == _DEEPEST or one.has(4):
        raise Refused(415, f"the column {name!r} is a dictionary of lists, or of lists within {_DEEPEST} lists.")
    length = one.table(3).number(0, "i") if kind == _FIXED_LIST else 0
    if length < 0:
        raise ValueError("a list has fewer than no values")
    return _Field(name, kind, inner=_field(name, inner[0], depth + 1), length=length)


def _innermost(field: _Field) -> _Field:
    return _innermost(field.inner) if field.inner is not None else field


def _kind(name: str, number: int, one: Table) -> Tuple[str, Optional[Callable[[int], Any]]]:
    """How values of the column are stored, and what they mean where that is something else."""
    simple = {1: _NULL, 5: _TEXT, 6: _BITS, 20: _LONG_TEXT}.get(number)
    if simple is not None:
        return simple, None
    if number == 2:
        whole = _WHOLE.get((one.table(3).number(0, "i"), one.table(3).number(1, "B")))
        if whole is not None:
            return whole, None
    if number == 3 and 0 <= one.table(3).number(0, "h") < len(_FRACTIONS):
        return _FRACTIONS[one.table(3).number(0, "h")], None
    if number == _DATE:
        return ("i", _day) if one.table(3).number(0, "h", default=1) == _DAYS else ("q", _day_of_milliseconds)
    if number == _TIMESTAMP and 0 <= one.table(3).number(0, "h") <= 3:
        return "q", partial(_moment, 3 * one.table(3).number(0, "h"), "+00:00" if one.table(3).text(1) else "")
    called = _TYPES[number] if number < len(_TYPES) else "an unknown type"
    what = "booleans, numbers, text, dates, timestamps and lists are read"
    raise Refused(415, f"the column {name!r} is of Arrow's type {called}; {what}.")


def _day(days: int) -> str:
    """Raises ValueError or OverflowError before year 1 and after 9999."""
    return date.fromordinal(_FIRST_DAY + days).isoformat()


def _day_of_milliseconds(since: int) -> str:
    return _day(since // (_DAY_SECONDS * 1000))


def _moment(digits: int, zone: str, since: int) -> str:
    """The time since 1970, whose last so many decimal digits are a fraction of a second. With a zone it is UTC's."""
    seconds, fraction = divmod(since, 10**digits)
    days, second = divmod(seconds, _DAY_SECONDS)
    minute, second = divmod(second, 60)
    rest = f".{fraction:0{digits}}" if digits else ""
    return f"{_day(days)}T{minute // 60:02}:{minute % 60:02}:{second:02}{rest}{zone}"


class _Batch:
    """The columns of one message, one after the other."""

    def __init__(self, described: Table, data: memoryview, most: int, width: int) -> None:
        if described.has(3):
            raise Refused(415, "Compressed Arrow is not read; send it without compression.")
        self.count = described.number(0, "q")
        if self.count < 0:
            raise ValueError("a batch has fewer than no rows")
        self.left = most
        """Values that may still come, of this batch and those after it."""
        self._allow(self.count * width)
        self._data = data
        buffers = described.pairs(2)
        if any(offset < 0 or length < 0 or offset + length > len(data) for offset, length in buffers):
            raise ValueError("a buffer lies outside of its message")
        if sum(length for _, length in buffers) > len(data):
            raise ValueError("buffers overlap")
        self._nodes = deque(described.pairs(1))
        self._buffers = deque(buffers)

    def take(self, field: _Field, words: Dict[int, List[Any]]) -> List[Any]:
        """The values of the next column."""
        return self._take(field, words, self.count)

    def meant(self, field: _Field) -> List[Any]:
        """The next column, of values like this one's; not of places in a dictionary."""
        return self._meant(field, self.count)

    def _take(self, field: _Field, words: Dict[int, List[Any]], count: int) -> List[Any]:
        if field.inner is not None:
            return self._lists(field, field.inner, words, count)
        if field.dictionary is None:
            return self._meant(field, count)
        known = words.get(field.dictionary)
        if known is None:
            raise ValueError(f"the dictionary of {field.name!r} is missing")
        places = self._values(field.places, count)
        if any(place is not None and not 0 <= place < len(known) for place in places):
            raise ValueError(f"a place in {field.name!r} lies outside of its dictionary")
        return [None if place is None else known[place] for place in places]

    def _meant(self, field: _Field, count: int) -> List[Any]:
        values, says = self._values(field.kind, count), field.says
        return values if says is None else [None if value is None else says(value) for value in values]

    def _lists(self, field: _Field, inner: _Field, words: Dict[int, List[Any]], count: int) -> List[Any]:
        nulls, valid = self._node(count), self._buffer()
        if field.kind == _FIXED_LIST:
            places = tuple(range(0, (count + 1) * field.length, field.length)) if field.length else (0,) * (count + 1)
        else:
            places = self._places(field.kind, count)
        length = self._nodes[0][0] if self._nodes else 0
        starts, ends = places[:-1], places[1:]
        if places[0] < 0 or places[-1] > length or any(map(operator.gt, starts, ends)):
            raise ValueError("a list lies outside of its values")
        self._allow(length)
        values = self._take(inner, words, length)
        return _with_nulls([values[start:end] for start, end in zip(starts, ends)], nulls, valid)

    def _values(self, kind: str, count: int) -> List[Any]:
        """The next column, stored in this way."""
        if kind == _NULL:
            self._node(count)
            return [None] * count
        nulls, valid = self._node(count), self._buffer()
        return _with_nulls(self._stored(kind, count), nulls, valid)

    def _node(self, count: int) -> int:
        """How many of the next so many values are null."""
        length, nulls = self._next(self._nodes)
        if length != count:
            raise ValueError("columns are not equally long")
        return nulls

    def _stored(self, kind: str, count: int) -> List[Any]:
        if kind == _BITS:
            return _bits(self._buffer(), count)
        if kind not in _OFFSETS:
            return list(struct.unpack_from(f"<{count}{kind}", self._buffer()))
        places, letters = self._places(kind, count), self._buffer()
        starts, ends = places[:-1], places[1:]
        if places[0] < 0 or places[-1] > len(letters) or any(map(operator.gt, starts, ends)):
            raise ValueError("a text lies outside of its buffer")
        return _cut(bytes(letters[: places[-1]]), starts, ends)

    def _places(self, kind: str, count: int) -> Tuple[int, ...]:
        """Where each value begins, and where the last one ends. Where there is none they may be left out."""
        offsets = self._buffer()
        return struct.unpack_from(f"<{count + 1}{_OFFSETS[kind]}", offsets) if count else (0,)

    def _buffer(self) -> memoryview:
        offset, length = self._next(self._buffers)
        return self._data[offset : offset + length]

    def _next(self, pairs: Deque[Tuple[int, int]]) -> Tuple[int, int]:
        if not pairs:
            raise ValueError("a batch describes too few columns")
        return pairs.popleft()

    def _allow(self, count: int) -> None:
        """Raises Refused (413) before more values are made than a body of this size may have."""
        self.left -= count
        if self.left < 0:
            raise Refused(413, "The Arrow body has too many values for its size.")


def _with_nulls(values: List[Any], nulls: int, valid: memoryview) -> List[Any]:
    if not nulls:
        return values
    return [value if there else None for value, there in zip(values, _bits(valid, len(values)))]


def _take_words(
    header: Table, data: memoryview, meant: Dict[int, _Field], words: Dict[int, List[Any]], most: int
) -> int:
    """Read a dictionary, or what is added to one; how many values may still come."""
    number = header.number(0, "q")
    if number not in meant:
        raise ValueError("a dictionary belongs to no column")
    batch = _Batch(header.table(1), data, most, 1)
    values = batch.meant(meant[number])
    if header.number(2, "B"):
        words.setdefault(number, []).extend(values)
    else:
        words[number] = values
    return batch.left


def _cut(letters: bytes, starts: Sequence[int], ends: Sequence[int]) -> List[str]:
    if letters.isascii():
        # Decoded once: to cut a str is three times as fast as to decode each piece.
        text = str(letters, "ascii")
        return [text[start:end] for start, end in zip(starts, ends)]
    return [str(letters[start:end], "utf-8") for start, end in zip(starts, ends)]


def _bits(data: memoryview, count: int) -> List[bool]:
    """So many bits, the lowest of each byte first."""
    if len(data) * 8 < count:
        raise ValueError("a buffer of bits is too short")
    return [bool(data[place >> 3] >> (place & 7) & 1) for place in range(count)]
