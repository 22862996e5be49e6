"""What the platform holds in memory while nobody asks anything."""

import time
from pathlib import Path

from bench.measures.home import BenchHome, table

_BAR_MB = 600


def measure(home: BenchHome) -> str:
    """The proportional set size of every process of the home, by part."""
    time.sleep(3)
    sizes: dict[str, float] = {}
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and (part := _part(process, home)):
            sizes[part] = sizes.get(part, 0.0) + _pss(process)
    total = sum(sizes.values())
    rows = [
        [part, f"{size:.0f} MB", f"{100 * size / total:.0f} %"]
        for part, size in sorted(sizes.items(), key=lambda item: -item[1])
    ]
    rows.append(["all", f"{total:.0f} MB", f"bar: ≤ {_BAR_MB} MB"])
    return "## Memory at rest\n\nProportional set size, no deployment.\n\n" + table(["part", "memory", "share"], rows)


def _part(process: Path, home: BenchHome) -> str:
    """Which part of our platform a process is; empty for somebody else's."""
    try:
        words = process.joinpath("cmdline").read_bytes().decode(errors="replace").split("\0")
        environment = process.joinpath("environ").read_bytes().decode(errors="replace")
    except OSError:
        return ""
    line = " ".join(words)
    if str(home.root) not in line and str(home.root) not in environment:
        return ""
    if "shim" in line:
        return "shims"
    for mark, part in (("pratique.app.server", "server"), ("envoy", "Envoy"), ("pratique_tracking", "MLflow")):
        if mark in line:
            return part
    return ""


def _pss(process: Path) -> float:
    try:
        lines = process.joinpath("smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss:")), 0.0)
