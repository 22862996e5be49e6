"""Why somebody asks: the header ``Audit-Reason`` of any request, bound while it is answered.

So each event that the request writes has it, whichever route that is.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from pratique.base import reason
from pratique.base.errors import InvalidInput
from pratique.web.errors import answer

_HEADER = reason.HEADER.lower().encode()


class Reasons:
    """Binds the reason of a request; answers 400 to one that cannot be read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = [value for name, value in scope["headers"] if name == _HEADER]
        try:
            words = reason.from_header(b" ".join(given).decode("ascii", "replace"))
        except InvalidInput as error:
            await answer(error)(scope, receive, send)
            return
        with reason.bound(words):
            await self._app(scope, receive, send)
