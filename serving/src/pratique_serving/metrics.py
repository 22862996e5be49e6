"""What is counted, as text for Prometheus at `/metrics`.

Counted by the thread whose turn it is, so no lock is needed; one request costs
about a microsecond.
"""

import os
import time
from bisect import bisect_left
from typing import Callable, Dict, List, Sequence, Tuple

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TOGETHER = (1, 2, 4, 8, 16, 32, 64)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Histogram:
    """How many observations were at most each bound; the last place is for the rest."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, values: Sequence[float]) -> None:
        counts, bounds = self.counts, self.bounds
        for value in values:
            counts[bisect_left(bounds, value)] += 1
        self.total += sum(values)

    def lines(self, name: str, labels: str) -> List[str]:
        said, below = [], 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts):
            below += count
            said.append(f'{name}_bucket{{{labels},le="{bound}"}} {below}')
        return [*said, f"{name}_sum{{{labels}}} {self.total:.6f}", f"{name}_count{{{labels}}} {below}"]


class Metrics:
    """The counters of one process."""

    def __init__(self, deployment: str, model: str) -> None:
        self._labels = f'deployment="{_escaped(deployment)}",model="{_escaped(model)}"'
        self._by_status: Dict[int, int] = {}
        self._seconds = Histogram(SECONDS)
        self._together = Histogram(TOGETHER)
        self._rows = 0
        self._gone = {"false": 0, "true": 0}
        self._gauges: List[Tuple[str, str, str, Callable[[], float]]] = []

    def count(self, statuses: Sequence[int], seconds: Sequence[float], rows: int) -> None:
        """Answers of the model, so many `seconds` after each request was whole, and their rows together."""
        by_status = self._by_status
        for status in statuses:
            by_status[status] = by_status.get(status, 0) + 1
        self._seconds.observe(seconds)
        self._rows += rows

    def count_refused(self, status: int) -> None:
        """One answer without the model: too many, too late, not understood."""
        self._by_status[status] = self._by_status.get(status, 0) + 1

    def count_call(self, requests: int) -> None:
        """One call of the model for so many requests."""
        self._together.observe((requests,))

    def count_gone(self, computed: bool) -> None:
        """One request whose client did not stay: before the model was called for it, or before its answer."""
        self._gone[str(computed).lower()] += 1

    def watch(self, name: str, kind: str, meaning: str, read: Callable[[], float]) -> None:
        """Show what `read` returns; `kind` is gauge or counter."""
        self._gauges.append((name, kind, meaning, read))

    def text(self) -> bytes:
        """For Prometheus."""
        labels = self._labels
        said = _head("pratique_requests_total", "counter", "Scoring requests by status.")
        for status in sorted(self._by_status):
            said.append(f'pratique_requests_total{{{labels},code="{status}"}} {self._by_status[status]}')
        said += _head("pratique_request_seconds", "histogram", "From the whole request to its answer.")
        said += self._seconds.lines("pratique_request_seconds", labels)
        said += _head("pratique_call_requests", "histogram", "Requests that one call of the model answered.")
        said += self._together.lines("pratique_call_requests", labels)
        said += _head("pratique_rows_total", "counter", "Rows that were predicted, where the server knows.")
        said.append(f"pratique_rows_total{{{labels}}} {self._rows}")
        said += _head("pratique_gone_total", "counter", "Requests whose client had gone; computed: all the same.")
        said += [f'pratique_gone_total{{{labels},computed="{how}"}} {count}' for how, count in self._gone.items()]
        for name, kind, meaning, read in self._gauges:
            said += [*_head(name, kind, meaning), f"{name}{{{labels}}} {_number(read())}"]
        return ("\n".join(said) + "\n").encode()


def _head(name: str, kind: str, meaning: str) -> List[str]:
    return [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]


def _number(value: float) -> str:
    """All its digits: a counter that is rounded seems to stand still."""
    return str(int(value)) if value == int(value) else repr(value)


def watch_process(metrics: Metrics) -> None:
    """Show what the process has used, by the names that Prometheus's own clients use."""
    began = time.time()
    page = os.sysconf("SC_PAGE_SIZE")
    for name, kind, meaning, read in (
        ("process_cpu_seconds_total", "counter", "Processor time in seconds.", time.process_time),
        ("process_resident_memory_bytes", "gauge", "Memory in bytes.", lambda: page * _resident_pages()),
        ("process_start_time_seconds", "gauge", "Start in seconds since 1970.", lambda: began),
    ):
        metrics.watch(name, kind, meaning, read)


def _resident_pages() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1])
    except OSError:
        return 0


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
