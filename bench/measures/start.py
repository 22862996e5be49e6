"""How long `pratique up` takes until the next verb works, and until MLflow answers."""

import statistics
import time

from bench.measures.home import BenchHome, table

_ROUNDS = 5
_BAR = 4.0


def measure(home: BenchHome) -> str:
    """Start and stop the platform some times; the first start, which fetches MLflow, is not counted."""
    home.run("up")
    ready: list[float] = []
    tracking: list[float] = []
    for _ in range(_ROUNDS):
        home.run("down")
        began = time.perf_counter()
        home.run("up")
        ready.append(time.perf_counter() - began)
        while home.pratique("status")["parts"]["tracking"] != "ready":
            time.sleep(0.05)
        tracking.append(time.perf_counter() - began)
    rows = [
        ["`pratique up` until it returns, ready for verbs", f"{statistics.median(ready):.2f} s", f"< {_BAR:.0f} s"],
        ["… until MLflow answers too (its callers wait meanwhile)", f"{statistics.median(tracking):.2f} s", "–"],
    ]
    return "## Start\n\n" + table(["what", "median of 5", "bar"], rows)
