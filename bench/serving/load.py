"""One burst of load: wrk (from Debian) on the other core, and what it says."""

import os
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.serving.servers import Server

_SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True)
class Burst:
    """What one run of some seconds gave."""

    rate: float
    """Answers a second."""
    cpu: float
    """Microseconds of processor time that the server used for one answer."""
    p50: float
    """Milliseconds."""
    p99: float
    failures: int


def burst(server: Server, body: Path, *, concurrency: int, seconds: int, core: int) -> Burst:
    """Post `body`, under the name that the server knows, on `concurrency` connections that are kept open."""
    if server.kind.key != "input_data":
        other = body.with_name(f"{server.kind.key}-{body.name}")
        other.write_text(body.read_text(encoding="utf-8").replace("input_data", server.kind.key, 1), encoding="utf-8")
        body = other
    key = server.kind.auth
    return at(server.url, server, body, concurrency=concurrency, seconds=seconds, core=core, key=key)


def at(url: str, server: Server, body: Path, *, concurrency: int, seconds: int, core: int, key: str = "") -> Burst:
    """The same at another address, in front of `server`."""
    before = server.cpu_seconds()
    said = subprocess.run(
        ["taskset", "-c", str(core), "wrk", "-t1", f"-c{concurrency}", f"-d{seconds}s", "-s", str(_SCRIPT), url],
        env={**os.environ, "BODY": str(body), **({"KEY": key} if key else {})},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    used = server.cpu_seconds() - before
    line = next(line for line in said.splitlines() if line.startswith("RESULT"))
    count, duration, failures, p50, p99 = map(int, line.split()[1:])
    return Burst(count / duration * 1e6, used / max(count, 1) * 1e6, p50 / 1000, p99 / 1000, failures)


def median(bursts: Sequence[Burst]) -> Burst:
    """The median of each number; failures are added."""
    return Burst(
        statistics.median(one.rate for one in bursts),
        statistics.median(one.cpu for one in bursts),
        statistics.median(one.p50 for one in bursts),
        statistics.median(one.p99 for one in bursts),
        sum(one.failures for one in bursts),
    )
