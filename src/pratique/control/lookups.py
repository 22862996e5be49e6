"""References of one spec, looked up one after another: what is wrong with any of them is told at once.

lookups = Lookups()
model = lookups.get("model", lambda: referenced(tx, …))
code = lookups.get("code", lambda: content.resolve(tx, …))
lookups.check("deployment blue")
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from pratique.base.errors import InvalidInput, NotFound, NotYet, PratiqueError, Problem

Found = TypeVar("Found")


@dataclass
class Lookups:
    """The questions that were asked, with the answers that were errors."""

    failures: list[tuple[str, PratiqueError]] = field(default_factory=list)

    def get(self, key: str, question: Callable[[], Found]) -> Found | None:
        """What `question` answers; None when it raises that there is no such thing, which `check` tells."""
        try:
            return question()
        except (NotFound, InvalidInput) as error:
            self.failures.append((key, error))
            return None

    def check(self, what: str) -> None:
        """Raise what was wrong: one error as it was, several as one error with a problem for each."""
        if not self.failures:
            return
        if len(self.failures) == 1:
            raise self.failures[0][1]
        problems = [problem for key, error in self.failures for problem in _problems(key, error)]
        kinds = {type(error) for _, error in self.failures}
        kind = kinds.pop() if len(kinds) == 1 else InvalidInput
        raise (kind if kind in (NotFound, NotYet) else InvalidInput)(
            f"{what}: {len(problems)} problems", problems=problems
        )


def _problems(key: str, error: PratiqueError) -> list[Problem]:
    if error.problems:
        return list(error.problems)
    return [Problem(error.message.removeprefix(f"{key}: "), key=key, hint=error.hint)]
