"""`ml environment`."""

from typing import Any, Final

from pratique.cli.arguments import DESCRIPTION, FILE, OPTIONAL_NAME, SET_TAGS, VERSION
from pratique.cli.files import check_untranslated, local_path
from pratique.cli.place import Place
from pratique.cli.table import flag, switch
from pratique.cli.talk import warn
from pratique.cli.usage import pairs
from pratique.cli.verbs import assets
from pratique.specs.edits import Edits

COLUMNS: Final = {"Name": "name", "Version": "version", "Image": "image", "Created": "creation_context.created_at"}
NOUN = assets.Noun("environments", "environment", example="sklearn", has_files=False, columns=COLUMNS)
TABLE = assets.table_of(NOUN)


@TABLE.verb(
    "create",
    arguments=(
        FILE, OPTIONAL_NAME, VERSION,
        flag("image", "--image", "-i", help="Base image; its Python version is what counts here."),
        flag("conda_file", "--conda-file", "-c", help="Conda file with the packages."),
        flag("os_type", "--os-type", choices=["linux", "windows"], help="Operating system."),
        DESCRIPTION, SET_TAGS,
        switch("strict", help="Refuse an environment that would not be made exactly as it is written."),
    ),
    examples={
        "From a file": "pratique ml environment create -f environment.yml",
        "From a conda file": "pratique ml environment create -n sklearn --conda-file conda.yml "
        "--image mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04",
    },
)  # fmt: skip
def create(
    place: Place,
    *,
    file: str | None,
    name: str | None,
    version: str | None,
    image: str | None,
    conda_file: str | None,
    os_type: str | None,
    description: str | None,
    tags: list[str],
    strict: bool,
    edits: Edits,
) -> dict[str, Any]:
    """Register an environment: a conda file, pip requirements inside it, or an image.

    Nothing is built: the first job or deployment that uses it builds it. What is translated is said in its
    property pratique.translation.
    """
    given = {
        "name": name, "version": version, "image": image, "conda_file": local_path(conda_file), "os_type": os_type,
        "description": description, "tags": pairs(tags, flag="--tags"),
    }  # fmt: skip
    check = check_untranslated if strict else None
    made = assets.create(place, NOUN, file=file, given=given, edits=edits, check=check)
    if why := made.get("properties", {}).get("pratique.refused"):
        warn(f"no job or deployment here can use it: {why}")
    return made
