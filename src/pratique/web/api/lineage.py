"""Lineage: why a model is what it is, what answered at a moment, what is behind one prediction."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from pratique.base.clock import utc_now
from pratique.control import blame as rules
from pratique.control import lineage, predictions
from pratique.control.actor import Actor
from pratique.engine.predictions import look
from pratique.web.auth import allow
from pratique.web.platform import Here

router = APIRouter(prefix="/workspaces/{workspace}", tags=["lineage"])
OfModels = Annotated[Actor, Depends(allow("models/read"))]
OfEndpoints = Annotated[Actor, Depends(allow("endpoints/read"))]
OfData = Annotated[Actor, Depends(allow("data/read"))]
At = Annotated[datetime | None, Query(description="The moment, UTC unless it says otherwise; now by default.")]


@router.get("/models/{name}/versions/{version}/why")
def why(platform: Here, actor: OfModels, workspace: str, name: str, version: str) -> dict[str, Any]:
    """What a version of a model comes from, and where it serves."""
    with platform.database.read() as tx:
        return lineage.why(tx, actor, workspace, name, version, lock_of=platform.lock_of)


@router.get("/online-endpoints/{endpoint}/blame")
def blame(platform: Here, actor: OfEndpoints, workspace: str, endpoint: str, at: At = None) -> dict[str, Any]:
    """What answered at a moment, and who made it so."""
    moment = (at if at.tzinfo else at.replace(tzinfo=UTC)) if at else utc_now()
    with platform.database.read() as tx:
        return rules.blame(tx, actor, workspace, endpoint, at=moment, lock_of=platform.lock_of)


@router.get("/predictions/{request}")
def prediction(platform: Here, actor: OfData, workspace: str, request: str) -> dict[str, Any]:
    """What was collected of one call, and all that is behind its answer."""
    return predictions.show(
        platform.database, actor, workspace, request, look=partial(look, platform.blobs), lock_of=platform.lock_of
    )
