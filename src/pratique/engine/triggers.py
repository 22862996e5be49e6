"""Starts the runs that follow from pushes, hours, other runs and new versions of models.

Everything is done once: what a cause starts is written in the transaction that
says that the cause is dealt with. A server that is killed in between decides
again, from files that have not changed.
"""

import time
from datetime import datetime, timedelta
from typing import Final

from pratique.base.clock import utc_now
from pratique.base.errors import PratiqueError
from pratique.base.logging import get_logger
from pratique.control import pushes, triggers
from pratique.control.triggers import Chooser, Chosen
from pratique.delivery.schedules import next_time
from pratique.engine.workbench import Workbench
from pratique.store import deliveries, delivery_runs, delivery_starts, events
from pratique.store import repositories as rows
from pratique.store.delivery_starts import Scheduled
from pratique.store.events import StoredEvent
from pratique.store.git import NOTHING, Repositories
from pratique.store.repositories import Push

_log = get_logger(__name__)
_LEASE: Final = timedelta(minutes=5)
_COMPARED_EVERY: Final = 60.0
"""Seconds between two looks at what pushes may have left; one that was cut off is found then."""
_PACKED_EVERY: Final = 3600.0
"""Seconds between two looks at whether a repository has many loose objects."""
_AT_ONCE: Final = 200
"""Events that one step reads."""
_JOURNAL: Final = "triggers"
_COMPLETED: Final = "Pratique.DeliveryRunCompleted"
_MODEL: Final = "Microsoft.MachineLearningServices.ModelRegistered"
_CHANGED: Final = frozenset({"Pratique.DeliveryCreated", "Pratique.DeliveryUpdated"})


class Triggers:
    """One thread; nothing here waits for a run."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._files = Repositories(bench.home.repositories)
        self._chooser = Chooser(bench.database, self._files, bench.door)
        self._compared: float | None = None
        self._packed: float | None = None
        self._read: int | None = None

    def step(self) -> bool:
        """Deal with the next cause; False when there is none."""
        self._compare()
        return self._push() or self._waits() or self._due() or self._events()

    def _compare(self) -> None:
        """Write what pushes did while no server was there to see it."""
        if self._compared is not None and time.monotonic() - self._compared < _COMPARED_EVERY:
            return
        with self._bench.database.read() as tx:
            known = rows.every(tx)
        is_packing = self._packed is not None and time.monotonic() - self._packed >= _PACKED_EVERY
        if self._compared is None:
            self._packed = time.monotonic()
            self._files.tidy(one.id for one in known)
        for one in known:
            try:
                pushes.recover(self._bench.database, self._files, one, now=utc_now())
                if is_packing:
                    self._files.get(one.id).pack()
            except PratiqueError as error:
                _log.warning("repository.not_compared", repository=one.name, reason=str(error))
        self._compared = time.monotonic()
        if is_packing:
            self._packed = self._compared

    def _push(self) -> bool:
        now = utc_now()
        with self._bench.database.read() as tx:
            if not rows.any_undecided(tx, now=now):
                return False
        with self._bench.database.write(rows.TOPIC) as tx:
            claimed = rows.claim_undecided(tx, now=now, lasting=_LEASE)
        if claimed is None:
            return False
        push, lease = claimed
        chosen = self._chooser.of_push(push, now=now)
        scheduled = self._schedules(push, now)
        with self._bench.database.write() as tx:
            decisions = [triggers.write(tx, one, now=now) for one in chosen]
            for (delivery, branch), found in scheduled.items():
                delivery_starts.write_schedules(tx, delivery, branch, found)
            if not rows.decide(tx, lease, decisions):
                raise _LostError(f"push {push.id} was taken by another")
        return True

    def _schedules(self, push: Push, now: datetime) -> dict[tuple[int, str], list[Scheduled]]:
        """The schedules of every branch that the push moved."""
        with self._bench.database.read() as tx:
            own = rows.by_id(tx, push.repository)
            known = deliveries.of_repository(tx, own.project, own.name) if own else []
        return {
            (delivery.id, one.name): []
            if one.is_deletion or own is None
            else self._chooser.schedules_at(delivery, own, one.name, one.new, now=now)
            for delivery in known
            for one in push.moved
            if one.name.startswith("refs/heads/")
        }

    def _waits(self) -> bool:
        with self._bench.database.read() as tx:
            ready = delivery_starts.ready_waits(tx)
        for one in ready:
            chosen = self._chooser.of_wait(one)
            with self._bench.database.write() as tx:
                if delivery_starts.remove_wait(tx, one) and chosen:
                    _tell(triggers.write(tx, chosen, now=utc_now()))
        return bool(ready)

    def _due(self) -> bool:
        now = utc_now()
        with self._bench.database.read() as tx:
            due = delivery_starts.due(tx, now=now)
        for one in due:
            chosen = self._chooser.of_schedule(one)
            with self._bench.database.write() as tx:
                # Hours that passed while nothing ran are made up for once.
                if delivery_starts.postpone(tx, one, until=next_time(one.cron, now)) and chosen:
                    _tell(triggers.write(tx, chosen, now=now))
        return bool(due)

    def _events(self) -> bool:
        """Read on in the journal; only what matters is written down as read."""
        if self._read is None:
            self._read = self._begin()
        with self._bench.database.read() as tx:
            found = events.after(tx, self._read, limit=_AT_ONCE)
        for event in found:
            if event.type in (_COMPLETED, _MODEL) or event.type in _CHANGED:
                self._heard(event)
            self._read = event.sequence
        return bool(found)

    def _begin(self) -> int:
        with self._bench.database.write(rows.TOPIC) as tx:
            known = delivery_starts.position(tx, _JOURNAL)
            if known is None:
                known = events.last_sequence(tx)
                delivery_starts.write_position(tx, _JOURNAL, known)
        return known

    def _heard(self, event: StoredEvent) -> None:
        chosen, scheduled = self._follows(event)
        with self._bench.database.write() as tx:
            for one in chosen:
                _tell(triggers.write(tx, one, now=utc_now()))
            for (delivery, branch), found in scheduled.items():
                delivery_starts.write_schedules(tx, delivery, branch, found)
            delivery_starts.write_position(tx, _JOURNAL, event.sequence)

    def _follows(self, event: StoredEvent) -> tuple[list[Chosen], dict[tuple[int, str], list[Scheduled]]]:
        if event.type == _MODEL:
            return self._chooser.of_event(event), {}
        number = int(event.subject.rpartition("/")[2])
        if event.type == _COMPLETED:
            with self._bench.database.read() as tx:
                run = delivery_runs.get(tx, number)
            return (self._chooser.of_completed(run) if run else []), {}
        return [], self._of_delivery(number)

    def _of_delivery(self, number: int) -> dict[tuple[int, str], list[Scheduled]]:
        """The schedules of every branch, for a delivery that is new or was changed."""
        with self._bench.database.read() as tx:
            delivery = deliveries.by_id(tx, number)
            own = rows.get(tx, delivery.project, delivery.repository) if delivery else None
            refs = rows.refs(tx, own.id) if own else {}
        if delivery is None or own is None or delivery.repository_type != deliveries.GIT:
            return {}
        branches = {name: at for name, at in refs.items() if name.startswith("refs/heads/") and at != NOTHING}
        return {
            (delivery.id, name): self._chooser.schedules_at(delivery, own, name, at, now=utc_now())
            for name, at in branches.items()
        }


class _LostError(Exception):
    """Takes back what was written for a push that another has decided."""


def _tell(decision: dict[str, object]) -> None:
    if decision["run"] is None:
        _log.warning("trigger.not_started", **decision)
