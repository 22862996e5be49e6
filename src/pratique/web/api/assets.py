"""Data, environments, models and components: four routers of one shape."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Query, Response

from pratique.base.clock import utc_now
from pratique.base.errors import InvalidInput, Problem
from pratique.control import assets, collections, components, data_profiles, environments, signatures
from pratique.control.actor import Actor
from pratique.control.assets import VERB_NOUN, Kind
from pratique.store.assets import Archived, AssetVersion, ShownVersion
from pratique.store.database import Transaction
from pratique.store.stored import Stored
from pratique.web.api.changes import AssetChanges, Changes, ComponentChanges, ModelChanges, read_changes
from pratique.web.api.fields import as_printed, creation_context, present, printed_listing
from pratique.web.api.signatures import signature_document
from pratique.web.api.specs import SpecBody, read_spec
from pratique.web.auth import allow
from pratique.web.platform import Here, Platform

Wanted = Annotated[Sequence[str], Query(description="NAME or NAME=VALUE; given more than once, all must match.")]

AtMost = Annotated[int | None, Query(ge=0, description="How many at most.")]

_REMEMBERED: Final = 20_000
"""How many versions' texts are kept, some two kilobytes each: two whole lists of the length that is measured."""

_CHANGES: Final[Mapping[str, type[Changes]]] = {"models": ModelChanges, "components": ComponentChanges}
"""What may be said anew of kinds that have words of their own."""


def document(version: ShownVersion, platform: Platform) -> dict[str, Any]:
    """A version as Azure prints it."""
    return _document(version, platform.ids.inside(version.workspace))


def _document(version: ShownVersion, workspace_id: str) -> dict[str, Any]:
    own: dict[str, Any] = {
        **version.spec,
        "$schema": None,
        "id": f"azureml:{workspace_id}/{version.kind}/{version.name}/versions/{version.version}",
        "name": version.name,
        "version": version.version,
        "type": version.type or None,
        "path": _path(version),
        "description": version.description or None,
        "tags": dict(version.tags),
        "properties": dict(version.properties),
        "creation_context": creation_context(version.created_at, version.created_by),
    }
    if version.kind == "models":
        own |= {"stage": version.stage, "job_name": version.job_name or None, "run_id": version.run_id or None}
    if version.is_archived:
        own["is_archived"] = True
    return present(own)


def _path(version: ShownVersion) -> str | None:
    if version.manifest is None:
        return version.path or None
    name = version.path.rpartition("/")[2]
    return f"azureml://workspaces/{version.workspace}/{version.kind}/{version.name}/versions/{version.version}/{name}"


ASSETS: Final[tuple[Kind, ...]] = ("data", "environments", "models", "components")


_CREATES: Final[Mapping[Kind, Callable[..., AssetVersion]]] = {
    "data": partial(assets.create, kind="data"),
    "models": partial(assets.create, kind="models"),
    "environments": environments.create,
    "components": components.create,
}


def router_for(kind: Kind) -> APIRouter:
    """The routes of one kind."""
    router = APIRouter(prefix=f"/workspaces/{{workspace}}/{kind}", tags=[kind])
    _add_making(router, kind)
    _add_lists(router, kind)
    _add_versions(router, kind)
    return router


def _add_making(router: APIRouter, kind: Kind) -> None:
    may_write = Annotated[Actor, Depends(allow(f"{kind}/write"))]

    @router.post("", name=f"create {kind}")
    def create(platform: Here, actor: may_write, workspace: str, body: SpecBody) -> dict[str, Any]:
        """Make a version."""
        spec = read_spec(VERB_NOUN[kind], body)
        with platform.database.write() as tx:
            made = _CREATES[kind](tx, actor, workspace, spec=spec, now=utc_now())
            return document(made, platform)


def _add_lists(router: APIRouter, kind: Kind) -> None:
    """The newest versions of a kind, and all of one name."""
    may_read = Annotated[Actor, Depends(allow(f"{kind}/read"))]

    @router.get("", name=f"list {kind}")
    def newest(
        platform: Here,
        actor: may_read,
        workspace: str,
        tag: Wanted = (),
        archived: Archived = "no",
        max_results: AtMost = None,
    ) -> Response:
        """The newest version of each name; of archived names only when they are asked for."""
        limit = None if tag else max_results
        with platform.database.read() as tx:
            found = assets.newest_of_each(tx, actor, workspace, kind, archived=archived, limit=limit)
        return _list(_tagged(found, tag)[:max_results], platform.ids.inside(workspace))

    @router.get("/{name}/versions", name=f"list versions of {kind}")
    def versions(
        platform: Here,
        actor: may_read,
        workspace: str,
        name: str,
        tag: Wanted = (),
        archived: Archived = "include",
        max_results: AtMost = None,
    ) -> Response:
        """The versions of a name, newest first, archived ones as well."""
        with platform.database.read() as tx:
            found = assets.versions(tx, actor, workspace, kind, name, archived=archived)
        return _list(_tagged(found, tag)[:max_results], platform.ids.inside(workspace))


