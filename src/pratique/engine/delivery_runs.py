"""Brings delivery runs forward: what follows from what happened is decided and written, then others do it.

    something happened (a run was queued, a unit ended, somebody approved, cancelled)
      └► claim ─► look ─► decide ─► write ─► units to start, stages that wait, or the end

A run that waits, for a unit or for a person, is not looked at: only what
raises its revision brings it here.
"""

from pratique.base.clock import utc_now
from pratique.base.logging import get_logger
from pratique.control import checks, delivery_progress, variable_groups
from pratique.control.actor import PLATFORM
from pratique.control.delivery_runs import tell
from pratique.control.delivery_state import inputs_of, pipeline_of, remembering, rows_of, state_of
from pratique.control.delivery_usage import group_names
from pratique.control.model_gate import NOTHING
from pratique.delivery.expressions.macros import Variable
from pratique.delivery.pipeline import Pipeline
from pratique.delivery.run.status import Counter
from pratique.engine import delivery_logs, delivery_stories, gathering
from pratique.engine.failures import error_document
from pratique.engine.heartbeat import LEASE
from pratique.engine.workbench import Workbench
from pratique.store import counters, delivery_runs, delivery_units
from pratique.store.delivery_runs import Run
from pratique.store.leases import Lease

_log = get_logger(__name__)


class RunSettler:
    """Settles one run at a time."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def step(self) -> bool:
        """Claim a run to which something happened and write what follows; False when there is none."""
        claimed = self._claim()
        if claimed is None:
            return False
        run, lease = claimed
        try:
            self._settle(run, lease)
        except Exception as error:  # noqa: BLE001 - whatever a user's file does ends on its own run.
            _log.error("delivery-run.failed", run=run.id, exc_info=error)
            self._give_up(run, lease, error)
        return True

    def _claim(self) -> tuple[Run, Lease] | None:
        now = utc_now()
        with self._bench.database.read() as tx:
            wanted = delivery_runs.unsettled(tx, now=now)
        if wanted is None:
            return None
        with self._bench.database.write(delivery_runs.TOPIC) as tx:
            return delivery_runs.claim(tx, wanted, now=now, lasting=LEASE)

    def _settle(self, run: Run, lease: Lease) -> None:
        with self._bench.database.read() as tx:
            known = delivery_runs.get(tx, run.id)
            if known is None:
                return
            rows = rows_of(tx, known)
            wanted = checks.wanted(tx, known, now=utc_now())
        gathered = gathering.gather(self._bench, wanted, run.id) if wanted else NOTHING
        pipeline = pipeline_of(rows.run.text, rows.run.path)
        groups = self._groups(rows.run, pipeline)
        inputs = inputs_of(rows.run, groups, count=remembering(rows.run.counted, self._counter(rows.run)))
        found = delivery_progress.outlook(pipeline, state_of(rows, self._bench.sealer), inputs)
        now = utc_now()
        bench = self._bench
        with bench.database.write("" if found.result else delivery_runs.MOVED) as tx:
            written = delivery_progress.write(
                tx,
                lease,
                rows,
                found,
                bench.sealer,
                issuer=bench.issuer,
                tenant=bench.home.tenant,
                gathered=gathered,
                now=now,
            )
            if written is not None:
                # Before the commit: whoever sees the end of a run finds all of it in the log.
                delivery_stories.tell_written(self._bench.home, written, now)

    def _groups(self, run: Run, pipeline: Pipeline) -> dict[str, tuple[Variable, ...]]:
        """The variable groups of the run as they are now; that a secret of a vault was read is written down."""
        names = group_names(pipeline)
        if names == ():
            return {}
        with self._bench.database.write(delivery_runs.TOPIC) as tx:
            return variable_groups.read_for_run(tx, run, names, sealer=self._bench.sealer, now=utc_now())

    def _counter(self, run: Run) -> Counter:
        def count(prefix: str, seed: int) -> int:
            with self._bench.database.write(delivery_runs.TOPIC) as tx:
                number = counters.next_number(tx, counters.counter_scope(run.delivery), prefix, first=seed)
                delivery_runs.remember_count(tx, run.id, prefix, number)
            return number

        return count

    def _give_up(self, run: Run, lease: Lease, error: Exception) -> None:
        """End a run that cannot be settled, with the reason."""
        now = utc_now()
        document = error_document(error)
        with self._bench.database.write() as tx:
            known = delivery_runs.get(tx, run.id)
            values = {"status": "completed", "result": "failed", "error": document, "ended_at": now}
            if known is None or not delivery_runs.release(tx, lease, **values, settled=known.revision):
                return
            delivery_units.cancel(tx, run.id, now=now)
            checks.run_ended(tx, known, now=now)
            tell(tx, PLATFORM, "Pratique.DeliveryRunCompleted", known, now=now, data={"result": "failed"})
            delivery_logs.tell(self._bench.home, run.id, [f"run {run.id}: failed: {document['message']}"], now)
