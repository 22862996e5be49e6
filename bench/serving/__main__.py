"""Compares our model server with its peers: same model, same rows, one worker on one core.

    make bench-serving
    python -m bench.serving [--only PART …] [--runs 5] [--seconds 2] [--print]

Each peer lives in an environment of its own, made from `peers/<name>.lock`.
The servers of a part run at the same time and are loaded in turn, round after
round, because the machine is noisy: ratios within a part are what counts. wrk
(Debian's package) makes the load, on the other core.

What a part gave is kept in `--results`, with the time and the load of the
machine, and the page is made of what is there: so one part can be measured
again, or the whole in several sittings.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.measures import machine
from bench.serving import calls, growth, servers, starting
from bench.serving.environments import make_environment, make_models
from bench.serving.load import Burst, burst, median
from bench.serving.servers import Kind

ROOT = Path(__file__).parents[2]
TEXT = Path(__file__).with_name("page.md")
PAGE = ROOT / "docs" / "reference" / "serving-performance.md"
PLAIN_BAR = "≥ 8 × Azure's (the model alone), p99 not above"


@dataclass(frozen=True)
class Load:
    """How all servers of a comparison are loaded."""

    title: str
    body: str = "request-1.json"
    concurrency: int = 16
    bar: str = ""


@dataclass(frozen=True)
class Comparison:
    """Some servers, loaded alike, in one way after the other; the first is what the others are compared with."""

    kinds: Callable[[Path], Sequence[Kind]]
    """From the folder of all models."""
    loads: Sequence[Load]
    starts: int = 1
    """How often all are started anew. Two processes of one program differ by some 8 % for as long as they live, by
    where their memory lies: what costs less than that shows in many starts only."""


def _plain(model: str, title: str) -> Comparison:
    return Comparison(
        lambda at: [servers.azure(at / model), servers.ours(at / model), servers.ours_script(at / model)],
        (
            Load(f"plain scikit-learn, {title}, 1 row, 1 connection", concurrency=1, bar="≥ 1.35 × Azure's"),
            Load(f"plain scikit-learn, {title}, 1 row, 16 connections", bar=PLAIN_BAR),
            Load(f"plain scikit-learn, {title}, 1 row, 64 connections", concurrency=64, bar=PLAIN_BAR),
        ),
    )


COMPARISONS = {
    "onnx": Comparison(
        lambda at: [
            servers.azure(at / "lr"),
            servers.bare(at / "lr"),
            servers.ours_onnx(at / "lr"),
            servers.ours_behind_door(at / "lr"),
        ],
        (
            Load(
                "ONNX, logistic regression, 1 row, 16 connections; and through the front door with a key",
                bar="≥ 25 × Azure's, ≥ 0.8 × the bare bound; through the door ≥ 18 × Azure's without any front",
            ),
        ),
    ),
    "onnx-rf": Comparison(
        lambda at: [servers.azure(at / "rf"), servers.bare(at / "rf"), servers.ours_onnx(at / "rf")],
        (
            Load("ONNX, random forest of 100 trees, 1 row, 16 connections", bar="≥ 0.8 × the bare bound"),
            Load(
                "ONNX, random forest, 100 rows in a request, 1 connection",
                body="request-100.json",
                concurrency=1,
                bar="≥ 0.8 × the bare bound",
            ),
        ),
    ),
    "plain-lr": _plain("lr", "logistic regression"),
    "plain-rf": _plain("rf", "random forest"),
    "echo": Comparison(
        lambda at: [servers.azure(at / "lr", "echo.py"), servers.ours_script(at / "lr", "echo.py")],
        (Load("a `score.py` that only reads JSON and returns it, 16 connections", bar="≥ 8 × Azure's"),),
    ),
    "collection": Comparison(
        lambda at: [
            servers.ours_onnx(at / "lr", "Pratique, nothing collected"),
            servers.ours_onnx(at / "lr", "Pratique, all collected", PRATIQUE_COLLECT="spool"),
        ],
        (
            Load(
                "ONNX, logistic regression, 1 row, 16 connections: everything collected, and nothing",
                bar="≤ 10 % slower, and nothing dropped",
            ),
        ),
        starts=25,
    ),
    "peers": Comparison(
        lambda at: [servers.azure(at / "lr"), servers.ours(at / "lr"), *servers.others(at / "lr")],
        (Load("plain scikit-learn, logistic regression, every peer, 1 row, 16 connections"),),
    ),
}
ALONE = {"start": starting.measure, "growth": growth.measure, "calls": calls.measure}
PARTS = (*COMPARISONS, *ALONE)


def main() -> None:
    """Measure the parts and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.serving")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; may be given more than once")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--environments", type=Path, default=ROOT / ".venv" / "peers", help="made when missing")
    parser.add_argument("--results", type=Path, default=ROOT / ".venv" / "bench-serving", help="what each part gave")
    parser.add_argument("--models", type=Path, help="where the models are, or are written")
    parser.add_argument("--print", action="store_true", dest="only_print", help="print instead of writing the page")
    chosen = parser.parse_args()
    servers.allow_many_files()
    chosen.results.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-serving-")))
        models = chosen.models or place / "models"
        make_environment(chosen.environments, "model")
        make_models(chosen.environments, models)
        wanted = [name for name in PARTS if chosen.only is None or name in chosen.only]
        failed = [name for name in wanted if not _measured(name, chosen, models, place / name)]
    page = TEXT.read_text(encoding="utf-8").replace("{tables}", _tables(chosen.results))
    if chosen.only_print:
        sys.stdout.write(page)
    else:
        PAGE.write_text(page, encoding="utf-8")
        print(f"wrote {PAGE}")
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}; again with --only")


