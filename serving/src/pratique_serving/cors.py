"""Which pages of other origins a browser lets call the model: `AML_CORS_ORIGINS`, as Azure's inference server reads it.

    AML_CORS_ORIGINS=https://www.example.com, https://shop.example.com
    AML_CORS_ORIGINS=*

An origin with one of the characters `*\\?$^[]()` is a regular expression, which has to match all of what the browser
sends; a lone `*` is any.
"""

import re
from typing import List, Pattern, Tuple, Union

from pratique_serving.errors import Usage
from pratique_serving.wire import Request, Response

METHODS = ("GET", "POST")

_OF_PATTERNS = frozenset("*\\]?$^[()")


class Cors:
    """The headers for browsers."""

    def __init__(self, origins: str) -> None:
        """Raises Usage when a regular expression is none."""
        named = [origin.strip() for origin in origins.split(",") if origin.strip()]
        self._is_open = "*" in named
        self._origins = [_resolved(origin) for origin in named]
        self._literal = sorted(origin for origin in named if origin == _resolved(origin))
        self._varies = len(named) > 1 or not self._literal

    def add(self, response: Response, request: Request) -> None:
        """Add them to an answer, unless the script has said itself who is allowed."""
        if all(name.lower() != "access-control-allow-origin" for name, _ in response.headers):
            response.headers += self.headers(request)

    def headers(self, request: Request) -> List[Tuple[str, str]]:
        """Those of an answer to this request; none when its origin is not welcome."""
        origin = request.headers.get("origin", "")
        if origin:
            allowed = origin if self._welcomes(origin) else ""
        else:
            allowed = "*" if self._is_open else next(iter(self._literal), "")
        if not allowed:
            return []
        headers = [("Access-Control-Allow-Origin", allowed)]
        if request.headers.get("access-control-request-private-network") == "true":
            headers.append(("Access-Control-Allow-Private-Network", "false"))
        if request.method == "OPTIONS" and request.headers.get("access-control-request-method", "").upper() in METHODS:
            wanted = request.headers.get("access-control-request-headers", "")
            if wanted:
                headers.append(("Access-Control-Allow-Headers", _sorted(wanted)))
            headers.append(("Access-Control-Allow-Methods", ", ".join(METHODS)))
        if self._varies and allowed != "*":
            headers.append(("Vary", "Origin"))
        return headers

    def _welcomes(self, origin: str) -> bool:
        return any(
            origin.casefold() == known.casefold() if isinstance(known, str) else known.fullmatch(origin) is not None
            for known in self._origins
        )


def _resolved(origin: str) -> Union[str, Pattern[str]]:
    if _OF_PATTERNS.isdisjoint(origin):
        return origin
    try:
        return re.compile(".*" if origin == "*" else origin, re.IGNORECASE)
    except re.error as error:
        raise Usage(f"AML_CORS_ORIGINS: {origin!r} is not a regular expression: {error}") from None


def _sorted(names: str) -> str:
    return ", ".join(sorted(name.strip() for name in names.split(",")))
