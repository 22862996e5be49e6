"""Online deployments and their logs."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import PlainTextResponse

from pratique.base.clock import iso, utc_now
from pratique.base.errors import ComputeFailed
from pratique.control import deployments
from pratique.control.actor import Actor
from pratique.engine import conversion, delivery_logs, grpc_sockets, launches
from pratique.engine.collection import tally
from pratique.store import replicas
from pratique.store.database import Transaction
from pratique.store.deployments import OnlineDeployment
from pratique.store.replicas import Replica
from pratique.web.api.endpoints import SETTLED
from pratique.web.api.fields import AS_TEXT, Wait, creation_context, present
from pratique.web.api.specs import DeploymentBody, read_spec
from pratique.web.auth import allow
from pratique.web.platform import Here, Platform

router = APIRouter(
    prefix="/workspaces/{workspace}/online-endpoints/{endpoint}/deployments", tags=["online deployments"]
)
Reader = Annotated[Actor, Depends(allow("deployments/read"))]
Writer = Annotated[Actor, Depends(allow("deployments/write"))]
Deleter = Annotated[Actor, Depends(allow("deployments/delete"))]
FROZEN: Final = "pratique.frozen"
"""In the answer to a wish of a run: which version its model without one was frozen to."""
_TAIL: Final = 1 << 20
"""Bytes that are read of one log at most."""
_STARTS: Final = 5
"""Starts of replicas whose logs are shown: what one said before it crashed is what people look for."""


def document(deployment: OnlineDeployment, processes: Sequence[Replica], platform: Platform) -> dict[str, Any]:
    """A deployment as Azure prints it: its spec, with its model and environment pinned, and how it is."""
    served = [row for row in processes if row.revision == (deployment.applied or deployment.revision)]
    spec, resolved = deployment.spec, deployment.resolved
    model, environment = resolved.get("model") or {}, resolved.get("environment") or {}
    return present(
        {
            **spec,
            "id": platform.ids.inside(
                deployment.workspace, "onlineEndpoints", deployment.endpoint, "deployments", deployment.name
            ),
            "name": deployment.name,
            "endpoint_name": deployment.endpoint,
            "model": _pinned(model) or spec.get("model"),
            "environment": _pinned(environment) or spec.get("environment"),
            "provisioning_state": deployment.provisioning_state,
            "properties": {
                **(spec.get("properties") or {}),
                "pratique.model_digest": model.get("manifest", ""),
                "pratique.generation": str(deployment.generation),
                "pratique.restarts": str(sum(row.restarts for row in served)),
                "pratique.ready": f"{sum(row.state == 'Ready' for row in served)}/{deployment.instances}",
                **_as_onnx(platform, deployment),
                **_collected(platform, deployment),
                **({"pratique.retires_at": iso(deployment.retire_at)} if deployment.retire_at else {}),
            },
            "replicas": [_replica(row, deployment, platform) for row in served],
            "timings": dict(deployment.timings) or None,
            "error": deployment.error,
            "creation_context": creation_context(deployment.created_at, deployment.created_by),
        }
    )


def _as_onnx(platform: Platform, deployment: OnlineDeployment) -> dict[str, str]:
    """Whether what runs is the model's converted form, and the proof, or why it is not; nothing where nobody asked."""
    spec = deployment.applied_spec or deployment.spec
    if (spec.get("tags") or {}).get(conversion.TAG) != "onnx":
        return {}
    try:
        said = launches.read(platform.home, deployment.id, deployment.applied or deployment.revision).onnx
    except ComputeFailed:  # Nothing is written down yet, or any more.
        return {}
    return {"pratique.onnx": said} if said else {}


def _collected(platform: Platform, deployment: OnlineDeployment) -> dict[str, str]:
    """How many predictions were collected, and how many for which the spool was too slow."""
    return {f"pratique.collected.{name}": str(count) for name, count in tally(platform.home, deployment.id).items()}


