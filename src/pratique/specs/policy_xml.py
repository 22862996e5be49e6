"""XML of API policies as plain elements that know their line; nothing is expanded and nothing is fetched.

A document type, and with it every entity of a user's, is refused where it
stands. Azure's examples write expressions into attributes as they are,
``counter-key="@(f("x"))"``, which is no XML; their quotes are put into entities
of XML's own before the parser sees them, and no line moves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from pratique.base.errors import InvalidInput, Problem

LARGEST: Final = 256_000
"""Characters of a policy, which is Azure's limit."""
_DEEPEST: Final = 20
_EXPRESSION: Final = '="@'
_ESCAPES: Final = {'"': "&quot;", "<": "&lt;", ">": "&gt;", "&": "&amp;"}
_BRACKETS: Final = {"(": ")", "{": "}"}


@dataclass(frozen=True)
class Element:
    """One element, its text without the white space around it."""

    name: str
    line: int
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: tuple["Element", ...] = ()
    text: str = ""


@dataclass
class _Open:
    name: str
    line: int
    attributes: Mapping[str, str]
    children: list[Element] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def closed(self) -> Element:
        return Element(self.name, self.line, self.attributes, tuple(self.children), "".join(self.words).strip())


def parse_xml(text: str, *, file: str) -> Element:
    """The root of `text`; raises `InvalidInput` with file and line for what is no XML, or more than we take."""
    if len(text) > LARGEST:
        raise _refused(file, 0, f"a policy has at most {LARGEST:,} characters")
    return _Parser(file).parse(with_plain_expressions(text.removeprefix("\ufeff")))


def with_plain_expressions(text: str) -> str:
    """`text` with the quotes and angles inside ``="@(…)"`` and ``="@{…}"`` as entities."""
    parts, position = [], 0
    while (begin := text.find(_EXPRESSION, position)) >= 0:
        start = begin + 2
        end = _end_of_expression(text, start)
        parts.append(text[position:start])
        parts.append(_escaped(text[start:end]))
        position = end
    return "".join([*parts, text[position:]])


def _end_of_expression(text: str, start: int) -> int:
    """Where the expression that begins at `start` ends; `start` when it does not look like one."""
    opening = text[start + 1 : start + 2]
    if opening not in _BRACKETS:
        return start
    depth, is_quoted, position = 0, False, start + 1
    while position < len(text):
        character = text[position]
        if text.startswith("&quot;", position):
            # Written as XML wants it: then the whole of it is.
            return start
        if character == '"':
            is_quoted = not is_quoted
        elif not is_quoted and character == opening:
            depth += 1
        elif not is_quoted and character == _BRACKETS[opening]:
            depth -= 1
            if depth == 0:
                return position + 1
        position += 1
    return start


def _escaped(expression: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in expression)


class _Parser:
    def __init__(self, file: str) -> None:
        self._file = file
        self._stack: list[_Open] = []
        self._root: Element | None = None
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._words
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.ProcessingInstructionHandler = self._instruction

    def parse(self, text: str) -> Element:
        try:
            self._parser.Parse(text.encode("utf-8", "surrogatepass"), True)
        except expat.ExpatError as error:
            said = expat.errors.messages.get(error.code, "it is no XML")
            raise _refused(self._file, error.lineno, f"this is no XML: {said}") from error
        assert self._root is not None  # noqa: S101 - expat takes no document without a root.
        return self._root

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if len(self._stack) >= _DEEPEST:
            raise _refused(self._file, self._line, f"elements are nested more than {_DEEPEST} deep")
        self._stack.append(_Open(name, self._line, attributes))

    def _end(self, _name: str) -> None:
        element = self._stack.pop().closed()
        if self._stack:
            self._stack[-1].children.append(element)
        else:
            self._root = element

    def _words(self, text: str) -> None:
        self._stack[-1].words.append(text)

    def _doctype(self, *_: object) -> None:
        raise _refused(self._file, self._line, "a document type and entities are not taken")

    def _instruction(self, target: str, _data: str) -> None:
        raise _refused(self._file, self._line, f"the processing instruction {target[:40]!r} is not taken")

    @property
    def _line(self) -> int:
        return self._parser.CurrentLineNumber


def _refused(file: str, line: int, said: str) -> InvalidInput:
    return InvalidInput.of([Problem(said, file=file, line=line)], what=file)
