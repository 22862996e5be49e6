"""The journal, to read and to follow."""

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query

from pratique.base.clock import iso
from pratique.control import events
from pratique.control.actor import Actor
from pratique.store.events import StoredEvent
from pratique.web.api.fields import Wait
from pratique.web.auth import allow_somewhere
from pratique.web.platform import Here

router = APIRouter(prefix="/events", tags=["events"])
MOST: Final = 2**63 - 1
"""The highest number that a database can count to."""


def document(event: StoredEvent) -> dict[str, Any]:
    """An event as CloudEvents 1.0, with its place in the chain."""
    facts = asdict(event)
    return {"specversion": "1.0", **facts, "time": iso(event.time)}


@router.get("")
async def after(
    platform: Here,
    actor: Annotated[Actor, Depends(allow_somewhere("events/read"))],
    after: Annotated[int, Query(ge=-1, le=MOST)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    wait: Wait = 0,
) -> list[dict[str, Any]]:
    """The caller's events after a number; -1 means the newest `limit`; with `wait`, as soon as there are any."""

    def look() -> list[StoredEvent]:
        with platform.database.read() as tx:
            if after < 0:
                return events.newest(tx, actor, limit=limit)
            return events.after(tx, actor, after, limit=limit)

    return [document(event) for event in await platform.bell.until(look, bool, seconds=wait)]
