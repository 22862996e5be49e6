"""What is to be said of a file: the kind that it is, every problem, and the values after defaults.

Nothing is asked of a server. Besides what `specs.kinds` finds, the files that
a spec names are looked for, and conda files are read.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import InvalidInput, NotYet, Problem
from pratique.specs.component_files import completed, local_path
from pratique.specs.detection import detect
from pratique.specs.grammar import Spec
from pratique.specs.keys import Key
from pratique.specs.kinds import RUN_KINDS, mapping_of, understood
from pratique.specs.packages import from_conda
from pratique.specs.reader import YamlDocument, read_document
from pratique.specs.references import LocalUse, Purpose, local_paths
from pratique.specs.written import TEXT_MAPS

NOUNS: Final = {
    "code": "folder of code",
    "include": "file or folder",
    "data": "file or folder",
    "place": "file or folder",
    "model": "model",
    "environment": "conda file",
}


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
    document = YamlDocument(None)
    try:
        document = read_document(path)
        if not kind:
            kind = detect(document)
            kind = _shape_of(document) if _is_copied_schema(kind, document) else kind
        spec = understood(kind, document)
        document = completed(document)[0]
        problems = (*_wanted(spec, document), *problems_with_files(spec, document))
    except NotYet as error:
        return Verdict(name, kind, _told(error, name), is_not_yet=True)
    except InvalidInput as error:
        told = _told(error, name)
        return Verdict(name, kind, (*told, *_missing_files(document, told)))
    if problems:
        return Verdict(name, kind, problems)
    not_run = (document.problem(found.key, found.message, hint=found.hint) for found in spec.not_run())
    return Verdict(name, kind, spec=spec, not_run=tuple(not_run))


def _wanted(spec: Spec, document: YamlDocument) -> Iterator[Problem]:
    return (document.problem(found.key, found.message, hint=found.hint) for found in spec.wanted_on_azure())


def _told(error: InvalidInput, name: str) -> tuple[Problem, ...]:
    return tuple(error.problems) or (Problem(error.message, file=name, hint=error.hint),)


def _is_copied_schema(kind: str, document: YamlDocument) -> bool:
    """Whether `document` is of another kind than its ``$schema`` says: wrong as that, right as what it looks like."""
    other = _shape_of(document)
    return other not in ("", kind) and not _is_understood(kind, document) and _is_understood(other, document)


def _is_understood(kind: str, document: YamlDocument) -> bool:
    try:
        understood(kind, document)
    except NotYet:
        return True
    except InvalidInput:
        return False
    return True


def _shape_of(document: YamlDocument) -> str:
    """The kind that `document` shows without its ``$schema``; empty when it shows none.

    Its name shows nothing: one that no component can have does not make a component a job.
    """
    keys = {name: inner for name, inner in mapping_of(document).items() if name != "$schema"}
    if "name" in keys:
        keys["name"] = "name"
    with contextlib.suppress(InvalidInput):
        return detect(replace(document, value=keys))
    return ""


def problems_with_files(spec: Spec, document: YamlDocument) -> Iterator[Problem]:
    """Files on this disk that `spec` names and that are not there or are not what they should be."""
    for use in local_paths(spec):
        if not use.path.exists():
            yield document.problem(use.key, f"there is no {NOUNS[use.purpose]} {use.path}")
        elif use.purpose == "environment":
            yield from _problems_with_conda(use)


def _missing_files(document: YamlDocument, told: Iterable[Problem]) -> Iterator[Problem]:
    """What is wrong with the files that a wrong `document` names, so that it is told at once with the rest."""
    whole, _ = completed(document)
    known = {(problem.file, problem.line, problem.key) for problem in told}
    for key, text, purpose in _named_files(whole.value, ()):
        path = (document.folder or Path()) / text
        found = whole.problem(key, f"there is no {NOUNS[purpose]} {path}")
        if not path.exists() and (found.file, found.line, found.key) not in known:
            yield found
        elif path.is_file() and purpose == "environment":
            yield from _problems_with_conda(LocalUse(key, path, purpose))


def _named_files(value: Any, key: Key) -> Iterator[tuple[Key, str, Purpose]]:
    """Where a document names local files, whatever else is wrong with it."""
    for name, inner in value.items() if isinstance(value, Mapping) else ():
        here = (*key, name)
        text = local_path(inner)
        if isinstance(inner, Mapping) and name not in ("outputs", *TEXT_MAPS):
            yield from _named_files(inner, here)
        elif text is not None and key[-1:] != ("inputs",) and name in _FILES:
            yield here, text, _FILES[name]
        elif text is not None and name == "path" and (key[-2:-1] == ("inputs",) or key in ((), ("model",))):
            yield here, text, "data"


_FILES: Final[Mapping[str, Purpose]] = {"code": "code", "conda_file": "environment"}


def _problems_with_conda(use: LocalUse) -> Iterator[Problem]:
    try:
        from_conda(read_document(use.path))
    except InvalidInput as error:
        yield from error.problems
