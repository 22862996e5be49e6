"""How often a principal may ask: a bucket for each, which holds some seconds' worth of calls.

Whoever asks more often is told when to try again, and nobody else waits for
them. It is one process that counts, in memory: a start begins with full buckets.
"""

import time
from typing import Final

from pratique.base.buckets import Buckets
from pratique.base.errors import TooManyCalls

BURST: Final = 10.0
"""Seconds' worth of calls that may come at once."""


class Rates:
    """Counts the calls of each principal."""

    def __init__(self, per_minute: int) -> None:
        """`per_minute` calls on average; 0 lets everybody ask as often as they like."""
        per_second = per_minute / 60
        self._buckets = Buckets(per_second, max(1.0, per_second * BURST)) if per_minute else None

    def count(self, who: str, *, now: float | None = None) -> None:
        """Take one call from the bucket of `who`; raises `TooManyCalls` when it is empty.

        `now` is in seconds of a clock that only goes forward.
        """
        if self._buckets and (wait := self._buckets.take(who, now=time.monotonic() if now is None else now)):
            raise TooManyCalls(
                "you ask more often than this platform lets anybody",
                hint=f"try again in {wait:.1f} s; the setting calls_per_minute is the limit",
            )
