"""A log read as it is written, over cuts of the connection."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from pratique.base.errors import Unavailable
from pratique.client.connection import Connection, StreamCutError

_PAUSES: Final = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each reconnection in a row that brought nothing; together a restart of the platform fits."""


def followed(
    connection: Connection, path: str, is_over: Callable[[], bool], *, what: str, hint: str
) -> Iterator[bytes]:
    """The log at `path` to its end, which has come when `is_over` says so.

    A stream that is cut (a laptop that slept, a platform that restarted) goes
    on at the byte where it stopped. Raises `Unavailable` when the platform
    stays away; `what` and `hint` go into that error.
    """
    offset = 0
    failures = 0
    while True:
        before = offset
        try:
            for chunk in connection.stream(path, {"offset": str(offset)}):
                offset += len(chunk)
                yield chunk
            if is_over():
                return
        except (StreamCutError, Unavailable) as error:
            failures = 1 if offset > before else failures + 1
            if failures > len(_PAUSES):
                raise Unavailable(f"the log of {what} cannot be followed: {error}", hint=hint) from error
        else:
            failures = 1
        time.sleep(_PAUSES[failures - 1])
