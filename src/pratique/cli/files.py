"""Files of verbs: Azure ML YAML that is read, content of the workspace that is sent and fetched.

What does it takes up to a tenth of a second to import: `specs` stands on
pydantic. Most verbs touch no file and need not pay for that, so it is imported
by the function here that is called, and nowhere else in `cli`.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pratique.base.errors import NotFound
from pratique.cli.place import Place
from pratique.cli.table import Document
from pratique.cli.talk import Transfer, say
from pratique.specs.edits import Edits

if TYPE_CHECKING:
    from pratique.cli.job_files import JobFile

_NO_EDITS: Final = Edits()


@contextmanager
def spec_of(kind: str, *, file: str | None, given: Mapping[str, Any], edits: Edits = _NO_EDITS) -> Iterator[Document]:
    """What `file` and flags describe, as the API takes it; says which of its keys are planned and not run.

    `given` are keys that flags of the verb name; None means that the flag was not typed. What the platform finds
    wrong inside the block gets the file and the line where it stands.
    """
    from pratique.cli.yaml_files import read_spec

    read = read_spec(kind, file=file, given=given, edits=edits)
    with read.placing_problems():
        yield read.spec.to_document()


@contextmanager
def sent_spec(
    place: Place, kind: str, *, file: str | None, given: Mapping[str, Any], edits: Edits
) -> Iterator[Document]:
    """The same, its local files uploaded."""
    from pratique.cli.yaml_files import read_spec, send_files

    read = read_spec(kind, file=file, given=given, edits=edits)
    with read.placing_problems():
        yield send_files(place, read.spec)


def changed_spec(kind: str, current: Document, *, given: Mapping[str, Any], edits: Edits) -> Document:
    """What the document of a thing that exists describes, with flags and edits."""
    from pratique.cli.yaml_files import spec_in
    from pratique.specs.reader import document_of

    return spec_in(kind, document_of(current), given=given, edits=edits).spec.to_document()


def edited(current: Document, edits: Edits) -> Document:
    """`current` with edits; what it means is for the platform to say."""
    from pratique.specs.overrides import apply_edits
    from pratique.specs.reader import document_of

    changed: Document = apply_edits(document_of(current), edits).value
    return changed


def changes_of(current: Mapping[str, Any], edits: Edits, *, allowed: Collection[str]) -> Document:
    """The fields that change and their whole new values; raises `UsageError` for a field that never changes."""
    from pratique.cli import changes

    return changes.changes_of(current, edits, allowed=allowed)


def read_job(file: str, *, name: str | None, edits: Edits) -> "JobFile":
    """The job or pipeline in `file`, with flags and edits; an empty name means that the platform makes one up."""
    from pratique.cli import job_files

    return job_files.read_job(file, name=name, edits=edits)


def sent_job(place: Place, job: "JobFile") -> Document:
    """A job as the API takes it, its local files uploaded."""
    from pratique.cli.yaml_files import send_files

    return send_files(place, job.spec)


def local_path(text: str | None) -> str | None:
    """A path typed at the prompt is relative to here, not to a file: made absolute; a URI stays."""
    from pratique.cli import yaml_files

    return yaml_files.local_path(text)


def check_untranslated(environment: Document) -> None:
    """Raise `InvalidInput` for an environment that would not be made exactly as it is written."""
    from pratique.specs import translation

    translation.check_untranslated(environment)


def fetch(place: Place, digest: str, into: Path) -> None:
    """Write the content called `digest` into `into`, with its progress; raises `NotFound` when nothing was kept."""
    from pratique.client.downloads import download, read_manifest

    if not digest:
        raise NotFound("it has no content here", hint="it is a reference to a place elsewhere")
    manifest = read_manifest(place.connection, place.workspace, digest)
    download(place.connection, place.workspace, manifest, into, Transfer("Downloading").report)
    count = len(manifest.entries)
    say(f"{count} {'file' if count == 1 else 'files'}, {manifest.size:,} bytes: {into}")
