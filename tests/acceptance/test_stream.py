"""Long things: a log that is followed live, a job that is canceled, and artifacts larger than memory should hold."""

import hashlib
import http.client
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from .installation import LIMIT, Installation, prepare_workspace, until, write

WORKSPACE: Final = "patient"
JOB: Final = "type: command\ncommand: {command}\nenvironment: azureml:plain@latest\ncompute: azureml:local\n"
TALKS: Final = "for n in 1 2 3; do echo tick $n; sleep 1; done; sleep 8; for n in 4 5; do echo tick $n; sleep 1; done"
FORKS: Final = "(trap '' TERM; sleep 7770) & setsid sleep 7771 & sleep 7772 & echo forked; wait"
CHUNK: Final = 1 << 20
GROWTH: Final = 100 << 20
"""Bytes of memory by which the server may grow while an artifact passes; the artifact is larger."""


@pytest.fixture(scope="module")
def project(platform: Installation) -> Path:
    """A workspace of its own, and the folder with its files."""
    made = prepare_workspace(platform, WORKSPACE)
    files = {"talks.yml": JOB.format(command=TALKS), "forks.yml": JOB.format(command=FORKS)}
    return write(made, files)


def status(platform: Installation, name: str) -> str:
    """How far a job is."""
    answer = platform.ask("GET", f"/api/v1/workspaces/{WORKSPACE}/jobs/{name}", token=platform.token)
    return str(answer.document["status"])


def submit(platform: Installation, project: Path, file: str) -> str:
    """A new job; its name."""
    return str(platform.get("ml", "job", "create", "-f", file, cwd=project)["name"])


def test_a_log_is_followed_live_over_a_pause_to_its_end(platform: Installation, project: Path) -> None:
    name = submit(platform, project, "talks.yml")
    seen: list[tuple[str, str]] = []
    with platform.begin("ml", "job", "stream", "-n", name, cwd=project) as follower:
        assert follower.stdout is not None
        for line in follower.stdout:
            if line.startswith("tick"):
                seen.append((line.strip(), status(platform, name)))
    assert follower.returncode == 0
    assert [line for line, _ in seen] == [f"tick {n}" for n in range(1, 6)]
    # Had the lines come at the end only, the job would have been over when the first was read. What comes after the
    # long pause says nothing: on a busy machine the job may be over by the time that it is asked.
    assert [state for _, state in seen[:3]] == ["Running"] * 3
    whole = platform.do("ml", "job", "stream", "-n", name, cwd=project)
    assert [line for line in whole.splitlines() if line.startswith("tick")] == [line for line, _ in seen]


def test_cancel_ends_a_job_with_all_that_it_started(platform: Installation, project: Path) -> None:
    name = submit(platform, project, "forks.yml")
    until(lambda: len(sleepers(platform)) == 3, "the job has forked")
    canceled = platform.get("ml", "job", "cancel", "-n", name, cwd=project)
    assert canceled["status"] == "Canceled"
    assert sleepers(platform) == []
    path = f"/mlflow/{WORKSPACE}/api/2.0/mlflow/runs/get?run_id={canceled['run_id']}"
    run = platform.ask("GET", path, token=platform.token).document["run"]
    assert run["info"]["status"] == "KILLED"
    again = platform.fail("ml", "job", "cancel", "-n", name, cwd=project)
    assert "Canceled" in again
    assert platform.run("ml", "job", "stream", "-n", name, cwd=project).code == 1


def sleepers(platform: Installation) -> list[int]:
    """The processes that the job left to itself."""
    return [pid for pid, command in platform.processes().items() if command.startswith("sleep 777")]


@pytest.mark.parametrize("megabytes", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_large_artifact_passes_in_constant_memory(platform: Installation, project: Path, megabytes: int) -> None:
    [server] = [pid for pid, command in platform.processes().items() if command.endswith("-m pratique.app.server")]
    before = peak_from_now(server)
    path = f"/mlflow/{WORKSPACE}/api/2.0/mlflow-artifacts/artifacts/1/{'0' * 32}/artifacts/large-{megabytes}.bin"
    sent = put(platform, path, megabytes)
    assert get(platform, path) == (megabytes * CHUNK, sent)
    assert peak(server) - before < GROWTH
    assert platform.ask("DELETE", path, token=platform.token).status == 200


def put(platform: Installation, path: str, megabytes: int) -> str:
    """Upload bytes that nothing can compress; their digest."""
    seen = hashlib.sha256()

    def chunks() -> Iterator[bytes]:
        for _ in range(megabytes):
            chunk = os.urandom(CHUNK)
            seen.update(chunk)
            yield chunk

    connection = http.client.HTTPConnection("127.0.0.1", platform.door_port, timeout=LIMIT)
    size = str(megabytes * CHUNK)
    headers = {"Authorization": f"Bearer {platform.token}", "Content-Length": size}
    connection.request("PUT", path, chunks(), headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, body
    assert json.loads(body) == {}
    return seen.hexdigest()


def get(platform: Installation, path: str) -> tuple[int, str]:
    """Download; size and digest."""
    connection = http.client.HTTPConnection("127.0.0.1", platform.door_port, timeout=LIMIT)
    connection.request("GET", path, headers={"Authorization": f"Bearer {platform.token}"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    seen, size = hashlib.sha256(), 0
    while chunk := answer.read(CHUNK):
        seen.update(chunk)
        size += len(chunk)
    connection.close()
    return size, seen.hexdigest()


def peak_from_now(pid: int) -> int:
    """The memory of a process in bytes; its peak is counted anew from here."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return peak(pid)


def peak(pid: int) -> int:
    """The largest resident memory of a process, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
