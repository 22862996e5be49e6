"""Lineage as sentences, each with what it was read from."""

import json
from typing import Final

from pratique.cli.table import Document, Report


def told(found: Document) -> Report:
    """The sentences of an answer for people; the graph for -o."""
    return Report("\n".join(_lines(found)), values=found)


def _lines(found: Document) -> list[str]:
    lines: list[str] = []
    for said in found["sentences"]:
        lines.append(str(said["text"]))
        if said["evidence"]:
            lines.append(f"    {', '.join(map(str, said['evidence']))}")
    return lines


_OF_THE_CALL: Final = frozenset({"correlationid", "requestid", "time", "status", "latency_ms", "model"})
"""Columns that say of each row what a sentence says once."""


def _own(row: Document) -> Document:
    return {name: value for name, value in row.items() if name not in _OF_THE_CALL}


def with_rows(found: Document) -> Report:
    """The same, with what was collected of a call first."""
    rows = [
        f"{collection}: {json.dumps(_own(row), ensure_ascii=False)}"
        for collection, collected in found["collected"].items()
        for row in collected
    ]
    return Report("\n".join([*rows, "", *_lines(found)]), values=found)
