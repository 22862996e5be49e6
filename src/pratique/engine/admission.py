"""Who may begin now: jobs and scorers together take no more than the machine has.

    machine − jobs that run − scorers = room

What an earlier engine has begun goes on first: its process may run already.
The queue is served in its order. What is small may pass what does not fit yet,
yet not for long: when the oldest has waited `_PATIENCE`, nobody passes it any
more. And when no job runs, the oldest begins in any case, however much the
scorers take: a platform that only serves would otherwise never train again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pratique.base.machine import GIB, Capacity
from pratique.specs.sizes import bytes_of, cores_of, size_of
from pratique.store import deployments, jobs
from pratique.store.database import Transaction
from pratique.store.jobs import Waiting

_PATIENCE: Final = timedelta(minutes=1)
_SEEN: Final = 100
"""How many of the queue are looked at: more can hardly begin at once."""
_FRESH: Final = 1.0
"""Seconds for which the scorers' share is remembered; they come and go seldom."""
_SCORER: Final = Capacity(1.0, GIB)
"""What a replica takes of which nothing else is known."""


class Admission:
    """The queue's end at the machine."""

    def __init__(self, machine: Capacity, clock: Callable[[], float] = time.monotonic) -> None:
        self._machine = machine
        self._clock = clock
        self._scorers = Capacity(0.0, 0)
        self._asked_at = float("-inf")

    def next(self, tx: Transaction, now: datetime) -> str | None:
        """The job that may begin now, by id; None when there is none, or no room."""
        begun = jobs.begun(tx)
        if left := next((job for job in begun if job.is_left(now)), None):
            return left.id
        waiting = jobs.queue(tx, limit=_SEEN, now=now)
        if not waiting:
            return None
        running = [Capacity(job.cores, job.memory) for job in begun if job.takes_part(now)]
        room = self._machine - sum(running, Capacity(0.0, 0)) - self._share_of_scorers(tx)
        return chosen(waiting, room, is_idle=not running, now=now)

    def _share_of_scorers(self, tx: Transaction) -> Capacity:
        if self._clock() - self._asked_at > _FRESH:
            living = (row.spec for row in deployments.every(tx) if row.applied and not row.is_going)
            self._scorers = sum((taken_by_scorer(spec) for spec in living), Capacity(0.0, 0))
            self._asked_at = self._clock()
        return self._scorers


def chosen(waiting: Sequence[Waiting], room: Capacity, *, is_idle: bool, now: datetime) -> str | None:
    """Which of `waiting`, oldest first, may begin in `room`; `is_idle` says that no job runs."""
    if is_idle and waiting:
        return waiting[0].id
    for job in waiting:
        if room.holds(Capacity(job.cores, job.memory)):
            return job.id
        if now - job.created_at > _PATIENCE:
            return None
    return None


def taken_by_scorer(spec: Mapping[str, Any]) -> Capacity:
    """What a deployment takes: its instances of their size, or what its resources request."""
    requests = (spec.get("resources") or {}).get("requests") or {}
    size = size_of(str(spec.get("instance_type") or ""))
    one = Capacity(*size) if size else _SCORER
    one = Capacity(cores_of(requests.get("cpu"), one.cores), bytes_of(requests.get("memory"), one.memory))
    count = int(spec.get("instance_count") or 1)
    return Capacity(count * one.cores, count * one.memory)
