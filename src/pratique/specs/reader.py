"""YAML text to plain values that remember where each of them stands.

The values are built from the parser's events rather than by a YAML loader, so
that depth, size, duplicate keys and aliases are checked before anything is
expanded, and no tag ever makes an object.

How plain (unquoted) words become values is YAML 1.2's core schema, with two
differences that keep what a user wrote:

- only true and false are booleans; yes, no, on and off stay text, and a key
  that expects a boolean or any literal takes them (`specs.key_types`), so that
  files written for YAML 1.1 loaders mean the same;
- a number with leading zeros, underscores or colons (08, 1_000, 1:30) and a
  date stay text; 0x1f and 0o17 are numbers.

`YamlDocument.written` keeps the unquoted text of every word that became something
else, because `version: 1.10` is the number 1.1 and an error has to say so, and of
those that are no text to YAML 1.1, as which Azure's loaders read.
"""

import codecs
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

import yaml

from pratique.base.errors import InvalidInput, Problem
from pratique.specs.keys import Key, dotted
from pratique.specs.nested import copied, put

MAX_BYTES: Final = 10_000_000
MAX_DEPTH: Final = 64
MAX_NODES: Final = 20_000
"""Values after every alias is expanded; a bomb of ten lines would reach billions."""

SET: Final = "--set"
"""What stands for the file where a value came from the command line."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast, where it is built in.
_INT: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?")
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})
FLAGS: Final[Mapping[str, bool]] = MappingProxyType(
    {case: word in ("yes", "on") for word in ("yes", "no", "on", "off") for case in (word, word.title(), word.upper())}
)
"""Words that are booleans to YAML 1.1, besides true and false."""
_TAG: Final = "tag:yaml.org,2002:"
_MERGE: Final = "<<"
_T = TypeVar("_T")
_NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})


@dataclass(frozen=True)
class YamlDocument:
    """What was read: plain JSON values, and for each where it stands."""

    value: Any
    file: str = ""
    """The name of the file as the user gave it; empty when there is none."""
    lines: Mapping[Key, int] = field(default_factory=lambda: _NOTHING)
    """1-based line of each key and list item."""
    written: Mapping[Key, str] = field(default_factory=lambda: _NOTHING)
    """The unquoted text of every value that is no text, and of dates, yes, no, on and off: none to other loaders."""
    folder: Path | None = None
    """What relative paths inside it are relative to; None when it did not come from a user's disk."""
    files: Mapping[Key, str] = field(default_factory=lambda: _NOTHING)
    """Where the value at a key, with all that is in it, came from when not from `file`: another file, or `SET`."""

    def line(self, key: Key) -> int:
        """The line of `key`, or of the nearest key around it in the same file; 0 when none is known."""
        around = [key[:end] for end in range(len(key), len(self._origin(key)) - 1, -1)]
        return next((self.lines[outer] for outer in around if outer in self.lines), 0)

    def file_of(self, key: Key) -> str:
        """The file that the value at `key` came from, or `SET`."""
        return self.files.get(self._origin(key), self.file)

    def problem(self, key: Key, message: str, *, hint: str = "") -> Problem:
        """A problem with the value at `key`, with its place."""
        return Problem(message, key=dotted(key), file=self.file_of(key), line=self.line(key), hint=hint)

    def _origin(self, key: Key) -> Key:
        """The nearest key around `key` that came from somewhere else; empty when none did."""
        return next((key[:end] for end in range(len(key), 0, -1) if key[:end] in self.files), ())

    def with_value(self, key: Key, value: "Any | YamlDocument") -> "YamlDocument":
        """The same with another value at `key`, which is there; a `YamlDocument` keeps its own file and lines."""
        return self.with_values({key: value})

    def with_values(self, values: "Mapping[Key, Any | YamlDocument]") -> "YamlDocument":
        """The same with other values at some keys, none of which is inside another."""
        whole = copied(self.value)
        lines, files = _outside(self.lines, values), _outside(self.files, values)
        written = _outside(self.written, values)
        for key, value in values.items():
            inner = value if isinstance(value, YamlDocument) else YamlDocument(value)
            put(whole, key, inner.value)
            lines |= {(*key, *below): line for below, line in inner.lines.items()}
            written |= {(*key, *below): text for below, text in inner.written.items()}
            files |= {(*key, *below): file for below, file in inner.files.items()}
            if inner.file:
                files[key] = inner.file
        return replace(self, value=whole, lines=lines, written=written, files=files)


