"""Takes the body of an upload, a piece at a time, without stopping the event loop."""

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from pratique.base.errors import TooLarge
from pratique.content.packs import MAX_PACK, MAX_RECORDS, Unpacker, record
from pratique.store.blobs import Batch, Incoming

_PIECE = 1 << 20
"""Bytes handed to a thread at once: the network gives 64 KiB, and a thread costs more than hashing that."""


async def receive(request: Request, incoming: Incoming, *, limit: int) -> None:
    """Write the body of `request` to `incoming`; raises `TooLarge` past `limit` bytes, at best before the first."""
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > limit:
        raise TooLarge(f"{int(said)} bytes are more than the {limit} that one file may have")
    waiting = bytearray()
    async for chunk in request.stream():
        waiting += chunk
        if len(waiting) >= _PIECE:
            await run_in_threadpool(incoming.write, bytes(waiting), limit=limit)
            waiting.clear()
    await run_in_threadpool(incoming.write, bytes(waiting), limit=limit)


_PACK_LIMIT = MAX_PACK + MAX_RECORDS * len(record("0" * 64, b""))
"""Bytes of a whole pack."""


async def receive_pack(request: Request, batch: Batch) -> None:
    """Add every blob of the pack in the body of `request` to `batch`; raises what `Unpacker` raises."""
    unpacker, size = Unpacker(), 0
    waiting = bytearray()

    def unpack(piece: bytes) -> None:
        for digest, data in unpacker.feed(piece):
            batch.add(digest, data)

    async for chunk in request.stream():
        size += len(chunk)
        if size > _PACK_LIMIT:
            raise TooLarge(f"more than the {_PACK_LIMIT} bytes that one pack may have")
        waiting += chunk
        if len(waiting) >= _PIECE:
            await run_in_threadpool(unpack, bytes(waiting))
            waiting.clear()
    await run_in_threadpool(unpack, bytes(waiting))
    unpacker.finish()
