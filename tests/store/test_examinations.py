"""Questions about versions of models: worked on by one, begun again when they were left, gone with their version."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from pratique.base.ids import new_id
from pratique.store import assets, examinations
from pratique.store.assets import Asset, AssetVersion
from pratique.store.database import Database
from pratique.store.examinations import Examination

LASTING = timedelta(seconds=60)


@pytest.fixture
def asked(database: Database, new_version: Callable[..., AssetVersion], now: datetime) -> Examination:
    """One question about credit:1."""
    version = new_version("1")
    made = Examination(new_id(), "dev", version.id, "conversion", {}, "Queued", "", None, None, now, None, None, {})
    with database.write() as tx:
        assets.add(tx, Asset("dev", "models", "credit", 1, "", {}, False, now, now))
        assets.add_version(tx, version)
        examinations.add(tx, made)
    return made


def test_one_works_on_it_and_its_answer_stays(database: Database, asked: Examination, now: datetime) -> None:
    with database.write() as tx:
        claimed = examinations.claim(tx, now=now, lasting=LASTING)
        assert claimed is not None
        found, lease = claimed
        assert (found.id, found.status) == (asked.id, "Running")
        assert examinations.claim(tx, now=now, lasting=LASTING) is None
        assert examinations.tell(tx, lease, "converting")
        assert examinations.finish(tx, lease, status="Completed", report={"holds": True}, ended_at=now)
        assert not examinations.any_waiting(tx, now=now + 2 * LASTING)
        newest = examinations.newest(tx, asked.version_id, "conversion")
    assert newest is not None
    assert (newest.status, newest.report, newest.is_terminal) == ("Completed", {"holds": True}, True)


def test_what_was_left_is_begun_again_and_who_lost_it_cannot_write(
    database: Database, asked: Examination, now: datetime
) -> None:
    with database.write() as tx:
        first = examinations.claim(tx, now=now, lasting=LASTING)
        examinations.free_all(tx)
        second = examinations.claim(tx, now=now, lasting=LASTING)
        assert first is not None
        assert second is not None
        assert second[0].id == asked.id
        assert not examinations.finish(tx, first[1], status="Failed", ended_at=now)
        assert examinations.finish(tx, second[1], status="Completed", report={}, ended_at=now)


def test_it_goes_with_its_version(database: Database, asked: Examination) -> None:
    with database.write() as tx:
        version = assets.version_by_id(tx, asked.version_id)
        assert version is not None
        assets.remove_version(tx, version)
        assert examinations.by_id(tx, asked.id) is None
