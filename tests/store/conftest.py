"""What the store's tests share: a database of either kind, real processes, rows to begin with.

PostgreSQL is one server for the whole session (`tests.postgresql`) and one
database for every test.
"""

import ctypes
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pytest
from sqlalchemy import URL
from tests.postgresql import PostgreSQL

from pratique.base.ids import new_id
from pratique.store import groups, workspaces
from pratique.store.assets import AssetVersion
from pratique.store.database import Database
from pratique.store.groups import ResourceGroup
from pratique.store.jobs import Job
from pratique.store.migrate import migrate
from pratique.store.workspaces import Workspace

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


@pytest.fixture(scope="session")
def migrated_template(postgresql: PostgreSQL) -> str:
    """The name of a database of this version's schema, from which others are copied: faster than migrating each."""
    url = postgresql.new_database("template1")
    database = Database(url)
    migrate(database)
    database.close()
    return str(url.database)


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Every test of a database runs on both."""
    return str(request.param)


@contextmanager
def opened(url: URL) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def empty_database(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database without tables."""
    if kind == "sqlite":
        with opened(URL.create("sqlite", database=str(tmp_path / "pratique.db"))) as database:
            yield database
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    with opened(server.new_database("template1")) as database:
        yield database
    server.drop(database.url)


@pytest.fixture
def migrated_database(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database of this version's schema, without rows."""
    if kind == "sqlite":
        with opened(URL.create("sqlite", database=str(tmp_path / "pratique.db"))) as database:
            migrate(database)
            yield database
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    with opened(server.new_database(request.getfixturevalue("migrated_template"))) as database:
        yield database
    server.drop(database.url)


@pytest.fixture
def database(migrated_database: Database) -> Database:
    """A database of this version's schema with the workspaces dev and qa."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with migrated_database.write() as tx:
        groups.add(tx, ResourceGroup("rg", "local", {}, now))
        for name in ("dev", "qa"):
            workspaces.add(tx, Workspace(name, "rg", "local", name, "", {}, now, {"name": "ada"}))
    return migrated_database


@pytest.fixture
def now() -> datetime:
    """A moment, the same in every test."""
    return datetime(2026, 3, 4, 5, 6, 7, 891011, tzinfo=UTC)


@pytest.fixture
def new_job(now: datetime) -> Callable[..., Job]:
    """Makes a job; whatever is not given does not matter."""

    def make(name: str = "a-job", **values: Any) -> Job:
        facts: dict[str, Any] = {
            "id": new_id(), "workspace": "dev", "name": name, "spec": {}, "resolved": {}, "git": {},
            "status": "Queued", "attempt": 0, "run_id": "", "experiment_id": "", "cancel_requested": False,
            "is_archived": False, "error": None, "outputs": {}, "created_at": now, "started_at": None,
            "ended_at": None, "created_by": {"name": "ada"},
        }  # fmt: skip
        return Job(**(facts | values))

    return make


@pytest.fixture
def new_version(now: datetime) -> Callable[..., AssetVersion]:
    """Makes a version of the model `credit` of the workspace dev; whatever is not given does not matter."""

    def make(version: str, **values: Any) -> AssetVersion:
        facts: dict[str, Any] = {
            "id": new_id(), "workspace": "dev", "kind": "models", "name": "credit", "version": version,
            "ordinal": int(version) if version.isdecimal() else None, "type": "custom_model", "spec": {},
            "path": "", "manifest": None, "description": "", "tags": {}, "properties": {}, "is_archived": False,
            "stage": "None", "run_id": "", "job_name": "", "source": "", "created_at": now, "updated_at": now,
            "created_by": {"name": "ada"},
        }  # fmt: skip
        return AssetVersion(**(facts | values))

    return make


StartPython = Callable[..., subprocess.Popen[str]]


def _without_the_rights_of_root() -> None:
    # Root may write into read-only folders; users may not, and they are who we test for.
    for right in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        _LIBC.prctl(_PR_CAPBSET_DROP, right, 0, 0, 0)


@pytest.fixture
def start_python() -> Iterator[StartPython]:
    """Starts a script as a real process, bound to modes of files even as root; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_without_the_rights_of_root,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        streams: tuple[IO[str] | None, ...] = (process.stdin, process.stdout, process.stderr)
        for stream in streams:
            with suppress(OSError):
                if stream:
                    stream.close()


@pytest.fixture
def run_python(start_python: StartPython) -> Callable[..., str]:
    """Runs a script as a real process and returns what it printed."""

    def run(script: str, *arguments: object) -> str:
        process = start_python(script, *arguments)
        printed, complaints = process.communicate(timeout=120)
        assert process.returncode == 0, complaints
        return printed

    return run
