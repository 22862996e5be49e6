"""Makes deployments so as they are wished.

    wish (generation rises) ─► files, environment ─► start ─► ready ─► routed ─► what is too many stops
                                      └─────────────────┴────────┴──► Failed, what served before goes on serving

A wish that changes what runs is a revision of its own, with replicas of its
own; one that changes their number or a limit keeps the replicas that are there.
A revision that is routed is written down as `applied`, with its spec, and is
then watched: see `engine.watcher`. Whatever is cut off is done again from the
row, and finds the processes that live.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, Final

from pratique.base.clock import utc_now
from pratique.base.errors import PratiqueError
from pratique.base.logging import get_logger
from pratique.compute.task import Running
from pratique.control import deployments as verbs
from pratique.control import endpoints as endpoint_verbs
from pratique.control.actor import PLATFORM
from pratique.engine import launches, probes, replicas
from pratique.engine.abandon import Left
from pratique.engine.failures import error_document
from pratique.engine.heartbeat import LEASE, heartbeat
from pratique.engine.loop import Stop
from pratique.engine.routes import Routes
from pratique.engine.workbench import Workbench
from pratique.store import deployments, endpoints
from pratique.store import replicas as rows
from pratique.store.database import Transaction
from pratique.store.deployments import OnlineDeployment
from pratique.store.endpoints import OnlineEndpoint
from pratique.store.leases import Lease
from pratique.store.replicas import Replica

_log = get_logger(__name__)
_LITTLE_MORE: Final = timedelta(seconds=1)
"""How much longer than its time limit a request is waited for."""
_SETTLED: Final = timedelta(milliseconds=50)
_AGAIN: Final = timedelta(seconds=10)
"""When a deletion that failed is tried again; the loop meanwhile serves others."""


class Deployer:
    """Works on one wish at a time; several may work side by side."""

    def __init__(self, bench: Workbench, routes: Routes, stop: Stop) -> None:
        self._bench = bench
        self._routes = routes
        self._stop = stop

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
            except Left as why:
                _log.info("deployment.left", deployment=deployment.name, endpoint=deployment.endpoint, why=str(why))
            except Exception as error:  # noqa: BLE001 - one bad row must not keep the others waiting.
                self._try_later(deployment, lease, error)
                return True
            with self._bench.database.write() as tx:
                deployments.release(tx, lease)
        return True

    def _work(self, deployment: OnlineDeployment, lease: Lease) -> None:
        if deployment.is_going:
            self._remove(deployment, lease)
            return
        check = partial(self._check, deployment, lease)
        try:
            timings = self._bring_up(deployment, lease, check)
            self._route(deployment, lease, timings)
        except Left:
            self._drop(deployment)
            raise
        except Exception as error:  # noqa: BLE001 - whatever the user's model or environment does ends here.
            self._fail(deployment, lease, error)
            return
        self._succeed(deployment, lease, timings)
        self._retire_others(deployment)

    def _bring_up(self, deployment: OnlineDeployment, lease: Lease, check: Callable[[], None]) -> dict[str, float]:
        """Bring up every replica of the wished revision that is not there; returns the seconds of each phase."""
        began = time.monotonic()
        wanted = self._wanted(deployment, lease)
        log = replicas.log_of(self._bench.home, wanted[0])
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

        def say(line: str) -> None:
            with suppress(OSError), log.open("a", encoding="utf-8") as stream:
                stream.write(f"[pratique] {line}\n")

        if not _is_routed(deployment):
            launches.prepare(self._bench, deployment, say=say, check=check)
            check()
        prepared = time.monotonic()
        missing = [replica for replica in wanted if self._is_missing(deployment, replica)]
        for replica in missing:
            self._start(replica)
        probe = probes.readiness(deployment.spec)
        tell = partial(self._tell_ready, deployment)
        loaded = replicas.await_ready(self._bench, missing, probe, tell=tell, check=check)
        return {"prepare_s": round(prepared - began, 3), "start_and_load_s": round(loaded, 3)}

    def _wanted(self, deployment: OnlineDeployment, lease: Lease) -> list[Replica]:
        """The rows of the wished revision, one for each instance; what is missing is written."""
        with self._bench.database.write() as tx:
            if not deployments.is_held(tx, lease, deployment):
                raise Left("something else is wished")
            known = {row.slot: row for row in _of_revision(tx, deployment, deployment.revision)}
            for slot in range(deployment.instances):
                if slot not in known:
                    known[slot] = _new(deployment, slot)
                    rows.add(tx, known[slot])
        return [known[slot] for slot in range(deployment.instances)]

    def _is_missing(self, deployment: OnlineDeployment, replica: Replica) -> bool:
        """Whether a replica is ours to start: of a revision that is served, the watcher has those which were ready."""
        if replica.state == "Ready" and not _is_routed(deployment):
            return not isinstance(replicas.observe(self._bench, replica), Running)
        return replica.state == "Starting" or not _is_routed(deployment)

    def _start(self, replica: Replica) -> None:
        if not isinstance(replicas.observe(self._bench, replica), Running):
            self._bench.compute.clear(replicas.folder_of(self._bench.home, replica))
        replicas.start(self._bench, replica)

    def _tell_ready(self, deployment: OnlineDeployment, replica: Replica) -> None:
        """Write down that a replica is ready; one more of a revision that is served is routed at once."""
        with self._bench.database.write() as tx:
            rows.change(tx, replica, now=utc_now(), state="Ready", error=None)
        if _is_routed(deployment):
            self._routes.publish()

    def _route(self, deployment: OnlineDeployment, lease: Lease, timings: dict[str, float]) -> None:
        """Let the doors lead to the revision that is ready; when they do not, nothing is as if it had been tried."""
        began = time.monotonic()
        with self._bench.database.write() as tx:
            applied: dict[str, Any] = {"applied": deployment.revision, "applied_spec": dict(deployment.spec)}
            if not deployments.apply(tx, lease, deployment, **applied):
                raise Left("something else is wished")
            endpoint = endpoints.by_id(tx, deployment.endpoint_id)
            if deployment.all_traffic and endpoint:
                mirror = {name: share for name, share in endpoint.mirror_traffic.items() if name != deployment.name}
                _send_traffic(tx, endpoint, {deployment.name: 100}, mirror, deployment.name)
        try:
            self._routes.publish()
            self._routes.check(f"{deployment.workspace}/{deployment.endpoint}")
        except Exception:
            self._take_back(deployment, lease, endpoint)
            raise
        timings["route_s"] = round(time.monotonic() - began, 3)

    def _succeed(self, deployment: OnlineDeployment, lease: Lease, timings: dict[str, float]) -> None:
        now = utc_now()
        written = {"provisioning_state": "Succeeded", "error": None, "timings": timings, "updated_at": now}
        with self._bench.database.write() as tx:
            if not deployments.apply(tx, lease, deployment, **written):
                raise Left("something else is wished")
            event, by = "Microsoft.MachineLearningServices.ModelDeployed", deployment.created_by.get("name")
            verbs.tell(tx, PLATFORM, event, deployment, now=now, data={"by": by})

    def _take_back(self, deployment: OnlineDeployment, lease: Lease, endpoint: OnlineEndpoint | None) -> None:
        """Undo what was written for a publication that failed."""
        before: dict[str, Any] = {"applied": deployment.applied, "applied_spec": dict(deployment.applied_spec)}
        with self._bench.database.write() as tx:
            if deployments.apply(tx, lease, deployment, **before) and deployment.all_traffic and endpoint:
                _send_traffic(tx, endpoint, dict(endpoint.traffic), dict(endpoint.mirror_traffic), deployment.name)

    def _retire_others(self, deployment: OnlineDeployment) -> None:
        """Stop what served before, as soon as nothing is in progress there, and the replicas that are too many."""
        bench = self._bench
        for revision in replicas.others(bench.home, deployment.id, deployment.revision):
            self._drain(deployment, revision)
            self._stop_revision(deployment, revision)
        self._stop_slots(deployment, deployment.instances)
        with bench.database.read() as tx:
            living = rows.of_deployment(tx, deployment.id)
        replicas.forget_old_starts(bench, deployment.id, living)

    def _drain(self, deployment: OnlineDeployment, revision: int) -> None:
        place = (deployment.workspace, deployment.endpoint, deployment.name)
        longest = max(launches.request_timeout(deployment.applied_spec), launches.request_timeout(deployment.spec))
        self._bench.gateway.drain(*place, revision, timeout=longest + _LITTLE_MORE)

    def _stop_revision(self, deployment: OnlineDeployment, revision: int) -> None:
        replicas.stop_revision(self._bench, deployment.id, revision)
        with self._bench.database.write() as tx:
            rows.remove_revision(tx, deployment.id, revision)

    def _stop_slots(self, deployment: OnlineDeployment, first: int) -> None:
        """Stop the replicas of the revision from slot `first` on; they finish what they have."""
        with self._bench.database.read() as tx:
            found = _of_revision(tx, deployment, deployment.revision)
        many = [replica for replica in found if replica.slot >= first]
        if not many:
            return
        # Envoy's workers take a route a moment after its main thread.
        time.sleep(_SETTLED.total_seconds())
        replicas.stop_all(self._bench, many)
        with self._bench.database.write() as tx:
            for replica in many:
                rows.remove(tx, replica)

    def _drop(self, deployment: OnlineDeployment) -> None:
        """Stop what was begun for a wish that is no more; an engine that stops leaves it to the next one."""
        if not self._stop.is_wished and not _is_routed(deployment) and not self._is_wished(deployment):
            self._stop_revision(deployment, deployment.revision)

    def _fail(self, deployment: OnlineDeployment, lease: Lease, error: Exception) -> None:
        if not _is_routed(deployment):
            self._stop_revision(deployment, deployment.revision)
        else:
            self._stop_slots(deployment, deployment.applied_instances)
        now = utc_now()
        failed = {"provisioning_state": "Failed", "error": error_document(error), "updated_at": now}
        with self._bench.database.write() as tx:
            if deployments.apply(tx, lease, deployment, **failed):
                verbs.tell(tx, PLATFORM, "Pratique.DeploymentFailed", deployment, now=now, data={"error": str(error)})

    def _remove(self, deployment: OnlineDeployment, lease: Lease) -> None:
        """Stop routing to a deployment that is being deleted, then stop it, then forget it."""
        self._routes.publish()
        self._drain(deployment, deployment.applied)
        replicas.remove(self._bench, deployment.id)
        now = utc_now()
        with self._bench.database.write() as tx:
            if not deployments.apply(tx, lease, deployment):
                return
            deployments.remove(tx, deployment.id)
            verbs.tell(tx, PLATFORM, "Pratique.DeploymentDeleted", deployment, now=now)
            endpoint = endpoints.by_id(tx, deployment.endpoint_id)
            if endpoint and endpoint.provisioning_state == "Deleting" and not deployments.of_endpoint(tx, endpoint.id):
                endpoint_verbs.gone(tx, PLATFORM, endpoint, now=now)

    def _try_later(self, deployment: OnlineDeployment, lease: Lease, error: Exception) -> None:
        """Write down why it does not get on and come back to it in a while."""
        _log.error("deployment.stuck", deployment=deployment.name, endpoint=deployment.endpoint, exc_info=error)
        told = error_document(error) if isinstance(error, PratiqueError) else None
        with self._bench.database.write() as tx:
            if told and told != deployment.error:
                deployments.apply(tx, lease, deployment, error=told)
            deployments.postpone(tx, lease, until=utc_now() + _AGAIN)

    def _check(self, deployment: OnlineDeployment, lease: Lease) -> None:
        """Raise when the engine stops, when another has the deployment, or when something else is wished of it."""
        if self._stop.is_wished:
            raise Left("the engine stops")
        with self._bench.database.read() as tx:
            is_wanted = deployments.is_held(tx, lease, deployment)
        if not is_wanted:
            raise Left("something else is wished")

    def _is_wished(self, deployment: OnlineDeployment) -> bool:
        with self._bench.database.read() as tx:
            now = deployments.by_id(tx, deployment.id)
        return now is not None and now.revision == deployment.revision and not now.is_going

    def _renew(self, lease: Lease) -> bool:
        with self._bench.database.write() as tx:
            return deployments.renew(tx, lease, now=utc_now(), lasting=LEASE)


def _is_routed(deployment: OnlineDeployment) -> bool:
    """Whether the wished revision is the one that the doors lead to already."""
    return deployment.applied == deployment.revision


def _new(deployment: OnlineDeployment, slot: int) -> Replica:
    return Replica(
        deployment_id=deployment.id,
        revision=deployment.revision,
        slot=slot,
        start=0,
        state="Starting",
        falls=0,
        restarts=0,
        error=None,
        changed_at=utc_now(),
    )


def _of_revision(tx: Transaction, deployment: OnlineDeployment, revision: int) -> list[Replica]:
    return [row for row in rows.of_deployment(tx, deployment.id) if row.revision == revision]


def _send_traffic(
    tx: Transaction, endpoint: OnlineEndpoint, traffic: dict[str, int], mirror: dict[str, int], by: str
) -> None:
    """Change the split as the deployment `by` asked for, unless it is so or the endpoint is being deleted."""
    now = endpoints.by_id(tx, endpoint.id)
    if now and (now.traffic, now.mirror_traffic) != (traffic, mirror) and now.provisioning_state != "Deleting":
        moment = utc_now()
        endpoints.wish(tx, endpoint.id, now=moment, traffic=traffic, mirror_traffic=mirror)
        said = {"traffic": traffic, "mirror_traffic": mirror, "previous_traffic": now.traffic, "by": by}
        endpoint_verbs.tell(tx, PLATFORM, "Pratique.EndpointUpdated", now, now=moment, data=said)
