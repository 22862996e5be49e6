"""A platform of our own to measure, and how commands are timed."""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROUNDS = 7


@dataclass(frozen=True)
class BenchHome:
    """A home in a temporary folder, with ports of its own."""

    root: Path
    environment: Mapping[str, str]

    def pratique(self, *words: str, cwd: Path | None = None) -> Any:
        """Run one command and return its JSON; raises `RuntimeError` with what it said when it fails."""
        finished = self.run(*words, "-o", "json", cwd=cwd)
        return json.loads(finished.stdout) if finished.stdout.strip() else None

    def run(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run one command; raises `RuntimeError` when it fails."""
        command = [sys.executable, "-m", "pratique", *words]
        finished = subprocess.run(
            command, env=self.environment, cwd=cwd, capture_output=True, text=True, check=False, timeout=600
        )
        if finished.returncode:
            raise RuntimeError(f"{' '.join(words)}: {finished.stderr}")
        return finished


@contextmanager
def bench_home() -> Iterator[BenchHome]:
    """A home that is stopped and removed at the end."""
    place = Path(tempfile.mkdtemp(prefix="pratique-bench-"))
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PRATIQUE_HOME": str(place / "home"),
        "PRATIQUE_CONFIG_DIR": str(place / "config"),
        "PRATIQUE_DOOR_PORT": str(free_port()),
        "PRATIQUE_ENDPOINTS_PORT": str(free_port()),
        "AZURE_DEFAULTS_GROUP": "bench",
        "AZURE_DEFAULTS_WORKSPACE": "bench",
    }
    home = BenchHome(place, environment)
    try:
        yield home
    finally:
        home.run("down")
        shutil.rmtree(place, ignore_errors=True)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def in_turn(commands: Mapping[str, Sequence[str]], environment: Mapping[str, str]) -> dict[str, float]:
    """The median seconds of each whole process, run in turn; one run of each goes first and is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for round_ in range(ROUNDS + 1):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, env=environment, capture_output=True, check=True, timeout=120)
            if round_:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
