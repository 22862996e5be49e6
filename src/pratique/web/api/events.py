"""The journal, to read and to follow."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from pratique.base.clock import iso
from pratique.control.actor import Actor
from pratique.store import events
from pratique.store.events import StoredEvent
from pratique.web.auth import allow
from pratique.web.platform import Platform, platform_of

router = APIRouter(prefix="/events", tags=["events"])


def document(event: StoredEvent) -> dict[str, Any]:
    """An event as CloudEvents 1.0, with its place in the chain."""
    facts = asdict(event)
    return {"specversion": "1.0", **facts, "time": iso(event.time)}


@router.get("")
async def after(
    platform: Annotated[Platform, Depends(platform_of)],
    actor: Annotated[Actor, Depends(allow("events/read"))],  # noqa: ARG001 - asked for its permission only.
    after: Annotated[int, Query(ge=-1)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    wait: Annotated[float, Query(ge=0, le=50)] = 0,
) -> list[dict[str, Any]]:
    """Events after a sequence number; -1 means the newest `limit`; with `wait`, as soon as there are any."""

    def look() -> list[StoredEvent]:
        with platform.database.read() as tx:
            start = after if after >= 0 else max(0, events.last_sequence(tx) - limit)
            return events.after(tx, start, limit=limit)

    return [document(event) for event in await platform.bell.until(look, bool, seconds=wait)]
