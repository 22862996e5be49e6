"""Approvals of a run that is followed, at a terminal and by --approve, over the real API."""

import os
import pty
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pratique.base.clock import utc_now
from pratique.cli.verbs.run_approvals import answering
from pratique.client.connection import Connection, Document
from pratique.client.door import Door
from pratique.control import deliveries, delivery_runs, stage_environments
from pratique.control.actor import PLATFORM
from pratique.control.delivery_runs import Request
from pratique.delivery.compile import compiled
from pratique.engine.delivery_runs import RunSettler
from pratique.store import asked_checks
from pratique.store.asked_checks import AskedCheck

from .conftest import LIMIT, PROJECT, Run, Site

TEXT = """
stages:
- stage: QA
  jobs:
  - deployment: promote
    environment: {}
    strategy: {{runOnce: {{deploy: {{steps: [{{bash: promote}}]}}}}}}
"""


class Asked:
    """A run of the platform's that waits for an approval."""

    def __init__(self, site: Site, environment: str, **settings: Any) -> None:
        self._site = site
        database = site.platform.database
        with database.write() as tx:
            stage_environments.create(tx, PLATFORM, PROJECT, environment, now=utc_now())
            stage_environments.add_check(tx, PLATFORM, PROJECT, environment, "approval", settings, now=utc_now())
            wished = {"name": environment, "repository": "/src", "repository_type": "folder", "path": "a.yml"}
            delivery = deliveries.create(tx, PLATFORM, PROJECT, wished, now=utc_now())
            request = Request(delivery, "a.yml", "refs/heads/main", "c0ffee", [])
            found = compiled(lambda _repository, _path: TEXT.format(environment), "a.yml")
            known = delivery_runs.known_variables(request, PLATFORM, door=site.door)
            made = delivery_runs.queue(tx, PLATFORM, request, found, known=known, now=utc_now())
        bench: Any = SimpleNamespace(
            database=database, sealer=site.platform.sealer, issuer=site.platform.issuer, home=site.platform.home
        )
        self._settler = RunSettler(bench)
        self.settle()
        self.run: Document = {"id": made.id, "project": {"name": PROJECT}}

    def settle(self) -> None:
        """Until nothing more follows."""
        while self._settler.step():
            pass

    @property
    def row(self) -> AskedCheck:
        with self._site.platform.database.read() as tx:
            (row,) = asked_checks.of_run(tx, int(self.run["id"]))
        return row

    def wait_until_answered(self) -> AskedCheck:
        deadline = time.monotonic() + LIMIT
        while (row := self.row).state == "waiting":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return row


def _connection(site: Site, who: str, role: str | None = "Owner") -> Connection:
    return Connection(Door(site.door, site.token(who, role), None))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The person's side of a terminal that is this process's stdin."""
    person, ours = pty.openpty()
    with os.fdopen(ours, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield person
    os.close(person)


def test_a_person_at_the_terminal_sees_what_it_is_for_and_says_yes(
    site: Site, pratique: Run, terminal: int, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = Asked(site, "qa-terminal", instructions="look at the report")
    os.write(terminal, b"what?\nyes\nlooks good\n")
    with answering(_connection(site, "tess"), asked.run, approves_all=False):
        row = asked.wait_until_answered()
    assert (row.state, row.answers[0]["name"], row.answers[0]["comment"]) == ("passed", "tess", "looks good")
    shown = capfd.readouterr().err
    assert "look at the report" in shown
    assert "commit c0ffee" in shown
    assert shown.count("approve? [y]es, [n]o, [l]ater: ") == 2


def test_a_person_at_the_terminal_says_no(site: Site, pratique: Run, terminal: int) -> None:
    asked = Asked(site, "qa-no")
    os.write(terminal, b"n\ntoo slow\n")
    with answering(_connection(site, "tess"), asked.run, approves_all=False):
        assert asked.wait_until_answered().reason == "rejected by tess: too slow"


def test_a_script_approves_as_whoever_runs_it(site: Site, pratique: Run) -> None:
    asked = Asked(site, "qa-script")
    with answering(_connection(site, "tess"), asked.run, approves_all=True):
        assert asked.wait_until_answered().reason == "approved by tess"


def test_a_script_that_may_not_approve_is_told_so_and_approves_nothing(
    site: Site, pratique: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = Asked(site, "qa-refused")
    said = ""
    deadline = time.monotonic() + LIMIT
    with answering(_connection(site, "rita", "Reader"), asked.run, approves_all=True):
        while "the run waits for somebody else" not in said:
            assert time.monotonic() < deadline
            time.sleep(0.05)
            said += capfd.readouterr().err
    assert "rita may not answer this approval: you have no role that decides approvals there" in said
    assert (asked.row.state, asked.row.answers) == ("waiting", [])


def test_nobody_is_asked_where_there_is_no_terminal(site: Site, pratique: Run) -> None:
    asked = Asked(site, "qa-nobody")
    with answering(_connection(site, "tess"), asked.run, approves_all=False):
        pass
    assert asked.row.state == "waiting"


def test_approving_needs_a_run_that_is_followed(pratique: Run) -> None:
    ran = pratique("pipelines", "run", "--name", "any", "--approve", "--no-wait", "--project", PROJECT)
    assert ran.returncode == 2
    assert "does not go with --no-wait" in ran.stderr
