"""Names, versions and labels."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from pratique.store import assets
from pratique.store.assets import Asset, AssetVersion
from pratique.store.database import Database, Transaction

NewVersion = Callable[..., AssetVersion]
CREDIT = ("dev", "models", "credit")


@pytest.fixture
def registry(database: Database, now: datetime) -> Database:
    """A database in which the model `credit` is known and has no version yet."""
    with database.write() as tx:
        assets.add(tx, Asset(*CREDIT, 1, "", {}, False, now, now))
    return database


def next_version(tx: Transaction) -> int:
    known = assets.get(tx, *CREDIT)
    assert known is not None
    return known.next_version


def texts(versions: list[AssetVersion]) -> list[str]:
    return [version.version for version in versions]


def test_version_7_on_a_new_name_is_version_7_and_the_next_is_8(registry: Database, new_version: NewVersion) -> None:
    with registry.write() as tx:
        assets.add_version(tx, new_version("7"))
    with registry.write() as tx:
        assets.add_version(tx, new_version(str(next_version(tx))))
    with registry.read() as tx:
        assert sorted(texts(assets.versions(tx, *CREDIT))) == ["7", "8"]
        assert next_version(tx) == 9


def test_a_lower_version_that_comes_later_does_not_pull_the_next_one_down(
    registry: Database, new_version: NewVersion
) -> None:
    with registry.write() as tx:
        assets.add_version(tx, new_version("7"))
        assets.add_version(tx, new_version("3"))
        assert next_version(tx) == 8


def test_a_version_that_is_no_number_does_not_move_the_next_one(registry: Database, new_version: NewVersion) -> None:
    with registry.write() as tx:
        assets.add_version(tx, new_version("2026-01-31.a"))
        assert next_version(tx) == 1


def test_the_number_of_a_removed_version_is_not_given_again(registry: Database, new_version: NewVersion) -> None:
    with registry.write() as tx:
        assets.add_version(tx, seven := new_version("7"))
        assets.remove_version(tx, seven)
        assert assets.versions(tx, *CREDIT) == []
        assert next_version(tx) == 8


def test_a_version_cannot_be_written_twice(registry: Database, new_version: NewVersion) -> None:
    with registry.write() as tx:
        assets.add_version(tx, new_version("1"))
    with pytest.raises(IntegrityError), registry.write() as tx:
        assets.add_version(tx, new_version("1"))


def test_a_version_of_no_name_cannot_be_written(database: Database, new_version: NewVersion) -> None:
    with pytest.raises(IntegrityError), database.write() as tx:
        assets.add_version(tx, new_version("1"))


def test_what_is_read_is_what_was_written(registry: Database, new_version: NewVersion) -> None:
    written = new_version(
        "1", spec={"a": [1, {"b": None}]}, path="upload:x/model", tags={"ü": "é"}, properties={"k": "v"}, run_id="r"
    )
    with registry.write() as tx:
        assets.add_version(tx, written)
    with registry.read() as tx:
        assert assets.version(tx, *CREDIT, "1") == written
        assert assets.version(tx, *CREDIT, "2") is None
        assert assets.version(tx, "qa", "models", "credit", "1") is None
        assert assets.version(tx, "dev", "data", "credit", "1") is None


def test_latest_is_the_one_created_last_not_the_highest(
    registry: Database, new_version: NewVersion, now: datetime
) -> None:
    with registry.write() as tx:
        assets.add_version(tx, new_version("10", created_at=now))
        assets.add_version(tx, new_version("9", created_at=now + timedelta(microseconds=1)))
        found = assets.latest(tx, *CREDIT)
        assert texts(assets.versions(tx, *CREDIT)) == ["9", "10"]
    assert found is not None
    assert found.version == "9"


def test_of_versions_created_in_one_moment_the_higher_is_newer(registry: Database, new_version: NewVersion) -> None:
    with registry.write() as tx:
        for text in ("2", "11", "beta", "3"):
            assets.add_version(tx, new_version(text))
        assert texts(assets.versions(tx, *CREDIT)) == ["11", "3", "2", "beta"]


def test_latest_leaves_archived_versions_out(registry: Database, new_version: NewVersion, now: datetime) -> None:
    with registry.write() as tx:
        assets.add_version(tx, new_version("1", created_at=now))
        assets.add_version(tx, two := new_version("2", created_at=now + timedelta(seconds=1)))
        assets.change_version(tx, two.id, is_archived=True)
        found = assets.latest(tx, *CREDIT)
        assert found is not None
        assert found.version == "1"
        assert texts(assets.versions(tx, *CREDIT)) == ["2", "1"]


def test_latest_of_nothing_is_none(registry: Database, new_version: NewVersion) -> None:
    with registry.write() as tx:
        assert assets.latest(tx, *CREDIT) is None
        assets.add_version(tx, new_version("1", is_archived=True))
        assert assets.latest(tx, *CREDIT) is None


def test_the_newest_of_each_name_leaves_archived_names_and_versions_out(
    registry: Database, new_version: NewVersion, now: datetime
) -> None:
    later = now + timedelta(seconds=1)
    with registry.write() as tx:
        for workspace, kind, name in (
            ("dev", "models", "churn"), ("dev", "models", "old"), ("dev", "data", "table"), ("qa", "models", "credit"),
        ):  # fmt: skip
            assets.add(tx, Asset(workspace, kind, name, 1, "", {}, False, now, now))
            assets.add_version(tx, new_version("1", workspace=workspace, kind=kind, name=name))
        assets.add_version(tx, new_version("1"))
        assets.add_version(tx, new_version("2", created_at=later))
        assets.add_version(tx, new_version("3", created_at=later + timedelta(seconds=1), is_archived=True))
        assets.change(tx, "dev", "models", "old", is_archived=True)
        found = assets.latest_of_each(tx, "dev", "models")
    assert [(row.value.name, row.value.version) for row in found] == [("churn", "1"), ("credit", "2")]


def test_archived_names_are_those_that_say_so_or_whose_versions_all_are(
    registry: Database, new_version: NewVersion, now: datetime
) -> None:
    with registry.write() as tx:
        for name in ("every", "said"):
            assets.add(tx, Asset("dev", "models", name, 1, "", {}, name == "said", now, now))
        for text, is_archived in (("1", False), ("2", True)):
            assets.add_version(tx, new_version(text, is_archived=is_archived))
            assets.add_version(tx, new_version(text, name="every", is_archived=True))
            assets.add_version(tx, new_version(text, name="said"))
        only = assets.latest_of_each(tx, "dev", "models", archived="only")
        both = assets.latest_of_each(tx, "dev", "models", archived="include")
    assert [(row.value.name, row.value.version) for row in only] == [("every", "2"), ("said", "2")]
    assert [(row.value.name, row.value.version) for row in both] == [("credit", "1"), ("every", "2"), ("said", "2")]


def test_a_label_points_to_one_version_and_can_move(registry: Database, new_version: NewVersion) -> None:
    with registry.write() as tx:
        for text in ("1", "2"):
            assets.add_version(tx, new_version(text))
        assets.set_label(tx, *CREDIT, "champion", "1")
        assets.set_label(tx, *CREDIT, "challenger", "2")
        assets.set_label(tx, *CREDIT, "champion", "2")
        assert assets.labels(tx, *CREDIT) == {"challenger": "2", "champion": "2"}
        assets.remove_label(tx, *CREDIT, "challenger")
        assert assets.labels(tx, *CREDIT) == {"champion": "2"}


def test_a_removed_version_takes_its_labels_along_and_no_others(registry: Database, new_version: NewVersion) -> None:
    with registry.write() as tx:
        assets.add_version(tx, one := new_version("1"))
        assets.add_version(tx, new_version("2"))
        assets.set_label(tx, *CREDIT, "old", "1")
        assets.set_label(tx, *CREDIT, "new", "2")
        assets.remove_version(tx, one)
        assert assets.labels(tx, *CREDIT) == {"new": "2"}


def test_a_name_that_changes_takes_its_versions_and_labels_along(
    registry: Database, new_version: NewVersion, now: datetime
) -> None:
    with registry.write() as tx:
        assets.add_version(tx, new_version("1"))
        assets.set_label(tx, *CREDIT, "champion", "1")
        assets.rename(tx, *CREDIT, to="risk", now=now)
    with registry.read() as tx:
        assert assets.get(tx, *CREDIT) is None
        assert texts(assets.versions(tx, "dev", "models", "risk")) == ["1"]
        assert assets.labels(tx, "dev", "models", "risk") == {"champion": "1"}


def test_a_removed_name_takes_its_versions_and_labels_along(registry: Database, new_version: NewVersion) -> None:
    with registry.write() as tx:
        assets.add_version(tx, new_version("1"))
        assets.set_label(tx, *CREDIT, "champion", "1")
        assets.remove(tx, *CREDIT)
        assert assets.versions(tx, *CREDIT) == []
        assert assets.labels(tx, *CREDIT) == {}
        assert assets.every(tx, "dev", "models") == []
