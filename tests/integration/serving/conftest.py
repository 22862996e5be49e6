"""Scorers as the platform starts them: a process with a listening socket at file descriptor 3."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from uv import find_uv_bin

import pratique_serving

PACKAGE = Path(pratique_serving.__file__).parents[1]
PYENV = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"

LIMIT = 300.0
"""Seconds that no wait of these tests reaches unless something is broken, however busy the machine is."""

# What the process shim does: the socket becomes descriptor 3 of the process that is then executed.
HAND_OVER = """
import os, sys
given = int(sys.argv[1])
os.dup2(given, 3)
if given != 3:
    os.close(given)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-m", "pratique_serving"])
"""


class Answer(NamedTuple):
    """One response; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=LIMIT)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(LIMIT)
        self.sock.connect(self._path)


class Scorer:
    """One process. Whatever still lives when the test is over is killed."""

    def __init__(self, folder: Path, python: str, environment: dict[str, str]) -> None:
        self.path = folder / "scorer.sock"
        self.log = folder / "log"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.path))
        listener.listen(128)
        with self.log.open("wb") as log, listener:
            self.process = subprocess.Popen(
                [python, "-c", HAND_OVER, str(listener.fileno())],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE), **environment},
                cwd=environment.get("AML_APP_ROOT", folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )

    def connect(self) -> UnixConnection:
        return UnixConnection(self.path)

    def plug(self) -> socket.socket:
        """A connection for bytes that no client of HTTP would send."""
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(LIMIT)
        client.connect(str(self.path))
        return client

    def ask(self, method: str, target: str, body: bytes | str | None = None, **headers: str) -> Answer:
        """One request on a connection of its own."""
        connection = self.connect()
        try:
            return ask(connection, method, target, body, **headers)
        finally:
            connection.close()

    def score(self, value: object, target: str = "/score") -> Answer:
        return self.ask("POST", target, json.dumps(value), content_type="application/json")

    def wait_until_ready(self) -> None:
        """Until the model has loaded; fails with the log when the process ends first."""
        until = time.monotonic() + LIMIT
        while time.monotonic() < until and self.process.poll() is None:
            if self.ask("GET", "/health/ready").status == 200:
                return
            time.sleep(0.02)
        pytest.fail(f"not ready:\n{self.said()}")

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.terminate()
        return self.process.wait(LIMIT)

    def said(self) -> str:
        return self.log.read_text()

    def end(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(LIMIT)


class Scorers:
    """Starts scorers in one folder; scripts are written there too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Scorer] = []

    def script(self, text: str, python: str = sys.executable, **environment: str) -> Scorer:
        """Serve this scoring script; it may still be loading when this returns."""
        folder = self._folder / f"{len(self._started)}"
        code = folder / "code"
        code.mkdir(parents=True)
        (code / "score.py").write_text(text)
        given = {"AML_APP_ROOT": str(code), "AZUREML_ENTRY_SCRIPT": "score.py", **environment}
        return self._start(folder, python, given)

    def folder(self, python: Path, **environment: str) -> Scorer:
        """Serve what the environment says."""
        folder = self._folder / f"{len(self._started)}"
        folder.mkdir()
        return self._start(folder, str(python), environment)

    def _start(self, folder: Path, python: str, environment: dict[str, str]) -> Scorer:
        scorer = Scorer(folder, python, environment)
        self._started.append(scorer)
        return scorer

    def end_all(self) -> None:
        for scorer in self._started:
            scorer.end()


def ask(
    connection: http.client.HTTPConnection, method: str, target: str, body: bytes | str | None = None, **headers: str
) -> Answer:
    """One request on this connection, which may carry more."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, target, body, named)
    response = connection.getresponse()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def find_interpreter(version: str) -> str:
    """The newest interpreter of this version on this machine; skips the test when there is none."""
    found = [path for path in PYENV.glob(f"{version}.*/bin/python") if path.is_file()]
    if found:
        return str(max(found, key=lambda path: int(path.parts[-3].split(".")[2])))
    pytest.skip(f"Python {version} is not on this machine")


def made_environment(root: Path, lock: Path) -> Path:
    """The Python of a new environment below `root` that has what `lock` names."""
    uv, folder = find_uv_bin(), root / "environment"
    subprocess.run([uv, "venv", "--quiet", "--python", find_interpreter("3.11"), str(folder)], check=True)
    python = folder / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--require-hashes", "--python", str(python)]
    subprocess.run([*install, "-r", str(lock)], check=True)
    return python


class House(NamedTuple):
    """An environment, and the models that one of our programs made in it."""

    python: Path
    models: Path

    def expected(self) -> dict[str, Any]:
        """What the program has found them to predict."""
        found: dict[str, Any] = json.loads((self.models / "expected.json").read_text())
        return found


def made_house(root: Path, lock: Path, program: Path) -> House:
    """Build the environment that `lock` names below `root`, and run `program` in it."""
    models = root / "models"
    python = made_environment(root, lock)
    models.mkdir()
    run(python, program, models)
    return House(python, models)


def received(client: socket.socket) -> bytes:
    """Everything that comes until the server closes."""
    data = b""
    with client, suppress(ConnectionResetError):
        while part := client.recv(65536):
            data += part
    return data


def run(*words: object, expected: int = 0) -> str:
    """What a program says that finds the model server and nothing else of this environment, and ends as `expected`."""
    done = subprocess.run(
        [str(word) for word in words],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(PACKAGE), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def scorers(tmp_path: Path) -> Iterator[Scorers]:
    started = Scorers(tmp_path)
    yield started
    started.end_all()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scorers]:
    """Scorers that all tests of a module ask."""
    started = Scorers(tmp_path_factory.mktemp("scorers"))
    yield started
    started.end_all()


@pytest.fixture(params=["3.8", "3.9", "3.10", "3.11", "3.12", "3.13"])
def interpreter(request: pytest.FixtureRequest) -> str:
    """Each Python that users may have in their environments."""
    return find_interpreter(request.param)
