"""Workers as real processes, and a platform that answers what they ask and keeps what they say."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from pratique.content.manifest import Manifest
from pratique.content.packs import Unpacker
from pratique.delivery.compile import compiled
from pratique.delivery.expressions.macros import Variable
from pratique.delivery.message import JobMessage, RunFacts, UnitFacts
from pratique.delivery.records import JOB, Record
from pratique.delivery.run.outcomes import Admission, RunState, StageState
from pratique.delivery.run.plan import Action, settled
from pratique.delivery.run.variables import RunInputs

TOKEN = "t0ken-of-the-unit"
UNIT = "/api/v1/delivery/runs/7/units/S~J~"
LIMIT = 60


class Platform:
    """What a unit's routes do, in memory."""

    def __init__(self) -> None:
        self.message: dict[str, Any] = {}
        self.records: list[Record] = []
        self.logs: dict[int, bytes] = {}
        self.bodies: list[bytes] = []
        """Everything that arrived."""
        self.asked: list[dict[str, Any]] = []
        """Which runs downloads asked for."""
        self.artifacts: dict[str, str] = {}
        self.manifests: dict[str, Manifest] = {}
        self.blobs: dict[str, bytes] = {}
        self.vault: dict[str, str] = {}
        self.canceled = threading.Event()
        self.away = threading.Event()
        """While it is set, the platform answers that it is not up."""
        self.has_forgotten = threading.Event()
        """When it is set, the unit has ended as far as the platform knows."""
        self.tokens: list[str] = []
        handler = type("Handler", (_Handler,), {"platform": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.canceled.set()
        self.server.shutdown()
        self.server.server_close()

    # --- what a test looks at ---------------------------------------------------------------------------------------

    @property
    def last(self) -> dict[int, Record]:
        """The last record of each step."""
        return {record.step: record for record in self.records}

    @property
    def result(self) -> str:
        """Of the job."""
        found = self.last[JOB].result
        return found.value if found else "none"

    def step(self, name: str) -> Record:
        """The last record of the step that is called so, for people or for outputs."""
        return next(one for one in self.last.values() if name in (one.name, one.reference))

    def results(self) -> dict[str, str]:
        return {one.name: one.result.value if one.result else "none" for one in self.last.values() if one.step != JOB}

    def log(self, name: str) -> str:
        return self.logs.get(self.step(name).step, b"").decode()

    @property
    def whole_log(self) -> str:
        return b"".join(self.logs.values()).decode()

    def files(self, artifact: str) -> dict[str, str]:
        """The content of an artifact by path."""
        manifest = self.manifests[self.artifacts[artifact]]
        return {entry.path: self.blobs[entry.digest].decode() for entry in manifest.entries}

    def keep(self, name: str, files: Mapping[str, str]) -> None:
        """Have an artifact of an earlier job."""
        entries = []
        for path, text in files.items():
            digest = hashlib.sha256(text.encode()).hexdigest()
            self.blobs[digest] = text.encode()
            entries.append({"path": path, "digest": digest, "size": len(text.encode())})
        manifest = Manifest.from_document({"entries": entries})
        self.manifests[manifest.digest] = manifest
        self.artifacts[name] = manifest.digest

    # --- what a worker asks -----------------------------------------------------------------------------------------

    def get(self, path: str, query: Mapping[str, list[str]]) -> Any:
        path = path.replace("/runs/3/", "/runs/7/")  # Another run, with the same artifacts.
        match path.removeprefix("/api/v1/delivery/runs/7/").split("/"):
            case ["units", _, "message"]:
                return self.message
            case ["units", _, "cancel"]:
                return {"canceled": self.canceled.wait(min(2.0, float(query["wait"][0])))}
            case ["artifacts"]:
                return [{"name": name, "manifest": digest} for name, digest in self.artifacts.items()]
            case ["manifests", digest] if digest in self.manifests:
                return self.manifests[digest].to_document()
            case ["blobs", digest] if digest in self.blobs:
                return self.blobs[digest]
        if path.startswith("/api/v1/vaults/kv/secrets/"):
            return {"value": self.vault[path.rpartition("/")[2]]}
        raise KeyError(path)

    def put(self, path: str, body: bytes) -> Any:
        match path.removeprefix("/api/v1/delivery/runs/7/").split("/"):
            case ["artifacts", name]:
                if name in self.artifacts:
                    raise FileExistsError(name)
                self.artifacts[name] = json.loads(body)["manifest"]
                return {}
            case ["blobs", digest]:
                self.blobs[digest] = body
                return {}
        raise KeyError(path)

    def post(self, path: str, query: Mapping[str, list[str]], body: bytes) -> Any:
        match path.removeprefix("/api/v1/delivery/runs/7/").split("/"):
            case ["units", _, "records"]:
                known = {record.sequence for record in self.records}
                told = json.loads(body)
                for piece in told["logs"]:
                    step, before = piece["step"], self.logs.get(piece["step"], b"")
                    self.logs[step] = before[: piece["offset"]] + piece["text"].encode()
                found = [Record.of_document(one) for one in told["records"]]
                self.records += [record for record in found if record.sequence not in known]
                return {}
            case ["units", _, "origin"]:
                self.asked.append(json.loads(body))
                return {"alias": "up", "run": 3, "delivery": "up", "project": "credit"}
            case ["units", _, "log"]:
                step, offset = int(query["step"][0]), int(query["offset"][0])
                self.logs[step] = self.logs.get(step, b"")[:offset] + body
                return {}
            case ["manifests", "held"]:
                return {"held": [one for one in json.loads(body)["digests"] if one in self.manifests]}
            case ["manifests"]:
                manifest = Manifest.from_document(json.loads(body))
                missing = [entry.digest for entry in manifest.entries if entry.digest not in self.blobs]
                if not missing:
                    self.manifests[manifest.digest] = manifest
                return {"digest": manifest.digest, "missing": missing}
            case ["blobs"]:
                for digest, data in Unpacker().feed(body):
                    self.blobs[digest] = data
                return {}
            case ["", "oauth2", "token"]:
                return {"access_token": "acc3ss-of-the-principal", "expires_in": 3600}
        raise KeyError(path)


class _Handler(BaseHTTPRequestHandler):
    """Hands requests to the platform."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    platform: Platform

    def do_GET(self) -> None:
        self._answer(lambda path, query, _: self.platform.get(path, query))

    def do_PUT(self) -> None:
        self._answer(lambda path, _, body: self.platform.put(path, body))

    def do_POST(self) -> None:
        self._answer(lambda path, query, body: self.platform.post(path, query, body))

    def log_message(self, *_: object) -> None:
        """Nothing: a test looks at what arrived instead."""

    def _answer(self, work: Any) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.platform.bodies.append(body)
        self.platform.tokens.append(self.headers.get("Authorization", ""))
        status, said = 200, b""
        try:
            if self.platform.away.is_set():
                raise TimeoutError
            if self.platform.has_forgotten.is_set():
                raise PermissionError
            answer = work(unquote(parts.path), parse_qs(parts.query), body)
            said = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        except KeyError as error:
            status, said = 404, _error("NotFound", str(error))
        except FileExistsError as error:
            status, said = 409, _error("AlreadyExists", str(error))
        except PermissionError:
            status, said = 409, _error("Conflict", "this unit has ended")
        except TimeoutError:
            status, said = 503, _error("Unavailable", "away")
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)
        except OSError:
            self.close_connection = True


def _error(code: str, message: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": message}}).encode()


@pytest.fixture
def platform() -> Iterator[Platform]:
    one = Platform()
    yield one
    one.close()


@dataclass
class Worker:
    """Starts workers in folders of the test."""

    platform: Platform
    folder: Path
    path: str = os.environ["PATH"]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(
        self, text: str, *, variables: Mapping[str, str | Variable] | None = None, **changes: Any
    ) -> subprocess.Popen[bytes]:
        """Start a worker with the first unit of a pipeline; `changes` are fields of its message."""
        message = replace(message_of(text, variables or {}), **changes)
        self.platform.message = message.to_document()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pratique.worker"],
            cwd=self.folder,
            env={
                "PATH": self.path,
                "PRATIQUE_URL": self.platform.url,
                "PRATIQUE_TOKEN": TOKEN,
                "PRATIQUE_UNIT": UNIT,
                **({"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.started.append(process)
        return process

    def run(self, text: str, **given: Any) -> Platform:
        """The same, to its end."""
        process = self.start(text, **given)
        said, _ = process.communicate(timeout=LIMIT)
        assert process.returncode == 0, said.decode()
        return self.platform

    def wait_for(self, name: str, words: str) -> None:
        """Until the log of a step has `words`."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            if any(one.name == name and words in self.platform.log(name) for one in [*self.platform.last.values()]):
                return
            time.sleep(0.02)
        raise AssertionError(f"{words} never stood in the log of {name}")


@pytest.fixture
def worker(platform: Platform, tmp_path: Path) -> Iterator[Worker]:
    folder = tmp_path / "unit"
    folder.mkdir()
    one = Worker(platform, folder)
    yield one
    for process in one.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def message_of(text: str, variables: Mapping[str, str | Variable]) -> JobMessage:
    """The message of the first unit that `text` starts, as the engine makes it."""
    pipeline = compiled(lambda _repository, _path: text, "azure-pipelines.yml").pipeline
    queued = tuple(one if isinstance(one, Variable) else Variable(name, one) for name, one in variables.items())
    state = RunState({stage.name: StageState(Admission.ADMITTED) for stage in pipeline.stages})
    _, plan, _ = settled(pipeline, state, RunInputs(queued=queued))
    started = plan.of(Action.START)[0]
    assert started.unit is not None
    return JobMessage(
        run=RunFacts(7, "20260101.1", "credit", "train"),
        unit=UnitFacts(started.stage, started.job, started.unit.name, hook=started.unit.hook),
        steps=started.unit.steps,
        variables=tuple(started.variables.found.values()),
        timeout=started.timeout,
        cancel_timeout=started.cancel_timeout,
    )
