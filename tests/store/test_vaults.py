"""Vaults, checks that were asked, locks and uses: the same rows on both databases."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from pratique.store import asked_checks, deliveries, delivery_runs, projects, run_uses, stage_environments, vaults
from pratique.store.asked_checks import AskedCheck
from pratique.store.database import Database
from pratique.store.deliveries import Delivery
from pratique.store.delivery_runs import Run
from pratique.store.projects import Project
from pratique.store.run_uses import Use
from pratique.store.stage_environments import StageEnvironment
from pratique.store.vaults import Policy, Secret, SecretVersion, Vault


def version(now: datetime, ordinal: int, name: str = "k") -> SecretVersion:
    return SecretVersion("kv", name, str(ordinal) * 32, ordinal, "sealed", "", {}, True, None, now, now, now)


@pytest.fixture
def vault(database: Database, now: datetime) -> Database:
    with database.write() as tx:
        vaults.add(tx, Vault("kv", "rg", "local", {}, 90, None, now, {}))
        vaults.add_secret(tx, Secret("kv", "k", "K", None, None))
        for ordinal in (1, 2, 3):
            vaults.add_version(tx, version(now, ordinal))
    return database


def test_names_are_found_in_any_case_and_the_newest_version_first(vault: Database, now: datetime) -> None:
    with vault.read() as tx:
        assert vaults.get(tx, "KV") is not None
        secret = vaults.secret(tx, "kv", "K")
        assert secret is not None
        assert vaults.version(tx, secret) == version(now, 3)
        assert [one.ordinal for one in vaults.versions(tx, secret)] == [3, 2, 1]
        assert vaults.version(tx, secret, "1" * 32) == version(now, 1)
        assert vaults.newest_versions(tx, "kv") == {"k": version(now, 3)}


def test_a_policy_is_written_over_and_goes_with_its_holder(vault: Database) -> None:
    with vault.write() as tx:
        vaults.put_policy(tx, Policy("kv", "1", ["get"]))
        vaults.put_policy(tx, Policy("kv", "1", ["list"]))
        assert vaults.policies(tx, "kv") == [Policy("kv", "1", ["list"])]
        vaults.remove_policies_of(tx, "1")
        assert vaults.policies(tx, "kv") == []


def test_what_is_due_is_purged_with_its_versions(vault: Database, now: datetime) -> None:
    with vault.write() as tx:
        secret = vaults.secret(tx, "kv", "k")
        assert secret is not None
        vaults.change_secret(tx, secret, deleted_at=now, purge_at=now + timedelta(days=7))
        assert vaults.purge_due(tx, now=now + timedelta(days=6)) == []
        assert [one.name for one in vaults.purge_due(tx, now=now + timedelta(days=7))] == ["K"]
        assert vaults.newest_versions(tx, "kv") == {}


@pytest.fixture
def run(database: Database, now: datetime) -> Database:
    with database.write() as tx:
        projects.add(tx, Project("1", "p", "", now, {}))
        deliveries.add(tx, Delivery(1, "p", "d", "", "\\", "r", "git", "", "a.yml", {}, "enabled", now, now, {}))
        facts: dict[str, Any] = {
            "delivery": 1, "project": "p", "number": "1", "reason": "Manual", "path": "", "branch": "", "version": "",
            "sources": [], "parameters": {}, "variables": {}, "left_out": [], "text": "", "system": {}, "counted": {},
            "status": "inProgress", "result": None, "cancel_requested": False, "canceled_by": None, "tags": [],
            "warnings": [], "appends_message": True, "error": None, "revision": 1, "settled": 1, "created_at": now,
            "started_at": None, "ended_at": None, "created_by": {},
        }  # fmt: skip
        for number in (1, 2):
            stage = delivery_runs.StageRow(number, "QA", 0, "QA")
            job = delivery_runs.JobRow(number, "QA", "j", 0, "j", expected=[])
            delivery_runs.add(tx, Run(id=number, **facts), [stage], [job])
        stage_environments.add(tx, StageEnvironment(1, "p", "qa", "", None, None, now, {}))
    return database


def test_a_lock_is_held_by_one_stage_until_it_is_given_back(run: Database) -> None:
    with run.write() as tx:
        assert stage_environments.lock(tx, 1, 1, "QA")
        assert stage_environments.lock(tx, 1, 1, "QA")
        assert not stage_environments.lock(tx, 1, 2, "QA")
        assert stage_environments.unlock(tx, 2) == []
        assert stage_environments.unlock(tx, 1, "QA") == [1]
        assert stage_environments.lock(tx, 1, 2, "QA")


def asked(now: datetime, number: int, state: str, look_at: datetime | None = None) -> AskedCheck:
    return AskedCheck(
        id=str(number), run=1, stage="QA", environment_id=1, environment="qa", project="p", check_id=number,
        kind="approval", settings={}, requested_by={}, bound={}, state=state, reason="", answers=[], asked_at=now,
        expires_at=look_at, look_at=look_at, ended_at=None,
    )  # fmt: skip


def test_only_what_is_due_is_found_and_what_is_open_is_withdrawn(run: Database, now: datetime) -> None:
    later = now + timedelta(hours=1)
    rows = [asked(now, 1, "waiting", later), asked(now, 2, "pending"), asked(now, 3, "passed")]
    with run.write() as tx:
        asked_checks.add_all(tx, rows)
        assert asked_checks.due(tx, now=now) == []
        assert asked_checks.due(tx, now=later) == [1]
        assert asked_checks.of_run(tx, 1, "QA") == rows
        assert asked_checks.withdraw(tx, 1, reason="cancelled", now=later) == rows[:2]
        assert [one.state for one in asked_checks.of_run(tx, 1)] == ["withdrawn", "withdrawn", "passed"]
        assert asked_checks.due(tx, now=later) == []


def test_a_use_is_written_once_and_what_was_made_stays_made(run: Database, now: datetime) -> None:
    read = Use(1, "dev", "models", "d" * 64, "credit:1", is_made=False, at=now)
    made = Use(1, "dev", "models", "d" * 64, "credit:1", is_made=True, at=now)
    with run.write() as tx:
        assert run_uses.note(tx, read)
        assert not run_uses.note(tx, made)
        assert not run_uses.note(tx, read)
        assert run_uses.of_run(tx, 1) == [made]
        assert run_uses.of_run(tx, 1, ["data"]) == []
        delivery_runs.remove(tx, 1)
        assert run_uses.of_run(tx, 1) == []
