"""Compares our model server with its peers: same model, same rows, one worker on one core.

    make bench-serving
    python -m bench.serving [--case NAME …] [--runs 5] [--seconds 2] [--environments FOLDER] [--print]

Each peer lives in an environment of its own, made from `peers/<name>.lock`.
The servers of a case run at the same time and are loaded in turn, round after
round, because the machine is noisy: ratios within a case are what counts. wrk
(Debian's package) makes the load, on the other core.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measures import machine
from bench.serving import servers
from bench.serving.load import Burst, burst, median
from bench.serving.servers import Kind

ROOT = Path(__file__).parents[2]
PEERS = Path(__file__).with_name("peers")
CSV = ROOT / "examples" / "credit-risk" / "data" / "german-credit.csv"
TEXT = Path(__file__).with_name("page.md")
PAGE = ROOT / "docs" / "reference" / "serving-performance.md"


@dataclass(frozen=True)
class Case:
    """Some servers, loaded alike; the first is what the others are compared with."""

    name: str
    title: str
    kinds: Callable[[Path], Sequence[Kind]]
    """From the folder of all models."""
    body: str = "request-1.json"
    concurrency: int = 16
    bar: str = ""


CASES = (
    Case(
        "onnx",
        "ONNX, logistic regression, 1 row, 16 connections",
        lambda at: [servers.azure(at / "lr"), servers.bare(at / "lr"), servers.ours_onnx(at / "lr")],
        bar="≥ 25 × Azure's, ≥ 0.8 × the bare bound",
    ),
    Case(
        "door",
        "ONNX, logistic regression, 1 row, 16 connections, through the front door with a key",
        lambda at: [servers.azure(at / "lr"), servers.ours_onnx(at / "lr"), servers.ours_behind_door(at / "lr")],
        bar="≥ 18 × Azure's without any front",
    ),
    Case(
        "onnx-rf",
        "ONNX, random forest of 100 trees, 1 row, 16 connections",
        lambda at: [servers.azure(at / "rf"), servers.bare(at / "rf"), servers.ours_onnx(at / "rf")],
        bar="≥ 0.8 × the bare bound",
    ),
    Case(
        "onnx-100",
        "ONNX, random forest, 100 rows in a request, 1 connection",
        lambda at: [servers.azure(at / "rf"), servers.bare(at / "rf"), servers.ours_onnx(at / "rf")],
        body="request-100.json",
        concurrency=1,
        bar="≥ 0.8 × the bare bound",
    ),
    *(
        Case(
            f"{model}-{concurrency}",
            f"plain scikit-learn, {title}, 1 row, {concurrency} connection{'s' * (concurrency > 1)}",
            lambda at, model=model: [  # type: ignore[misc]
                servers.azure(at / model),
                servers.ours(at / model),
                servers.ours_script(at / model),
            ],
            concurrency=concurrency,
            bar="≥ 1.35 × Azure's" if concurrency == 1 else "≥ 8 × Azure's (the model alone), p99 not above",
        )
        for model, title in (("lr", "logistic regression"), ("rf", "random forest"))
        for concurrency in (1, 16, 64)
    ),
    Case(
        "echo",
        "a `score.py` that only reads JSON and returns it, 16 connections",
        lambda at: [
            servers.azure(at / "lr", "echo.py"),
            servers.ours_script(at / "lr", "echo.py"),
        ],
        bar="≥ 8 × Azure's",
    ),
    Case(
        "collection",
        "ONNX, logistic regression, 1 row, 16 connections: everything collected, and nothing",
        lambda at: [
            servers.ours_onnx(at / "lr", "Pratique, nothing collected"),
            servers.ours_onnx(at / "lr", "Pratique, all collected", PRATIQUE_COLLECT="spool"),
        ],
        bar="≤ 10 % slower",
    ),
    Case(
        "peers",
        "plain scikit-learn, logistic regression, every peer, 1 row, 16 connections",
        lambda at: [servers.azure(at / "lr"), servers.ours(at / "lr"), *servers.others(at / "lr")],
    ),
)


def main() -> None:
    """Measure the cases and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.serving")
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES], help="only these")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--environments", type=Path, default=ROOT / ".venv" / "peers", help="made when missing")
    parser.add_argument("--models", type=Path, help="where the models are, or are written")
    parser.add_argument("--print", action="store_true", dest="only_print", help="print instead of writing the page")
    chosen = parser.parse_args()
    servers.allow_many_files()
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-serving-")))
        models = chosen.models or place / "models"
        make_environment(chosen.environments, "model")
        make_models(chosen.environments, models)
        parts = [machine.describe()]
        for case in CASES:
            if chosen.case is None or case.name in chosen.case:
                part = measure(case, chosen, models, place)
                print(part, end="\n\n", file=sys.stderr, flush=True)
                parts.append(part)
    page = TEXT.read_text(encoding="utf-8").replace("{tables}", "\n\n".join(parts))
    if chosen.only_print or chosen.case:
        sys.stdout.write(page)
    else:
        PAGE.write_text(page, encoding="utf-8")
        print(f"wrote {PAGE}")


