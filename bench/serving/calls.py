"""How many functions are called for one request: counted and not timed, so the same on every machine."""

import http.client
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from bench.serving import servers
from bench.serving.environments import make_environment

REQUESTS = 200
_LIMIT = 30.0


def measure(environments: Path, models: Path, place: Path) -> str:
    """Send a row again and again on one connection, and count between two signals, as a table."""
    make_environment(environments, "pratique")
    kinds = {
        "plain scikit-learn, logistic regression": servers.ours(models / "lr"),
        "plain scikit-learn, random forest": servers.ours(models / "rf"),
        "ONNX, logistic regression": servers.ours_onnx(models / "lr"),
        "a `score.py` that echoes": servers.ours_script(models / "lr", "echo.py"),
    }
    rows = []
    for number, (name, kind) in enumerate(kinds.items()):
        counted = replace(kind, argv=("python", str(servers.APPS / "counted.py"), "--port", "PORT"))
        with servers.started(counted, environments, place / str(number), core="0") as server:
            every, own = _count(server, (models / "request-1.json").read_bytes(), place / str(number) / "log")
        rows.append(f"| {name} | {every:,.0f} | {own:,.0f} |")
    return "\n".join(
        [
            "### Calls of functions for one request of one row, in Python and in C, as Python's profiler sees them",
            "",
            "| model | calls | of them functions of the model server |",
            "|---|--:|--:|",
            *rows,
        ]
    )


def _count(server: servers.Server, body: bytes, log: Path) -> tuple[float, float]:
    """All calls for a request, and those of the model server's own functions."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_LIMIT)
    seen: list[tuple[int, int]] = []
    for requests in (REQUESTS // 4, REQUESTS):  # The first of them warm it up.
        for _ in range(requests):
            connection.request("POST", server.kind.path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.HTTPStatus.OK:
                raise OSError(f"{log}: it answers {answer.status}")
        os.kill(server.pid, signal.SIGUSR1)
        seen.append(_said(log, len(seen) + 1))
    connection.close()
    return (seen[1][0] - seen[0][0]) / REQUESTS, (seen[1][1] - seen[0][1]) / REQUESTS


def _said(log: Path, times: int) -> tuple[int, int]:
    """What it has said for the last time, once it has done so often."""
    until = time.monotonic() + _LIMIT
    while time.monotonic() < until:
        said = [line.split() for line in log.read_text(errors="replace").splitlines() if line.startswith("COUNTED")]
        if len(said) == times:
            return int(said[-1][1]), int(said[-1][2])
        time.sleep(0.01)
    raise OSError(f"{log}: it has not said what it counted")
