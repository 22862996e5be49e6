"""Computes: names of the machine that everything runs on."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends

from pratique.base.clock import iso, utc_now
from pratique.control import computes
from pratique.control.actor import Actor
from pratique.store.computes import Compute
from pratique.web.api.fields import creation_context
from pratique.web.api.specs import SpecBody, read_spec
from pratique.web.auth import allow
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/workspaces/{workspace}/computes", tags=["computes"])
Reader = Annotated[Actor, Depends(allow("computes/read"))]
Writer = Annotated[Actor, Depends(allow("computes/write"))]


def document(compute: Compute, platform: Platform) -> dict[str, Any]:
    """A compute as Azure prints it."""
    said = {key: value for key, value in compute.spec.items() if key != "$schema"}
    own = {
        "id": platform.ids.inside(compute.workspace, "computes", compute.name),
        "location": compute.spec.get("location") or "local",
        "provisioning_state": "Succeeded",
        "created_on": iso(compute.created_at),
        "creation_context": creation_context(compute.created_at, compute.created_by),
    }
    return said | own | ({"state": compute.state} if compute.spec["type"] == "computeinstance" else {})


@router.put("")
def create(platform: Here, actor: Writer, workspace: str, body: SpecBody) -> dict[str, Any]:
    """Describe a compute, or change the one of its name."""
    spec = read_spec("compute", body)
    with platform.database.write() as tx:
        return document(computes.write(tx, actor, workspace, spec, now=utc_now()), platform)


@router.get("")
def every(platform: Here, actor: Reader, workspace: str) -> list[dict[str, Any]]:
    """All computes, by name."""
    with platform.database.read() as tx:
        return [document(one, platform) for one in computes.every(tx, actor, workspace)]


@router.get("/{name}")
def get(platform: Here, actor: Reader, workspace: str, name: str) -> dict[str, Any]:
    """One compute."""
    with platform.database.read() as tx:
        return document(computes.get(tx, actor, workspace, name), platform)


@router.post("/{name}/{action}")
def act(platform: Here, actor: Writer, workspace: str, name: str, action: Literal["start", "stop"]) -> dict[str, Any]:
    """Say of a workstation that it is started or stopped."""
    state = computes.RUNNING if action == "start" else computes.STOPPED
    with platform.database.write() as tx:
        return document(computes.set_state(tx, actor, workspace, name, state, now=utc_now()), platform)


@router.delete("/{name}")
def delete(
    platform: Here, actor: Annotated[Actor, Depends(allow("computes/delete"))], workspace: str, name: str
) -> dict[str, Any]:
    """Forget a compute."""
    with platform.database.write() as tx:
        computes.delete(tx, actor, workspace, name, now=utc_now())
    return {}
