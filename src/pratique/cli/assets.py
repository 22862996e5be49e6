"""What the verbs of data, environments and models have in common."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.talk import say
from pratique.cli.usage import UsageError
from pratique.client.assets import Assets, Kind

Document = dict[str, Any]

COLUMNS: Final = {"Name": "name", "Version": "version", "Type": "type", "Created": "creation_context.created_at"}
CHANGEABLE: Final = ("description", "properties", "tags")


def assets_of(place: Place, kind: Kind) -> Assets:
    """The assets of `kind` where the verb works."""
    return Assets(place.connection, place.workspace, kind)


def create(
    place: Place, kind: Kind, spec_kind: str, *, file: str | None, given: Mapping[str, Any], assignments: Sequence[str]
) -> Document:
    """Read the file, upload what it names, register a version."""
    from pratique.cli.yaml_files import read_spec, send_files

    if not file and not given.get("name"):
        raise UsageError("name what to create", hint="give a file with -f, or --name and the other flags")
    spec = read_spec(spec_kind, file=file, given=given, assignments=assignments)
    return assets_of(place, kind).create(send_files(place, spec))


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


def listed(
    place: Place,
    kind: Kind,
    *,
    name: str | None,
    tags: Sequence[str],
    max_results: int | None,
    include_archived: bool,
    archived_only: bool,
) -> list[Document]:
    """The newest version of each name, or all versions of one, newest first."""
    check_view(include_archived, archived_only)
    assets = assets_of(place, kind)
    if name:
        found = [
            one
            for one in assets.versions(name, tags=tags)
            if in_view(one, include_archived=include_archived, archived_only=archived_only)
        ]
    else:
        found = assets.all(tags=tags, archived="include" if include_archived else "only" if archived_only else "no")
    return found[:max_results] if max_results else found


def updated(
    place: Place,
    kind: Kind,
    *,
    name: str,
    version: str | None,
    label: str | None,
    assignments: Sequence[str],
    removals: Sequence[str],
) -> Document:
    """Change tags, properties or description."""
    from pratique.cli.changes import changes_of

    if not assignments and not removals:
        raise UsageError("nothing to change", hint="give --set tags.stage=prod or --remove tags.stage")
    assets = assets_of(place, kind)
    which = version_of(version, label)
    current = assets.show(name, which)
    changes = changes_of(
        current,
        assignments=assignments,
        removals=removals,
        allowed=(*CHANGEABLE, *(["stage"] if kind == "models" else [])),
    )
    return assets.update(name, str(current.get("version", which)), changes)


def set_archived(
    place: Place, kind: Kind, *, name: str, version: str | None, label: str | None, is_archived: bool
) -> None:
    """Hide one version from lists or show it again; all versions of the name when none is given."""
    assets = assets_of(place, kind)
    if version or label:
        which = [version_of(version, label)]
    else:
        which = [str(found["version"]) for found in assets.versions(name)]
    for one in which:
        assets.update(name, one, {"is_archived": is_archived})
    say(f"{name} {', '.join(which)}: {'archived' if is_archived else 'restored'}")


def delete(place: Place, kind: Kind, *, name: str, version: str, yes: bool) -> None:
    """Remove one version for good."""
    assets = assets_of(place, kind)
    found = assets.show(name, version)
    confirm(f"{name} {found.get('version', version)} of {place.workspace} will be deleted for good.", yes=yes)
    assets.delete(name, str(found.get("version", version)))
    say(f"{name} {found.get('version', version)}: deleted")
