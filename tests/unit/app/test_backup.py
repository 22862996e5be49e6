"""What the verbs of backups and pruning refuse, in words."""

from pathlib import Path

import pytest

from pratique.app import backup
from pratique.app.prune import prune
from pratique.base.errors import InvalidInput, NotFound
from pratique.base.home import Home


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
