"""`ml model`."""

from pathlib import Path
from typing import Any

from pratique.cli import assets
from pratique.cli.arguments import (
    ARCHIVED_ONLY,
    DESCRIPTION,
    DOWNLOAD_PATH,
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

TABLE = Table("ml model")


@TABLE.verb(
    "create",
    arguments=(
        FILE, OPTIONAL_NAME, VERSION,
        flag("type", "--type", "-t", choices=["custom_model", "mlflow_model", "triton_model"],
             help="What the path is."),
        flag("path", "--path", "-p", help="Local file or folder, azureml://jobs/JOB/outputs/…, or runs:/RUN/PATH."),
        DESCRIPTION, SET_TAGS, SET,
    ),
    examples={
        "From a folder": "pratique ml model create -n credit --type mlflow_model --path ./model",
        "From what a job made": "pratique ml model create -n credit --type mlflow_model "
        "--path azureml://jobs/brave_lantern/outputs/artifacts/paths/model",
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
    """Register a version of a model.

    Without --version it is the next one; with it, that one, also when it is the first of its name.
    """
    from pratique.cli.yaml_files import local_path

    given = {
        "name": name, "version": version, "type": type, "path": local_path(path), "description": description,
        "tags": pairs(tags, flag="--tags"),
    }  # fmt: skip
    return assets.create(place, "models", "model", file=file, given=given, assignments=assignments)


@TABLE.verb(
    "show",
    arguments=(NAME, VERSION, LABEL),
    examples={
        "Show a version": "pratique ml model show -n credit -v 1",
        "Show the newest": "pratique ml model show -n credit -l latest",
    },
    columns=assets.COLUMNS,
)
def show(place: Place, *, name: str, version: str | None, label: str | None) -> Document:
    """Show one version."""
    return assets.assets_of(place, "models").show(name, assets.version_of(version, label))


@TABLE.verb(
    "list",
    arguments=(
        OPTIONAL_NAME.saying("List all versions of this one, newest first."), TAG, MAX_RESULTS, INCLUDE_ARCHIVED,
        ARCHIVED_ONLY,
    ),
    examples={
        "List all, the newest version of each": "pratique ml model list -o table",
        "List the versions of one": "pratique ml model list -n credit --query '[].version' -o tsv",
        "List those with a tag": "pratique ml model list --tag stage=prod",
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
    """List models."""
    return assets.listed(
        place, "models", name=name, tags=tags, max_results=max_results, include_archived=include_archived,
        archived_only=archived_only,
    )  # fmt: skip


@TABLE.verb(
    "update",
    arguments=(NAME, VERSION, LABEL, SET.saying("Change tags, properties or description."), REMOVE),
    examples={"Tag a version": "pratique ml model update -n credit -v 1 --set tags.stage=prod"},
)
def update(
    place: Place, *, name: str, version: str | None, label: str | None, assignments: list[str], removals: list[str]
) -> Document:
    """Change what is said about a version; its content never changes."""
    return assets.updated(
        place, "models", name=name, version=version, label=label, assignments=assignments, removals=removals
    )


@TABLE.verb(
    "archive",
    arguments=(NAME, VERSION, LABEL),
    examples={"Hide a version from lists": "pratique ml model archive -n credit -v 1"},
)
def archive(place: Place, *, name: str, version: str | None, label: str | None) -> None:
    """Hide a version, or all of a name, from lists; what uses it goes on."""
    assets.set_archived(place, "models", name=name, version=version, label=label, is_archived=True)


@TABLE.verb(
    "restore",
    arguments=(NAME, VERSION, LABEL),
    examples={"Show an archived version in lists again": "pratique ml model restore -n credit -v 1"},
)
def restore(place: Place, *, name: str, version: str | None, label: str | None) -> None:
    """Show an archived version, or all of a name, in lists again."""
    assets.set_archived(place, "models", name=name, version=version, label=label, is_archived=False)


@TABLE.verb(
    "delete",
    arguments=(NAME, VERSION.required(), YES),
    examples={"Delete a version": "pratique ml model delete -n credit -v 1 --yes"},
)
def delete(place: Place, *, name: str, version: str, yes: bool) -> None:
    """Delete a version for good; one that something uses cannot be deleted."""
    assets.delete(place, "models", name=name, version=version, yes=yes)


@TABLE.verb(
    "download",
    arguments=(NAME, VERSION, LABEL, DOWNLOAD_PATH),
    examples={"Download a version": "pratique ml model download -n credit -v 1 --download-path ./models"},
)
def download(place: Place, *, name: str, version: str | None, label: str | None, download_path: str) -> None:
    """Download a version into a folder of the model's name."""
    from pratique.cli.fetch import fetch

    found = assets.assets_of(place, "models").show(name, assets.version_of(version, label))
    fetch(place, str(found.get("manifest") or ""), Path(download_path) / name)
