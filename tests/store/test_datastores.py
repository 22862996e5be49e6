"""Datastores: a path is a text, compared byte by byte on both databases."""

from datetime import datetime

from pratique.store import datastores, workspaces
from pratique.store.database import Database
from pratique.store.datastores import Datastore, DatastoreFile


def file(path: str, now: datetime, *, workspace: str = "dev", datastore: str = "d", blob: str = "a") -> DatastoreFile:
    return DatastoreFile(workspace, datastore, path, blob * 64, 1, now)


def test_a_datastore_comes_back_as_it_was_written_and_goes_with_its_workspace(
    database: Database, now: datetime
) -> None:
    made = Datastore("1", "dev", "raw", {"type": "azure_blob"}, "sealed", now, now, {"name": "ada"})
    with database.write() as tx:
        datastores.add(tx, made)
        datastores.put(tx, [file("a", now)])
        assert datastores.get(tx, "dev", "raw") == made
        assert datastores.get(tx, "qa", "raw") is None
        assert datastores.every(tx, "dev") == [made]
        workspaces.remove(tx, "dev")
        assert datastores.every(tx, "dev") == []
        assert datastores.below(tx, "dev", "d", "") == []


def test_below_a_folder_is_only_what_is_in_it(database: Database, now: datetime) -> None:
    with database.write() as tx:
        paths = ("m", "m/a", "m/b/c", "M/a", "m.txt", "mm/a", "m0", "m/%_", "m-/a")
        datastores.put(tx, [file(path, now) for path in paths])
        datastores.put(tx, [file("m/other", now, datastore="e"), file("m/other", now, workspace="qa")])
        found = [one.path for one in datastores.below(tx, "dev", "d", "m")]
        assert sorted(found) == ["m", "m/%_", "m/a", "m/b/c"]
        assert len(datastores.below(tx, "dev", "d", "")) == 9
        assert datastores.is_folder(tx, "dev", "d", "M")
        assert not datastores.is_folder(tx, "dev", "d", "m.txt")
        assert datastores.any_of(tx, "dev", "d", ["x", "m0"]) == "m0"


def test_many_files_are_written_at_once_and_the_last_of_a_path_counts(database: Database, now: datetime) -> None:
    with database.write() as tx:
        datastores.put(tx, [file(f"f/{number}", now) for number in range(1200)])
        datastores.put(tx, [file("f/7", now, blob="b"), file("f/7", now, blob="c")])
        found = {one.path: one.blob[0] for one in datastores.below(tx, "dev", "d", "f")}
    assert len(found) == 1200
    assert found["f/7"] == "c"
    assert found["f/8"] == "a"
