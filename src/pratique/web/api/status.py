"""Whether the platform is up, part by part."""

from typing import Any

from fastapi import APIRouter, Depends

from pratique import __version__
from pratique.web.auth import PUBLIC
from pratique.web.platform import Here

router = APIRouter(prefix="/status", tags=["status"])


@router.get("", dependencies=[Depends(PUBLIC)])
def status(platform: Here) -> dict[str, Any]:
    """The version and the state of each part; readable by anybody who reaches the door."""
    parts = dict(platform.parts())
    ready = all(state == "ready" for name, state in parts.items() if name != "tracking")
    return {"version": __version__, "ready": ready, "parts": parts}
