"""Online deployments and their logs."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query
from fastapi.responses import PlainTextResponse

from pratique.base.clock import utc_now
from pratique.base.errors import NotFound
from pratique.control import deployments
from pratique.control.actor import Actor
from pratique.store.deployments import OnlineDeployment
from pratique.web.api.endpoints import SETTLED
from pratique.web.api.fields import creation_context, present
from pratique.web.api.specs import read_spec
from pratique.web.auth import allow
from pratique.web.platform import Platform, platform_of

router = APIRouter(
    prefix="/workspaces/{workspace}/online-endpoints/{endpoint}/deployments", tags=["online deployments"]
)
Here = Annotated[Platform, Depends(platform_of)]
Reader = Annotated[Actor, Depends(allow("deployments/read"))]
Writer = Annotated[Actor, Depends(allow("deployments/write"))]
Deleter = Annotated[Actor, Depends(allow("deployments/delete"))]
_TAIL = 1 << 20


def document(deployment: OnlineDeployment) -> dict[str, Any]:
    """A deployment as Azure prints it."""
    spec, resolved = deployment.spec, deployment.resolved
    model, environment = resolved.get("model"), resolved.get("environment")
    return present(
        {
            "id": f"/workspaces/{deployment.workspace}/onlineEndpoints/{deployment.endpoint}"
            f"/deployments/{deployment.name}",
            "name": deployment.name,
            "endpoint_name": deployment.endpoint,
            "type": "managed",
            "model": f"azureml:{model['name']}:{model['version']}" if model and model["name"] else None,
            "environment": f"azureml:{environment['name']}:{environment['version']}"
            if environment and environment["name"]
            else None,
            "code_configuration": spec.get("code_configuration"),
            "instance_type": spec.get("instance_type"),
            "instance_count": spec.get("instance_count", 1),
            "provisioning_state": deployment.provisioning_state,
            "request_settings": spec.get("request_settings"),
            "environment_variables": spec.get("environment_variables") or {},
            "tags": dict(spec.get("tags") or {}),
            "properties": {
                **(spec.get("properties") or {}),
                "pratique.model_digest": (model or {}).get("manifest", ""),
                "pratique.generation": str(deployment.generation),
                "pratique.restarts": str(deployment.restarts),
            },
            "timings": dict(deployment.timings) or None,
            "error": deployment.error,
            "creation_context": creation_context(deployment.created_at, deployment.created_by),
        }
    )


@router.get("")
def every(platform: Here, actor: Reader, workspace: str, endpoint: str) -> list[dict[str, Any]]:
    """The deployments of an endpoint."""
    with platform.database.read() as tx:
        return [document(deployment) for deployment in deployments.every(tx, actor, workspace, endpoint)]


@router.put("/{deployment}", status_code=202)
def write(
    platform: Here,
    actor: Writer,
    workspace: str,
    endpoint: str,
    deployment: str,
    body: Annotated[dict[str, Any], Body()],
) -> dict[str, Any]:
    """Make or change a deployment; it is ready when its state says so."""
    spec = read_spec("online-deployment", body, name=deployment, endpoint_name=endpoint)
    everything = bool(body.get("all_traffic"))
    with platform.database.write() as tx:
        written = deployments.write(tx, actor, workspace, endpoint, spec, all_traffic=everything, now=utc_now())
    return document(written)


@router.get("/{deployment}")
async def get(
    platform: Here,
    actor: Reader,
    workspace: str,
    endpoint: str,
    deployment: str,
    wait: Annotated[float, Query(ge=0, le=50)] = 0,
) -> dict[str, Any]:
    """One deployment; with `wait`, as soon as it has settled or is gone."""
    found = await platform.bell.until(
        lambda: _get(platform, actor, workspace, endpoint, deployment),
        lambda seen: isinstance(seen, NotFound) or seen.provisioning_state in SETTLED,
        seconds=wait,
    )
    if isinstance(found, NotFound):
        raise found
    return document(found)


@router.delete("/{deployment}", status_code=202)
def delete(platform: Here, actor: Deleter, workspace: str, endpoint: str, deployment: str) -> dict[str, Any]:
    """Let a deployment go that takes no traffic."""
    with platform.database.write() as tx:
        return document(deployments.delete(tx, actor, workspace, endpoint, deployment, now=utc_now()))


@router.get("/{deployment}/logs")
def logs(
    platform: Here,
    actor: Reader,
    workspace: str,
    endpoint: str,
    deployment: str,
    lines: Annotated[int, Query(ge=1, le=100_000)] = 5000,
) -> PlainTextResponse:
    """The last lines of what the replica printed, its earlier starts included."""
    with platform.database.read() as tx:
        found = deployments.get(tx, actor, workspace, endpoint, deployment)
    folders = sorted(platform.home.replicas.joinpath(found.id).glob("*-*"), key=lambda path: path.stat().st_mtime)
    text = "".join(_tail(folder / "console.log") for folder in folders[-3:])
    return PlainTextResponse("".join(text.splitlines(keepends=True)[-lines:]))


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _TAIL))
            return stream.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def _get(platform: Platform, actor: Actor, workspace: str, endpoint: str, name: str) -> OnlineDeployment | NotFound:
    with platform.database.read() as tx:
        try:
            return deployments.get(tx, actor, workspace, endpoint, name)
        except NotFound as gone:
            return gone