def _outside(known: Mapping[Key, _T], keys: Mapping[Key, Any]) -> dict[Key, _T]:
    """`known` without every one of `keys` and what is below it."""
    return {
        inner: value
        for inner, value in known.items()
        if not any(inner[:end] in keys for end in range(1, len(inner) + 1))
    }


def read_document(path: Path) -> YamlDocument:
    """The document in the file at `path`; raises `InvalidInput` when it cannot be read or is not YAML."""
    name = str(path)
    try:
        with path.open("rb") as stream:
            body = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise _invalid(name, "there is no such file", hint=f"looked for {path.absolute()}") from error
    except OSError as error:
        raise _invalid(name, f"it cannot be read: {error.strerror}") from error
    if len(body) > MAX_BYTES:
        raise _invalid(name, f"it is larger than {MAX_BYTES // 1_000_000} MB")
    return replace(parse_document(_decoded(body, name), file=name), folder=path.parent)


def parse_document(text: str, *, file: str) -> YamlDocument:
    """The document in `text`; `file` only names it in errors."""
    try:
        return _Reader(file, text).document()
    except yaml.YAMLError as error:
        raise InvalidInput.of([_syntax_problem(error, file, text)], what=file) from error


def document_of(value: Any, *, file: str = "", folder: Path | None = None) -> YamlDocument:
    """A document of a value that came as JSON or was put together; raises when it is too deep or too large."""
    _measure(value, file)
    return YamlDocument(value, file=file, folder=folder)


def _invalid(file: str, said: str, *, line: int = 0, hint: str = "") -> InvalidInput:
    return InvalidInput.of([Problem(said, file=file, line=line, hint=hint)], what=file)


def _decoded(body: bytes, file: str) -> str:
    marks = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
    encoding = next((name for mark, name in marks if body.startswith(mark)), "utf-8")
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise _invalid(file, "it is not UTF-8 text", line=line, hint="save the file as UTF-8") from error


def _measure(value: Any, file: str) -> None:
    """Walk through `value` without recursion; raises when it is no JSON, too deep or too large."""
    count, waiting = 0, [(value, 1)]
    while waiting:
        inner, depth = waiting.pop()
        count += 1
        if count > MAX_NODES or depth > MAX_DEPTH:
            raise _invalid(file, f"it holds more than {MAX_NODES:,} values or {MAX_DEPTH} levels")
        if isinstance(inner, Mapping):
            if not all(isinstance(name, str) for name in inner):
                raise _invalid(file, "the keys of a mapping are text")
            waiting += [(child, depth + 1) for child in inner.values()]
        elif isinstance(inner, list):
            waiting += [(child, depth + 1) for child in inner]
        elif not isinstance(inner, str | int | float | None) or (isinstance(inner, float) and not math.isfinite(inner)):
            raise _invalid(file, f"{inner!r} is not a JSON value")


# --- events to nodes ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Node:
    """One node of the text; an alias is the very same node again."""

    line: int
    size: int
    """Values in it after every alias is expanded."""
    value: Any = None
    """Of a scalar."""
    written: str | None = None
    items: "tuple[_Node, ...] | None" = None
    pairs: "tuple[tuple[str, int, _Node], ...] | None" = None
    """Of a mapping: key, its line, value."""


