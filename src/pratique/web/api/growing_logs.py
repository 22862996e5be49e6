"""Logs that grow while they are read: of jobs, of runs of deliveries and of their steps."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from pratique.base.errors import NotFound
from pratique.web.api.fields import AS_TEXT
from pratique.web.bell import Bell

_CHUNK: Final = 1 << 16
_LOOK: Final = 0.2
"""Seconds between two looks at a growing log."""
Look = Callable[[], tuple[Path, bool]]
"""Which log it is now, and whether what writes it has ended; raises `NotFound` when it cannot be seen any more."""


def answered(pieces: AsyncIterator[bytes]) -> StreamingResponse:
    """What is read of a log, as an answer."""
    return StreamingResponse(pieces, media_type="text/plain; charset=utf-8", headers=AS_TEXT)


async def followed(look: Look, offset: int, bell: Bell) -> AsyncIterator[bytes]:
    """The log from byte `offset` as it grows; it ends with what writes it, or when that cannot be seen any more."""
    has_ended = False
    while not has_ended:
        # The state is read before the log: what was said before the end is in the log by then.
        try:
            log, has_ended = await run_in_threadpool(look)
        except NotFound:
            return
        async for chunk in pieces(log, offset):
            offset += len(chunk)
            yield chunk
        if not has_ended:
            await bell.next(seconds=_LOOK)


async def pieces(log: Path, offset: int) -> AsyncIterator[bytes]:
    """The log from byte `offset`, as far as it has come; nothing when there is none yet."""
    while chunk := await run_in_threadpool(_read, log, offset):
        offset += len(chunk)
        yield chunk


def _read(log: Path, offset: int) -> bytes:
    try:
        with log.open("rb") as file:
            file.seek(offset)
            return file.read(_CHUNK)
    except FileNotFoundError:
        return b""
