"""What is to be said of a file: the kind that it is, every problem, and the values after defaults.

Nothing is asked of a server. Besides what `specs.kinds` finds, the files that
a spec names are looked for, and conda files are read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import InvalidInput, NotYet, Problem
from pratique.specs.detection import detect
from pratique.specs.grammar import Spec
from pratique.specs.kinds import RUN_KINDS, understood
from pratique.specs.packages import from_conda
from pratique.specs.reader import Document, read_document
from pratique.specs.references import LocalUse, local_paths

NOUNS: Final = {"code": "folder of code", "data": "file or folder", "model": "model", "environment": "conda file"}


@dataclass(frozen=True)
class Verdict:
    """The verdict on one file."""

    file: str
    kind: str = ""
    """Empty when it is not known."""
    problems: tuple[Problem, ...] = ()
    is_not_yet: bool = False
    """Whether all that is wrong is that this version does not have it."""
    spec: Spec | None = None
    not_run: tuple[Problem, ...] = ()
    """What of a valid file the verbs that would run it refuse in this version."""

    @property
    def is_valid(self) -> bool:
        return self.spec is not None

    @property
    def planned(self) -> list[str]:
        """What of a valid file is understood and not run by this version."""
        if self.spec is None:
            return []
        return self.spec.planned() if self.kind in RUN_KINDS else [self.kind]

    def to_document(self) -> dict[str, Any]:
        """The verdict as JSON values."""
        return {
            "file": self.file,
            "kind": self.kind or None,
            "valid": self.is_valid,
            "not_yet": self.is_not_yet or bool(self.not_run),
            "problems": [str(problem) for problem in (*self.problems, *self.not_run)],
            "planned": self.planned,
            "values": self.spec.to_document() if self.spec else None,
        }


def judge(path: Path, kind: str = "") -> Verdict:
    """The verdict on the file at `path`, of `kind` or of the kind that it shows."""
    name = str(path)
    try:
        document = read_document(path)
        kind = kind or detect(document)
        spec = understood(kind, document)
        problems = tuple(problems_with_files(spec, document))
    except InvalidInput as error:
        told = error.problems or (Problem(error.message, file=name, hint=error.hint),)
        return Verdict(name, kind, told, isinstance(error, NotYet))
    if problems:
        return Verdict(name, kind, problems)
    not_run = (document.problem(found.key, found.message, hint=found.hint) for found in spec.not_run())
    return Verdict(name, kind, spec=spec, not_run=tuple(not_run))


def problems_with_files(spec: Spec, document: Document) -> Iterator[Problem]:
    """Files on this disk that `spec` names and that are not there or are not what they should be."""
    for use in local_paths(spec):
        if not use.path.exists():
            yield document.problem(use.key, f"there is no {NOUNS[use.purpose]} {use.path}")
        elif use.purpose == "environment":
            yield from _problems_with_conda(use)


def _problems_with_conda(use: LocalUse) -> Iterator[Problem]:
    try:
        from_conda(read_document(use.path))
    except InvalidInput as error:
        yield from error.problems