class _Reader:
    """Reads one text; recursion is safe because depth is bounded."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text.removeprefix("\ufeff")
        self._events: Iterator[Any] = yaml.parse(self._text, Loader=_LOADER)
        self._anchors: dict[str, _Node | None] = {}
        self._problems: list[Problem] = []
        self._read = 0

    def document(self) -> YamlDocument:
        """The only document in the text; an empty text has the value None."""
        node = _Node(1, 1)
        started = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                started += 1
                if started > 1:
                    raise self._wrong(event, "expected one document; a second begins here", "remove the ---")
                node = self._node(next(self._events), depth=1)
        if self._problems:
            raise InvalidInput.of(self._problems, what=self._file)
        lines: dict[Key, int] = {}
        written: dict[Key, str] = {}
        value = _expand(node, (), lines, written)
        return YamlDocument(value, self._file, MappingProxyType(lines), MappingProxyType(written))

    def _wrong(self, event: Any, said: str, hint: str = "") -> InvalidInput:
        return _invalid(self._file, said, line=_line(event), hint=hint)

    def _node(self, event: Any, *, depth: int) -> _Node:
        if depth > MAX_DEPTH:
            raise self._wrong(event, f"it is nested deeper than {MAX_DEPTH} levels")
        self._read += 1
        if self._read > MAX_NODES:  # Millions of values would take long to read and would be refused all the same.
            raise self._wrong(event, f"it holds more than {MAX_NODES:,} values")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.anchor:
            self._anchors[event.anchor] = None  # Not complete: an alias to it now would contain itself.
        node = self._fresh(event, depth)
        if node.size > MAX_NODES:
            raise self._wrong(event, f"it expands to more than {MAX_NODES:,} values")
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any) -> _Node:
        if event.anchor not in self._anchors:
            raise self._wrong(
                event, f"there is no anchor &{event.anchor} before this alias", "quote a text that begins with *"
            )
        node = self._anchors[event.anchor]
        if node is None:
            raise self._wrong(event, f"the alias *{event.anchor} contains itself")
        return node

    def _fresh(self, event: Any, depth: int) -> _Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        known = ("map", "!") if isinstance(event, yaml.MappingStartEvent) else ("seq", "!")
        if event.tag and event.tag.removeprefix(_TAG) not in known:
            self._refuse_tag(event)
        if isinstance(event, yaml.SequenceStartEvent):
            items = tuple(self._items(depth))
            return _Node(_line(event), 1 + sum(item.size for item in items), items=items)
        pairs = self._merged(tuple(self._pairs(depth)))
        return _Node(_line(event), 1 + sum(node.size for _, _, node in pairs), pairs=pairs)

    def _scalar(self, event: Any) -> _Node:
        line, text = _line(event), event.value
        if event.implicit[0]:
            return self._typed(event, text)
        match (event.tag or "!").removeprefix(_TAG):
            case "!" | "str":
                return _Node(line, 1, text)
            case "int" | "float" | "bool" | "null":
                return self._typed(event, text)
            case _:
                self._refuse_tag(event)
                return _Node(line, 1, text)

    def _typed(self, event: Any, text: str) -> _Node:
        try:
            value = plain_value(text)
        except ValueError as error:
            self._problems.append(
                Problem(str(error), file=self._file, line=_line(event), hint="quote it to keep it as text")
            )
            value = text
        is_text = isinstance(value, str) and value not in FLAGS and not _DATE.fullmatch(value)
        return _Node(_line(event), 1, value, None if is_text else text)

    def _refuse_tag(self, event: Any) -> None:
        said = f"the tag {event.tag} is not read"
        self._problems.append(Problem(said, file=self._file, line=_line(event), hint="remove the tag"))

    def _items(self, depth: int) -> Iterator[_Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth=depth + 1)

    def _pairs(self, depth: int) -> Iterator[tuple[str, int, _Node]]:
        """The entries of a mapping; a key that is given twice is a problem, and the first one counts."""
        seen: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            name, line = self._name(event), _line(event)
            node = self._node(next(self._events), depth=depth + 1)
            if name in seen and name != _MERGE:
                said = f"the key is given twice, first in line {seen[name]}"
                self._problems.append(Problem(said, key=name, file=self._file, line=line, hint="keep one of them"))
                continue
            seen[name] = line
            yield name, line, node

    def _name(self, event: Any) -> str:
        if isinstance(event, yaml.AliasEvent):
            node = self._alias(event)
            name = node.written or node.value
            if isinstance(name, str):
                return name
        if not isinstance(event, yaml.ScalarEvent):
            hint = "quote {{ }} when it is meant as text" if isinstance(event, yaml.MappingStartEvent) else ""
            raise self._wrong(event, "the key of a mapping is text", hint)
        if event.anchor:
            self._anchors[event.anchor] = _Node(_line(event), 1, event.value)
        return str(event.value)

    def _merged(self, pairs: tuple[tuple[str, int, _Node], ...]) -> tuple[tuple[str, int, _Node], ...]:
        """`pairs` with the mappings behind ``<<`` put in; what is given here wins, then the first of them."""
        if all(name != _MERGE for name, _, _ in pairs):
            return pairs
        own = [pair for pair in pairs if pair[0] != _MERGE]
        taken = {name for name, _, _ in own}
        for name, line, node in pairs:
            if name != _MERGE:
                continue
            for source in node.items if node.items is not None else (node,):
                if source.pairs is None:
                    raise _invalid(self._file, "<< takes a mapping or a list of them", line=line)
                own += [pair for pair in source.pairs if pair[0] not in taken]
                taken |= {inner for inner, _, _ in source.pairs}
        return tuple(own)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def plain_value(text: str) -> str | int | float | bool | None:
    """The value of an unquoted word; raises `ValueError` for a number that is not finite or too long."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a finite number")
    is_int = _INT.fullmatch(text) is not None
    if not is_int and not (_FLOAT.fullmatch(text) and any(character.isdigit() for character in text)):
        return text
    if len(text) > 100:
        raise ValueError(f"a number of {len(text)} characters is too long")
    if is_int:
        return int(text, 0)
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large for a number")
    return number


