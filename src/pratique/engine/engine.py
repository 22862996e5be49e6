"""All loops of the engine, begun and ended together."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from pratique.base.logging import get_logger
from pratique.base.machine import Capacity, this_machine
from pratique.engine.admission import Admission
from pratique.engine.certificates import EVERY as CERTIFICATES
from pratique.engine.certificates import Certificates
from pratique.engine.collection import Collector
from pratique.engine.delivery_runs import RunSettler
from pratique.engine.delivery_units import UnitRunner, units_at_once
from pratique.engine.deployments import Deployer
from pratique.engine.examiner import Examiner
from pratique.engine.following import Follower
from pratique.engine.jobs import Worker, canceled_in_queue, in_turn
from pratique.engine.key_sets import KeySets
from pratique.engine.loop import Loop, Stop, join_all
from pratique.engine.pipelines import PipelineWorker, RunsBehind, bring_forward
from pratique.engine.rotation import Rotation
from pratique.engine.rounds import Rounds
from pratique.engine.routes import Routes
from pratique.engine.sealing import JournalSealer
from pratique.engine.server_jobs import ServerJobs
from pratique.engine.services import Service
from pratique.engine.sweeper import Sweeper
from pratique.engine.timekeeper import Timekeeper
from pratique.engine.triggers import Triggers
from pratique.engine.watcher import Watcher
from pratique.engine.workbench import Workbench
from pratique.store import delivery_runs, deployments, examinations, jobs, repositories, seals

_log = get_logger(__name__)
_DEPLOYERS: Final = 2
_PIPELINERS: Final = 2
_SETTLERS: Final = 2
_NET: Final = timedelta(seconds=5)
"""How often a loop looks without being woken."""
_ROUNDS: Final = timedelta(seconds=1)
_WATCH: Final = timedelta(milliseconds=500)
"""How often processes are looked at: their end is no commit, so nothing wakes us."""


class Engine:
    """Everything that moves by itself; threads of the server's process."""

    def __init__(self, bench: Workbench, services: Sequence[Service]) -> None:
        self._bench = bench
        self._stop = Stop()
        self._jobs = Stop(beside=self._stop)
        self._deliveries = Stop(beside=self._stop)
        self._quiet = Stop(beside=self._stop)  # For what no commit is anything to.
        self._key_sets = KeySets(bench)
        machine = this_machine(bench.settings)
        self._loops = [
            *(Loop(f"service-{service.name}", service.step, self._quiet, idle=_WATCH) for service in services),
            *self._of_deployments(),
            *self._of_everything(),
            *self._of_deliveries(machine),
            *self._of_jobs(machine),
        ]

    def _of_deployments(self) -> Iterator[Loop]:
        bench, stop = self._bench, self._stop
        routes, rounds = Routes(bench), Rounds(bench)
        yield Loop("routes", routes.step, stop, idle=_NET)
        yield Loop("watcher", Watcher(bench, stop, rounds).step, stop, idle=_WATCH)
        yield Loop("rounds", rounds.step, self._quiet, idle=_ROUNDS)
        for number in range(_DEPLOYERS):
            yield Loop(f"deployer-{number}", Deployer(bench, routes, stop).step, stop, idle=_NET)

    def _of_everything(self) -> Iterator[Loop]:
        """What belongs to no one noun, or to a noun that nobody waits for."""
        bench, stop, quiet = self._bench, self._stop, self._quiet
        yield Loop("triggers", Triggers(bench).step, stop, idle=_NET)
        yield Loop("key-sets", self._key_sets.step, stop, idle=_NET)
        yield Loop("examiner", Examiner(bench, stop).step, stop, idle=_NET)
        yield Loop("rotation", Rotation(bench.home).step, quiet, idle=_NET)
        yield Loop("collector", Collector(bench).step, quiet, idle=_NET)
        yield Loop("journal-sealer", JournalSealer(bench).step, quiet, idle=_WATCH)
        yield Loop("follower", Follower(bench).step, quiet, idle=_ROUNDS)
        yield Loop("timekeeper", Timekeeper(bench).step, quiet, idle=_NET)
        yield Loop("certificates", Certificates(bench).step, quiet, idle=CERTIFICATES)
        yield Loop("sweeper", Sweeper(bench).step, quiet, idle=_NET)

    def _of_deliveries(self, machine: Capacity) -> Iterator[Loop]:
        bench, stop = self._bench, self._deliveries
        for number in range(_SETTLERS):
            yield Loop(f"delivery-runs-{number}", RunSettler(bench).step, stop, idle=_NET)
        units = UnitRunner(bench, stop, at_once=units_at_once(machine.cores))
        yield Loop("delivery-units", units.step, stop, idle=_NET)
        yield Loop("server-jobs", ServerJobs(bench).step, stop, idle=_ROUNDS)

    def _of_jobs(self, machine: Capacity) -> Iterator[Loop]:
        bench, stop = self._bench, self._jobs
        turn = in_turn(Admission(machine))
        for number in range(max(1, int(machine.cores))):
            yield Loop(f"worker-{number}", Worker(bench, stop, turn).step, stop, idle=_NET)
        for number in range(_PIPELINERS):
            yield Loop(f"pipelines-{number}", PipelineWorker(bench, stop).step, stop, idle=_NET)
        yield Loop("runs-behind", RunsBehind(bench).step, self._quiet, idle=_ROUNDS)
        yield Loop("canceler", Worker(bench, stop, canceled_in_queue).step, stop, idle=_NET)

    def start(self) -> None:
        """Take over what an earlier engine left, and begin."""
        with self._bench.database.write() as tx:
            jobs.free_all(tx)
            deployments.free_all(tx)
            delivery_runs.free_all(tx)
            examinations.free_all(tx)
            repositories.free_all(tx)
        bring_forward(self._bench)
        nothing_here = (delivery_runs.TOPIC, delivery_runs.MOVED, repositories.TOPIC, seals.TOPIC)
        on_commit = self._bench.database.on_commit
        on_commit(self._stop.ring, besides=(jobs.TOPIC, jobs.WALKED, *nothing_here))
        on_commit(self._jobs.ring, besides=(jobs.WALKED, *nothing_here))
        on_commit(
            self._deliveries.ring,
            besides=(jobs.TOPIC, jobs.WALKED, delivery_runs.TOPIC, repositories.TOPIC, seals.TOPIC),
        )
        for loop in self._loops:
            loop.start()

    def state(self) -> str:
        """ready when every loop gets on, failing when the steps of one fail again and again, else down."""
        if all(loop.gets_on for loop in self._loops):
            return "ready"
        return "failing" if all(loop.is_alive for loop in self._loops) else "down"

    def ring(self) -> None:
        """Wake every loop: something was committed, here or by another process."""
        self._stop.ring()
        self._jobs.ring()
        self._deliveries.ring()

    def unknown_key(self) -> None:
        """A token named a key that nobody here knows: its provider may have a new one."""
        if self._key_sets.hurry():
            self._stop.ring()

    def begin_to_stop(self) -> None:
        """Ask every loop to end; what is in work goes on when the next engine starts."""
        self._stop.wish()

    def stop(self, timeout: timedelta) -> None:
        """Ask every loop to end and wait for it."""
        self.begin_to_stop()
        if late := join_all(self._loops, timeout):
            _log.warning("engine.stopped_late", loops=late)
