"""Datastores: descriptions of places; credentials go in and never come out."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends

from pratique.base.clock import utc_now
from pratique.control import datastores
from pratique.control.actor import Actor
from pratique.store.datastores import Datastore
from pratique.web.api.changes import DatastoreChanges, read_changes
from pratique.web.api.fields import creation_context
from pratique.web.api.specs import SpecBody, read_spec
from pratique.web.auth import allow
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/workspaces/{workspace}/datastores", tags=["datastores"])
Reader = Annotated[Actor, Depends(allow("datastores/read"))]
Writer = Annotated[Actor, Depends(allow("datastores/write"))]


def document(datastore: Datastore, platform: Platform) -> dict[str, Any]:
    """A datastore as Azure prints it: which credentials it has shows only as that it has some."""
    said = {key: value for key, value in datastore.spec.items() if key != "$schema"}
    own = {
        "id": "azureml:" + platform.ids.inside(datastore.workspace, "datastores", datastore.name),
        "tags": dict(datastore.spec.get("tags") or {}),
        "is_default": datastore.name == datastores.DEFAULT,
        "has_credentials": bool(datastore.credentials),
        "creation_context": creation_context(datastore.created_at, datastore.created_by),
    }
    return said | own


@router.put("")
def create(platform: Here, actor: Writer, workspace: str, body: SpecBody) -> dict[str, Any]:
    """Describe a datastore, or change the one of its name."""
    spec = read_spec("datastore", body)
    with platform.database.write() as tx:
        made = datastores.write(tx, actor, workspace, spec, sealer=platform.sealer, now=utc_now())
        return document(made, platform)


@router.get("")
def every(platform: Here, actor: Reader, workspace: str) -> list[dict[str, Any]]:
    """All datastores."""
    with platform.database.read() as tx:
        return [document(one, platform) for one in datastores.every(tx, actor, workspace)]


@router.get("/{name}")
def get(platform: Here, actor: Reader, workspace: str, name: str) -> dict[str, Any]:
    """One datastore."""
    with platform.database.read() as tx:
        return document(datastores.get(tx, actor, workspace, name), platform)


@router.patch("/{name}")
def update(
    platform: Here, actor: Writer, workspace: str, name: str, body: Annotated[dict[str, Any], Body()]
) -> dict[str, Any]:
    """Change description, tags or credentials."""
    with platform.database.write() as tx:
        known = datastores.get(tx, actor, workspace, name)
        datastores.check_not_built_in(name)
        changes = _changes(known, body)
        changed = datastores.update(tx, actor, workspace, name, changes, sealer=platform.sealer, now=utc_now())
        return document(changed, platform)


@router.delete("/{name}")
def delete(
    platform: Here, actor: Annotated[Actor, Depends(allow("datastores/delete"))], workspace: str, name: str
) -> dict[str, Any]:
    """Forget a datastore."""
    with platform.database.write() as tx:
        datastores.delete(tx, actor, workspace, name, now=utc_now())
    return {}


def _changes(known: Datastore, body: dict[str, Any]) -> dict[str, Any]:
    """What `body` changes; credentials are read as those of the type that the datastore has."""
    changes = read_changes(DatastoreChanges, body)
    if changes.get("credentials"):
        whole = read_spec("datastore", SpecBody(spec={**known.spec, "credentials": changes["credentials"]}))
        changes["credentials"] = whole["credentials"]
    return changes
