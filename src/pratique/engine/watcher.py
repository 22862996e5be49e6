"""Keeps the replicas of deployments alive: one that ended is started again, later each time it falls soon after.

    runs ──ends──► error on the row ──wait──► started again ──lives a minute──► the error goes
                      nothing the first time, then 1, 2, 4 … 60 s

A replica that was stopped on purpose, by `pratique down`, leaves a folder in
which nothing has run, and is started without a word.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pratique.base.clock import utc_now
from pratique.base.logging import get_logger
from pratique.compute.task import Absent, Running
from pratique.control import deployments as verbs
from pratique.control.actor import PLATFORM
from pratique.engine import replicas
from pratique.engine.failures import error_document
from pratique.engine.workbench import Workbench
from pratique.store import deployments
from pratique.store.database import Transaction
from pratique.store.deployments import OnlineDeployment

_log = get_logger(__name__)
_LONGEST_BACK_OFF: Final = 60.0
_STEADY: Final = timedelta(minutes=1)
"""A replica that lived so long had no crash loop."""


@dataclass
class _Falls:
    """How often the replicas of one generation have fallen in a row."""

    count: int
    number: int
    """The start that fell last."""
    not_before: float
    """When the next may begin, in monotonic seconds."""


class Watcher:
    """Looks at every replica that should live."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._falls: dict[tuple[str, int], _Falls] = {}
        self._is_swept = False

    def step(self) -> bool:
        """Look at every replica once; never finds more to do."""
        if not self._is_swept:
            replicas.sweep(self._bench)
            self._is_swept = True
        with self._bench.database.read() as tx:
            living = [row for row in deployments.every(tx) if row.applied and not row.is_going]
        for deployment in living:
            try:
                self._look(deployment)
            except Exception as error:  # noqa: BLE001 - one that cannot be started must not keep the others down.
                self._stumble(deployment, error)
        keys = {_key(row) for row in living}
        self._falls = {key: falls for key, falls in self._falls.items() if key in keys}
        return False

    def _look(self, deployment: OnlineDeployment) -> None:
        seen = replicas.observe(self._bench, deployment, deployment.applied, deployment.restarts)
        if isinstance(seen, Running):
            if utc_now() - seen.started > _STEADY:
                self._rise(deployment)
        elif not _is_in_work(deployment) and not self._must_wait(deployment):
            if isinstance(seen, Absent):
                self._start(deployment, deployment.restarts)
            else:
                self._raise(deployment)

    def _must_wait(self, deployment: OnlineDeployment) -> bool:
        falls = self._falls.get(_key(deployment))
        return falls is not None and time.monotonic() < falls.not_before

    def _rise(self, deployment: OnlineDeployment) -> None:
        """It lives steadily: earlier falls no longer count, and the row no longer tells of one."""
        self._falls.pop(_key(deployment), None)
        if deployment.error and deployment.provisioning_state == "Succeeded":
            with self._bench.database.write() as tx:
                if self._is_served(tx, deployment):
                    deployments.change(tx, deployment.id, error=None, updated_at=utc_now())

    def _raise(self, deployment: OnlineDeployment) -> None:
        """Start a replica that ended, unless it fell so soon that it has to wait."""
        self._count_fall(deployment)
        if self._must_wait(deployment):
            return
        number = deployment.restarts + 1
        with self._bench.database.write() as tx:
            if not self._is_served(tx, deployment):
                return
            deployments.count_restart(tx, deployment, number)
        self._start(deployment, number)
        _log.warning("replica.restarted", deployment=deployment.name, endpoint=deployment.endpoint, number=number)

    def _count_fall(self, deployment: OnlineDeployment) -> None:
        known = self._falls.get(_key(deployment))
        if known and known.number == deployment.restarts:
            return
        count = known.count + 1 if known else 1
        wait = 0.0 if count == 1 else min(_LONGEST_BACK_OFF, 2.0 ** (count - 2))
        self._falls[_key(deployment)] = _Falls(count, deployment.restarts, time.monotonic() + wait)
        ended = replicas.why_ended(self._bench, deployment, deployment.applied, deployment.restarts)
        self._write_down(deployment, ended)

    def _stumble(self, deployment: OnlineDeployment, error: Exception) -> None:
        """It could not even be started: say so once, and try again later and later."""
        known = self._falls.get(_key(deployment))
        count = known.count + 1 if known else 1
        number = known.number if known else -1
        self._falls[_key(deployment)] = _Falls(count, number, time.monotonic() + min(_LONGEST_BACK_OFF, 2.0**count))
        _log.warning("replica.not_started", deployment=deployment.name, endpoint=deployment.endpoint, reason=str(error))
        self._write_down(deployment, error)

    def _write_down(self, deployment: OnlineDeployment, error: Exception) -> None:
        """Say on the row, and in an event, why there is no replica."""
        told, now = error_document(error), utc_now()
        with self._bench.database.write() as tx:
            if told != deployment.error and self._is_served(tx, deployment):
                deployments.change(tx, deployment.id, error=told, updated_at=now)
                data = {"error": told["message"]}
                verbs.tell(tx, PLATFORM, "Pratique.ReplicaEnded", deployment, now=now, data=data)

    def _start(self, deployment: OnlineDeployment, number: int) -> None:
        """Start a replica, and stop it again if the deployment was deleted or replaced at that very moment."""
        bench = self._bench
        replicas.start(bench, deployment, deployment.applied, number)
        with bench.database.read() as tx:
            now = deployments.by_id(tx, deployment.id)
        if now is None:
            replicas.remove(bench, deployment.id)
        elif now.is_going or now.applied != deployment.applied:
            replicas.stop_generation(bench, deployment.id, deployment.applied)
        else:
            replicas.forget_old_starts(bench, deployment.id)

    def _is_served(self, tx: Transaction, deployment: OnlineDeployment) -> bool:
        """Whether the generation that was looked at is still the one that should live."""
        now = deployments.by_id(tx, deployment.id)
        return now is not None and not now.is_going and now.applied == deployment.applied


def _key(deployment: OnlineDeployment) -> tuple[str, int]:
    return deployment.id, deployment.applied


def _is_in_work(deployment: OnlineDeployment) -> bool:
    """Whether the deployer is bringing up this very generation."""
    return deployment.applied == deployment.generation and deployment.provisioning_state in ("Creating", "Updating")
