"""A database of its own for every test: a copy of one that is made once from the tables themselves."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pratique.store.database import Database
from pratique.store.schema import metadata


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "pratique.db"
    database = Database.at(path)
    with database.change_schema() as tx:
        metadata.create_all(tx)
    database.close()
    return path


@pytest.fixture
def database(tmp_path: Path, empty_database: Path) -> Iterator[Database]:
    path = tmp_path / "pratique.db"
    shutil.copyfile(empty_database, path)
    database = Database.at(path)
    yield database
    database.close()
