"""`ml data`."""

from typing import Any

from pratique.cli.arguments import DATASTORE, DESCRIPTION, FILE, OPTIONAL_NAME, SET_TAGS, VERSION
from pratique.cli.files import local_path
from pratique.cli.place import Place
from pratique.cli.table import flag
from pratique.cli.usage import pairs
from pratique.cli.verbs import assets
from pratique.specs.edits import Edits

NOUN = assets.Noun("data", "data", example="credit")
TABLE = assets.table_of(NOUN)


@TABLE.verb(
    "create",
    arguments=(
        FILE, OPTIONAL_NAME, VERSION,
        flag("type", "--type", "-t", choices=["uri_file", "uri_folder", "mltable"], help="What the path is."),
        flag("path", "--path", "-p", help="Local file or folder, uploaded; or a URI."),
        DATASTORE, DESCRIPTION, SET_TAGS,
    ),
    examples={
        "From a file": "pratique ml data create -f data.yml",
        "From a folder": "pratique ml data create -n credit --type uri_folder --path ./data",
    },
)  # fmt: skip
def create(
    place: Place,
    *,
    file: str | None,
    name: str | None,
    version: str | None,
    type: str | None,  # noqa: A002 - the flag's word.
    path: str | None,
    datastore: str | None,
    description: str | None,
    tags: list[str],
    edits: Edits,
) -> dict[str, Any]:
    """Register a file or folder as data, uploaded when it is local."""
    given = {
        "name": name, "version": version, "type": type, "path": local_path(path), "datastore": datastore,
        "description": description,
        "tags": pairs(tags, flag="--tags"),
    }  # fmt: skip
    return assets.create(place, NOUN, file=file, given=given, edits=edits)
