"""Columns mean the same on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from pratique.store import assets, jobs
from pratique.store.assets import Asset, AssetVersion
from pratique.store.database import Database
from pratique.store.jobs import Job
from pratique.store.schema import metadata, resource_groups

ZONES = st.timezones()


def written_and_read(database: Database, moment: datetime) -> datetime:
    with database.write() as tx:
        tx.execute(resource_groups.delete().where(resource_groups.c.name == "moment"))
        tx.execute(insert(resource_groups).values(name="moment", location="", tags={}, created_at=moment))
    with database.read() as tx:
        wanted = select(resource_groups.c.created_at).where(resource_groups.c.name == "moment")
        found = tx.execute(wanted).scalar_one()
    assert isinstance(found, datetime)
    return found


@given(moment=st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=ZONES))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_moment_of_any_zone_comes_back_as_the_same_moment_in_utc(database: Database, moment: datetime) -> None:
    found = written_and_read(database, moment)
    assert found == moment.astimezone(UTC)
    assert found.utcoffset() == timedelta(0)


def test_moments_compare_as_moments_whatever_their_zone(database: Database) -> None:
    tokyo = timezone(timedelta(hours=9))
    written_and_read(database, datetime(2026, 1, 1, 8, tzinfo=tokyo))  # 23:00 UTC of the day before.
    with database.read() as tx:
        earlier = resource_groups.c.created_at < datetime(2026, 1, 1, 0, tzinfo=UTC)
        named = resource_groups.c.name == "moment"
        assert tx.execute(select(resource_groups.c.name).where(named, earlier)).scalar() == "moment"


def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="without a time zone"):
        written_and_read(database, datetime(2026, 1, 1))


def test_no_error_is_null_and_not_the_word_null(database: Database, new_job: Callable[..., Job]) -> None:
    with database.write() as tx:
        jobs.add(tx, new_job("well", error=None))
        jobs.add(tx, new_job("ill", error={"message": "it broke"}))
    with database.read() as tx:
        assert tx.execute(text("SELECT name FROM jobs WHERE error IS NULL")).scalars().all() == ["well"]
        ill = jobs.get(tx, "dev", "ill")
    assert ill is not None
    assert ill.error == {"message": "it broke"}


def test_a_version_may_be_a_date_with_a_time(
    database: Database, now: datetime, new_version: Callable[..., AssetVersion]
) -> None:
    with database.write() as tx:
        assets.add(tx, Asset("dev", "models", "credit", 1, "", {}, False, now, now))
        assets.add_version(tx, new_version("20260131120000"))
        known = assets.get(tx, "dev", "models", "credit")
    assert known is not None
    assert known.next_version == 20260131120001


def test_a_status_that_does_not_exist_cannot_be_written(database: Database, new_job: Callable[..., Job]) -> None:
    with pytest.raises(IntegrityError), database.write() as tx:
        jobs.add(tx, new_job(status="Sleeping"))


def test_a_name_is_unique_in_its_workspace_and_free_in_another(database: Database, new_job: Callable[..., Job]) -> None:
    with database.write() as tx:
        jobs.add(tx, new_job("same"))
        jobs.add(tx, new_job("same", workspace="qa"))
    with pytest.raises(IntegrityError), database.write() as tx:
        jobs.add(tx, new_job("same"))


def test_whatever_is_claimed_has_both_columns_of_a_lease() -> None:
    claimed = {name for name, table in metadata.tables.items() if "lease_token" in table.c or "lease_until" in table.c}
    assert claimed == {"jobs", "online_endpoints", "online_deployments", "examinations", "delivery_runs", "pushes"}
    for name in claimed:
        assert {"id", "created_at", "lease_token", "lease_until"} <= set(metadata.tables[name].c.keys())
