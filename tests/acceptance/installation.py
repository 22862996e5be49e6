"""One installation of the platform as a person has it: a home, two ports, and the command line."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from tests.ports import free_port

from pratique.base.home import Home
from pratique.compute import shim
from pratique.store.database import Database
from pratique.store.events import first_broken

PRATIQUE: Final = Path(sys.executable).parent / "pratique"
PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
SHARED_ENVIRONMENTS: Final = Path(tempfile.gettempdir()) / f"pratique-tests-{os.getuid()}" / "environments"
"""Built environments are the same in every home, and stay for the next session."""
LIMIT: Final = 300.0
"""Seconds that nothing here takes unless something is broken, however busy the machine is."""
_LOOK: Final = 0.05


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


@dataclass(frozen=True)
class Answer:
    """What a door answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Installation:
    """One home and how to speak to the platform in it; making one starts nothing."""

    folder: Path
    """Home, configuration and whatever a test writes."""
    door_port: int
    endpoints_port: int
    extra: Mapping[str, str] = field(default_factory=dict)
    """More variables for every command."""

    @property
    def home(self) -> Path:
        """PRATIQUE_HOME."""
        return self.folder / "home"

    @property
    def runtime(self) -> Path:
        """Where its sockets and the owner's token are."""
        return self.folder / "run" / Home(self.home).runtime.name

    @property
    def door(self) -> str:
        """The origin of the front door."""
        return f"http://127.0.0.1:{self.door_port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of every command: the caller's own without what would lead it elsewhere."""
        foreign = ("PRATIQUE_", "AZURE_", "MLFLOW_", "PYTHON", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign) and name != "CI"}
        return kept | {
            "PRATIQUE_HOME": str(self.home),
            "PRATIQUE_RUNTIME_DIR": str(self.folder / "run"),
            "PRATIQUE_CONFIG_DIR": str(self.folder / "config"),
            "PRATIQUE_DOOR_PORT": str(self.door_port),
            "PRATIQUE_ENDPOINTS_PORT": str(self.endpoints_port),
            **self.extra,
        }

    def begin(
        self, *words: str, cwd: Path | None = None, stdin: IO[bytes] | int | None = subprocess.DEVNULL
    ) -> "subprocess.Popen[str]":
        """Start a command and let it run."""
        return subprocess.Popen(
            [PRATIQUE, *words], cwd=cwd or self.folder, env=self.environment, stdin=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *words: str, cwd: Path | None = None, limit: float = LIMIT) -> Said:
        """Run a command to its end, however that is, within `limit` seconds."""
        with self.begin(*words, cwd=cwd) as process:
            try:
                out, err = process.communicate(timeout=limit)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
                raise AssertionError(f"pratique {' '.join(words)} never ended\n{out}\n{err}") from None
        return Said(process.returncode, out, err)

    def do(self, *words: str, cwd: Path | None = None) -> str:
        """Run a command that ends well; its stdout."""
        said = self.run(*words, cwd=cwd)
        assert said.code == 0, f"pratique {' '.join(words)}: {said}"
        return said.out

    def get(self, *words: str, cwd: Path | None = None) -> Any:
        """Run a command that ends well; its document."""
        return json.loads(self.do(*words, "-o", "json", cwd=cwd))

    def fail(self, *words: str, cwd: Path | None = None, code: int = 1) -> str:
        """Run a command that ends with `code` and prints no data; its stderr."""
        said = self.run(*words, cwd=cwd)
        assert said.code == code, f"pratique {' '.join(words)}: {said}"
        assert said.out == "", "stdout is data, and there is none"
        assert "Traceback" not in said.err or "  | " in said.err, f"only the user's own code has a traceback: {said}"
        return said.err

    def bash(self, script: str, cwd: Path | None = None) -> Said:
        """Run a script as somebody types it, with `pratique` on the PATH."""
        path = f"{PRATIQUE.parent}:{self.environment['PATH']}"
        finished = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=cwd or self.folder, env={**self.environment, "PATH": path},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=2 * LIMIT, check=False,
        )  # fmt: skip
        return Said(finished.returncode, finished.stdout, finished.stderr)

    @property
    def token(self) -> str:
        """The owner's token, as every command of this home finds it."""
        return (self.runtime / "owner.token").read_text(encoding="utf-8")

    def ask(
        self, method: str, path: str, *, token: str | None = None, headers: Mapping[str, str] | None = None,
        body: bytes = b"", port: int = 0,
    ) -> Answer:  # fmt: skip
        """One request to a door, its path and headers exactly as given; without a `token`, as nobody."""
        given = dict(headers or {})
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        connection = http.client.HTTPConnection("127.0.0.1", port or self.door_port, timeout=LIMIT)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host="Host" in given, skip_accept_encoding=True)
            for name, value in given.items():
                connection.putheader(name, value)
            if body or method in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def score(
        self, workspace: str, endpoint: str, key: str, body: bytes = b"{}", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request to an endpoint."""
        given = {"Content-Type": "application/json", **(headers or {})}
        path = f"/endpoints/{workspace}/{endpoint}/score"
        return self.ask("POST", path, token=key, headers=given, body=body, port=self.endpoints_port)

    def up(self) -> None:
        """Bring the platform up."""
        said = self.run("up")
        assert said.code == 0, f"{said}\n{self.last_words()}"

    def down(self) -> None:
        """Take the platform down; whatever of it lives afterwards is ended and is a failure."""
        said = self.run("down") if self.home.is_dir() else Said(0, "", "")
        left = self.processes()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.runtime, ignore_errors=True)
        assert said.code == 0, said
        assert left == {}, "nothing of a home runs after `pratique down`"

    def processes(self) -> dict[int, str]:
        """Every live process that has to do with this home, with its command line."""
        found = {}
        needle = os.fsencode(self.home)
        for pid in shim.processes():
            with contextlib.suppress(OSError):
                command = _read(pid, "cmdline")
                cwd = os.fsencode(os.readlink(f"/proc/{pid}/cwd"))
                if needle in command or needle in _read(pid, "environ") or needle in cwd:
                    found[pid] = command.replace(b"\0", b" ").decode(errors="replace").strip()
        return {pid: command for pid, command in found.items() if command and pid != os.getpid()}

    def pids(self, *needles: str) -> list[int]:
        """The processes of this home whose command line has each of `needles`."""
        return [pid for pid, command in self.processes().items() if all(needle in command for needle in needles)]

    def broken_event(self) -> int | None:
        """The number of the first event whose hash does not fit; None when the chain is whole."""
        with contextlib.closing(Database.at(self.home / "pratique.db")) as database, database.read() as tx:
            return first_broken(tx)

    def last_words(self) -> str:
        """The ends of all logs of the platform's parts, for a test that failed."""
        logs = sorted(self.home.glob("services/*/*/console.log"))
        return "\n".join(f"--- {log}\n{_tail(log)}" for log in logs)


def _read(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])


