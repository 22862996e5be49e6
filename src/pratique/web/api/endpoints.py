"""Online endpoints and their keys."""

from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Body, Depends, Response
from pydantic import Field

from pratique.base.clock import utc_now
from pratique.control import endpoints, managed_identities
from pratique.control.actor import Actor
from pratique.store.endpoints import OnlineEndpoint
from pratique.web.api.changes import EndpointChanges, read_changes
from pratique.web.api.fields import NOT_KEPT, RequestBody, Wait, creation_context, present
from pratique.web.api.specs import SpecBody, read_spec
from pratique.web.auth import allow
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/workspaces/{workspace}/online-endpoints", tags=["online endpoints"])
Reader = Annotated[Actor, Depends(allow("endpoints/read"))]
Writer = Annotated[Actor, Depends(allow("endpoints/write"))]
Deleter = Annotated[Actor, Depends(allow("endpoints/delete"))]
KeyHolder = Annotated[Actor, Depends(allow("endpoints/keys"))]
Scorer = Annotated[Actor, Depends(allow("endpoints/score"))]
SETTLED: Final = ("Succeeded", "Failed")
"""States which nothing leaves by itself."""
_LONGEST_KEPT: Final = 30 * 24 * 3600
"""Seconds that a deployment may be kept after another was promoted."""


def document(endpoint: OnlineEndpoint, platform: Platform) -> dict[str, Any]:
    """An endpoint as Azure prints it."""
    base = f"{platform.endpoints_door}/endpoints/{endpoint.workspace}/{endpoint.name}"
    return present(
        {
            "id": platform.ids.inside(endpoint.workspace, "onlineEndpoints", endpoint.name),
            "name": endpoint.name,
            "kind": "Managed",
            "auth_mode": endpoint.spec.get("auth_mode") or "key",
            "description": endpoint.spec.get("description"),
            "identity": _identity(endpoint, platform),
            "location": "local",
            "provisioning_state": endpoint.provisioning_state,
            "public_network_access": endpoint.spec.get("public_network_access") or "enabled",
            "scoring_uri": f"{base}/score",
            "openapi_uri": f"{base}/swagger.json",
            "traffic": dict(endpoint.traffic),
            "mirror_traffic": dict(endpoint.mirror_traffic),
            "tags": dict(endpoint.spec.get("tags") or {}),
            "properties": {
                **(endpoint.spec.get("properties") or {}),
                "pratique.generation": str(endpoint.generation),
            },
            "error": endpoint.error,
            "creation_context": creation_context(endpoint.created_at, endpoint.created_by),
        }
    )


def _identity(endpoint: OnlineEndpoint, platform: Platform) -> dict[str, Any] | None:
    said = endpoint.spec.get("identity") or {}
    if said.get("user_assigned_identities"):
        return platform.ids.assigned(said)
    return platform.ids.identity(managed_identities.of_endpoint(endpoint.workspace, endpoint.name))


@router.get("")
def every(platform: Here, actor: Reader, workspace: str) -> list[dict[str, Any]]:
    """The endpoints of a workspace."""
    with platform.database.read() as tx:
        return [document(endpoint, platform) for endpoint in endpoints.every(tx, actor, workspace)]


@router.put("/{endpoint}", status_code=202)
def write(platform: Here, actor: Writer, workspace: str, endpoint: str, body: SpecBody) -> dict[str, Any]:
    """Make or change an endpoint; one that exists keeps its traffic unless the spec says another."""
    spec = read_spec("online-endpoint", body, name=endpoint)
    with platform.database.write() as tx:
        written = endpoints.write(tx, actor, workspace, spec, sealer=platform.sealer, now=utc_now())
    return document(written, platform)


@router.get("/{endpoint}")
async def get(
    platform: Here,
    actor: Reader,
    workspace: str,
    endpoint: str,
    wait: Wait = 0,
) -> dict[str, Any]:
    """One endpoint; with `wait`, as soon as it has settled or is gone."""

    def look() -> OnlineEndpoint:
        with platform.database.read() as tx:
            return endpoints.get(tx, actor, workspace, endpoint)

    found = await platform.bell.until(look, lambda seen: seen.provisioning_state in SETTLED, seconds=wait)
    return document(found, platform)


@router.patch("/{endpoint}")
def update(
    platform: Here, actor: Writer, workspace: str, endpoint: str, body: Annotated[dict[str, Any], Body()]
) -> dict[str, Any]:
    """Change traffic, mirror traffic, tags, description or properties."""
    changes = read_changes(EndpointChanges, body)
    with platform.database.write() as tx:
        return document(endpoints.update(tx, actor, workspace, endpoint, changes, now=utc_now()), platform)


class Promotion(RequestBody):
    """Which deployment is to take all traffic, and what becomes of those which had it."""

    to: str
    keep_old_seconds: Annotated[int, Field(ge=0, le=_LONGEST_KEPT)] | None = None
    seen: int | None = None


@router.post("/{endpoint}/promote")
def promote(platform: Here, actor: Writer, workspace: str, endpoint: str, body: Promotion) -> dict[str, Any]:
    """Send all traffic to one deployment, if the endpoint is still at the generation that was seen."""
    kept = None if body.keep_old_seconds is None else timedelta(seconds=body.keep_old_seconds)
    with platform.database.write() as tx:
        promoted = endpoints.promote(
            tx, actor, workspace, endpoint, body.to, keep_old=kept, seen=body.seen, now=utc_now()
        )
    return document(promoted, platform)


@router.delete("/{endpoint}", status_code=202)
def delete(platform: Here, actor: Deleter, workspace: str, endpoint: str) -> dict[str, Any]:
    """Let an endpoint go with its deployments."""
    with platform.database.write() as tx:
        return document(endpoints.delete(tx, actor, workspace, endpoint, now=utc_now()), platform)


@router.get("/{endpoint}/keys")
def keys(platform: Here, actor: KeyHolder, workspace: str, endpoint: str) -> dict[str, str]:
    """Both keys."""
    with platform.database.write() as tx:
        return endpoints.keys(tx, actor, workspace, endpoint, sealer=platform.sealer, now=utc_now())


@router.post("/{endpoint}/token")
def token(platform: Here, actor: Scorer, workspace: str, endpoint: str, response: Response) -> dict[str, Any]:
    """A token that opens just this endpoint, for an hour."""
    response.headers.update(NOT_KEPT)
    with platform.database.write() as tx:
        made, until = endpoints.token(tx, actor, workspace, endpoint, issuer=platform.issuer, now=utc_now())
    renew = until - endpoints.TOKEN_LASTS / 4
    return {
        "accessToken": made,
        "tokenType": "Bearer",
        "expiryTimeUtc": int(until.timestamp()),
        "refreshAfterTimeUtc": int(renew.timestamp()),
    }


@router.post("/{endpoint}/regenerate-keys")
def regenerate(
    platform: Here,
    actor: KeyHolder,
    workspace: str,
    endpoint: str,
    key_type: Annotated[Literal["primary", "secondary"], Body(embed=True)],
) -> dict[str, Any]:
    """Replace one key."""
    with platform.database.write() as tx:
        changed = endpoints.regenerate_key(
            tx, actor, workspace, endpoint, key_type, sealer=platform.sealer, now=utc_now()
        )
    return document(changed, platform)
