"""How long a small converted model takes from the start of its process to its first answer, and what it needs then."""

import statistics
from pathlib import Path

from bench.serving import servers
from bench.serving.environments import make_environment
from bench.serving.load import burst

RUNS = 7


def measure(environments: Path, models: Path, place: Path) -> str:
    """Start it some times, with collection on, and load it a little; the median as a table."""
    make_environment(environments, "pratique")
    seconds, memory = [], []
    for number in range(RUNS):
        kind = servers.ours_onnx(models / "lr", PRATIQUE_COLLECT="spool")
        with servers.started(kind, environments, place / str(number), core="0") as server:
            burst(server, models / "request-1.json", concurrency=16, seconds=1, core=1)
            seconds.append(server.started_in)
            memory.append(server.memory_mb())
    return "\n".join(
        [
            "### ONNX, logistic regression: cold start, and memory with metrics and collection on",
            "",
            "| | median | worst | bar |",
            "|---|--:|--:|---|",
            f"| until the first 200, s | {statistics.median(seconds):.2f} | {max(seconds):.2f} | ≤ 0.6 |",
            f"| memory after some load, MB | {statistics.median(memory):.0f} | {max(memory):.0f} | ≤ 100 |",
        ]
    )
