"""The identifiers that travel with a request, and are sent back.

`x-request-id` names the request; the gateway sets it, otherwise we do.
`x-ms-client-request-id` is the caller's own name for it. `x-ms-request-id` is
the old name of both and keeps working: sent alone it is the caller's; in the
answer it is the caller's where there is one, else the request's.
"""

import os
from typing import Dict, List, NamedTuple, Tuple

from pratique_serving.errors import Refused

MAX_LENGTH = 100

# The two highest bits of this digit are 10.
_VARIANTS = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


class Identifiers(NamedTuple):
    """Empty where there is none."""

    request: str = ""
    legacy: str = ""
    client: str = ""
    trace: str = ""

    def headers(self) -> List[Tuple[str, str]]:
        """For the answer."""
        named = (
            ("x-request-id", self.request),
            ("x-ms-request-id", self.legacy),
            ("x-ms-client-request-id", self.client),
            ("TraceId", self.trace),
        )
        return [pair for pair in named if pair[1]]


class TooLong(Refused):
    """An identifier of more than a hundred characters; those that are not are kept for the answer."""

    def __init__(self, message: str, identifiers: Identifiers) -> None:
        super().__init__(431, message)
        self.identifiers = identifiers


def identifiers_of(headers: Dict[str, str]) -> Identifiers:
    """From lower-case request headers. Raises TooLong."""
    trace = headers.get("traceid", "")
    request = headers.get("x-request-id") or new_guid()
    if len(request) > MAX_LENGTH:
        raise TooLong(f"x-request-id must not exceed {MAX_LENGTH} characters", Identifiers(trace=trace))
    sent_legacy = headers.get("x-ms-request-id", "")
    client = headers.get("x-ms-client-request-id") or sent_legacy
    legacy = sent_legacy or client or request
    if len(client) > MAX_LENGTH or len(legacy) > MAX_LENGTH:
        message = f"x-ms-request-id and x-ms-client-request-id must not exceed {MAX_LENGTH} characters"
        raise TooLong(message, Identifiers(request=request, trace=trace))
    return Identifiers(request, legacy, client, trace)


_pool = b""
_used = 0


def new_guid() -> str:
    """A random GUID (version 4). The module `uuid` costs milliseconds at the start."""
    global _pool, _used
    if _used >= len(_pool):
        _pool, _used = os.urandom(4096), 0
    digits = _pool[_used : _used + 16].hex()
    _used += 16
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANTS[digits[16]]}{digits[17:20]}-{digits[20:]}"
