"""What the endpoints' door says when a token names a key that it does not know: its provider may have a new one.

Only the door reaches this path: to everybody else it shows none that begins
with ``/internal``. It says so at most once a second, and the engine asks
providers less often than that.
"""

from fastapi import APIRouter, Depends

from pratique.web.auth import PUBLIC
from pratique.web.platform import Here

router = APIRouter(include_in_schema=False)


@router.post("/internal/unknown-key", status_code=204, dependencies=[Depends(PUBLIC)])
def unknown_key(platform: Here) -> None:
    """Ask the providers again."""
    platform.unknown_key()
