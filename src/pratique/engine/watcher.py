"""Keeps the replicas of deployments alive and in the rotation.

    runs ──ends──► error on the row ──wait──► started again ──lives a minute──► the error goes
      │                nothing the first time, then 1, 2, 4 … 60 s
      └──fails its readiness probe──► out of the rotation ──passes──► in it

A replica that is alone has its socket held by its shim: callers wait while the
shim starts it again, once in a minute. One of several just leaves the rotation
until it is back. One that was stopped on purpose, by `pratique down`, leaves a
folder in which nothing has run, and is started without a word.
"""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pratique.base.clock import iso, utc_now
from pratique.base.errors import ComputeFailed
from pratique.base.logging import get_logger
from pratique.compute.task import Absent, Observation, Running
from pratique.control import demands
from pratique.control import deployments as verbs
from pratique.control.actor import PLATFORM
from pratique.engine import probes, replicas
from pratique.engine.deaths import Deaths
from pratique.engine.failures import error_document
from pratique.engine.loop import Stop
from pratique.engine.rounds import Rounds
from pratique.engine.tails import add_lines
from pratique.engine.workbench import Workbench
from pratique.store import deployments
from pratique.store import replicas as rows
from pratique.store.deployments import ServedDeployment
from pratique.store.replicas import Replica

_log = get_logger(__name__)
_LONGEST_BACK_OFF: Final = 60.0
_STEADY: Final = timedelta(minutes=1)
"""A replica that lived so long had no crash loop."""
_SOON: Final = 0.02
"""Seconds until the next look while something is about to change: one loads, or has just ended."""

Key = tuple[str, int, int]


@dataclass
class _Falls:
    """How often a replica has fallen in a row."""

    count: int
    start: int
    """The start that fell last."""
    not_before: float
    """When the next may begin, in monotonic seconds."""


