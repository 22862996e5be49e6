"""How long data takes to register beside `cp` and `sha256sum`, and 10,000 models to list."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measures.home import BenchHome, in_turn, table

from pratique.base.ids import new_id
from pratique.content.remembered import QUIET
from pratique.store import assets
from pratique.store.assets import Asset, AssetVersion
from pratique.store.database import Database

_MODELS = 10_000
_FILES = 100_000
_LARGE = 1_000_000_000  # Bytes.


def measure(home: BenchHome) -> str:
    """Uploads side by side with the tools that everybody has, then lists."""
    return f"{_uploads(home)}\n\n{_lists(home)}"


def _uploads(home: BenchHome) -> str:
    place = home.root / "assets"
    place.mkdir()
    rows = [*_rows(home, _large(place), "one file of 1 GB"), *_rows(home, _many(place), "100,000 files of 0.5 kB")]
    said = (
        "Each as one process from its start to its end, in turn. The first upload reads, hashes, sends, hashes again "
        "and flushes to the disk; the second finds the digests remembered and the content held."
    )
    heading = ["what", "seconds", "to `cp` + `sha256sum`", "to the first upload", "bar"]
    return f"## Registering data\n\n{said}\n\n{table(heading, rows)}"


def _rows(home: BenchHome, source: Path, what: str) -> list[list[str]]:
    copy = source.with_name(f"{source.name}.copy")
    plain = _seconds(lambda: _run(["cp", "-r", str(source), str(copy)]))
    digest = "find . -type f -print0 | xargs -0 sha256sum" if source.is_dir() else f"sha256sum {source}"
    plain += _seconds(lambda: _run(["sh", "-c", digest], cwd=source if source.is_dir() else source.parent))
    kind = "uri_folder" if source.is_dir() else "uri_file"
    words = ("ml", "data", "create", "--name", source.stem, "--type", kind, "--path", str(source))
    first = _seconds(lambda: home.run(*words))
    again = _seconds(lambda: home.run(*words))
    return [
        [f"{what}: `cp` and `sha256sum`", f"{plain:.2f}", "1.00", "–", "–"],
        [f"{what}: first upload", f"{first:.2f}", f"{first / plain:.2f}", "1.00", "–"],
        [f"{what}: the same, unchanged", f"{again:.2f}", f"{again / plain:.2f}", f"{again / first:.2f}", "< 0.10"],
    ]


def _lists(home: BenchHome) -> str:
    _fill(home)
    own = [sys.executable, "-m", "pratique", "ml", "model"]
    commands = {
        "`ml model list`, all of them": [*own, "list"],
        "`ml model list --max-results 100 -o table`": [*own, "list", "--max-results", "100", "-o", "table"],
        "`ml model list --tag team=risk --max-results 100`": [
            *own, "list", "--tag", "team=risk", "--max-results", "100",
        ],
        "`ml model list -n many`, 10,000 versions of one": [*own, "list", "--name", "many"],
        "`ml model show`, one of them": [*own, "show", "--name", "model-05000", "--label", "latest"],
    }  # fmt: skip
    medians = in_turn(commands, home.environment)
    rows = [[name, f"{seconds:.2f} s", "< 0.5 s"] for name, seconds in medians.items()]
    return f"## 10,000 models\n\n{table(['command', 'median of 7', 'bar'], rows)}"


def _large(place: Path) -> Path:
    file = place / "large.bin"
    chunk = os.urandom(1 << 20)
    with file.open("wb") as stream:
        for number in range(_LARGE // len(chunk)):
            stream.write(number.to_bytes(8, "big") + chunk[8:])
    return _quiet(file)


def _many(place: Path) -> Path:
    folder = place / "many"
    for number in range(_FILES):
        inner = folder / f"d{number % 100:02d}"
        if number < 100:
            inner.mkdir(parents=True)
        (inner / f"f{number:06d}.bin").write_bytes(os.urandom(500))
    return _quiet(folder)


def _quiet(path: Path) -> Path:
    """Wait until files as young as these are remembered."""
    os.sync()
    time.sleep(QUIET.total_seconds() + 0.1)
    return path


def _fill(home: BenchHome) -> None:
    database = Database.at(home.root / "home" / "pratique.db")
    began = datetime.now(UTC)
    with database.write() as tx:
        for number in range(_MODELS):
            name, at = f"model-{number:05d}", began + timedelta(milliseconds=number)
            assets.add(tx, Asset("bench", "models", name, 1, "", {}, False, at, at))
            assets.add_version(tx, _version(name, 1, at, team="risk" if number % 2 else "growth"))
        assets.add(tx, Asset("bench", "models", "many", 1, "", {}, False, began, began))
        for number in range(1, _MODELS + 1):
            assets.add_version(tx, _version("many", number, began + timedelta(milliseconds=number), team="growth"))
    database.close()


def _version(name: str, number: int, at: datetime, *, team: str) -> AssetVersion:
    digest = "a" * 64
    spec = {"name": name, "version": str(number), "type": "custom_model", "path": f"upload:{digest}/model"}
    return AssetVersion(
        id=new_id(), workspace="bench", kind="models", name=name, version=str(number), ordinal=number,
        type="custom_model", spec=spec, path=spec["path"], manifest=digest, description="", tags={"team": team},
        properties={"pratique.digest": digest}, is_archived=False, stage="None", run_id="", job_name="",
        source="upload", created_at=at, updated_at=at, created_by={"name": "bench", "type": "user"},
    )  # fmt: skip


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _run(command: list[str], cwd: Path | None = None) -> None:
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, timeout=600)
