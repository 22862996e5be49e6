"""A project with a delivery and people, whose runs the real settler brings forward; and an API on loopback."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.loopback import Answer, Asked, served

from pratique.base.home import Home
from pratique.control import (
    approvals,
    deliveries,
    delivery_runs,
    delivery_units,
    groups,
    principals,
    projects,
    roles,
    stage_environments,
    workspaces,
)
from pratique.control.actor import PLATFORM, Actor
from pratique.control.credentials import Credential
from pratique.control.delivery_runs import Request
from pratique.control.grants import actor_for
from pratique.control.tokens import Issuer
from pratique.control.unit_actors import SUBJECT, actor_of_unit
from pratique.delivery.compile import compiled
from pratique.delivery.message import JobMessage
from pratique.delivery.records import JOB, Record, StepState
from pratique.delivery.run.outcomes import Result
from pratique.engine.delivery_runs import RunSettler
from pratique.store import asked_checks, events
from pratique.store import delivery_runs as rows
from pratique.store import delivery_units as unit_rows
from pratique.store.database import Database
from pratique.store.deliveries import Delivery
from pratique.store.delivery_runs import Run
from pratique.store.delivery_units import UnitRow
from pratique.store.schema import metadata
from pratique.store.sealing import Sealer

TWO = """
stages:
- stage: Dev
  jobs: [{job: train, steps: [{bash: train}]}]
- stage: QA
  jobs:
  - deployment: promote
    environment: qa
    strategy: {runOnce: {deploy: {steps: [{bash: promote}]}}}
"""
ONE = "stages:" + TWO.partition("- stage: QA")[2].join(["\n- stage: QA", ""])


@dataclass
class Scene:
    """A project with one delivery, people, and the real settler."""

    database: Database
    home: Home
    sealer: Sealer
    issuer: Issuer
    settler: RunSettler
    delivery: Delivery
    people: dict[str, Actor]
    now: datetime

    def do(self, verb: Any, *words: Any, **named: Any) -> Any:
        with self.database.write() as tx:
            return verb(tx, *words, **named, now=self.now)

    def look(self, verb: Any, *words: Any, **named: Any) -> Any:
        with self.database.read() as tx:
            return verb(tx, *words, **named)

    def queue(self, text: str = ONE, who: str = "ann", branch: str = "refs/heads/main") -> Run:
        request = Request(self.delivery, "a.yml", branch, "c0ffee", [])
        found = compiled(lambda _repository, _path: text, "a.yml")
        known = delivery_runs.known_variables(request, self.people[who], door="http://here")
        made: Run = self.do(delivery_runs.queue, self.people[who], request, found, known=known)
        self.settle()
        return made

    def settle(self) -> None:
        while self.settler.step():
            pass

    def stages(self, run: Run) -> dict[str, str]:
        return {one.name: one.result or one.state for one in self.look(rows.stages_of, run.id)}

    def check(self, kind: str, **settings: Any) -> int:
        return int(self.do(stage_environments.add_check, self.people["own"], "p", "qa", kind, settings).id)

    def asked(self, run: Run) -> asked_checks.AskedCheck:
        (row,) = [one for one in self.look(asked_checks.of_run, run.id) if one.kind == "approval"]
        assert isinstance(row, asked_checks.AskedCheck)
        return row

    def answer(self, run: Run, who: str, *, approves: bool = True, **named: Any) -> None:
        self.do(approvals.decide, self.people[who], self.asked(run).id, approves=approves, **named)
        self.settle()

    def units(self, run: Run) -> list[UnitRow]:
        return list(self.look(unit_rows.of_run, run.id))

    def message(self, unit: UnitRow) -> JobMessage:
        with self.database.read() as tx:
            actor = actor_of_unit(tx, SUBJECT + unit.id)
            return delivery_units.message(tx, actor, unit.run, unit.id, self.sealer)

    def end(self, run: Run, result: Result = Result.SUCCEEDED) -> None:
        """Let whatever runs of a run end."""
        for unit in self.units(run):
            if unit.state != "completed":
                with self.database.write() as tx:
                    actor = actor_of_unit(tx, SUBJECT + unit.id)
                    end = Record(1, JOB, "job", StepState.COMPLETED, result=result)
                    delivery_units.take(tx, actor, run.id, unit.id, [end], self.sealer, now=self.now)
        self.settle()

    def told(self, kind: str) -> list[dict[str, Any]]:
        found = self.look(events.after, 0, limit=1000)
        return [dict(one.data) | {"actor": one.actor["name"]} for one in found if one.type == f"Pratique.{kind}"]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    home = Home(tmp_path / "home")
    home.prepare()
    database, now = Database.at(home.database), datetime.now(UTC)
    with database.change_schema() as tx:
        metadata.create_all(tx)
    sealer, issuer = Sealer(home.keys / "seal"), Issuer(home.keys, "http://here")
    people: dict[str, Actor] = {}
    with database.write() as tx:
        people["own"] = actor_for(tx, principals.ensure_owner(tx, "own", now=now))
        projects.create(tx, PLATFORM, "p", now=now)
        groups.create(tx, PLATFORM, "rg", location="", tags={}, now=now)
        workspaces.create(tx, PLATFORM, {"name": "dev"}, group="rg", now=now)
        stage_environments.create(tx, PLATFORM, "p", "qa", now=now)
        for name, role, scope in (
            ("ann", "Contributor", "/delivery/p"), ("bob", "Approver", "/delivery/p/environments/qa"),
            ("eve", "Approver", "/delivery/p"), ("rob", "Reader", "/"),
        ):  # fmt: skip
            credential = Credential("", "$unused", now)
            made = principals.create_user(tx, PLATFORM, name, display_name="", credential=credential, now=now)
            roles.assign(tx, PLATFORM, role=role, assignee=name, scope=scope, now=now)
            people[name] = actor_for(tx, made)
        wished = {"name": "d", "repository": "/src", "repository_type": "folder", "path": "a.yml"}
        delivery = deliveries.create(tx, PLATFORM, "p", wished, now=now)
    bench: Any = SimpleNamespace(database=database, sealer=sealer, issuer=issuer, home=home)
    yield Scene(database, home, sealer, issuer, RunSettler(bench), delivery, people, now)
    database.close()


@contextlib.contextmanager
def answering(*answers: tuple[int, str]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An API on loopback that gives these answers, one after the other; its URL and what it was sent."""
    left, sent = list(answers), []

    def answer(asked: Asked) -> Answer:
        sent.append(json.loads(asked.body))
        status, text = left.pop(0)
        return Answer(status, text.encode(), {"Location": "http://127.0.0.1:1/"})

    with served(answer) as url:
        yield f"{url}/check", sent