def _add_versions(router: APIRouter, kind: Kind) -> None:
    """What is asked of one version."""
    may_read = Annotated[Actor, Depends(allow(f"{kind}/read"))]
    may_write = Annotated[Actor, Depends(allow(f"{kind}/write"))]
    may_delete = Annotated[Actor, Depends(allow(f"{kind}/delete"))]
    place = "/{name}/versions/{version}"

    @router.get(place, name=f"show {kind}")
    def get(platform: Here, actor: may_read, workspace: str, name: str, version: str) -> dict[str, Any]:
        """One version, by its text or ``@label``."""
        with platform.database.read() as tx:
            found = assets.get(tx, actor, workspace, kind, name, version)
            said = document(found, platform) | _beside(tx, found)
        if collections.is_growing(found):
            found = _pinned(platform, found)
            said |= {"manifest": found.manifest}
        _note_read(platform, actor, found)
        return said

    @router.patch(place, name=f"update {kind}")
    def update(
        platform: Here,
        actor: may_write,
        workspace: str,
        name: str,
        version: str,
        body: Annotated[dict[str, Any], Body()],
    ) -> dict[str, Any]:
        """Change words about a version."""
        changes = read_changes(_CHANGES.get(kind, AssetChanges), body)
        with platform.database.write() as tx:
            return document(assets.update(tx, actor, workspace, kind, name, version, changes, now=utc_now()), platform)

    @router.delete(place, name=f"delete {kind}")
    def delete(platform: Here, actor: may_delete, workspace: str, name: str, version: str) -> dict[str, Any]:
        """Remove a version that nothing uses."""
        with platform.database.write() as tx:
            assets.delete(tx, actor, workspace, kind, name, version, now=utc_now())
        return {}


def _beside(tx: Transaction, version: AssetVersion) -> dict[str, Any]:
    """What is known of a version that only its own page says."""
    said: dict[str, Any] = {"manifest": version.manifest} if version.manifest else {}
    said |= _profile(tx, version) if version.kind == "data" else {}
    return said | (_signatures(tx, version) if version.kind == "models" else {})


def _pinned(platform: Platform, version: AssetVersion) -> AssetVersion:
    """`version` with the files that are there now: whoever asks is told of them."""
    with platform.database.write() as tx:
        return replace(version, manifest=collections.pinned(tx, version, now=utc_now()))


def _note_read(platform: Platform, actor: Actor, version: AssetVersion) -> None:
    """Write down what a run of a delivery reads: an approval of it is given for that."""
    if actor.run is not None:
        with platform.database.write() as tx:
            assets.note_use(tx, actor, version, is_made=False, now=utc_now())


def _list(versions: Sequence[Stored[ShownVersion]], workspace_id: str) -> Response:
    return printed_listing([_printed(version, workspace_id) for version in versions])


@lru_cache(_REMEMBERED)
def _printed(version: Stored[ShownVersion], workspace_id: str) -> str:
    """What a list says of `version`; most of a long one is what it was when somebody asked the last time."""
    return as_printed(_document(version.value, workspace_id))


def _profile(tx: Transaction, version: AssetVersion) -> dict[str, Any]:
    """That a profile exists, and how large the table is."""
    found = data_profiles.of_version(tx, version)
    if found is None:
        return {}
    size = {"rows": found.document["rows"], "columns": len(found.document["columns"])}
    return {"profile": size | creation_context(found.created_at, found.created_by)}


def _signatures(tx: Transaction, version: AssetVersion) -> dict[str, Any]:
    """Who vouches for these files."""
    found = signatures.of_version(tx, version)
    return {"signatures": [signature_document(one) for one in found]} if found else {}


def _tagged(versions: Sequence[Stored[ShownVersion]], wanted: Sequence[str]) -> Sequence[Stored[ShownVersion]]:
    """Those of `versions` that have every one of the `wanted` tags; raises `InvalidInput` for what is no tag."""
    pairs = [tag.partition("=") for tag in wanted]
    for (key, _, _), tag in zip(pairs, wanted, strict=True):
        if not key:
            said = f"{tag!r} is not a tag: expected NAME or NAME=VALUE"
            raise InvalidInput(said, problems=[Problem(said, key="tag")])
    return [version for version in versions if _has_all(version.value.tags, pairs)] if pairs else versions


def _has_all(tags: Mapping[str, str], pairs: Sequence[tuple[str, str, str]]) -> bool:
    return all(key in tags and (not equals or tags[key] == value) for key, equals, value in pairs)
