"""Where a value stands inside a document, how people write that, and what is wrong there."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

Key: TypeAlias = tuple[str | int, ...]
"""Names of mappings and positions in lists, from the outside in; empty for the whole."""


def dotted(key: Key) -> str:
    """`key` as people write it: ``inputs.lr.type``, ``dependencies[2].pip[0]``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")


@dataclass(frozen=True)
class Found:
    """Something wrong at a key, before it is known in which file and line that is."""

    key: Key
    message: str
    hint: str = ""
    is_not_yet: bool = False
    """Whether it is understood, and only not run by this version."""


def below(prefix: Key, found: Iterable[Found]) -> Iterator[Found]:
    """`found` in a part, as seen from the whole, where the part stands at `prefix`."""
    return (replace(one, key=(*prefix, *one.key)) for one in found)
