"""Data, environments, models and components: names with versions and labels.

A version is what the user says it is (`-v 7` on a new name is version 7), or
the next number after the highest. `latest` is computed: the newest version
that is not archived.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, delete, insert, or_, select, update

from pratique.store.rows import value_of, values_of
from pratique.store.schema import asset_labels, asset_versions, assets
from pratique.store.stored import Shape, Stored

LATEST: Final = "latest"

Archived = Literal["no", "include", "only"]
"""Whether a list leaves archived names out, shows them as well, or shows nothing else."""


@dataclass(frozen=True)
class Asset:
    """A name, with what belongs to all of its versions."""

    workspace: str
    kind: str
    name: str
    next_version: int
    description: str
    tags: Mapping[str, str]
    is_archived: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class ShownVersion:
    """What lists show of a version."""

    workspace: str
    kind: str
    name: str
    version: str
    type: str
    spec: Mapping[str, Any]
    path: str
    manifest: str | None
    description: str
    tags: Mapping[str, str]
    properties: Mapping[str, str]
    is_archived: bool
    stage: str
    run_id: str
    job_name: str
    created_at: datetime
    created_by: Mapping[str, Any]


@dataclass(frozen=True)
class AssetVersion(ShownVersion):
    """One version of a name."""

    id: str
    ordinal: int | None
    source: str
    updated_at: datetime


_SHOWN: Final = Shape(ShownVersion, asset_versions)


def _named(workspace: str, kind: str, name: str) -> Any:
    return (assets.c.workspace == workspace) & (assets.c.kind == kind) & (assets.c.name == name)


def _versions(workspace: str, kind: str, name: str) -> Any:
    table = asset_versions.c
    return (table.workspace == workspace) & (table.kind == kind) & (table.name == name)


def get(tx: Connection, workspace: str, kind: str, name: str) -> Asset | None:
    """The asset called `name`."""
    row = tx.execute(select(assets).where(_named(workspace, kind, name))).first()
    return value_of(Asset, row) if row else None


def every(tx: Connection, workspace: str, kind: str) -> list[Asset]:
    """All assets of a kind, by name."""
    wanted = select(assets).where(assets.c.workspace == workspace, assets.c.kind == kind).order_by(assets.c.name)
    return values_of(Asset, tx.execute(wanted))


def add(tx: Connection, asset: Asset) -> None:
    """Write a new name."""
    tx.execute(insert(assets).values(**vars(asset)))


def change(tx: Connection, workspace: str, kind: str, name: str, **values: Any) -> None:
    """Write `values` (columns of assets) on a name."""
    tx.execute(update(assets).where(_named(workspace, kind, name)).values(**values))


def rename(tx: Connection, workspace: str, kind: str, name: str, *, to: str, now: datetime) -> None:
    """Call a name something else; its versions and labels follow."""
    tx.execute(update(assets).where(_named(workspace, kind, name)).values(name=to, updated_at=now))


def remove(tx: Connection, workspace: str, kind: str, name: str) -> None:
    """Remove a name with all its versions and labels."""
    tx.execute(delete(assets).where(_named(workspace, kind, name)))


def add_version(tx: Connection, version: AssetVersion) -> None:
    """Write a new version and move the name's next number past it."""
    tx.execute(insert(asset_versions).values(**vars(version)))
    values: dict[str, Any] = {"updated_at": version.created_at}
    if version.ordinal is not None:
        following = version.ordinal + 1
        known = select(assets.c.next_version).where(_named(version.workspace, version.kind, version.name))
        if following > tx.execute(known).scalar_one():
            values["next_version"] = following
    change(tx, version.workspace, version.kind, version.name, **values)


def version(tx: Connection, workspace: str, kind: str, name: str, text: str) -> AssetVersion | None:
    """The version called `text`."""
    wanted = select(asset_versions).where(_versions(workspace, kind, name), asset_versions.c.version == text)
    row = tx.execute(wanted).first()
    return value_of(AssetVersion, row) if row else None


def version_by_id(tx: Connection, id: str) -> AssetVersion | None:  # noqa: A002 - the column's name.
    """The version with that id."""
    row = tx.execute(select(asset_versions).where(asset_versions.c.id == id)).first()
    return value_of(AssetVersion, row) if row else None


def versions(tx: Connection, workspace: str, kind: str, name: str) -> list[AssetVersion]:
    """All versions of a name, newest first."""
    wanted = select(asset_versions).where(_versions(workspace, kind, name))
    return values_of(AssetVersion, tx.execute(wanted.order_by(*_newest_first())))


