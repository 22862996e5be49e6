"""Rows as they are stored, which are read when somebody looks."""

from collections.abc import Callable
from datetime import datetime

from pratique.store import assets
from pratique.store.assets import Asset, AssetVersion, ShownVersion
from pratique.store.database import Database
from pratique.store.stored import Stored, remembered


def _listed(database: Database) -> list[Stored[ShownVersion]]:
    with database.read() as tx:
        return assets.shown_versions(tx, "dev", "models", "credit", archived="include")


def test_a_row_reads_as_it_was_written_and_is_equal_as_long_as_it_stays_so(
    database: Database, new_version: Callable[..., AssetVersion], now: datetime
) -> None:
    written = new_version("1", tags={"a": "ü"}, properties={"b": "c"}, manifest="d" * 64)
    with database.write() as tx:
        assets.add(tx, Asset("dev", "models", "credit", 1, "", {}, False, now, now))
        assets.add_version(tx, written)
    (row,), (again,) = _listed(database), _listed(database)
    assert row == again
    assert {name: getattr(written, name) for name in vars(row.value)} == vars(row.value)
    assert remembered(row) is remembered(again)
    with database.write() as tx:
        assets.change_version(tx, written.id, tags={"a": "o"})
    (changed,) = _listed(database)
    assert changed != row
    assert remembered(changed).tags == {"a": "o"}
