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
        "What `make soak` counted, which takes hours, on the day that is named. Every request is sent once, nobody "
        "repeats one, and a broken connection is a failure. What is promised: a rollout costs no request; a process "
        "that is killed costs at most the requests that it had; after any kill the state is right again without a hand "
        "that mends it, apart from `pratique up` where the server itself was killed.",
        *(part for file in sorted(RESULTS.glob("*.json")) for part in _section(json.loads(file.read_text("utf-8")))),
    )


def _section(run: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {run['title']}"
    yield f"{run['at'][:10]}, on {run['cores']} cores that other programs were using. {run.get('note', '')}".rstrip()
    yield table(
        ("what was done", "requests", "failed", "what came out", "as promised"),
        [
            (row["what"], f"{row['requests']:,}" if row["requests"] else "", _failed(row), row["said"], _verdict(row))
            for row in run["rows"]
        ],
    )


def _failed(row: Mapping[str, Any]) -> str:
    return str(row["failed"]) if row["requests"] else ""


def _verdict(row: Mapping[str, Any]) -> str:
    return "yes" if row["holds"] else "**no**"