def shown_versions(
    tx: Connection, workspace: str, kind: str, name: str, *, archived: Archived
) -> list[Stored[ShownVersion]]:
    """What lists show of the versions of a name, newest first."""
    wanted = select(*_SHOWN.columns(asset_versions)).where(_versions(workspace, kind, name))
    if archived != "include":
        wanted = wanted.where(asset_versions.c.is_archived.is_(archived == "only"))
    return _SHOWN.rows(tx.execute(wanted.order_by(*_newest_first())))


def all_versions(tx: Connection, workspace: str, kind: str) -> list[AssetVersion]:
    """All versions of all names of a kind, by name, newest first."""
    wanted = select(asset_versions).where(asset_versions.c.workspace == workspace, asset_versions.c.kind == kind)
    return values_of(AssetVersion, tx.execute(wanted.order_by(asset_versions.c.name, *_newest_first())))


def latest(tx: Connection, workspace: str, kind: str, name: str) -> AssetVersion | None:
    """The newest version that is not archived."""
    wanted = select(asset_versions).where(_versions(workspace, kind, name), asset_versions.c.is_archived.is_(False))
    row = tx.execute(wanted.order_by(*_newest_first()).limit(1)).first()
    return value_of(AssetVersion, row) if row else None


def latest_of_each(
    tx: Connection, workspace: str, kind: str, *, archived: Archived = "no", limit: int | None = None
) -> list[Stored[ShownVersion]]:
    """The newest version of every name, by name; of one that has any which is not archived, the newest of those.

    A name is archived when it says so itself or all of its versions are. `limit` is how many names at most.
    """
    chosen = asset_versions.alias("chosen")
    newest = (
        select(asset_versions.c.id)
        .where(_same_name())
        .order_by(asset_versions.c.is_archived, *_newest_first())
        .limit(1)
        .correlate(assets)
        .scalar_subquery()
    )
    # By index, a name at a time, so that a limit ends it: ranking all versions would copy each of them first.
    wanted = (
        select(*_SHOWN.columns(chosen))
        .select_from(assets.join(chosen, chosen.c.id == newest))
        .where(assets.c.workspace == workspace, assets.c.kind == kind)
        .order_by(assets.c.name)
    )
    if archived != "include":
        wanted = wanted.where(or_(assets.c.is_archived, chosen.c.is_archived).is_(archived == "only"))
    if limit is not None:
        wanted = wanted.limit(limit)
    return _SHOWN.rows(tx.execute(wanted))


def change_version(tx: Connection, id: str, **values: Any) -> None:  # noqa: A002 - the column's name.
    """Write `values` (columns of asset_versions) on one version."""
    tx.execute(update(asset_versions).where(asset_versions.c.id == id).values(**values))


def remove_version(tx: Connection, gone: AssetVersion) -> None:
    """Remove one version and the labels that point to it."""
    tx.execute(delete(asset_versions).where(asset_versions.c.id == gone.id))
    for label, text in labels(tx, gone.workspace, gone.kind, gone.name).items():
        if text == gone.version:
            remove_label(tx, gone.workspace, gone.kind, gone.name, label)


def labels(tx: Connection, workspace: str, kind: str, name: str) -> dict[str, str]:
    """Label → version of one name."""
    table = asset_labels.c
    wanted = select(table.label, table.version).where(
        table.workspace == workspace, table.kind == kind, table.name == name
    )
    return {row.label: row.version for row in tx.execute(wanted.order_by(table.label))}


def set_label(tx: Connection, workspace: str, kind: str, name: str, label: str, text: str) -> None:
    """Let `label` point to the version called `text`."""
    remove_label(tx, workspace, kind, name, label)
    tx.execute(insert(asset_labels).values(workspace=workspace, kind=kind, name=name, label=label, version=text))


def remove_label(tx: Connection, workspace: str, kind: str, name: str, label: str) -> None:
    """Remove `label` from a name."""
    table = asset_labels.c
    where = (table.workspace == workspace) & (table.kind == kind) & (table.name == name) & (table.label == label)
    tx.execute(delete(asset_labels).where(where))


def _same_name() -> Any:
    return (
        (assets.c.workspace == asset_versions.c.workspace)
        & (assets.c.kind == asset_versions.c.kind)
        & (assets.c.name == asset_versions.c.name)
    )


def _newest_first() -> list[Any]:
    # By the time of creation, as Azure lists them; within one moment the number decides, then the id,
    # which sorts by time down to the millisecond.
    table = asset_versions.c
    return [table.created_at.desc(), table.ordinal.desc().nulls_last(), table.id.desc()]
