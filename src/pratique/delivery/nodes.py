"""What a pipeline's YAML is made of: text, lists and mappings that know where they stand.

Every scalar stays the text that was written: `0001`, `3.10`, `on` and `12:30`
mean what they look like. A mapping is a tuple of pairs, because a key that is
an expression (`${{ if … }}`) may stand in it more than once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

SELF: Final = "self"
"""The alias of the repository that holds the pipeline."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file: the alias of its repository and its path from that repository's root."""

    repository: str
    path: str

    def __str__(self) -> str:
        return self.path if self.repository == SELF else f"{self.path}@{self.repository}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written; line and column are 1-based."""

    source: Source
    line: int
    column: int
    via: "Place | None" = None
    """Where the file was included; None in the file that the run began with."""

    def __str__(self) -> str:
        return f"{self.source}:{self.line}"

    @property
    def chain(self) -> tuple["Place", ...]:
        """The includes that led here, the nearest first."""
        return () if self.via is None else (self.via, *self.via.chain)

    def included(self, via: "Place | None") -> "Place":
        """The same place of a file that was included at `via`."""
        return replace(self, via=via)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One text."""

    text: str
    place: Place
    is_block: bool = False
    """Whether it was written behind a |, so that its lines are those of the file."""
    is_expanded: bool = False
    """Whether `${{ }}` was evaluated in it already: what an expression gave is never evaluated again."""

    def place_of(self, offset: int) -> Place:
        """Where the character at `offset` of the text stands, as exactly as that is known."""
        if not self.is_block:
            return self.place
        line = self.place.line + 1 + self.text.count("\n", 0, offset)
        return Place(self.place.source, line, 0, self.place.via)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: "tuple[Node, ...]"
    place: Place


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values in the order of the file."""

    pairs: "tuple[tuple[Scalar, Node], ...]"
    place: Place

    def get(self, name: str) -> "Node | None":
        """The value of the first key `name`."""
        return next((value for key, value in self.pairs if key.text == name), None)

    def key(self, name: str) -> Scalar | None:
        """The first key `name` itself, for its place."""
        return next((key for key, _ in self.pairs if key.text == name), None)

    def names(self) -> Iterator[str]:
        """The keys in order."""
        return (key.text for key, _ in self.pairs)


Node: TypeAlias = Scalar | Sequence | Mapping


def kind_of(node: Node) -> str:
    """What `node` is, for people."""
    match node:
        case Scalar():
            return "text" if node.text else "nothing"
        case Sequence():
            return "a list"
        case Mapping():
            return "a mapping"


def plain_data(node: Node) -> object:
    """`node` as plain lists, dictionaries and text; of two equal keys the last one counts."""
    match node:
        case Scalar():
            return node.text
        case Sequence():
            return [plain_data(item) for item in node.items]
        case Mapping():
            return {key.text: plain_data(value) for key, value in node.pairs}
