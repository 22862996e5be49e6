"""Data, environments and models: three routers of one shape."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query

from pratique.base.clock import utc_now
from pratique.base.errors import InvalidInput
from pratique.control import assets
from pratique.control.actor import Actor
from pratique.control.assets import VERB_NOUN, Kind
from pratique.store.assets import AssetVersion
from pratique.web.api.fields import creation_context, present
from pratique.web.api.specs import read_spec
from pratique.web.auth import allow
from pratique.web.platform import Platform, platform_of

Here = Annotated[Platform, Depends(platform_of)]


def document(version: AssetVersion) -> dict[str, Any]:
    """A version as Azure prints it."""
    spec = {key: value for key, value in version.spec.items() if key not in ("$schema", "path", "tags", "properties")}
    own: dict[str, Any] = {
        "id": f"azureml:/workspaces/{version.workspace}/{version.kind}/{version.name}/versions/{version.version}",
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
    return present(spec | own)


def _path(version: AssetVersion) -> str | None:
    if version.manifest is None:
        return None
    name = version.path.rpartition("/")[2]
    return f"azureml://workspaces/{version.workspace}/{version.kind}/{version.name}/versions/{version.version}/{name}"


def router_for(kind: Kind) -> APIRouter:
    """The routes of one kind."""
    router = APIRouter(prefix=f"/workspaces/{{workspace}}/{kind}", tags=[kind])
    may_read = Annotated[Actor, Depends(allow(f"{kind}/read"))]
    may_write = Annotated[Actor, Depends(allow(f"{kind}/write"))]
    may_delete = Annotated[Actor, Depends(allow(f"{kind}/delete"))]

    @router.post("", name=f"create {kind}")
    def create(
        platform: Here, actor: may_write, workspace: str, body: Annotated[dict[str, Any], Body()]
    ) -> dict[str, Any]:
        """Make a version."""
        spec = read_spec(VERB_NOUN[kind], body)
        with platform.database.write() as tx:
            return document(assets.create(tx, actor, workspace, kind, spec, now=utc_now()))

    @router.get("", name=f"list {kind}")
    def newest(
        platform: Here, actor: may_read, workspace: str, tag: Annotated[list[str] | None, Query()] = None
    ) -> list[dict[str, Any]]:
        """The newest version of each name."""
        with platform.database.read() as tx:
            found = assets.newest_of_each(tx, actor, workspace, kind)
        return [document(version) for version in found if _has_tags(version, tag or [])]

    @router.get("/{name}/versions", name=f"list versions of {kind}")
    def versions(
        platform: Here, actor: may_read, workspace: str, name: str, tag: Annotated[list[str] | None, Query()] = None
    ) -> list[dict[str, Any]]:
        """All versions of a name, newest first."""
        with platform.database.read() as tx:
            found = assets.versions(tx, actor, workspace, kind, name)
        return [document(version) for version in found if _has_tags(version, tag or [])]

    @router.get("/{name}/versions/{version}", name=f"show {kind}")
    def get(platform: Here, actor: may_read, workspace: str, name: str, version: str) -> dict[str, Any]:
        """One version, by its text or ``@label``."""
        with platform.database.read() as tx:
            found = assets.get(tx, actor, workspace, kind, name, version)
            return document(found) | ({"manifest": found.manifest} if found.manifest else {})

    @router.patch("/{name}/versions/{version}", name=f"update {kind}")
    def update(
        platform: Here,
        actor: may_write,
        workspace: str,
        name: str,
        version: str,
        body: Annotated[dict[str, Any], Body()],
    ) -> dict[str, Any]:
        """Change words about a version."""
        with platform.database.write() as tx:
            return document(assets.update(tx, actor, workspace, kind, name, version, body, now=utc_now()))

    @router.delete("/{name}/versions/{version}", name=f"delete {kind}")
    def delete(platform: Here, actor: may_delete, workspace: str, name: str, version: str) -> dict[str, Any]:
        """Remove a version that nothing uses."""
        with platform.database.write() as tx:
            assets.delete(tx, actor, workspace, kind, name, version, now=utc_now())
        return {}

    return router


def _has_tags(version: AssetVersion, wanted: list[str]) -> bool:
    for pair in wanted:
        key, equals, value = pair.partition("=")
        if not key:
            raise InvalidInput(f"{pair!r} is not a tag: expected NAME or NAME=VALUE")
        if key not in version.tags or (equals and version.tags[key] != value):
            return False
    return True
