"""A job's file, read for `ml job create` and `validate`: of either type, or what `show` printed of another job."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pratique.cli.spec_file import SpecFile
from pratique.cli.yaml_files import read_file, spec_in
from pratique.client.source_control import git_tags
from pratique.specs.edits import Edits
from pratique.specs.exported import as_spec, git_facts, is_export
from pratique.specs.overrides import apply_edits
from pratique.specs.reader import YamlDocument
from pratique.specs.references import local_paths


@dataclass(frozen=True)
class JobFile(SpecFile):
    """A job, and the file that it was read from."""

    git: dict[str, str]
    """Which commit its code is."""


def read_job(file: str, *, name: str | None, edits: Edits) -> JobFile:
    """The job in `file`, with flags and edits; an empty name means that the platform makes one up."""
    document = read_file(file)
    known = git_facts(document)
    if is_export(document):
        document = as_spec(document)
    whole = _without_empty_name(apply_edits(document, edits))
    read = spec_in(kind_of(whole), whole, given={"name": name} | _experiment(whole, Path(file)))
    code = [use.path for use in local_paths(read.spec) if use.purpose == "code"]
    # The code of a clone is what ran before, whatever repository its file lies in.
    return JobFile(**vars(read), git=known if known and not code else git_tags(_folder(code, Path(file))))


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
