"""Waiting for a part of the platform that is being started again."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

from pratique.base.errors import Unavailable

T = TypeVar("T")
_PAUSE: Final = 0.5


def patiently(call: Callable[[], T], *, within: timedelta, check: Callable[[], None] = lambda: None) -> T:
    """What `call` returns, asked again while it raises `Unavailable`, for at most `within`.

    `check` is called between two tries and ends the wait by raising.
    """
    deadline = time.monotonic() + within.total_seconds()
    while True:
        try:
            return call()
        except Unavailable:
            if time.monotonic() > deadline:
                raise
        check()
        time.sleep(_PAUSE)