def free_ports() -> tuple[int, int]:
    """One for each door."""
    return free_port(), free_port()


def until(holds: Callable[[], object], what: str, *, limit: float = LIMIT) -> Any:
    """Wait for a true answer of `holds` and return it; fails when it never comes."""
    deadline = time.monotonic() + limit
    while not (answer := holds()):
        assert time.monotonic() < deadline, f"this never came: {what}"
        time.sleep(_LOOK)
    return answer


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write a small project and return its folder."""
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return folder


PLAIN_ENVIRONMENT: Final = {
    "environment.yml": "name: plain\nimage: ubuntu:22.04\nconda_file: conda.yml\n",
    "conda.yml": f"dependencies:\n  - python={PYTHON}\n",
}
"""An environment without a package: nothing has to be fetched for it."""


@contextlib.contextmanager
def running(installation: Installation) -> Iterator[Installation]:
    """The platform of `installation`, up inside the block and all gone after it."""
    try:
        installation.up()
        yield installation
    finally:
        installation.down()


def prepare_workspace(installation: Installation, name: str) -> Path:
    """A workspace with the plain environment, as the default of the command line; the folder of its project."""
    project = write(installation.folder / name, PLAIN_ENVIRONMENT)
    installation.do("group", "create", "-n", "acceptance", "-l", "local")
    installation.do("ml", "workspace", "create", "-n", name, "-g", "acceptance")
    write(project, {"config.json": json.dumps({"resource_group": "acceptance", "workspace_name": name})})
    installation.do("ml", "environment", "create", "-f", "environment.yml", cwd=project)
    return project
