"""What the verbs of backups and pruning refuse, in words, and what they tell in the journal."""

from contextlib import closing
from pathlib import Path

import pytest

from pratique.app import backup
from pratique.app.prune import prune
from pratique.base.clock import utc_now
from pratique.base.errors import InvalidInput, NotFound
from pratique.base.home import Home
from pratique.content.journal_verifier import read_keys, verify
from pratique.control.journal_key import JournalKey
from pratique.store import events, journal, seals
from pratique.store.database import Database
from pratique.store.events import Event
from pratique.store.migrate import migrate


def test_a_database_of_postgresql_is_refused_with_what_to_do(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRATIQUE_DATABASE_URL", "postgresql://somebody@nowhere/pratique")
    with pytest.raises(InvalidInput, match="PostgreSQL") as refused:
        backup.create(path=".")
    assert "pg_dump" in refused.value.hint
    assert not home.root.exists()


def test_what_is_no_file_is_no_backup(home: Home, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words")
    with pytest.raises(InvalidInput, match="no backup of Pratique"):
        backup.restore(path=str(tmp_path / "notes.txt"), home=None)
    assert not home.root.exists()


def test_a_home_that_is_not_there_is_not_pruned(home: Home) -> None:
    with pytest.raises(NotFound, match="there is no home"):
        prune(dry_run=True, unused_for=30)
    assert not home.root.exists()


def test_days_below_one_are_refused(home: Home) -> None:
    with pytest.raises(InvalidInput, match="--unused-for"):
        prune(dry_run=True, unused_for=0)
    assert not home.root.exists()


def test_a_restored_home_verifies_and_tells_of_backup_restoring_and_pruning(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.prepare()
    with closing(Database.at(home.database)) as database:
        migrate(database)
        with database.write() as tx:
            events.append(tx, Event("Pratique.Tested", "x", "/", {"name": "ada", "type": "user"}), now=utc_now())
        seal(database, home)
    keys = read_keys(JournalKey(home.keys).public()[1])
    backup.create(path=str(tmp_path / "kept.tar"))
    backup.restore(path=str(tmp_path / "kept.tar"), home=str(tmp_path / "again"))
    restored = Home(tmp_path / "again")
    monkeypatch.setenv("PRATIQUE_HOME", str(restored.root))
    prune(dry_run=False, unused_for=30)
    with closing(Database.at(restored.database)) as database:
        seal(database, restored)
        found = verify(journal.lines(database), keys)
        with database.read() as tx:
            told = [one.type for one in events.after(tx, 1)]
    assert (found.unsealed, found.seals) == (0, 2), "sealed with the same key"
    assert told == ["Pratique.HomeBackedUp", "Pratique.HomeRestored", "Pratique.HomePruned"]


def seal(database: Database, home: Home) -> None:
    with database.write() as tx:
        made = seals.due(tx, JournalKey(home.keys).signer(), now=utc_now())
        assert made is not None
        assert seals.add(tx, made)
