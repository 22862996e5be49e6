"""The keys that tokens are signed with, without their private halves."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from pratique.base.clock import iso, utc_now
from pratique.control import signing_keys
from pratique.control.actor import Actor
from pratique.control.tokens import KeyState
from pratique.web.auth import allow
from pratique.web.platform import Here

router = APIRouter(prefix="/signing-keys", tags=["identity"])

Rotator = Annotated[Actor, Depends(allow("tokens/rotate"))]


@router.get("")
def every(platform: Here, actor: Rotator) -> list[dict[str, Any]]:
    """The keys that sign or verify."""
    return [_document(one) for one in signing_keys.every(actor, platform.issuer, now=utc_now())]


@router.post("/rotate")
def rotate(platform: Here, actor: Rotator) -> list[dict[str, Any]]:
    """Announce another key."""
    with platform.database.write() as tx:
        return [_document(one) for one in signing_keys.rotate(tx, actor, platform.issuer, now=utc_now())]


def _document(key: KeyState) -> dict[str, Any]:
    return {
        "id": key.kid,
        "state": key.state,
        "signs_from": iso(key.signs_from),
        "verifies_until": iso(key.retires_at) if key.retires_at else None,
    }
