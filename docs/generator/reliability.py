"""``reliability.md``: what long runs under load counted, from the numbers that they wrote."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from generator.markdown import document, table

RESULTS: Final = Path(__file__).parents[2] / "bench" / "soak" / "results"


def page() -> str:
    """The page."""
    return document(
        "Reliability",
        "Counted by long runs under load (`python -m bench.soak.rollout` and its siblings); every number was "
        "counted on the day that is named. Every request is sent once, and a broken connection is a failure.",
        *(part for file in sorted(RESULTS.glob("*.json")) for part in _section(json.loads(file.read_text("utf-8")))),
    )


def _section(run: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {run['title']}"
    yield f"{run['at'][:10]}, on {run['cores']} cores that other programs were using. {run.get('note', '')}".rstrip()
    yield table(
        ("what was done", "requests", "failed", "", "as promised"),
        [
            (row["what"], f"{row['requests']:,}" if row["requests"] else "", _failed(row), row["said"], _verdict(row))
            for row in run["rows"]
        ],
    )


def _failed(row: Mapping[str, Any]) -> str:
    return str(row["failed"]) if row["requests"] else ""


def _verdict(row: Mapping[str, Any]) -> str:
    return "yes" if row["holds"] else "**no**"