def _expand(node: _Node, key: Key, lines: dict[Key, int], written: dict[Key, str]) -> Any:
    lines.setdefault(key, node.line)
    if node.items is not None:
        return [_expand(item, (*key, index), lines, written) for index, item in enumerate(node.items)]
    if node.pairs is not None:
        return {name: _entry(inner, line, (*key, name), lines, written) for name, line, inner in node.pairs}
    if node.written is not None:
        written[key] = node.written
    return node.value


def _entry(node: _Node, line: int, key: Key, lines: dict[Key, int], written: dict[Key, str]) -> Any:
    lines[key] = line
    return _expand(node, key, lines, written)


# --- what the parser says, for people ------------------------------------------------------------------------------


def _syntax_problem(error: yaml.YAMLError, file: str, text: str) -> Problem:
    """The parser's complaint with its line and, for the usual mistakes, a remedy."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "it is not YAML")
    if mark is None:  # A character that YAML does not allow; the error knows only its position.
        position = int(getattr(error, "position", 0))
        return Problem(said, file=file, line=text.encode().count(b"\n", 0, position) + 1, hint="remove it")
    lines = text.splitlines()
    shown = lines[mark.line] if mark.line < len(lines) else ""
    indent = shown[: len(shown) - len(shown.lstrip())]
    at = shown[mark.column :]
    if "\t" in indent:
        said, hint = "a tab cannot indent YAML", "indent with spaces"
    elif "mapping values are not allowed" in said:
        hint = 'quote a text that contains ": ", or mend the indentation'
    elif at[:1] in ("@", "`", "%"):
        said, hint = f"a value cannot begin with {at[0]}", "quote it"
    elif "did not find expected" in said:
        hint = "mend the indentation here or in the line above"
    elif "unexpected end" in said:
        hint = "close the quote or the bracket"
    else:
        hint = ""
    return Problem(said, file=file, line=int(mark.line) + 1, hint=hint)