class Watcher:
    """Looks at every replica that should live."""

    def __init__(self, bench: Workbench, stop: Stop, rounds: Rounds) -> None:
        self._bench = bench
        self._stop = stop
        self._rounds = rounds
        self._deaths = Deaths(stop.ring)
        self._falls: dict[Key, _Falls] = {}
        self._holds: dict[Path, bool] = {}
        self._is_swept = False
        self._looks_soon = False

    def step(self) -> bool:
        """Look at every replica once; True while something is about to change."""
        if not self._is_swept:
            replicas.sweep(self._bench)
            self._is_swept = True
        self._looks_soon = False
        with self._bench.database.read() as tx:
            living = [row for row in deployments.served(tx) if row.applied and not row.is_going]
            known = rows.by_deployment(tx)
            guarded = demands.guarded(tx)
        self._retire(living)
        keys = set()
        for deployment in living:
            served = [row for row in known.get(deployment.id, []) if deployment.serves(row.revision, row.slot)]
            keys |= {_key(replica) for replica in served}
            for replica in served:
                # Where models are asked for who vouches for them, no shim starts one again unasked.
                is_held = len(served) == 1 and deployment.workspace not in guarded
                self._look_safely(deployment, replica, is_alone=is_held)
        self._falls = {key: falls for key, falls in self._falls.items() if key in keys}
        if self._looks_soon:
            self._stop.rest(_SOON)
        return self._looks_soon

    def _retire(self, living: Sequence[ServedDeployment]) -> None:
        """Let go of what was kept for a while after another was promoted."""
        for deployment in living:
            if deployment.retire_at and deployment.retire_at <= utc_now():
                with self._bench.database.write() as tx:
                    verbs.retire(tx, PLATFORM, deployment.id, now=utc_now())

    def _look_safely(self, deployment: ServedDeployment, replica: Replica, *, is_alone: bool) -> None:
        try:
            self._look(deployment, replica, is_alone=is_alone)
        except Exception as error:  # noqa: BLE001 - one that cannot be started must not keep the others down.
            self._stumble(deployment, replica, error)

    def _look(self, deployment: ServedDeployment, replica: Replica, *, is_alone: bool) -> None:
        if replica.state == "Starting" and _is_starting(deployment):
            return
        seen = replicas.observe(self._bench, replica)
        if isinstance(seen, Running):
            self._look_at_running(deployment, replica, seen, is_alone=is_alone)
        elif not self._must_wait(replica):
            if isinstance(seen, Absent):
                self._start(deployment, replica, replace(replica, falls=0))
            else:
                self._raise(deployment, replica, seen)

    def _look_at_running(
        self, deployment: ServedDeployment, replica: Replica, seen: Running, *, is_alone: bool
    ) -> None:
        if not self._deaths.is_alive(seen.pid):
            # Its shim is about to say how it ended, or to start it again.
            self._looks_soon = True
        elif seen.falls > replica.falls:
            self._tell_revived(deployment, replica, seen)
        elif replica.state in ("Starting", "Down"):
            self._look_whether_ready(deployment, replica)
        else:
            self._hold(replica, is_alone=is_alone)
            self._condemn(replica, seen)
            if utc_now() - seen.started > _STEADY:
                self._rise(deployment, replica)

    def _look_whether_ready(self, deployment: ServedDeployment, replica: Replica) -> None:
        probe = probes.readiness(deployment.applied_spec)
        if probe.failure(replicas.socket_of(self._bench.home, replica)):
            self._looks_soon = True
            return
        with self._bench.database.write() as tx:
            rows.change(tx, replica, now=utc_now(), state="Ready")
        self._rounds.forget(replica)

    def _hold(self, replica: Replica, *, is_alone: bool) -> None:
        """Let the shim of a lonely replica hold its socket, and the others not: told once by each engine."""
        folder = replicas.folder_of(self._bench.home, replica)
        if self._holds.get(folder) is not is_alone:
            (self._bench.compute.hold if is_alone else self._bench.compute.let_go)(folder)
            self._holds[folder] = is_alone

    def _condemn(self, replica: Replica, seen: Running) -> None:
        """End a replica that fails its liveness probe; what follows is what follows any end."""
        if self._rounds.why_dead(replica):
            with suppress(OSError):
                os.kill(seen.pid, signal.SIGKILL)
            self._looks_soon = True

    def _must_wait(self, replica: Replica) -> bool:
        falls = self._falls.get(_key(replica))
        return falls is not None and time.monotonic() < falls.not_before

    def _rise(self, deployment: ServedDeployment, replica: Replica) -> None:
        """It lives steadily: earlier falls no longer count, and its row no longer tells of one."""
        self._falls.pop(_key(replica), None)
        if replica.error:
            with self._bench.database.write() as tx:
                rows.change(tx, replica, now=utc_now(), error=None)
                now = deployments.by_id(tx, deployment.id)
                if now and now.error == replica.error and now.provisioning_state == "Succeeded":
                    deployments.change(tx, deployment.id, error=None, updated_at=utc_now())

    def _tell_revived(self, deployment: ServedDeployment, replica: Replica, seen: Running) -> None:
        """Its shim has started it again: say why it had ended; it is ready when it says so."""
        known = self._falls.get(_key(replica))
        self._falls[_key(replica)] = _Falls(known.count + 1 if known else 1, -1, 0.0)
        restarts = replica.restarts + seen.falls - replica.falls
        why = self._why(replica, seen.fell or seen)
        changes: dict[str, Any] = {"state": "Starting", "falls": seen.falls, "restarts": restarts}
        self._write_down(deployment, replica, why, **changes)
        _log.warning("replica.restarted", deployment=deployment.name, endpoint=deployment.endpoint, slot=replica.slot)
        self._looks_soon = True
        self._check_revived(replica)

    def _check_revived(self, replica: Replica) -> None:
        """Ask now what its shim could not ask; raises what `replicas.start` would have, and it runs no more then."""
        try:
            replicas.check(self._bench, replica)
        except ComputeFailed:
            replicas.stop_all(self._bench, [replica])
            raise

    def _raise(self, deployment: ServedDeployment, replica: Replica, seen: Observation) -> None:
        """Start a replica that ended, unless it fell so soon that it has to wait."""
        self._count_fall(deployment, replica, seen)
        if self._must_wait(replica):
            return
        again = replace(replica, start=replica.start + 1, restarts=replica.restarts + 1, falls=0)
        self._start(deployment, replica, again)
        _log.warning("replica.restarted", deployment=deployment.name, endpoint=deployment.endpoint, slot=replica.slot)

    def _count_fall(self, deployment: ServedDeployment, replica: Replica, seen: Observation) -> None:
        known = self._falls.get(_key(replica))
        if known and known.start == replica.start:
            return
        count = known.count + 1 if known else 1
        wait = 0.0 if count == 1 else min(_LONGEST_BACK_OFF, 2.0 ** (count - 2))
        self._falls[_key(replica)] = _Falls(count, replica.start, time.monotonic() + wait)
        self._write_down(deployment, replica, self._why(replica, seen), state="Down")

    def _why(self, replica: Replica, seen: Observation) -> ComputeFailed:
        why = replicas.why_ended(self._bench, replica, seen)
        if failed := self._rounds.why_dead(replica):
            why = replicas.failed(self._bench, replica, f"did not pass its liveness probe and was ended; {failed}")
        self._rounds.forget(replica)
        # Into the log as well, because that is where people look for it.
        add_lines(replicas.log_of(self._bench.home, replica), f"[pratique] {iso(utc_now())}: {why}\n")
        return why

    def _stumble(self, deployment: ServedDeployment, replica: Replica, error: Exception) -> None:
        """It could not even be started: say so once, and try again later and later."""
        known = self._falls.get(_key(replica))
        count, start = (known.count + 1, known.start) if known else (1, -1)
        self._falls[_key(replica)] = _Falls(count, start, time.monotonic() + min(_LONGEST_BACK_OFF, 2.0**count))
        _log.warning("replica.not_started", deployment=deployment.name, endpoint=deployment.endpoint, reason=str(error))
        self._write_down(deployment, replica, error, state="Down")

    def _write_down(self, deployment: ServedDeployment, replica: Replica, error: Exception, **values: Any) -> None:
        """Say on the rows, and in an event, why there is no replica."""
        told, now = error_document(error), utc_now()
        with self._bench.database.write() as tx:
            row = deployments.by_id(tx, deployment.id)
            if not row or row.is_going or not row.serves(replica.revision, replica.slot):
                return
            if rows.change(tx, replica, now=now, error=told, **values) and told != deployment.error:
                if row.provisioning_state == "Succeeded":
                    deployments.change(tx, row.id, error=told, updated_at=now)
                data = {"error": told["message"], "replica": replica.slot}
                verbs.tell(tx, PLATFORM, "Pratique.ReplicaEnded", row, now=now, data=data)

    def _start(self, deployment: ServedDeployment, replica: Replica, again: Replica) -> None:
        """Start a replica, and stop it again if it has been stopped for good at that very moment."""
        bench = self._bench
        replicas.start(bench, again)
        # Only now, when its socket listens, may callers be led to it.
        changes: dict[str, Any] = {"start": again.start, "restarts": again.restarts, "falls": 0, "state": "Starting"}
        with bench.database.write() as tx:
            is_wanted = rows.change(tx, replica, now=utc_now(), **changes)
            now = deployments.by_id(tx, deployment.id)
            living = rows.of_deployment(tx, deployment.id)
        self._looks_soon = True
        if now is None:
            replicas.remove(bench, deployment.id)
        elif now.is_going or now.applied != replica.revision:
            replicas.stop_revision(bench, deployment.id, replica.revision)
        elif not is_wanted or not now.serves(replica.revision, replica.slot):
            replicas.stop_all(bench, [again])
        else:
            replicas.forget_old_starts(bench, deployment.id, living)


def _key(replica: Replica) -> Key:
    return replica.deployment_id, replica.revision, replica.slot


def _is_starting(deployment: ServedDeployment) -> bool:
    """Whether the deployer is bringing up replicas of this very revision."""
    return deployment.applied == deployment.revision and deployment.is_in_work
