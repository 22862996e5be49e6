"""MLflow's database is there whole or not at all, whenever its first start is killed."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from pratique.base.home import Home
from pratique.compute.environments import Environments
from pratique.tracking.server import TrackingServer

SOURCE: Final = Path(__file__).parents[3] / "tracking" / "src"
LIMIT: Final = 300.0


@pytest.fixture(scope="module")
def python(environments: Environments, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of MLflow's environment."""
    server = TrackingServer(Home(tmp_path_factory.mktemp("home")))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return environments.ensure(environments.adopt(server.requirements(), version))


def begin(python: Path, database: Path) -> "subprocess.Popen[bytes]":
    program = f"from pratique_tracking.schema import make_schema; make_schema({str(database)!r})"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "HOME": str(database.parent)}
    return subprocess.Popen(
        [python, "-W", "ignore", "-c", program], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.mark.parametrize("size", [1, 300_000])
def test_a_killed_first_start_leaves_nothing_that_the_next_one_stumbles_over(
    python: Path, tmp_path: Path, size: int
) -> None:
    database, aside = tmp_path / "mlflow.db", tmp_path / "mlflow.db.making"
    with begin(python, database) as first:
        deadline = time.monotonic() + LIMIT
        while not (aside.exists() and aside.stat().st_size >= size):
            assert first.poll() is None, "it ended before it was killed"
            assert time.monotonic() < deadline
            time.sleep(0.001)
        first.kill()
    assert not database.exists()
    with begin(python, database) as second:
        assert second.wait(LIMIT) == 0
    assert not aside.exists()
    with contextlib.closing(sqlite3.connect(database)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {"runs", "experiments", "alembic_version"} <= tables


def test_a_database_that_is_there_is_left_as_it_is(python: Path, tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    database.write_bytes(b"somebody's")
    with begin(python, database) as process:
        assert process.wait(LIMIT) == 0
    assert database.read_bytes() == b"somebody's"
