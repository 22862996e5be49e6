"""Actors whom we have just recognised, so that a burst of requests reads the same roles once.

An actor is kept for a second and no longer than until the next commit, so a
role that was taken away counts no more in the very next request.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from pratique.control.actor import Actor

_KEPT: Final = timedelta(seconds=1)
_MOST: Final = 1000


class RecentActors:
    """A small memory from a proof (a token) to the actor it was for."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._generation = 0
        self._known: dict[bytes, tuple[Actor, datetime]] = {}

    def recall(self, proof: str, find: Callable[[], Actor], *, now: datetime) -> Actor:
        """The actor that `proof` was for a moment ago, else what `find` answers."""
        key = hashlib.sha256(proof.encode()).digest()
        with self._lock:
            generation = self._generation
            known = self._known.get(key)
        if known and timedelta(0) <= now - known[1] < _KEPT:
            return known[0]
        actor = find()
        with self._lock:
            if generation == self._generation:  # Otherwise something was committed while we looked.
                if len(self._known) >= _MOST:
                    self._known.clear()
                self._known[key] = (actor, now)
        return actor

    def forget(self) -> None:
        """Forget everybody: something was committed."""
        with self._lock:
            self._generation += 1
            self._known.clear()
