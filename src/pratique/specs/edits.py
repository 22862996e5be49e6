"""What a command line wants changed: its --set, --add and --remove, as they were typed.

This module stays free of YAML and pydantic: the command line imports it for every verb. `specs.overrides` makes the
changes.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pratique.specs.keys import Key

_STEP: Final = re.compile(r"""(?:^|\.)(?:"([^"]+)"|'([^']+)'|([^.\[\]"'=]+))|\[(\d{1,6})\]""")
Operation: TypeAlias = Literal["--set", "--add", "--remove"]


@dataclass(frozen=True)
class Edit:
    """One flag with the words that followed it."""

    operation: Operation
    words: tuple[str, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """What the flag changes, as it was typed."""
        if self.operation == "--set":
            return tuple(word.partition("=")[0].strip() for word in self.words)
        return self.words[:1] if self.operation == "--add" or self.positions else self.words

    @property
    def positions(self) -> tuple[int, ...]:
        """Of ``--remove list 0 2``, the positions in the list."""
        rest = self.words[1:] if self.operation == "--remove" else ()
        return tuple(int(word) for word in rest) if all(re.fullmatch(r"\d{1,6}", word) for word in rest) else ()


@dataclass(frozen=True)
class Edits:
    """All that a command line changes, in its order; false when that is nothing."""

    all: tuple[Edit, ...] = ()
    as_text: bool = False
    """Whether every value is the text that was typed (--force-string)."""

    def __bool__(self) -> bool:
        return bool(self.all)

    @property
    def fields(self) -> list[str]:
        """The outermost names that are changed, each once; a path that is none stays as it was typed."""
        return [*dict.fromkeys(_field(path) for edit in self.all for path in edit.paths)]


def path_of(path: str) -> Key:
    """The key that ``a.b[0]."c.d"`` is; raises `ValueError` when it is none."""
    key: list[str | int] = []
    position = 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None or (not key and step[4] is not None):
            raise ValueError("expected a path such as inputs.lr or identity.ids[0].name")
        key.append(int(step[4]) if step[4] is not None else step[1] or step[2] or step[3].strip())
        position = step.end()
    if not key or not all(part != "" for part in key):
        raise ValueError("expected key=value")
    return tuple(key)


def _field(path: str) -> str:
    try:
        return str(path_of(path)[0])
    except ValueError:
        return path
