"""The journal as evidence: exported with its seals, its signed head, the key to check it with."""

from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse

from pratique.base.clock import utc_now
from pratique.control import audit, journal_key
from pratique.control.actor import Actor
from pratique.store.backups import housekeeping
from pratique.web.auth import allow
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/audit", tags=["audit"])
Auditor = Annotated[Actor, Depends(allow("audit/read"))]
Rotator = Annotated[Actor, Depends(allow("audit/rotate"))]
_LINES: Final = 500
"""Lines that are sent at once: a piece each would cost more than what is in it."""


@router.get("/stream")
def export(platform: Here, actor: Auditor) -> StreamingResponse:
    """Every event and every seal that there are now, as JSON Lines."""
    return StreamingResponse(_pieces(audit.lines(platform.database, actor)), media_type="application/jsonl")


@router.get("/head")
def head(platform: Here, actor: Auditor) -> dict[str, Any]:
    """The newest seal with the key that it was signed with, to be kept elsewhere."""
    with platform.database.read() as tx:
        seal = audit.head(tx, actor)
    return {**seal.to_document(), "public_key": platform.journal_key.public()[1]}


@router.get("/key")
def key(platform: Here, actor: Auditor) -> dict[str, Any]:
    """The public key that seals are checked with, and how it followed those before it."""
    return _key(platform, actor)


@router.post("/key/rotate")
def rotate(platform: Here, actor: Rotator) -> dict[str, Any]:
    """Sign with another key from now on."""
    with housekeeping(platform.home):  # A backup would hold a journal of one key, and the other key.
        journal_key.change(platform.database, actor, platform.journal_key, now=utc_now())
    return _key(platform, actor)


def _key(platform: Platform, actor: Actor) -> dict[str, Any]:
    name, public = platform.journal_key.public()
    with platform.database.read() as tx:
        changes = audit.key_changes(tx, actor)
    return {"id": name, "algorithm": "Ed25519", "public_key": public, "changes": changes}


def _pieces(lines: Iterator[str]) -> Iterator[bytes]:
    piece: list[str] = []
    for line in lines:
        piece.append(line)
        if len(piece) >= _LINES:
            yield _joined(piece)
            piece.clear()
    if piece:
        yield _joined(piece)


def _joined(piece: list[str]) -> bytes:
    # What cannot be written as UTF-8 was never in the journal; it is shown as something else, and found.
    return "".join(f"{line}\n" for line in piece).encode("utf-8", "backslashreplace")
