"""What is wrong in a pipeline's files, gathered so that a user sees all of it at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pratique.base.errors import InvalidInput, NotYet, Problem
from pratique.delivery.nodes import Place

MAX_TOLD: Final = 100
"""Told at once; who has more mends these first."""

_DEEPEST_TOLD: Final = 8
"""Includes that are named; the outermost is always one of them."""


@dataclass(frozen=True)
class Trouble:
    """One thing wrong (or, as a warning, surprising) at a place."""

    message: str
    place: Place
    hint: str = ""
    is_not_yet: bool = False
    """Whether it is understood, and only not run by this version."""

    def to_problem(self) -> Problem:
        """The problem as errors carry it: file, line and column, and in the hint the includes that led there."""
        said = [self.hint] if self.hint else []
        if chain := self.place.chain:
            shown = [*chain[: _DEEPEST_TOLD - 1], chain[-1]] if len(chain) > _DEEPEST_TOLD else chain
            said.append(f"included by {', '.join(map(str, shown))}")
        return Problem(
            self.message,
            key=f"column {self.place.column}" if self.place.column else "",
            file=str(self.place.source),
            line=self.place.line,
            hint="; ".join(said),
        )


class Refused(Exception):
    """Reading cannot go on from here; caught where the next thing can be looked at."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble


class Troubles:
    """The list that reading, expanding and checking write to."""

    def __init__(self) -> None:
        self.errors: list[Trouble] = []
        self.warnings: list[Trouble] = []

    def refuse(self, message: str, place: Place, *, hint: str = "", is_not_yet: bool = False) -> None:
        """Note an error."""
        self.errors.append(Trouble(message, place, hint, is_not_yet))

    def warn(self, message: str, place: Place, *, hint: str = "") -> None:
        """Note what may surprise."""
        self.warnings.append(Trouble(message, place, hint))

    def raise_if_any(self, what: str) -> None:
        """Raise for every error: `NotYet` when nothing else is wrong, else `InvalidInput`."""
        if self.errors:
            kind = NotYet if all(error.is_not_yet for error in self.errors) else InvalidInput
            raise kind.of(problems_of(self.errors), what=what)


def problems_of(troubles: Iterable[Trouble]) -> list[Problem]:
    """Each trouble once, file after file in the order they were met, by line; at most `MAX_TOLD`."""
    found = list(dict.fromkeys(troubles))
    files = {source: number for number, source in enumerate(dict.fromkeys(one.place.source for one in found))}
    found.sort(key=lambda one: (files[one.place.source], one.place.line, one.place.column))
    return [*dict.fromkeys(one.to_problem() for one in found)][:MAX_TOLD]
