"""Which model `ml model sign` and `ml model verify` mean, and the files that it consists of."""

from pathlib import Path
from typing import Final

from pratique.base.errors import NotFound
from pratique.cli.arguments import LABEL, OPTIONAL_NAME, VERSION
from pratique.cli.place import Place
from pratique.cli.table import Document, flag
from pratique.cli.usage import UsageError
from pratique.cli.verbs.assets import version_of
from pratique.client.assets import Assets
from pratique.client.downloads import read_manifest
from pratique.content.manifest import Manifest

MODEL: Final = flag("model", "model", nargs="?", metavar="NAME:VERSION", help="Which one; or --name with --version.")
WHICH: Final = (MODEL, OPTIONAL_NAME.saying("Name."), VERSION, LABEL)


def which(model: str | None, name: str | None, version: str | None, label: str | None) -> tuple[str, str]:
    """The name, and how the API names the version."""
    if model is not None:
        if name or version or label:
            raise UsageError("NAME:VERSION stands alone", hint="leave --name, --version and --label out")
        name, colon, version = model.removeprefix("azureml:").partition(":")
        if not colon:
            name, at, label = model.removeprefix("azureml:").partition("@")
            version, label = None, label if at else None
    if not name:
        raise UsageError("which model is missing", hint="NAME:VERSION, or --name with --version")
    return name, version_of(version, label)


def files_of(place: Place, name: str, version: str) -> tuple[Document, Manifest]:
    """What the platform says of a version, and its files; raises `NotFound` when it has none."""
    known = Assets(place.connection, place.workspace, "models").show(name, version)
    if not known.get("manifest"):
        raise NotFound(f"{name}:{known.get('version', version)} has no files")
    return known, read_manifest(place.connection, place.workspace, str(known["manifest"]))


def text_of(path: str) -> str:
    """The text in a file of this machine."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as text: {error}") from None