def _measured(name: str, chosen: argparse.Namespace, models: Path, place: Path) -> bool:
    """Measure one part; False when it could not be, and the others go on."""
    try:
        _measure(name, chosen, models, place)
    except (SystemExit, OSError, subprocess.SubprocessError) as error:
        print(f"{name}: {error}", file=sys.stderr, flush=True)
        return False
    return True


def _measure(name: str, chosen: argparse.Namespace, models: Path, place: Path) -> None:
    """One part, into its file of results."""
    began, load = time.monotonic(), os.getloadavg()[0]
    if name in COMPARISONS:
        said = compare(COMPARISONS[name], chosen, models, place)
    else:
        said = ALONE[name](chosen.environments, models, place)
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    note = f"Measured {when} UTC in {time.monotonic() - began:.0f} s; load average before it {load:.1f}."
    print(f"{said}\n\n{note}\n", file=sys.stderr, flush=True)
    (chosen.results / f"{name}.md").write_text(f"{said}\n\n{note}\n", encoding="utf-8")


def _tables(results: Path) -> str:
    """What every part gave; one that was never measured says so."""
    parts = [machine.describe().partition("; load average")[0] + "."]
    for name in PARTS:
        file = results / f"{name}.md"
        parts.append(file.read_text(encoding="utf-8").strip() if file.exists() else f"### {name}\n\nNot measured.")
    return "\n\n".join(parts)


def compare(comparison: Comparison, chosen: argparse.Namespace, models: Path, place: Path) -> str:
    """Start the servers of a comparison, load them in turn, and render a table for each load."""
    kinds = comparison.kinds(models)
    for kind in kinds:
        make_environment(chosen.environments, kind.peer)
    seen = [[_Seen(kind) for kind in kinds] for _ in comparison.loads]
    for start in range(comparison.starts):
        with contextlib.ExitStack() as stack:
            running = [
                stack.enter_context(servers.started(kind, chosen.environments, place / f"{start}-{number}", core="0"))
                for number, kind in enumerate(kinds)
            ]
            rounds = chosen.runs if comparison.starts == 1 else 1
            for load, all_seen in zip(comparison.loads, seen, strict=True):
                _load(load, running, all_seen, rounds, chosen, models)
    return "\n\n".join(_table(load, all_seen) for load, all_seen in zip(comparison.loads, seen, strict=True))


class _Seen:
    """What one server of a comparison gave under one load, over all its starts."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.bursts: list[Burst] = []
        self.started_in: list[float] = []
        self.memory_mb: list[float] = []
        self.dropped = 0

    def row(self, first: Burst) -> str:
        """Medians, and their ratios to what the first server gave."""
        seen = median(self.bursts)
        return (
            f"| {self.kind.name} | {seen.rate:,.0f} | {seen.rate / first.rate:.2f} | {seen.cpu:,.0f} "
            f"| {first.cpu / seen.cpu:.2f} | {seen.p50:.2f} | {seen.p99:.2f} | {statistics.median(self.memory_mb):.0f} "
            f"| {statistics.median(self.started_in):.2f} | {seen.failures} |"
        )


def _load(
    load: Load,
    running: Sequence[servers.Server],
    seen: Sequence[_Seen],
    rounds: int,
    chosen: argparse.Namespace,
    models: Path,
) -> None:
    once = partial(burst, body=models / load.body, concurrency=load.concurrency, core=1)
    for server in running:  # Warm up.
        once(server, seconds=1)
    for _ in range(rounds):
        for server, its in zip(running, seen, strict=True):
            its.bursts.append(once(server, seconds=chosen.seconds))
    for server, its in zip(running, seen, strict=True):
        its.started_in.append(server.started_in)
        its.memory_mb.append(server.memory_mb())
        its.dropped += server.dropped() if server.kind.collects else 0


def _table(load: Load, seen: Sequence[_Seen]) -> str:
    head = [f"### {load.title}", *([f"Bar: {load.bar}."] if load.bar else [])]
    first = median(seen[0].bursts)
    table = [
        "| server | answers/s | × | CPU µs/answer | × | p50 ms | p99 ms | memory MB | start s | failures |",
        "|---|" + "--:|" * 9,
        *(its.row(first) for its in seen),
    ]
    dropped = [f"Dropped by {its.kind.name}: {its.dropped}." for its in seen if its.kind.collects]
    return "\n\n".join([*head, "\n".join(table), *dropped])


if __name__ == "__main__":
    main()