def _replica(replica: Replica, deployment: OnlineDeployment, platform: Platform) -> dict[str, Any]:
    """How one replica is, and where it speaks gRPC if it does; `start` is in the name of its folder."""
    facts = {"slot": replica.slot, "state": replica.state, "restarts": replica.restarts, "start": replica.start}
    grpc = grpc_sockets.is_wished(deployment.applied_spec or deployment.spec)
    address = f"unix:{grpc_sockets.socket_of(platform.home, replica)}" if grpc else None
    return present({**facts, "grpc": address, "error": replica.error})


def shown(tx: Transaction, deployment: OnlineDeployment, platform: Platform) -> dict[str, Any]:
    """A deployment as Azure prints it, with how its replicas are."""
    return document(deployment, replicas.of_deployment(tx, deployment.id), platform)


def _pinned(resolved: Mapping[str, Any]) -> str | None:
    """The version that was found when the deployment was asked for; None for what its spec describes inline."""
    return f"azureml:{resolved['name']}:{resolved['version']}" if resolved.get("name") else None


@router.get("")
def every(platform: Here, actor: Reader, workspace: str, endpoint: str) -> list[dict[str, Any]]:
    """The deployments of an endpoint."""
    with platform.database.read() as tx:
        return [shown(tx, deployment, platform) for deployment in deployments.every(tx, actor, workspace, endpoint)]


@router.put("/{deployment}", status_code=202)
def write(
    platform: Here,
    actor: Writer,
    workspace: str,
    endpoint: str,
    deployment: str,
    body: DeploymentBody,
) -> dict[str, Any]:
    """Make or change a deployment; it is ready when its state says so."""
    spec = read_spec("online-deployment", body, name=deployment, endpoint_name=endpoint)
    with platform.database.write() as tx:
        written = deployments.write(tx, actor, workspace, endpoint, spec, all_traffic=body.all_traffic, now=utc_now())
        platform.check_environment_of(written.resolved)
        answer = shown(tx, written, platform)
        said = deployments.frozen(tx, actor, written)
    if said and actor.run is not None:
        answer["properties"][FROZEN] = said
        delivery_logs.tell(platform.home, actor.run, [said], utc_now())
    return answer


@router.get("/{deployment}")
async def get(
    platform: Here,
    actor: Reader,
    workspace: str,
    endpoint: str,
    deployment: str,
    wait: Wait = 0,
) -> dict[str, Any]:
    """One deployment; with `wait`, as soon as it has settled or is gone."""

    def look() -> dict[str, Any]:
        with platform.database.read() as tx:
            return shown(tx, deployments.get(tx, actor, workspace, endpoint, deployment), platform)

    return await platform.bell.until(look, lambda seen: seen["provisioning_state"] in SETTLED, seconds=wait)


@router.delete("/{deployment}", status_code=202)
def delete(platform: Here, actor: Deleter, workspace: str, endpoint: str, deployment: str) -> dict[str, Any]:
    """Let a deployment go that takes no traffic."""
    with platform.database.write() as tx:
        return shown(tx, deployments.delete(tx, actor, workspace, endpoint, deployment, now=utc_now()), platform)


@router.get("/{deployment}/logs")
def logs(
    platform: Here,
    actor: Reader,
    workspace: str,
    endpoint: str,
    deployment: str,
    lines: Annotated[int, Query(ge=1, le=100_000)] = 5000,
) -> PlainTextResponse:
    """The last lines of what the replicas printed, earlier starts included."""
    with platform.database.read() as tx:
        found = deployments.get(tx, actor, workspace, endpoint, deployment)
    text = "".join(_tail(log) for log in _newest_logs(platform.home.replicas / found.id))
    return PlainTextResponse("".join(text.splitlines(keepends=True)[-lines:]), headers=AS_TEXT)


def _newest_logs(folder: Path) -> list[Path]:
    """The logs of the last starts and their older pieces, oldest first; what goes away meanwhile is left out."""
    found = []
    for log in (*folder.glob("*-*-*/console.log"), *folder.glob("*-*-*/console.log.[0-9]")):
        with suppress(FileNotFoundError):
            found.append((log.stat().st_mtime, log))
    return [log for _, log in sorted(found)[-_STARTS:]]


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _TAIL))
            return stream.read(_TAIL).decode(errors="replace")
    except FileNotFoundError:
        return ""
