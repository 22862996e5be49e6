"""Buckets that fill evenly: so much may come at once, and so much in each second from then on.

In memory, of one process: a start begins with full buckets. Those that nobody
has asked about for longest are forgotten when there are too many.
"""

from collections import OrderedDict
from threading import Lock
from typing import Final

_REMEMBERED: Final = 10_000


class Buckets:
    """One bucket for each name."""

    def __init__(self, per_second: float, most: float) -> None:
        """`per_second` above 0 fills a bucket, `most` of at least 1 is what it holds."""
        self._per_second = per_second
        self._most = most
        self._lock = Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, *, now: float) -> float:
        """Take one from the bucket of `name`: 0.0, or the seconds after which there is one to take.

        `now` is in seconds.
        """
        with self._lock:
            left = self._in(name, now)
            self._left[name] = (left - 1 if left >= 1 else left, now)
            self._left.move_to_end(name)
            while len(self._left) > _REMEMBERED:
                self._left.popitem(last=False)
        return self._wait(left)

    def wait(self, name: str, *, now: float) -> float:
        """Seconds until the bucket of `name` has one; 0.0 when it does. Takes nothing."""
        with self._lock:
            return self._wait(self._in(name, now))

    @property
    def known(self) -> int:
        """How many names are remembered."""
        return len(self._left)

    def _in(self, name: str, now: float) -> float:
        left, seen = self._left.get(name, (self._most, now))
        return min(self._most, left + max(0.0, now - seen) * self._per_second)

    def _wait(self, left: float) -> float:
        return 0.0 if left >= 1 else (1 - left) / self._per_second
