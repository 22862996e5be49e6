"""The answers in ``lineage.md``: what the verbs said of the example project, from what was recorded of them."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from generator.markdown import fenced

RESULT: Final = Path(__file__).parents[2] / "bench" / "results" / "lineage.json"


def answers() -> str:
    """Every answer under its question."""
    recorded: Mapping[str, Any] = json.loads(RESULT.read_text(encoding="utf-8"))
    parts = [part for answer in recorded["answers"] for part in _section(answer)]
    return "\n\n".join([f"Recorded {recorded['at'][:10]}.", *parts])


def _section(answer: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {answer['title']}"
    yield fenced(f"$ {answer['command']}\n{answer['printed'].strip()}", "text")
    graph = answer["graph"]
    yield f"With `-o json`: {graph['sentences']} sentences, {graph['nodes']} nodes, {graph['edges']} edges."


TABLES: Final[Mapping[str, Callable[[], str]]] = {"lineage": answers}
