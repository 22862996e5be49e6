"""How often a principal may ask: a bucket for each, which fills evenly and holds some seconds' worth.

Whoever asks more often is told when to try again, and nobody else waits for
them. It is one process that counts, in memory: a start begins with full buckets.
"""

import time
from collections import OrderedDict
from threading import Lock
from typing import Final

from pratique.base.errors import TooManyCalls

BURST: Final = 10.0
"""Seconds' worth of calls that may come at once."""
_REMEMBERED: Final = 10_000


class Rates:
    """Counts the calls of each principal."""

    def __init__(self, per_minute: int) -> None:
        """`per_minute` calls on average; 0 lets everybody ask as often as they like."""
        self._per_second = per_minute / 60
        self._most = max(1.0, self._per_second * BURST)
        self._lock = Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def count(self, who: str, *, now: float | None = None) -> None:
        """Take one call from the bucket of `who`; raises `TooManyCalls` when it is empty.

        `now` is in seconds of a clock that only goes forward.
        """
        if not self._per_second:
            return
        moment = time.monotonic() if now is None else now
        with self._lock:
            left, seen = self._left.get(who, (self._most, moment))
            left = min(self._most, left + (moment - seen) * self._per_second)
            self._left[who] = (max(0.0, left - 1), moment) if left >= 1 else (left, moment)
            self._left.move_to_end(who)
            while len(self._left) > _REMEMBERED:
                self._left.popitem(last=False)
        if left < 1:
            raise TooManyCalls(
                "you ask more often than this platform lets anybody",
                hint=f"try again in {(1 - left) / self._per_second:.1f} s; the setting calls_per_minute is the limit",
            )
