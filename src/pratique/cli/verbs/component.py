"""`ml component`."""

from typing import Any

from pratique.cli.arguments import DESCRIPTION, DISPLAY_NAME, FILE, OPTIONAL_NAME, SET_TAGS, VERSION
from pratique.cli.place import Place
from pratique.cli.usage import pairs
from pratique.cli.verbs import assets
from pratique.specs.edits import Edits

NOUN = assets.Noun(
    "components", "component", example="train", changeable=(*assets.CHANGEABLE, "display_name"), has_files=False
)
TABLE = assets.table_of(NOUN)


@TABLE.verb(
    "create",
    arguments=(FILE.required(), OPTIONAL_NAME, VERSION, DISPLAY_NAME, DESCRIPTION, SET_TAGS),
    examples={
        "From a file": "pratique ml component create -f train.yml",
        "A version of your own": "pratique ml component create -f train.yml -v 7",
    },
)
def create(
    place: Place,
    *,
    file: str,
    name: str | None,
    version: str | None,
    display_name: str | None,
    description: str | None,
    tags: list[str],
    edits: Edits,
) -> dict[str, Any]:
    """Register a command or a pipeline as a component, its code uploaded.

    What its references mean is decided now: a label such as @latest becomes the version that it stands for.
    """
    given = {
        "name": name, "version": version, "display_name": display_name, "description": description,
        "tags": pairs(tags, flag="--tags"),
    }  # fmt: skip
    return assets.create(place, NOUN, file=file, given=given, edits=edits)
