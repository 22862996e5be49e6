"""References of one spec, looked up one after another: what is wrong with any of them is told at once.

    lookups = Lookups()
    model = lookups.tried("model", lambda key: referenced(tx, …, key=key))
    code = lookups.tried("code", lambda key: content.resolve(tx, …, key=key))
    lookups.check("deployment blue")
"""  # fmt: skip

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from pratique.base.errors import InvalidInput, NotFound, PratiqueError, Problem

Found = TypeVar("Found")


@dataclass
class Lookups:
    """The questions that were asked, with the answers that were errors."""

    failures: list[tuple[str, PratiqueError]] = field(default_factory=list, kw_only=True)

    def tried(self, key: str, question: Callable[[str], Found]) -> Found | None:
        """What `question` answers for the value at `key`; None when it raises, which `check` tells."""
        try:
            return question(key)
        except (InvalidInput, NotFound) as error:
            self.failures.append((key, error))
            return None

    def wrong(self, key: str, said: str, hint: str = "") -> None:
        """Keep one more thing that is wrong."""
        problem = Problem(said, key=key, hint=hint)
        self.failures.append((key, InvalidInput(f"{key}: {said}", hint=hint, problems=[problem])))

    def check(self, what: str) -> None:
        """Raise what was wrong: one error as it was, several as one with a problem for each."""
        if not self.failures:
            return
        if len(self.failures) == 1:
            raise self.failures[0][1]
        problems = [problem for key, error in self.failures for problem in _problems(key, error)]
        kinds = {type(error) for _, error in self.failures}
        kind = kinds.pop() if len(kinds) == 1 else InvalidInput
        raise kind(f"{what}: {len(problems)} problems", problems=problems)


def _problems(key: str, error: PratiqueError) -> list[Problem]:
    return list(error.problems) or [Problem(error.message.removeprefix(f"{key}: "), key=key, hint=error.hint)]
