"""Data, environments, models and components: the verbs that are the same for all of them.

A module of one of these nouns makes its table here, with its `Noun`, and
enters `create`, whose flags are its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from pratique.cli.arguments import (
    ARCHIVED_ONLY,
    DOWNLOAD_PATH,
    INCLUDE_ARCHIVED,
    LABEL,
    MAX_RESULTS,
    NAME,
    OPTIONAL_NAME,
    TAG,
    VERSION,
    YES,
)  # fmt: skip
from pratique.cli.confirm import confirm
from pratique.cli.files import changes_of, fetch, sent_spec
from pratique.cli.place import Place
from pratique.cli.table import Document, Plain, Table
from pratique.cli.talk import say
from pratique.cli.usage import UsageError
from pratique.client.assets import Archived, Assets, Kind, Wanted
from pratique.specs.edits import Edits

COLUMNS: Final = {"Name": "name", "Version": "version", "Type": "type", "Created": "creation_context.created_at"}
CHANGEABLE: Final = ("description", "properties", "tags")


@dataclass(frozen=True)
class Noun:
    """One kind of asset, as the command line speaks of it."""

    kind: Kind
    word: str
    """The group below `ml`, which is the kind of its files as well."""
    example: str
    """A name in the examples of the help."""
    changeable: tuple[str, ...] = CHANGEABLE
    has_files: bool = True
    """Whether a version can be downloaded."""
    columns: Mapping[str, str] = field(default_factory=lambda: COLUMNS)
    """For -o table."""


def create(
    place: Place,
    noun: Noun,
    *,
    file: str | None,
    given: Mapping[str, Any],
    edits: Edits,
    check: Callable[[Document], None] | None = None,
) -> Document:
    """Read the file, upload what it names, register a version unless `check` raises."""
    if not file and not given.get("name"):
        raise UsageError("name what to create", hint="give a file with -f, or --name and the other flags")
    with sent_spec(place, noun.word, file=file, given=given, edits=edits) as document:
        if check:
            check(document)
        return _assets(place, noun).create(document)


def table_of(noun: Noun) -> Table:
    """The table of a noun with every verb but `create`."""
    table = Table(f"ml {noun.word}")
    _enter_show(table, noun)
    _enter_list(table, noun)
    _enter_update(table, noun)
    _enter_archiving(table, noun)
    _enter_delete(table, noun)
    if noun.has_files:
        _enter_download(table, noun)
    return table


def _enter_show(table: Table, noun: Noun) -> None:
    pratique, example = f"pratique ml {noun.word}", noun.example

    @table.verb(
        "show",
        arguments=(NAME, VERSION, LABEL),
        examples={
            "Show a version": f"{pratique} show -n {example} -v 1",
            "Show the newest": f"{pratique} show -n {example} -l latest",
        },
        columns=noun.columns,
    )
    def show(place: Place, *, name: str, version: str | None, label: str | None) -> Document:
        """Show one version."""
        return _assets(place, noun).show(name, version_of(version, label))


def _enter_list(table: Table, noun: Noun) -> None:
    pratique, example = f"pratique ml {noun.word}", noun.example

    @table.verb(
        "list",
        arguments=(
            OPTIONAL_NAME.saying("List all versions of this one, newest first."), TAG, MAX_RESULTS, INCLUDE_ARCHIVED,
            ARCHIVED_ONLY,
        ),
        examples={
            "List all, the newest version of each": f"{pratique} list -o table",
            "List the versions of one": f"{pratique} list -n {example} --query '[].version' -o tsv",
            "List those with a tag": f"{pratique} list --tag stage=prod",
        },
        columns=noun.columns,
    )  # fmt: skip
    def list_all(
        place: Place,
        *,
        name: str | None,
        tags: list[str],
        max_results: int | None,
        include_archived: bool,
        archived_only: bool,
    ) -> Plain:
        """List the newest version of each name, or all versions of one, newest first."""
        check_view(include_archived, archived_only)
        archived: Archived = "include" if include_archived else "only" if archived_only else "no"
        assets, wanted = _assets(place, noun), Wanted(name, tags, archived, max_results)
        return Plain(partial(assets.list, wanted), partial(assets.list_text, wanted))


def _enter_update(table: Table, noun: Noun) -> None:
    pratique, example = f"pratique ml {noun.word}", noun.example

    @table.verb(
        "update",
        arguments=(NAME, VERSION, LABEL),
        examples={
            "Tag a version": f"{pratique} update -n {example} -v 1 --set tags.stage=prod",
            "Remove a tag": f"{pratique} update -n {example} -v 1 --remove tags.stage",
        },
    )
    def update(place: Place, *, name: str, version: str | None, label: str | None, edits: Edits) -> Document:
        """Change what is said about a version: tags, properties, description; its content never changes."""
        if not edits:
            raise UsageError("nothing to change", hint="give --set tags.stage=prod or --remove tags.stage")
        assets = _assets(place, noun)
        which = version_of(version, label)
        current = assets.show(name, which)
        changes = changes_of(current, edits, allowed=noun.changeable)
        return assets.update(name, str(current.get("version", which)), changes)


def _enter_archiving(table: Table, noun: Noun) -> None:
    pratique, example = f"pratique ml {noun.word}", noun.example

    @table.verb(
        "archive",
        arguments=(NAME, VERSION, LABEL),
        examples={"Hide a version from lists": f"{pratique} archive -n {example} -v 1"},
    )
    def archive(place: Place, *, name: str, version: str | None, label: str | None) -> None:
        """Hide a version, or all of a name, from lists; what uses it goes on."""
        _set_archived(_assets(place, noun), name, version, label, is_archived=True)

    @table.verb(
        "restore",
        arguments=(NAME, VERSION, LABEL),
        examples={"Show an archived version in lists again": f"{pratique} restore -n {example} -v 1"},
    )
    def restore(place: Place, *, name: str, version: str | None, label: str | None) -> None:
        """Show an archived version, or all of a name, in lists again."""
        _set_archived(_assets(place, noun), name, version, label, is_archived=False)


def _enter_delete(table: Table, noun: Noun) -> None:
    @table.verb(
        "delete",
        arguments=(NAME, VERSION.required(), YES),
        examples={"Delete a version": f"pratique ml {noun.word} delete -n {noun.example} -v 1 --yes"},
    )
    def delete(place: Place, *, name: str, version: str, yes: bool) -> None:
        """Delete a version for good; one that something uses cannot be deleted."""
        assets = _assets(place, noun)
        found = str(assets.show(name, version).get("version", version))
        confirm(f"{name} {found} of {place.workspace} will be deleted for good.", yes=yes)
        assets.delete(name, found)
        say(f"{name} {found}: deleted")


def _enter_download(table: Table, noun: Noun) -> None:
    @table.verb(
        "download",
        arguments=(NAME, VERSION, LABEL, DOWNLOAD_PATH),
        examples={
            "Download a version": f"pratique ml {noun.word} download -n {noun.example} -v 1 --download-path ./got"
        },
    )
    def download(place: Place, *, name: str, version: str | None, label: str | None, download_path: str) -> None:
        """Download the files of a version into a folder of its name."""
        found = _assets(place, noun).show(name, version_of(version, label))
        fetch(place, str(found.get("manifest") or ""), Path(download_path) / name)
        if said := (found.get("properties") or {}).get("pratique.onnx"):
            which = f"--name {name} --version {found['version']}"
            say(f"onnx: {said}; its report: pratique ml model convert {which} --download-path FOLDER")


def version_of(version: str | None, label: str | None) -> str:
    """How the API names what --version or --label chose."""
    if version and label:
        raise UsageError("--version and --label exclude one another")
    if not version and not label:
        raise UsageError("--version/-v or --label/-l is required", hint="--label latest is the newest")
    return version or f"@{label}"


def check_view(include_archived: bool, archived_only: bool) -> None:
    """Raises `UsageError` for two flags that exclude one another."""
    if include_archived and archived_only:
        raise UsageError("--include-archived and --archived-only exclude one another")


def in_view(document: Document, *, include_archived: bool, archived_only: bool) -> bool:
    """Whether a list shows `document`."""
    return include_archived or bool(document.get("is_archived")) == archived_only


def _assets(place: Place, noun: Noun) -> Assets:
    return Assets(place.connection, place.workspace, noun.kind)


def _set_archived(assets: Assets, name: str, version: str | None, label: str | None, *, is_archived: bool) -> None:
    """Hide one version from lists or show it again; all versions of the name when none is given."""
    if version or label:
        which = [version_of(version, label)]
    else:
        which = [str(found["version"]) for found in assets.versions(name)]
    for one in which:
        assets.update(name, one, {"is_archived": is_archived})
    say(f"{name} {', '.join(which)}: {'archived' if is_archived else 'restored'}")
