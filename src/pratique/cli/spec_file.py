"""A spec with the file that it was read from, so that what the platform finds wrong has its file and its line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pratique.base.errors import PratiqueError, Problem
from pratique.specs.edits import path_of
from pratique.specs.grammar import Spec
from pratique.specs.reader import YamlDocument


@dataclass(frozen=True)
class SpecFile:
    """What was read."""

    spec: Spec
    document: YamlDocument
    """The file with its edits, which knows the line of each key; without a file, only what was typed."""
    typed: frozenset[str]
    """Keys whose values are those of flags."""

    @contextmanager
    def placing_problems(self) -> Iterator[None]:
        """Around a request: what the platform finds wrong gets the file and the line where it stands."""
        try:
            yield
        except PratiqueError as error:
            error.problems = tuple(map(self._placed, error.problems))
            if not error.problems:
                error.message = self._placed_message(error.message)
            raise

    def _placed_message(self, said: str) -> str:
        """A single problem is a sentence that begins with its key."""
        key, colon, message = said.partition(": ")
        found = str(self._placed(Problem(message, key=key))) if colon else ""
        return found if re.match(r".+:\d+ ", found) else said

    def _placed(self, problem: Problem) -> Problem:
        if problem.file or not problem.key:
            return problem
        try:
            key = path_of(problem.key)
        except ValueError:
            return problem
        if key[0] in self.typed or not self._says(str(key[0])):
            return problem
        # A message may begin with the key, which is then said twice.
        said = problem.message.removeprefix(f"{problem.key.rpartition('.')[2]}: ")
        return self.document.problem(key, said, hint=problem.hint)

    def _says(self, key: str) -> bool:
        """Whether `key` stands in a file or in an edit."""
        value = self.document.value
        return isinstance(value, dict) and key in value and bool(self.document.file_of((key,)))
