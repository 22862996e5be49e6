"""`ml data`."""

from typing import Any

from pratique.cli import assets
from pratique.cli.arguments import (
    ARCHIVED_ONLY,
    DESCRIPTION,
    FILE,
    INCLUDE_ARCHIVED,
    LABEL,
    MAX_RESULTS,
    NAME,
    OPTIONAL_NAME,
    REMOVE,
    SET,
    SET_TAGS,
    TAG,
    VERSION,
    YES,
)  # fmt: skip
from pratique.cli.place import Place
from pratique.cli.table import Table, flag
from pratique.cli.usage import pairs

Document = dict[str, Any]

TABLE = Table("ml data")


@TABLE.verb(
    "create",
    arguments=(
        FILE, OPTIONAL_NAME, VERSION,
        flag("type", "--type", "-t", choices=["uri_file", "uri_folder", "mltable"], help="What the path is."),
        flag("path", "--path", "-p", help="Local file or folder, uploaded; or a URI."),
        DESCRIPTION, SET_TAGS, SET,
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
    description: str | None,
    tags: list[str],
    assignments: list[str],
) -> Document:
    """Register a file or folder as data, uploaded when it is local."""
    from pratique.cli.yaml_files import local_path

    given = {
        "name": name, "version": version, "type": type, "path": local_path(path), "description": description,
        "tags": pairs(tags, flag="--tags"),
    }  # fmt: skip
    return assets.create(place, "data", "data", file=file, given=given, assignments=assignments)


@TABLE.verb(
    "show",
    arguments=(NAME, VERSION, LABEL),
    examples={
        "Show a version": "pratique ml data show -n credit -v 1",
        "Show the newest": "pratique ml data show -n credit -l latest",
    },
    columns=assets.COLUMNS,
)
def show(place: Place, *, name: str, version: str | None, label: str | None) -> Document:
    """Show one version."""
    return assets.assets_of(place, "data").show(name, assets.version_of(version, label))


@TABLE.verb(
    "list",
    arguments=(
        OPTIONAL_NAME.saying("List all versions of this one, newest first."), TAG, MAX_RESULTS, INCLUDE_ARCHIVED,
        ARCHIVED_ONLY,
    ),
    examples={
        "List all, the newest version of each": "pratique ml data list -o table",
        "List the versions of one": "pratique ml data list -n credit --query '[].version' -o tsv",
        "List those with a tag": "pratique ml data list --tag stage=prod",
    },
    columns=assets.COLUMNS,
)  # fmt: skip
def list_all(
    place: Place,
    *,
    name: str | None,
    tags: list[str],
    max_results: int | None,
    include_archived: bool,
    archived_only: bool,
) -> list[Document]:
    """List data."""
    return assets.listed(
        place, "data", name=name, tags=tags, max_results=max_results, include_archived=include_archived,
        archived_only=archived_only,
    )  # fmt: skip


@TABLE.verb(
    "update",
    arguments=(NAME, VERSION, LABEL, SET.saying("Change tags, properties or description."), REMOVE),
    examples={"Tag a version": "pratique ml data update -n credit -v 1 --set tags.stage=prod"},
)
def update(
    place: Place, *, name: str, version: str | None, label: str | None, assignments: list[str], removals: list[str]
) -> Document:
    """Change what is said about a version; its content never changes."""
    return assets.updated(
        place, "data", name=name, version=version, label=label, assignments=assignments, removals=removals
    )


@TABLE.verb(
    "archive",
    arguments=(NAME, VERSION, LABEL),
    examples={"Hide a version from lists": "pratique ml data archive -n credit -v 1"},
)
def archive(place: Place, *, name: str, version: str | None, label: str | None) -> None:
    """Hide a version, or all of a name, from lists; what uses it goes on."""
    assets.set_archived(place, "data", name=name, version=version, label=label, is_archived=True)


@TABLE.verb(
    "restore",
    arguments=(NAME, VERSION, LABEL),
    examples={"Show an archived version in lists again": "pratique ml data restore -n credit -v 1"},
)
def restore(place: Place, *, name: str, version: str | None, label: str | None) -> None:
    """Show an archived version, or all of a name, in lists again."""
    assets.set_archived(place, "data", name=name, version=version, label=label, is_archived=False)


@TABLE.verb(
    "delete",
    arguments=(NAME, VERSION.required(), YES),
    examples={"Delete a version": "pratique ml data delete -n credit -v 1 --yes"},
)
def delete(place: Place, *, name: str, version: str, yes: bool) -> None:
    """Delete a version for good; one that something uses cannot be deleted."""
    assets.delete(place, "data", name=name, version=version, yes=yes)
