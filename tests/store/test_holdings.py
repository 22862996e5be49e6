"""Bytes are stored once; each workspace holds only what was given to it."""

from datetime import datetime
from hashlib import sha256

import pytest
from sqlalchemy import func, select

from pratique.content.manifest import Entry, Manifest
from pratique.store import holdings, workspaces
from pratique.store.database import Database
from pratique.store.schema import manifests


def digest_of(number: int) -> str:
    return sha256(str(number).encode()).hexdigest()


@pytest.fixture
def manifest() -> Manifest:
    return Manifest([Entry("model/model.pkl", digest_of(1), 10), Entry("run.sh", digest_of(2), 20, executable=True)])


def test_a_workspace_does_not_hold_what_another_was_given(database: Database, now: datetime) -> None:
    with database.write() as tx:
        holdings.hold(tx, "dev", "blob", [(digest_of(1), 10)], now=now)
    with database.read() as tx:
        assert holdings.held(tx, "dev", "blob", [digest_of(1), digest_of(2)]) == {digest_of(1)}
        assert holdings.held(tx, "qa", "blob", [digest_of(1)]) == set()
        assert holdings.sizes(tx, "dev", "blob", [digest_of(1), digest_of(2)]) == {digest_of(1): 10}


def test_holding_a_blob_is_not_holding_a_manifest_of_that_digest(database: Database, now: datetime) -> None:
    with database.write() as tx:
        holdings.hold(tx, "dev", "blob", [(digest_of(1), 10)], now=now)
        assert holdings.held(tx, "dev", "manifest", [digest_of(1)]) == set()


def test_a_manifest_comes_back_the_same(database: Database, now: datetime, manifest: Manifest) -> None:
    with database.write() as tx:
        holdings.add_manifest(tx, "dev", manifest, now=now)
    with database.read() as tx:
        found = holdings.manifest(tx, "dev", manifest.digest)
    assert found == manifest
    assert found.digest == manifest.digest


def test_knowing_the_digest_of_a_manifest_is_not_enough(database: Database, now: datetime, manifest: Manifest) -> None:
    with database.write() as tx:
        holdings.add_manifest(tx, "dev", manifest, now=now)
        assert holdings.manifest(tx, "qa", manifest.digest) is None


def test_a_manifest_of_two_workspaces_is_one_row(database: Database, now: datetime, manifest: Manifest) -> None:
    with database.write() as tx:
        for workspace in ("dev", "qa", "dev"):
            holdings.add_manifest(tx, workspace, manifest, now=now)
        assert holdings.manifest(tx, "qa", manifest.digest) == manifest
        assert tx.execute(select(func.count()).select_from(manifests)).scalar_one() == 1


def test_what_one_workspace_loses_the_other_keeps(database: Database, now: datetime, manifest: Manifest) -> None:
    with database.write() as tx:
        for workspace in ("dev", "qa"):
            holdings.add_manifest(tx, workspace, manifest, now=now)
        workspaces.remove(tx, "dev")
        assert holdings.manifest(tx, "qa", manifest.digest) == manifest
        assert holdings.held(tx, "dev", "manifest", [manifest.digest]) == set()


def test_thousands_are_held_in_one_call_and_twice_is_once(database: Database, now: datetime) -> None:
    things = [(digest_of(number), number) for number in range(1203)]
    with database.write() as tx:
        holdings.hold(tx, "dev", "blob", [*things, *things], now=now)
        holdings.hold(tx, "dev", "blob", things[:10], now=now)
        assert holdings.held(tx, "dev", "blob", [digest for digest, _ in things]) == {digest for digest, _ in things}
        assert holdings.held(tx, "dev", "blob", []) == set()
