"""Reading an Azure ML file for a verb: the file, then the verb's own flags, then --set, --add and --remove."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import InvalidInput
from pratique.cli.place import Place
from pratique.cli.spec_file import SpecFile
from pratique.cli.talk import Transfer, warn
from pratique.client.fetching import fetched
from pratique.client.uploads import with_uploads
from pratique.specs.component_files import with_components
from pratique.specs.data import Data
from pratique.specs.edits import Edits
from pratique.specs.grammar import Spec
from pratique.specs.keys import Found
from pratique.specs.kinds import load
from pratique.specs.overrides import apply_edits
from pratique.specs.reader import YamlDocument, document_of, read_document
from pratique.specs.references import LocalPath, local_paths, parse_reference

_NO_EDITS: Final = Edits()
_WITH_COMPONENTS: Final = ("component", "pipeline-job")
ON_THIS_MACHINE: Final = "every compute is this machine"
"""What is said of the compute of a job: it runs here, whatever its file names."""
_HERE: Final = (("job", "compute"), ("pipeline-job", "compute"))
_RELATIVE: Final = "a relative path starts at the folder of the file"


def read_spec(kind: str, *, file: str | None, given: Mapping[str, Any], edits: Edits = _NO_EDITS) -> SpecFile:
    """The spec that `file` and flags describe; says which of its keys are planned and not run.

    `given` are keys that flags of the verb name; None means that the flag was not typed.
    """
    return spec_in(kind, read_file(file), given=given, edits=edits)


def read_file(file: str | None) -> YamlDocument:
    """What stands in `file`; without one, nothing, whose paths are relative to here."""
    return read_document(Path(file)) if file else document_of({}, folder=Path.cwd())


def spec_in(kind: str, document: YamlDocument, *, given: Mapping[str, Any], edits: Edits = _NO_EDITS) -> SpecFile:
    """The spec in `document`, with flags and edits."""
    typed = {key: value for key, value in given.items() if value not in (None, [], {})}
    whole = apply_edits(_with_flags(document, typed), edits)
    if kind in _WITH_COMPONENTS:
        whole = with_components(whole)  # An error in a component names the component's own file then.
    spec = load(kind, whole)
    _check_local_paths(spec, whole)
    for key in spec.planned():
        warn(f"{document.file or kind}: {key}: {'planned, not run' if is_planned(kind, key) else ON_THIS_MACHINE}")
    return SpecFile(spec, whole, frozenset(typed))


def is_planned(kind: str, key: str) -> bool:
    """Whether a key that changes nothing now is planned; the compute of a job is not: it is a name of this machine."""
    return (kind, key) not in _HERE


def _check_local_paths(spec: Spec, document: YamlDocument) -> None:
    """Raise `InvalidInput` with the line of every path that leads nowhere, before anything is sent."""
    missing = [
        Found(use.key, f"there is no file or folder {use.path}", _RELATIVE if document.file_of(use.key) else "")
        for use in local_paths(spec)
        if not use.path.exists()
    ]
    unfit = [spec.problem_with(use.path) for use in local_paths(spec)] if isinstance(spec, Data) else []
    problems = [document.problem(one.key, one.message, hint=one.hint) for one in (*missing, *unfit) if one]
    if problems:
        raise InvalidInput.of(problems, what=document.file)


def _with_flags(document: YamlDocument, typed: Mapping[str, Any]) -> YamlDocument:
    """`document` with the values of flags in place of its own; a file that is no mapping is left to `load`."""
    if document.value is not None and not isinstance(document.value, Mapping):
        return document
    return replace(
        document,
        value={**(document.value or {}), **typed},
        lines={key: line for key, line in document.lines.items() if not key or key[0] not in typed},
        written={key: text for key, text in document.written.items() if not key or key[0] not in typed},
    )


def send_files(place: Place, spec: Spec) -> dict[str, Any]:
    """`spec` as the API takes it, its files uploaded: local ones, and those on the web, which are fetched first."""
    with fetched(spec, Transfer("Fetching").report) as local:
        return with_uploads(place.connection, place.workspace, local, Transfer("Uploading").report).to_document()


def local_path(text: str | None) -> str | None:
    """A path typed at the prompt is relative to here, not to a file: made absolute; a URI stays."""
    if text is None or not isinstance(parse_reference(text), LocalPath):
        return text
    return str(Path(text).absolute())
