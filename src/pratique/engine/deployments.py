"""Makes deployments so as they are wished.

    wish (generation rises) ─► files, environment ─► start ─► ready ─► routed ─► the one before stops
                                      └─────────────────┴──► Failed, what served before goes on serving

A generation that is routed is written down as `applied`. It is then watched:
a replica that ends is started again, later each time, with its last words in
the deployment's `error`.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pratique.base.clock import utc_now
from pratique.base.logging import get_logger
from pratique.compute.task import Running
from pratique.control import deployments as verbs
from pratique.control import endpoints as endpoint_verbs
from pratique.control.actor import PLATFORM
from pratique.engine import replicas
from pratique.engine.failures import error_document
from pratique.engine.heartbeat import LEASE, heartbeat
from pratique.engine.routes import Routes
from pratique.engine.workbench import Workbench
from pratique.store import deployments, endpoints
from pratique.store.deployments import OnlineDeployment
from pratique.store.leases import Lease

_log = get_logger(__name__)
_DRAIN: Final = timedelta(seconds=10)
_LONGEST_BACK_OFF: Final = 60.0


class Deployer:
    """Works on one wish at a time; several may work side by side."""

    def __init__(self, bench: Workbench, routes: Routes) -> None:
        self._bench = bench
        self._routes = routes

    def step(self) -> bool:
        """Claim a wish that is not fulfilled and work on it; False when there is none."""
        with self._bench.database.read() as tx:
            if not deployments.any_wished(tx, now=utc_now()):
                return False
        with self._bench.database.write() as tx:
            claimed = deployments.claim(tx, now=utc_now(), lasting=LEASE)
        if claimed is None:
            return False
        deployment, lease = claimed
        with heartbeat(lambda: self._renew(lease)):
            try:
                self._work(deployment, lease)
            finally:
                with self._bench.database.write() as tx:
                    deployments.release(tx, lease)
        return True

    def _work(self, deployment: OnlineDeployment, lease: Lease) -> None:
        if deployment.is_going:
            self._remove(deployment, lease)
            return
        try:
            timings = self._start(deployment)
        except Exception as error:  # noqa: BLE001 - whatever the user's model or environment does ends here.
            self._fail(deployment, lease, error)
            return
        self._serve(deployment, lease, timings)

    def _start(self, deployment: OnlineDeployment) -> dict[str, float]:
        """Bring up a replica of the wished generation; returns the seconds of each phase."""
        bench, began = self._bench, time.monotonic()
        log = bench.home.replica(deployment.id, deployment.generation, 0) / "console.log"
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

        def say(line: str) -> None:
            with log.open("a", encoding="utf-8") as stream:
                stream.write(f"[pratique] {line}\n")

        python = replicas.prepare(bench, deployment, say=say)
        prepared = time.monotonic()
        if not isinstance(replicas.observe(bench, deployment, deployment.generation, 0), Running):
            bench.compute.clear(log.parent)
        replicas.start(bench, deployment, python, 0)
        loaded = replicas.await_ready(bench, deployment, 0, is_wanted=lambda: self._is_wanted(deployment))
        return {"prepare_s": round(prepared - began, 3), "start_and_load_s": round(loaded, 3)}

    def _serve(self, deployment: OnlineDeployment, lease: Lease, timings: dict[str, float]) -> None:
        """Route to the generation that is ready, then stop the one before."""
        began = time.monotonic()
        with self._bench.database.write() as tx:
            wanted = deployments.apply(tx, lease, deployment, applied=deployment.generation, restarts=0)
            if wanted and deployment.all_traffic:
                endpoints.wish(tx, deployment.endpoint_id, now=utc_now(), traffic={deployment.name: 100})
        if not wanted:
            replicas.stop_generation(self._bench, deployment.id, deployment.generation)
            return
        self._routes.publish()
        timings["route_s"] = round(time.monotonic() - began, 3)
        now = utc_now()
        with self._bench.database.write() as tx:
            if deployments.apply(
                tx, lease, deployment, provisioning_state="Succeeded", error=None, timings=timings, updated_at=now
            ):
                event = "Microsoft.MachineLearningServices.ModelDeployed"
                verbs.tell(tx, PLATFORM, event, deployment, now=now, data={"by": deployment.created_by.get("name")})
        if deployment.applied and deployment.applied != deployment.generation:
            self._bench.gateway.drain(deployment.workspace, deployment.endpoint, deployment.name, timeout=_DRAIN)
            replicas.stop_generation(self._bench, deployment.id, deployment.applied)

    def _fail(self, deployment: OnlineDeployment, lease: Lease, error: Exception) -> None:
        replicas.stop_generation(self._bench, deployment.id, deployment.generation)
        now = utc_now()
        with self._bench.database.write() as tx:
            if deployments.apply(
                tx, lease, deployment, provisioning_state="Failed", error=error_document(error), updated_at=now
            ):
                verbs.tell(tx, PLATFORM, "Pratique.DeploymentFailed", deployment, now=now, data={"error": str(error)})

    def _remove(self, deployment: OnlineDeployment, lease: Lease) -> None:
        """Stop routing to a deployment that is being deleted, then stop it, then forget it."""
        self._routes.publish()
        self._bench.gateway.drain(deployment.workspace, deployment.endpoint, deployment.name, timeout=_DRAIN)
        replicas.remove(self._bench, deployment.id)
        now = utc_now()
        with self._bench.database.write() as tx:
            if not deployments.apply(tx, lease, deployment):
                return
            deployments.remove(tx, deployment.id)
            verbs.tell(tx, PLATFORM, "Pratique.DeploymentDeleted", deployment, now=now)
            endpoint = endpoints.by_id(tx, deployment.endpoint_id)
            if endpoint and endpoint.provisioning_state == "Deleting" and not deployments.of_endpoint(tx, endpoint.id):
                endpoints.remove(tx, endpoint.id)
                endpoint_verbs.tell(tx, PLATFORM, "Pratique.EndpointDeleted", endpoint, now=now)

    def _is_wanted(self, deployment: OnlineDeployment) -> bool:
        with self._bench.database.read() as tx:
            now = deployments.by_id(tx, deployment.id)
        return now is not None and now.generation == deployment.generation

    def _renew(self, lease: Lease) -> bool:
        with self._bench.database.write() as tx:
            return deployments.renew(tx, lease, now=utc_now(), lasting=LEASE)


@dataclass
class _Fall:
    """When a replica was last seen down, and when it may be started again."""

    number: int
    not_before: float


class Watcher:
    """Starts replicas again that have ended, the second time after a second, then later and later."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._falls: dict[tuple[str, int], _Fall] = {}

    def step(self) -> bool:
        """Look at every replica that should live once."""
        with self._bench.database.read() as tx:
            living = [row for row in deployments.every(tx) if row.applied and not row.is_going]
        for deployment in living:
            if not isinstance(
                replicas.observe(self._bench, deployment, deployment.applied, deployment.restarts), Running
            ):
                self._raise(deployment)
        return False

    def _raise(self, deployment: OnlineDeployment) -> None:
        key = (deployment.id, deployment.applied)
        fall = self._falls.get(key)
        now = time.monotonic()
        if fall is None or fall.number != deployment.restarts:
            wait = 0.0 if deployment.restarts == 0 else min(_LONGEST_BACK_OFF, 2.0 ** (deployment.restarts - 1))
            self._falls[key] = fall = _Fall(deployment.restarts, now + wait)
            self._write_down(deployment)
        if now < fall.not_before:
            return
        served = deployments.as_applied(deployment)
        python = replicas.prepare(self._bench, served, say=lambda _line: None)
        number = deployment.restarts + 1
        with self._bench.database.write() as tx:
            if not deployments.count_restart(tx, deployment, number):
                return
        replicas.start(self._bench, served, python, number)
        _log.warning("replica.restarted", deployment=deployment.name, endpoint=deployment.endpoint, number=number)

    def _write_down(self, deployment: OnlineDeployment) -> None:
        """Say on the row, and in an event, that the replica ended and how."""
        error = replicas.why_ended(self._bench, deployment, deployment.applied, deployment.restarts)
        now = utc_now()
        with self._bench.database.write() as tx:
            deployments.change(tx, deployment.id, error=error_document(error), updated_at=now)
            verbs.tell(tx, PLATFORM, "Pratique.ReplicaEnded", deployment, now=now, data={"error": error.message})
