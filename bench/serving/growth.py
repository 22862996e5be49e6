"""How the speed grows with rows, columns, trees and replicas; in less than five minutes when the models are there.

One connection, so that nothing is computed together and the processor time for
an answer is that of one request; with replicas sixteen, on both cores.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.serving import servers
from bench.serving.environments import make_environment, make_growing_models
from bench.serving.load import Burst, burst, median
from bench.serving.servers import Kind

ROWS: Final = (1, 10, 100, 1000)
COLUMNS: Final = (10, 50, 200)
TREES: Final = (10, 100, 300)
REPLICAS: Final = (1, 2, 4)
ROUNDS: Final = 3
SECONDS: Final = 1
LIMIT: Final = 270.0
"""Seconds after which nothing more is begun."""


@dataclass(frozen=True)
class Growing:
    """One model with what is sent to it, and what that shows."""

    model: Path
    steps: Sequence[tuple[str, Path]]
    """A label for the table and a body."""


def measure(environments: Path, models: Path, place: Path) -> str:
    """Both tables."""
    make_environment(environments, "pratique")
    growing = models / "growing"
    make_growing_models(environments, growing)
    until = time.monotonic() + LIMIT
    number = iter(range(1000))
    lines = [line for one in _growing(models, growing) for line in _of_model(one, environments, place, number, until)]
    replicas = [line for count in REPLICAS for line in _of_replicas(count, models, environments, place, number, until)]
    head = ("answers/s", "CPU µs/answer", "p50 ms")
    return "\n".join(
        [
            "### Growth with rows, columns and trees, 1 connection",
            "",
            "Rows go to the random forest of 100 trees on 20 columns; columns are numbers in a logistic regression;"
            " trees are those of a forest on the 20 columns.",
            "",
            f"| | {' | '.join(f'ONNX, {what}' for what in head)} | {' | '.join(f'plain, {what}' for what in head)} |",
            "|---|" + "--:|" * 6,
            *lines,
            "",
            "### Growth with replicas, 16 connections, through the front door, both cores",
            "",
            "Door, replicas and the load share two cores; CPU is that of the door and all replicas.",
            "",
            f"| replicas | {' | '.join(f'ONNX, {what}' for what in head)} "
            f"| {' | '.join(f'plain, {what}' for what in head)} |",
            "|---|" + "--:|" * 6,
            *replicas,
        ]
    )


def _growing(models: Path, growing: Path) -> Iterator[Growing]:
    yield Growing(
        models / "rf", [(f"{count:,} row{'s' * (count > 1)}", models / f"request-{count}.json") for count in ROWS]
    )
    for count in COLUMNS:
        model = growing / f"columns-{count}"
        yield Growing(model, [(f"{count} columns", model / "request-1.json")])
    for count in TREES:
        # The forest of all other comparisons has a hundred.
        model = growing / f"trees-{count}" if (growing / f"trees-{count}").exists() else models / "rf"
        yield Growing(model, [(f"{count} trees", models / "request-1.json")])


def _of_model(one: Growing, environments: Path, place: Path, number: Iterator[int], until: float) -> Iterator[str]:
    """A line for each step: the converted model and the plain one, side by side."""
    if time.monotonic() > until:
        yield from (f"| {label} | not measured: out of time |" for label, _ in one.steps)
        return
    cells: dict[str, list[str]] = {label: [] for label, _ in one.steps}
    for kind in (servers.ours_onnx(one.model), servers.ours(one.model)):
        with servers.started(kind, environments, place / str(next(number)), core="0") as server:
            for label, body in one.steps:
                cells[label] += _cells(_loaded(server, body, 1))
    yield from (f"| {label} | {' | '.join(found)} |" for label, found in cells.items())


def _of_replicas(
    count: int, models: Path, environments: Path, place: Path, number: Iterator[int], until: float
) -> Iterator[str]:
    if time.monotonic() > until:
        yield f"| {count} | not measured: out of time |"
        return
    cells: list[str] = []
    for kind in (servers.ours_onnx(models / "lr"), _plain(models / "rf")):
        behind = servers.behind_door(kind, kind.name, count)
        with servers.started(behind, environments, place / str(next(number)), core="0,1") as server:
            cells += _cells(_loaded(server, models / "request-1.json", 16))
    yield f"| {count} | {' | '.join(cells)} |"


def _plain(model: Path) -> Kind:
    """Request by request, so that what is gained is the replicas' and not that of computing together."""
    return servers.ours(model, PRATIQUE_BATCHING="false")


def _loaded(server: servers.Server, body: Path, concurrency: int) -> Burst:
    burst(server, body, concurrency=concurrency, seconds=SECONDS, core=1)
    return median([burst(server, body, concurrency=concurrency, seconds=SECONDS, core=1) for _ in range(ROUNDS)])


def _cells(seen: Burst) -> list[str]:
    return [f"{seen.rate:,.0f}", f"{seen.cpu:,.0f}", f"{seen.p50:.2f}"]
