"""YAML text to nodes: no implicit typing, expression keys kept twice, bounded in size and depth.

Built from the parser's events, as `pratique.specs.reader` is, because a loader
would make numbers and booleans of words and would keep the last of two equal
keys. Azure Pipelines knows no anchors, aliases, tags, merge keys and complex
keys; they are refused by name, so that nothing in a file can multiply.
"""

from collections.abc import Iterator
from typing import Any, Final

import yaml

from pratique.delivery.nodes import Mapping, Node, Place, Scalar, Sequence, Source
from pratique.delivery.trouble import Refused, Trouble, Troubles
from pratique.specs.reader import MAX_BYTES

MAX_DEPTH: Final = 64
MAX_NODES: Final = 100_000

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast, where it is built in.
_PLAIN_TAGS: Final = frozenset({None, "!", "tag:yaml.org,2002:str"})
_QUOTE_BRACES: Final = "quote ${{ }} where it stands inside { } or [ ]"


def parse_pipeline(text: str, *, source: Source, troubles: Troubles, via: Place | None = None) -> Node:
    """The only document in `text`; raises `Refused` when there is none that can be read.

    Two equal keys go to `troubles`, and the first of them counts; keys that
    hold an expression may be equal.
    """
    start = Place(source, 1, 1, via)
    if len(text) > MAX_BYTES:
        raise Refused(Trouble(f"the file is larger than {MAX_BYTES:,} bytes", start))
    try:
        return _Reader(text.removeprefix("\ufeff"), start, troubles).document()
    except yaml.YAMLError as error:
        raise Refused(_syntax(error, text, start)) from error


class _Reader:
    """Reads one text; recursion is safe because depth is bounded."""

    def __init__(self, text: str, start: Place, troubles: Troubles) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self._start = start
        self._troubles = troubles
        self._count = 0

    def document(self) -> Node:
        """The document; an empty text is an empty scalar."""
        found: Node | None = None
        for event in self._events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            if found is not None:
                raise self._wrong(event, "a second document begins here", "a pipeline is one document: remove the ---")
            found = self._node(next(self._events), 1)
        return found if found is not None else Scalar("", self._start)

    def _wrong(self, event: Any, said: str, hint: str = "") -> Refused:
        return Refused(Trouble(said, self._place(event), hint))

    def _place(self, event: Any) -> Place:
        mark = event.start_mark
        return Place(self._start.source, int(mark.line) + 1, int(mark.column) + 1, self._start.via)

    def _node(self, event: Any, depth: int) -> Node:
        self._count += 1
        if depth > MAX_DEPTH:
            raise self._wrong(event, f"it is nested deeper than {MAX_DEPTH} levels")
        if self._count > MAX_NODES:
            raise self._wrong(event, f"the file holds more than {MAX_NODES:,} values")
        self._check_plainness(event)
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(str(event.value), self._place(event), is_block=event.style == "|")
        if isinstance(event, yaml.SequenceStartEvent):
            return Sequence(tuple(self._items(depth)), self._place(event))
        return Mapping(tuple(self._pairs(depth)), self._place(event))

    def _check_plainness(self, event: Any) -> None:
        """Refuse what Azure Pipelines' YAML does not have."""
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            said = "anchors and aliases are not part of a pipeline's YAML"
            raise self._wrong(event, said, "use a template, or quote a text that begins with * or &")
        if isinstance(event, yaml.ScalarEvent) and event.tag not in _PLAIN_TAGS:
            raise self._wrong(event, f"the tag {event.tag} is not part of a pipeline's YAML", "remove the tag")
        if not isinstance(event, yaml.ScalarEvent) and event.tag not in (None, "!"):
            raise self._wrong(event, f"the tag {event.tag} is not part of a pipeline's YAML", "remove the tag")

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _pairs(self, depth: int) -> Iterator[tuple[Scalar, Node]]:
        seen: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            self._check_plainness(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise self._wrong(event, "the key of a mapping is text", _QUOTE_BRACES)
            key = Scalar(str(event.value), self._place(event))
            value = self._node(next(self._events), depth + 1)
            if key.text in seen and "${{" not in key.text:
                said = f"the key {key.text} is given twice, first in line {seen[key.text]}"
                self._troubles.refuse(said, key.place, hint="keep one of them")
                continue
            seen[key.text] = key.place.line
            yield key, value


def _syntax(error: yaml.YAMLError, text: str, start: Place) -> Trouble:
    """The parser's complaint with its place and, for the usual mistakes, a remedy."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "it is not YAML")
    if mark is None:  # A character that YAML does not allow; the error knows only its position.
        line = text.encode(errors="replace").count(b"\n", 0, int(getattr(error, "position", 0))) + 1
        return Trouble(said, Place(start.source, line, 0, start.via), "remove it")
    place = Place(start.source, int(mark.line) + 1, int(mark.column) + 1, start.via)
    lines = text.splitlines()
    shown = lines[mark.line] if mark.line < len(lines) else ""
    indent = shown[: len(shown) - len(shown.lstrip())]
    if "\t" in indent:
        return Trouble("a tab cannot indent YAML", place, "indent with spaces")
    if "${{" in shown and any(mark_ in shown for mark_ in ("{ ", "[", "{$", "{a")) and "flow" in f"{error}":
        return Trouble(said, place, _QUOTE_BRACES)
    if "mapping values are not allowed" in said:
        return Trouble(said, place, 'quote a text that contains ": ", or mend the indentation')
    if shown[mark.column : mark.column + 1] in ("@", "`", "%"):
        return Trouble(f"a value cannot begin with {shown[mark.column]}", place, "quote it")
    if "did not find expected" in said:
        return Trouble(said, place, "mend the indentation here or in the line above")
    return Trouble(said, place, "close the quote or the bracket" if "unexpected end" in said else "")
