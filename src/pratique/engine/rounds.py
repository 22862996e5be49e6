"""Asks every replica that serves, by its probes: who does not pass leaves the rotation, or is to be ended.

A thread of its own, because a replica that hangs takes its probe's whole
timeout. What it finds of readiness it writes on the row; what it finds of
liveness it tells the watcher, who alone ends and starts replicas.
"""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from pratique.base.clock import utc_now
from pratique.engine import probes, replicas
from pratique.engine.failures import error_document
from pratique.engine.probes import Pulse
from pratique.engine.workbench import Workbench
from pratique.store import deployments
from pratique.store import replicas as rows
from pratique.store.replicas import Replica, State

_AT_ONCE: Final = 8
_SERVES: Final[tuple[State, ...]] = ("Ready", "Unready")
_EVERY: Final = 1.0
"""Seconds between two looks at who is due; no probe has a shorter period."""

Key = tuple[str, int, int]


class Rounds:
    """The pulses of all replicas."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._lock = threading.Lock()
        self._readiness: dict[Key, Pulse] = {}
        self._liveness: dict[Key, Pulse] = {}
        self._next = 0.0

    def step(self) -> bool:
        """Ask whoever is due; never finds more to do."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + _EVERY
        with self._bench.database.read() as tx:
            living = {row.id: row for row in deployments.served(tx) if row.applied and not row.is_going}
            known = rows.by_deployment(tx)
        asked: list[tuple[Pulse, Replica]] = []
        keys = set()
        for identity, deployment in living.items():
            for replica in known.get(identity, []):
                if replica.revision == deployment.applied and replica.state in _SERVES:
                    keys.add(_key(replica))
                    pulses = self._pulses(replica, deployment.applied_spec)
                    asked += [(pulse, replica) for pulse in pulses if pulse.is_due]
        self._keep(keys)
        if asked:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                for _ in pool.map(lambda pair: pair[0].ask(replicas.socket_of(self._bench.home, pair[1])), asked):
                    pass
            for replica in {_key(replica): replica for _, replica in asked}.values():
                self._write(replica)
        return False

    def why_dead(self, replica: Replica) -> str:
        """Why a replica is to be ended; empty while it passes its liveness probe."""
        with self._lock:
            pulse = self._liveness.get(_key(replica))
        return "" if pulse is None or pulse.passes else pulse.why

    def forget(self, replica: Replica) -> None:
        """It ended, or another start of it serves: what was heard of it counts no longer."""
        self._keep({*self._liveness} - {_key(replica)})

    def _pulses(self, replica: Replica, spec: Mapping[str, Any]) -> tuple[Pulse, Pulse]:
        """Readiness and liveness, as the spec that is served says."""
        readiness, liveness = probes.readiness(spec), probes.liveness(spec)
        with self._lock:
            for pulses, probe in ((self._readiness, readiness), (self._liveness, liveness)):
                known = pulses.get(_key(replica))
                if known is None or known.probe != probe:
                    is_passing = probe is liveness or replica.state == "Ready"
                    pulses[_key(replica)] = Pulse(probe, passes=is_passing)
            return self._readiness[_key(replica)], self._liveness[_key(replica)]

    def _write(self, replica: Replica) -> None:
        """Let the row say what the readiness probe has settled on."""
        with self._lock:
            pulse = self._readiness.get(_key(replica))
        if pulse is None or pulse.passes == (replica.state == "Ready"):
            return
        how = f"does not pass its readiness probe and takes no traffic; {pulse.why}"
        said = None if pulse.passes else error_document(replicas.failed(self._bench, replica, how))
        with self._bench.database.write() as tx:
            state: State = "Ready" if pulse.passes else "Unready"
            rows.change(tx, replica, now=utc_now(), among=_SERVES, state=state, error=said)

    def _keep(self, keys: set[Key]) -> None:
        with self._lock:
            self._readiness = {key: pulse for key, pulse in self._readiness.items() if key in keys}
            self._liveness = {key: pulse for key, pulse in self._liveness.items() if key in keys}


def _key(replica: Replica) -> Key:
    return replica.deployment_id, replica.revision, replica.slot
