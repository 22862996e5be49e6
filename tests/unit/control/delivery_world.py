"""A project with a delivery, whose runs are settled by hand and whose workers are imagined."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pratique.control import deliveries, delivery_progress, delivery_runs, delivery_units, projects
from pratique.control.actor import Actor, Grant
from pratique.control.delivery_progress import Written
from pratique.control.delivery_runs import Request
from pratique.control.delivery_state import inputs_of, pipeline_of, remembering, rows_of, state_of
from pratique.control.tokens import Issuer
from pratique.control.unit_actors import SUBJECT, actor_of_unit
from pratique.delivery.compile import compiled
from pratique.delivery.message import JobMessage
from pratique.delivery.records import JOB, Output, Record, StepState
from pratique.delivery.run.outcomes import Result
from pratique.store import counters, events
from pratique.store import delivery_runs as rows
from pratique.store import delivery_units as unit_rows
from pratique.store.database import Database
from pratique.store.deliveries import Delivery
from pratique.store.delivery_runs import Run
from pratique.store.delivery_units import UnitRow
from pratique.store.sealing import Sealer

OWNER = Actor("1", "ann", "user", (Grant("Owner", "/"),))
READER = Actor("2", "rob", "user", (Grant("Reader", "/delivery/credit"),))
STRANGER = Actor("3", "eve", "user", (Grant("Contributor", "/delivery/other"),))

TWO_STAGES = """
name: $(Date:yyyyMMdd).$(Rev:r)
stages:
- stage: Build
  jobs:
  - job: make
    steps:
    - bash: make
      name: made
- stage: Deploy
  variables:
    version: $[ stageDependencies.Build.make.outputs['made.version'] ]
  jobs:
  - job: use
    steps:
    - bash: use $(version)
"""


@dataclass
class World:
    """One project with one delivery, and somebody who settles its runs by hand."""

    database: Database
    sealer: Sealer
    issuer: Issuer
    now: datetime
    delivery: Delivery

    def queue(self, text: str, **wished: Any) -> Run:
        request = Request(self.delivery, "azure-pipelines.yml", "refs/heads/main", "", [], **wished)
        found = compiled(lambda _repository, _path: text, request.path, parameters=request.parameters)
        known = delivery_runs.known_variables(request, OWNER, door="http://127.0.0.1:7070")
        with self.database.write() as tx:
            return delivery_runs.queue(tx, OWNER, request, found, known=known, now=self.now)

    def settle(self, run: Run) -> Run:
        """Until nothing more follows."""
        while (written := self.settle_once()) is not None:
            assert written.run.id == run.id
        return self.run(run)

    def settle_once(self) -> Written | None:
        with self.database.write() as tx:
            wanted = rows.unsettled(tx, now=self.now)
            claimed = rows.claim(tx, wanted, now=self.now, lasting=timedelta(minutes=1)) if wanted else None
            if claimed is None:
                return None
            run, lease = claimed
            known = rows_of(tx, run)

        def count(prefix: str, seed: int) -> int:
            with self.database.write() as tx:
                number = counters.next_number(tx, counters.counter_scope(run.delivery), prefix, first=seed)
                rows.remember_count(tx, run.id, prefix, number)
            return number

        inputs = inputs_of(run, {}, count=remembering(run.counted, count))
        found = delivery_progress.outlook(pipeline_of(run.text, run.path), state_of(known, self.sealer), inputs)
        with self.database.write() as tx:
            return delivery_progress.write(
                tx, lease, known, found, self.sealer, issuer=self.issuer, tenant="t", now=self.now
            )

    def run(self, run: Run) -> Run:
        with self.database.read() as tx:
            found = rows.get(tx, run.id)
        assert found is not None
        return found

    def units(self, run: Run) -> dict[str, UnitRow]:
        with self.database.read() as tx:
            return {unit.key: unit for unit in unit_rows.of_run(tx, run.id)}

    def states(self, run: Run) -> dict[str, str]:
        with self.database.read() as tx:
            return {stage.name: stage.result or stage.state for stage in rows.stages_of(tx, run.id)}

    def worker(self, unit: UnitRow) -> Actor:
        with self.database.read() as tx:
            return actor_of_unit(tx, SUBJECT + unit.id)

    def message(self, unit: UnitRow) -> JobMessage:
        actor = self.worker(unit)
        with self.database.read() as tx:
            return delivery_units.message(tx, actor, unit.run, unit.id, self.sealer)

    def report(self, unit: UnitRow, *records: Record) -> int:
        actor = self.worker(unit)
        with self.database.write() as tx:
            taken = delivery_units.take(tx, actor, unit.run, unit.id, records, self.sealer, now=self.now)
        return len(taken.records)

    def end(self, unit: UnitRow, result: Result = Result.SUCCEEDED, **outputs: Output) -> None:
        """What a worker reports that had one step."""
        named = {name.replace("__", "."): output for name, output in outputs.items()}
        self.report(
            unit,
            step(1, 0, StepState.RUNNING),
            step(2, 0, StepState.COMPLETED, result=result, outputs=named),
            step(3, JOB, StepState.COMPLETED, result=result),
        )

    def events(self) -> list[str]:
        with self.database.read() as tx:
            return [event.type.removeprefix("Pratique.") for event in events.after(tx, 0, limit=1000)]


def step(sequence: int, number: int, state: StepState, **said: Any) -> Record:
    return Record(sequence, number, f"step {number}", state, **said)


def new_world(database: Database, folder: Path, now: datetime) -> World:
    """One in which nothing has run."""
    with database.write() as tx:
        projects.create(tx, OWNER, "credit", now=now)
        wished = {"name": "train", "repository": "/src", "repository_type": "folder", "path": "azure-pipelines.yml"}
        delivery = deliveries.create(tx, OWNER, "credit", wished, now=now)
    (folder / "keys").mkdir()
    return World(database, Sealer(folder / "seal"), Issuer(folder / "keys", "http://here"), now, delivery)
