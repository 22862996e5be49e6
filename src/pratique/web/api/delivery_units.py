"""What workers of units ask and report; each sees its own unit alone, so every route asks who it is."""

import asyncio
import time
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from pratique.base.clock import utc_now
from pratique.base.errors import InvalidInput, TooLarge
from pratique.control import delivery_units, service_connections
from pratique.control.actor import Actor
from pratique.delivery.origins import Origin
from pratique.delivery.records import Record
from pratique.engine import delivery_logs, delivery_stories
from pratique.store import delivery_runs as rows
from pratique.store.delivery_units import UnitRow
from pratique.web.api.fields import NOT_KEPT, RequestBody, Wait
from pratique.web.auth import KNOWN
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/delivery/runs/{run}/units/{unit}", tags=["delivery"])
Worker = Annotated[Actor, Depends(KNOWN)]
_MOST: Final = 1 << 40
"""Bytes that a log may have."""
_LOOK: Final = 1.0
"""Seconds between two looks at whether a unit is to end."""
_PIECE: Final = 8 << 20
"""Bytes of a log that are taken at once."""


class LogPiece(RequestBody):
    """What a step printed."""

    step: Annotated[int, Field(ge=-1, le=100_000)]
    offset: Annotated[int, Field(ge=0, le=_MOST)]
    text: str


class RecordsBody(RequestBody):
    """What a worker reports, and what was printed before it."""

    records: list[dict[str, Any]]
    logs: list[LogPiece] = Field(default_factory=list)


class SecretsBody(RequestBody):
    """Which secrets of which vault, read as which connection; no names are all of them."""

    connection: str
    vault: str
    names: list[str] = Field(default_factory=list)


class OriginBody(RequestBody):
    """Which run a download asks for; see `Origin`."""

    project: str
    pipeline: str
    version: str
    branch: str
    run: str
    tags: Annotated[list[str], Field(max_length=200)]
    allows_partial: bool
    allows_failed: bool
    prefers_triggering: bool


@router.get("/message")
def message(platform: Here, actor: Worker, run: int, unit: str) -> dict[str, Any]:
    """What the unit is to do, until its worker has said that it began."""
    with platform.database.read() as tx:
        return delivery_units.message(tx, actor, run, unit, platform.sealer).to_document()


@router.post("/records")
def records(platform: Here, actor: Worker, run: int, unit: str, body: Annotated[RecordsBody, Body()]) -> dict[str, Any]:
    """Take what is new of these records, and of what was printed before them."""
    given = [Record.of_document(one) for one in body.records]
    if body.logs:
        _add_pieces(platform, actor, run, unit, body.logs)
    now = utc_now()
    with platform.database.write(rows.TOPIC if _changes_nothing_else(given) else rows.MOVED) as tx:
        taken = delivery_units.take(tx, actor, run, unit, given, platform.sealer, now=now)
        # Before the commit: whoever sees the end of a run finds all of it in the log.
        delivery_stories.tell_records(platform.home, taken, now)
    return {"sequence": taken.unit.sequence}


@router.post("/secrets")
def secrets(
    platform: Here, actor: Worker, run: int, unit: str, body: SecretsBody, response: Response
) -> dict[str, Any]:
    """Secrets of a vault, read with the rights of one of the unit's connections and written down as that."""
    response.headers.update(NOT_KEPT)
    with platform.database.write() as tx:
        at = delivery_units.here(tx, actor, run, unit)
        if at.unit.state == "completed":
            raise InvalidInput("this unit has ended")
        found = service_connections.secrets_for(
            tx, at.run, body.connection, body.vault, body.names, sealer=platform.sealer, now=utc_now()
        )
    return {"secrets": found}


@router.post("/origin")
def origin(platform: Here, actor: Worker, run: int, unit: str, body: OriginBody) -> dict[str, Any]:
    """The run of another pipeline of the project that a download of this unit means."""
    wanted = Origin(**{**body.model_dump(), "tags": tuple(body.tags)})
    with platform.database.read() as tx:
        return vars(delivery_units.origin(tx, actor, run, unit, wanted))


def _add_pieces(platform: Platform, actor: Actor, run: int, unit: str, pieces: list[LogPiece]) -> None:
    with platform.database.read() as tx:
        here = delivery_units.here(tx, actor, run, unit)
    if here.unit.state == rows.COMPLETED:
        return  # They came with its last record, whose answer did not arrive.
    for piece in pieces:
        delivery_logs.add(platform.home, here.unit, piece.step, piece.offset, piece.text.encode())
    platform.bell.ring()


def _changes_nothing_else(given: list[Record]) -> bool:
    """Whether nobody has anything to do because of these records."""
    return all(record.step >= 0 for record in given)


@router.post("/log")
async def log(
    platform: Here,
    actor: Worker,
    run: int,
    unit: str,
    request: Request,
    step: Annotated[int, Query(ge=-1, le=100_000)],
    offset: Annotated[int, Query(ge=0, le=_MOST)],
) -> dict[str, Any]:
    """Add the body to the log of a step, from byte `offset` on; what is there already is not added again."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > _PIECE:
            raise TooLarge(f"more than the {_PIECE} bytes of a log that are taken at once")
    return {"size": await run_in_threadpool(_add, platform, actor, run, unit, step, offset, bytes(data))}


def _add(platform: Platform, actor: Actor, run: int, unit: str, step: int, offset: int, data: bytes) -> int:
    with platform.database.read() as tx:
        here = delivery_units.here(tx, actor, run, unit)
    if here.unit.state == "completed":
        raise InvalidInput("this unit has ended", hint="whatever it still says is not kept")
    size = delivery_logs.add(platform.home, here.unit, step, offset, data)
    platform.bell.ring()
    return size


@router.get("/cancel")
async def canceled(platform: Here, actor: Worker, run: int, unit: str, wait: Wait = 0) -> dict[str, Any]:
    """Whether the unit is to end; with `wait`, as soon as it is, or after that many seconds."""

    def look() -> UnitRow:
        with platform.database.read() as tx:
            return delivery_units.here(tx, actor, run, unit).unit

    # Not at each commit: every worker asks all the time, and most commits cancel nothing.
    # And not beyond the end: whoever asked has gone then, and nobody would hear the answer.
    ends = time.monotonic() + wait
    while True:
        found = await run_in_threadpool(look)
        left = ends - time.monotonic()
        if found.cancel_requested_at is not None or found.state == rows.COMPLETED or left <= 0:
            return {"canceled": found.cancel_requested_at is not None}
        await asyncio.sleep(min(left, _LOOK))
