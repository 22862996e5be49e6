"""A job's file, read for `ml job create` and `validate`: of either type, or what `show` printed of another job."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pratique.base.errors import PratiqueError, Problem
from pratique.cli.yaml_files import read_file, spec_in
from pratique.client.source_control import git_tags
from pratique.specs.edits import Edits, path_of
from pratique.specs.exported import as_spec, git_facts, is_export
from pratique.specs.grammar import Spec
from pratique.specs.overrides import apply_edits
from pratique.specs.reader import YamlDocument
from pratique.specs.references import local_paths


@dataclass(frozen=True)
class JobFile:
    """What was read."""

    spec: Spec
    git: dict[str, str]
    """Which commit its code is."""
    document: YamlDocument
    """The file with its edits, which knows the line of each key."""

    @contextmanager
    def placing_problems(self) -> Iterator[None]:
        """Around a request: what the platform finds wrong with the job gets the file and the line where it stands."""
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
        if not isinstance(self.document.value, dict) or key[0] not in self.document.value:
            return problem
        # A message may begin with the key, which is then said twice.
        said = problem.message.removeprefix(f"{problem.key.rpartition('.')[2]}: ")
        return self.document.problem(key, said, hint=problem.hint)


def read_job(file: str, *, name: str | None, edits: Edits) -> JobFile:
    """The job in `file`, with flags and edits; an empty name means that the platform makes one up."""
    document = read_file(file)
    known = git_facts(document)
    if is_export(document):
        document = as_spec(document)
    whole = _without_empty_name(apply_edits(document, edits))
    spec = spec_in(kind_of(whole), whole, given={"name": name} | _experiment(whole, Path(file)))
    code = [use.path for use in local_paths(spec) if use.purpose == "code"]
    # The code of a clone is what ran before, whatever repository its file lies in.
    return JobFile(spec, known if known and not code else git_tags(_folder(code, Path(file))), whole)


def kind_of(document: YamlDocument) -> str:
    """The kind of spec for the type of a job; what is wrong with the type is told by the kind."""
    given: Any = document.value.get("type") if isinstance(document.value, dict) else None
    return "pipeline-job" if str(given).lower() == "pipeline" else "job"


def _experiment(document: YamlDocument, file: Path) -> dict[str, str]:
    """The experiment of a job that names none: the folder of its file."""
    named = isinstance(document.value, dict) and document.value.get("experiment_name")
    folder = file.resolve().parent.name
    return {} if named or not folder else {"experiment_name": folder}


def _without_empty_name(document: YamlDocument) -> YamlDocument:
    if isinstance(document.value, dict) and document.value.get("name") == "":
        return replace(document, value={key: inner for key, inner in document.value.items() if key != "name"})
    return document


def _folder(code: list[Path], file: Path) -> Path:
    """The folder whose repository the code is from; without code, that of the file."""
    found = code[0] if code else file.parent
    return found if found.is_dir() else found.parent