def measure(case: Case, chosen: argparse.Namespace, models: Path, place: Path) -> str:
    """Start the servers of a case, load them in turn, and render the table."""
    kinds = case.kinds(models)
    for kind in kinds:
        make_environment(chosen.environments, kind.peer)
    found: dict[str, list[Burst]] = {kind.name: [] for kind in kinds}
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(servers.started(kind, chosen.environments, place / case.name / str(number), core=0))
            for number, kind in enumerate(kinds)
        ]
        body = models / case.body
        for server in running:  # Warm up.
            burst(server, body, concurrency=case.concurrency, seconds=1, core=1)
        for _ in range(chosen.runs):
            for server in running:
                one = burst(server, body, concurrency=case.concurrency, seconds=chosen.seconds, core=1)
                found[server.kind.name].append(one)
        first = median(found[kinds[0].name])
        rows = [_row(server, median(found[server.kind.name]), first) for server in running]
    head = [f"### {case.title}", *([f"Bar: {case.bar}."] if case.bar else [])]
    table = [
        "| server | answers/s | × | CPU µs/answer | × | p50 ms | p99 ms | memory MB | start s | failures |",
        "|---|" + "--:|" * 9,
    ]
    return "\n\n".join([*head, "\n".join([*table, *rows])])


def _row(server: servers.Server, seen: Burst, first: Burst) -> str:
    return (
        f"| {server.kind.name} | {seen.rate:,.0f} | {seen.rate / first.rate:.2f} | {seen.cpu:,.0f} "
        f"| {first.cpu / seen.cpu:.2f} | {seen.p50:.2f} | {seen.p99:.2f} | {server.memory_mb():.0f} "
        f"| {server.started_in:.2f} | {seen.failures} |"
    )


def make_environment(environments: Path, peer: str) -> None:
    """From its lock file, unless it is there."""
    python = environments / peer / "bin" / "python"
    if python.exists():
        return
    uv = str(ROOT / ".venv" / "bin" / "uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(environments / peer)], check=True)
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--require-hashes", "--python", str(python)]
    subprocess.run([*install, "-r", str(PEERS / f"{peer}.lock")], check=True)


def make_models(environments: Path, models: Path) -> None:
    """Train and convert, unless it is done."""
    if (models / "request-100.json").exists():
        return
    models.mkdir(parents=True, exist_ok=True)
    python = str(environments / "model" / "bin" / "python")
    subprocess.run([python, str(PEERS.parent / "train.py"), str(CSV), str(models)], check=True)
    for model in ("lr", "rf"):
        convert = [python, "-m", "pratique_serving.convert", str(models / model / "mlflow"), str(models / model)]
        subprocess.run(convert, check=True, env={"PYTHONPATH": str(servers.PACKAGE)})


if __name__ == "__main__":
    main()
